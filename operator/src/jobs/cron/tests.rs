//! Cron expressions: by hand around changes of clocks, and at random against dates looked at one by one.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, date};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use super::{CronError, CronSchedule};

fn schedule(expression: &str, zone: &str) -> CronSchedule {
    CronSchedule::parse(expression, TimeZone::get(zone).unwrap()).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

// Berlin: 02:00 → 03:00 at 01:00Z on 29 March, 03:00 → 02:00 at 01:00Z on 25 October 2026.
const SPRING: &str = "2026-03-28T22:00:00Z";
const AUTUMN: &str = "2026-10-24T21:59:59Z";

/// Expression, zone, a time, and the slots after it.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const CASES: &[Case] = &[
    (
        "30 2 * * *",
        "Europe/Berlin",
        SPRING,
        &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    ),
    (
        "30 2 * * *",
        "Europe/Berlin",
        AUTUMN,
        &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    ),
    // Both are left out, and one run makes up for them.
    (
        "0,30 2 * * *",
        "Europe/Berlin",
        SPRING,
        &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
    ),
    (
        "*/30 2 * * *",
        "Europe/Berlin",
        AUTUMN,
        &[
            "2026-10-25T00:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:00:00Z",
        ],
    ),
    (
        "0 2,14 * * *",
        "Europe/Berlin",
        SPRING,
        &[
            "2026-03-29T01:00:00Z",
            "2026-03-29T12:00:00Z",
            "2026-03-30T00:00:00Z",
        ],
    ),
    (
        "0 2,14 * * *",
        "Europe/Berlin",
        AUTUMN,
        &["2026-10-25T00:00:00Z", "2026-10-25T13:00:00Z"],
    ),
    // 03:00 is the moment of the jump itself: once for both.
    (
        "0 2,3 * * *",
        "Europe/Berlin",
        SPRING,
        &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
    ),
    (
        "30 1-3 * * *",
        "Europe/Berlin",
        SPRING,
        &[
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:30:00Z",
        ],
    ),
    (
        "30 * * * *",
        "Europe/Berlin",
        "2026-03-29T00:00:00Z",
        &["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"],
    ),
    (
        "0 */2 * * *",
        "Europe/Berlin",
        "2026-10-24T22:00:00Z",
        &[
            "2026-10-25T00:00:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T03:00:00Z",
        ],
    ),
    // Half an hour.
    (
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T12:00:00Z",
        &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
    ),
    // A day that never was: 30 December 2011.
    (
        "0 12 * * *",
        "Pacific/Apia",
        "2011-12-29T12:00:00Z",
        &[
            "2011-12-29T22:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-30T22:00:00Z",
        ],
    ),
    (
        "0 0 29 2 *",
        "UTC",
        "2096-03-01T00:00:00Z",
        &["2104-02-29T00:00:00Z"],
    ),
    (
        "0 0 13 * 5",
        "UTC",
        "2026-11-01T00:00:00Z",
        &["2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z"],
    ),
    (
        "5 4 * * sun",
        "Asia/Kathmandu",
        "2026-11-20T00:00:00Z",
        &["2026-11-21T22:20:00Z"],
    ),
    (
        "0 0 * * 7",
        "UTC",
        "2026-11-20T00:00:00Z",
        &["2026-11-22T00:00:00Z"],
    ),
];

#[test]
fn row_20_slots_around_changes_of_clocks() {
    for (expression, zone, after, expected) in CASES {
        let schedule = schedule(expression, zone);
        let mut last = at(after);
        for expected in *expected {
            let next = schedule.next(last).unwrap();
            assert_eq!(next, at(expected), "{expression} {zone} after {last}");
            assert_eq!(schedule.latest(next), Some(next), "{expression} {zone}");
            let shortly_before = next - 1.nanosecond();
            assert!(
                schedule.latest(shortly_before) < Some(next),
                "{expression} {zone}"
            );
            last = next;
        }
    }
}

#[test]
fn what_is_no_expression() {
    let cases = [
        (
            "",
            "has 0 fields instead of five: minute, hour, day of the month, month, day of the week",
        ),
        ("* * * *", "has 4 fields"),
        ("0 * * * * *", "has 6 fields"),
        ("@hourly", "has 1 fields"),
        ("TZ=UTC 0 * * * *", "has 6 fields"),
        (
            "*/61 * * * *",
            "`*/61` is no minute: write a number from 0 to 59",
        ),
        ("*/0 * * * *", "`*/0` is no minute"),
        ("60 * * * *", "`60` is no minute"),
        ("0 24 * * *", "`24` is no hour"),
        ("0, * * * *", "`` is no minute"),
        ("0 5/2 * * *", "`5/2` is no hour"),
        ("0 9-5 * * *", "`9-5` is no hour"),
        ("0 0 L * *", "`L` is no day of the month"),
        ("0 0 15W * *", "`15W` is no day of the month"),
        ("0 0 ? * *", "`?` is no day of the month"),
        ("0 0 0 * *", "`0` is no day of the month"),
        ("0 0 * 13 *", "`13` is no month"),
        ("0 0 * foo *", "`foo` is no month"),
        ("0 0 * * 8", "`8` is no day of the week"),
        ("0 0 * * 5#3", "`5#3` is no day of the week"),
        ("0 0 * * mon-5-6", "`mon-5-6` is no day of the week"),
        ("+1 * * * *", "`+1` is no minute"),
        ("0 0 31 2 *", "no date ever fits it"),
        ("59 23 31 4,6,9,11 *", "no date ever fits it"),
        ("0 0 30-31 2 *", "no date ever fits it"),
    ];
    for (expression, expected) in cases {
        let error = CronSchedule::parse(expression, TimeZone::UTC).unwrap_err();
        assert!(
            !matches!(error, CronError::Other(_)),
            "{expression}: {error}"
        );
        let message = error.to_string();
        assert!(message.starts_with(expected), "{expression}: {message}");
    }
}

