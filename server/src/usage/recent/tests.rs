//! Hours and days where clocks are odd.

use proptest::prelude::*;

use super::*;
use crate::users::TimeZone as Zone;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn zone(name: &str) -> TimeZone {
    name.parse::<Zone>().unwrap().rules().clone()
}

/// The last starts as local clocks show them.
fn shown(buckets: &Buckets, zone: &TimeZone, last: usize) -> Vec<String> {
    let starts = &buckets.starts()[buckets.starts().len() - last..];
    starts
        .iter()
        .map(|start| {
            let start = Timestamp::from_second(start.timestamp()).unwrap();
            let local = start.to_zoned(zone.clone());
            local.strftime("%m-%d %H:%M%:z").to_string()
        })
        .collect()
}

#[test]
fn hours_begin_with_the_clocks_of_the_zone() {
    for (name, now, expected) in [
        (
            "UTC",
            "2026-03-01T10:59:59.999999Z",
            [
                "03-01 08:00+00:00",
                "03-01 09:00+00:00",
                "03-01 10:00+00:00",
            ],
        ),
        // Exactly on a boundary the new one is there.
        (
            "Asia/Kathmandu",
            "2026-03-01T10:15:00Z",
            [
                "03-01 14:00+05:45",
                "03-01 15:00+05:45",
                "03-01 16:00+05:45",
            ],
        ),
        (
            "Asia/Kathmandu",
            "2026-03-01T10:14:59.999999Z",
            [
                "03-01 13:00+05:45",
                "03-01 14:00+05:45",
                "03-01 15:00+05:45",
            ],
        ),
        // Put forward an hour: there is no 02:00.
        (
            "Europe/Berlin",
            "2026-03-29T01:30:00Z",
            [
                "03-29 00:00+01:00",
                "03-29 01:00+01:00",
                "03-29 03:00+02:00",
            ],
        ),
        // Put back an hour: there are two.
        (
            "Europe/Berlin",
            "2026-10-25T01:00:00Z",
            [
                "10-25 01:00+02:00",
                "10-25 02:00+02:00",
                "10-25 02:00+01:00",
            ],
        ),
        // Put forward half an hour, at 02:00.
        (
            "Australia/Lord_Howe",
            "2026-10-03T16:45:00Z",
            [
                "10-04 01:00+10:30",
                "10-04 02:30+11:00",
                "10-04 03:00+11:00",
            ],
        ),
        // Put back half an hour, at 02:00.
        (
            "Australia/Lord_Howe",
            "2026-04-04T15:30:00Z",
            [
                "04-05 01:00+11:00",
                "04-05 01:30+10:30",
                "04-05 02:00+10:30",
            ],
        ),
    ] {
        let zone = zone(name);
        let buckets = Buckets::hours(at(now), &zone, 24);
        assert_eq!(buckets.starts().len(), 24);
        assert_eq!(shown(&buckets, &zone, 3), expected, "{name} {now}");
    }
}

#[test]
fn days_are_as_long_as_they_are() {
    for (name, now, expected) in [
        ("Europe/Berlin", "2026-03-30T12:00:00Z", [24, 24, 23]),
        ("Europe/Berlin", "2026-10-26T12:00:00Z", [24, 24, 25]),
        ("Asia/Kathmandu", "2026-03-30T12:00:00Z", [24, 24, 24]),
        // Clocks go from 24:00 back to 23:00, and from 00:00 to 01:00.
        ("Asia/Beirut", "2026-10-25T12:00:00Z", [24, 24, 25]),
        ("Asia/Beirut", "2026-03-30T12:00:00Z", [24, 24, 23]),
        // The 30th was left out.
        ("Pacific/Apia", "2012-01-01T00:00:00Z", [24, 24, 24]),
    ] {
        let buckets = Buckets::days(at(now), &zone(name), 7);
        let starts = buckets.starts();
        assert_eq!(starts.len(), 7);
        let lengths: Vec<_> = starts
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).num_hours())
            .collect();
        assert_eq!(lengths[3..], expected, "{name} {now}");
    }
    let half = Buckets::days(at("2026-04-05T14:00:00Z"), &zone("Australia/Lord_Howe"), 2);
    assert_eq!(
        half.starts()[1] - half.starts()[0],
        TimeDelta::minutes(24 * 60 + 30)
    );
}

#[test]
fn a_day_begins_exactly_at_its_boundary() {
    let kathmandu = zone("Asia/Kathmandu");
    for (now, expected) in [
        ("2026-03-01T18:14:59.999999Z", "2026-02-28T18:15:00Z"),
        ("2026-03-01T18:15:00Z", "2026-03-01T18:15:00Z"),
    ] {
        let days = Buckets::days(at(now), &kathmandu, 30);
        assert_eq!(days.starts().last(), Some(&at(expected)));
        assert_eq!(days.split_hours().len(), 30);
        let utc = Buckets::days(at(now), &TimeZone::UTC, 30);
        assert!(utc.split_hours().is_empty());
    }
}

proptest! {
    #[test]
    fn buckets_follow_each_other_to_now_in_every_zone(
        choice in 0_usize..10_000,
        seconds in 946_684_800_i64..2_524_608_000,
        micros in 0_u32..1_000_000,
        count in 1_usize..40,
    ) {
        let names: Vec<_> = jiff::tz::TimeZoneDatabase::bundled().available()
            .map(|name| name.as_str().to_owned()).collect();
        let zone = zone(&names[choice % names.len()]);
        let now = DateTime::from_timestamp(seconds, micros * 1000).unwrap();
        for (buckets, longest) in [
            (Buckets::hours(now, &zone, count), TimeDelta::hours(1)),
            (Buckets::days(now, &zone, count), TimeDelta::hours(27)),
        ] {
            let starts = buckets.starts();
            prop_assert_eq!(starts.len(), count);
            prop_assert!(starts.is_sorted_by(|a, b| a < b));
            prop_assert!(*starts.last().unwrap() <= now);
            prop_assert!(now - *starts.last().unwrap() < longest);
            for pair in starts.windows(2) {
                prop_assert!(pair[1] - pair[0] <= longest, "{:?}", pair);
            }
            // Sums by the quarter of an hour are fine enough.
            let whole = starts.iter().all(|start| start.timestamp() % 900 == 0);
            prop_assert!(whole);
            for hour in buckets.split_hours() {
                let next = hour + TimeDelta::hours(1);
                let splits = starts.iter().any(|start| *start > hour && *start < next);
                prop_assert!(splits);
            }
        }
    }
}