/// A field of a random expression, with the numbers that it stands for.
#[derive(Debug, Clone)]
struct Field {
    text: String,
    values: BTreeSet<i8>,
}

fn field(least: i8, most: i8) -> impl Strategy<Value = Field> {
    let range = (least..=most, least..=most).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let part = prop_oneof![
        4 => (least..=most).prop_map(|n| (n.to_string(), BTreeSet::from([n]))),
        2 => range.clone().prop_map(|(a, b)| (format!("{a}-{b}"), (a..=b).collect())),
        1 => (range, 1..=most.min(9)).prop_map(|((a, b), step)| {
            (format!("{a}-{b}/{step}"), (a..=b).step_by(step.unsigned_abs().into()).collect())
        }),
    ];
    let list = prop::collection::vec(part, 1..4).prop_map(|parts| Field {
        text: parts
            .iter()
            .map(|(text, _)| text.as_str())
            .collect::<Vec<_>>()
            .join(","),
        values: parts.into_iter().flat_map(|(_, values)| values).collect(),
    });
    prop_oneof![
        2 => Just(Field { text: "*".into(), values: (least..=most).collect() }),
        1 => (1..=most).prop_map(move |step| Field {
            text: format!("*/{step}"),
            values: (least..=most).step_by(step.unsigned_abs().into()).collect(),
        }),
        4 => list,
    ]
}

/// The slots of one date of a zone, looked at minute by minute.
fn slots_of(fields: &[Field; 5], zone: &TimeZone, date: Date) -> BTreeSet<Timestamp> {
    let [minutes, hours, days, months, weekdays] = fields;
    let weekday = date.weekday().to_sunday_zero_offset();
    let of_month = days.values.contains(&date.day());
    let of_week =
        weekdays.values.contains(&weekday) || weekday == 0 && weekdays.values.contains(&7);
    let fits = match (days.text.as_str(), weekdays.text.as_str()) {
        ("*", _) | (_, "*") => of_month && of_week,
        _ => of_month || of_week,
    };
    if !fits || !months.values.contains(&date.month()) {
        return BTreeSet::new();
    }
    let fixed = !hours.text.contains(['*', '/']) && hours.values.len() < 24;
    let minutes = |hour| {
        minutes
            .values
            .iter()
            .map(move |minute| date.at(hour, *minute, 0, 0))
    };
    let clocks = hours.values.iter().flat_map(|hour| minutes(*hour));
    clocks
        .flat_map(|clock| instants(zone, clock, fixed))
        .collect()
}

fn instants(zone: &TimeZone, clock: DateTime, fixed: bool) -> Vec<Timestamp> {
    let seen = zone.to_ambiguous_timestamp(clock);
    match seen.offset() {
        AmbiguousOffset::Unambiguous { .. } => vec![seen.unambiguous().unwrap()],
        AmbiguousOffset::Fold { .. } if fixed => vec![seen.earlier().unwrap()],
        AmbiguousOffset::Fold { .. } => vec![seen.earlier().unwrap(), seen.later().unwrap()],
        AmbiguousOffset::Gap { .. } if fixed => {
            let before = seen.earlier().unwrap() - SignedDuration::from_hours(30);
            let shows = |at: Timestamp| zone.to_datetime(at) > clock;
            vec![
                zone.following(before)
                    .map(|change| change.timestamp())
                    .find(|at| shows(*at))
                    .unwrap(),
            ]
        }
        AmbiguousOffset::Gap { .. } => Vec::new(),
    }
}

const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Europe/Dublin",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn as_dates_looked_at_one_by_one(
        fields in [field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)],
        zone in prop::sample::select(&ZONES[..]),
        day in 0..30_000_i32,
    ) {
        let expression = fields.iter().map(|field| field.text.as_str()).collect::<Vec<_>>().join(" ");
        let zone = TimeZone::get(zone).unwrap();
        let Ok(schedule) = CronSchedule::parse(&expression, zone.clone()) else {
            // 31 February.
            let leap = (0..366).flat_map(|day| slots_of(&fields, &zone, date(2024, 1, 1) + day.days()));
            prop_assert_eq!(leap.count(), 0, "{}", expression);
            return Ok(());
        };
        let begin = date(1975, 1, 1) + day.days();
        let mut last = begin.to_zoned(zone.clone()).unwrap().timestamp() - 1.second();
        // A jump may move the last slots of a date to the next, and what is before the begin is not compared.
        let mut expected: BTreeSet<Timestamp> = slots_of(&fields, &zone, begin - 1.day());
        let mut date = begin;
        for _ in 0..3 * 366 {
            expected.extend(slots_of(&fields, &zone, date));
            date += 1.day();
            while expected.len() > 1_500 {
                expected.pop_last();
            }
            if expected.len() == 1_500 {
                break;
            }
        }
        let end = date.to_zoned(zone.clone()).unwrap().timestamp();
        for slot in expected.range(last + 1.nanosecond()..end) {
            let next = schedule.next(last);
            prop_assert_eq!(next, Some(*slot), "{} {:?} after {}", &expression, &zone, last);
            // Anywhere before it, even within the second, the one before is the latest.
            let before = schedule.latest(*slot - 1.nanosecond());
prop_assert!(before < next);
            if expected.contains(&last) {
                prop_assert_eq!(before, Some(last), "{} {:?} before {}", &expression, &zone, slot);
            }
            last = *slot;
        }
    }
}
