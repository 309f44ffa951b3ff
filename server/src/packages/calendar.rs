//! When packages end and quotas are whole again: exact seconds, or calendar months where the
//! subscriber lives.

use chrono::{DateTime, TimeDelta, Utc};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{PackageDuration, Quota, Span};

/// More months than any package lasts.
const MOST_MONTHS: u32 = 122;

/// `months` calendar months after `anchor`, on the clocks of `zone`: the same day and time, or the
/// month's last day where it has no such day. A time that clocks skip counts as much later as they
/// skip; of a time that they show twice, the first counts.
pub fn months_after(anchor: DateTime<Utc>, months: u32, zone: &TimeZone) -> DateTime<Utc> {
    let after = || {
        let anchor = Timestamp::from_microsecond(anchor.timestamp_micros()).ok()?;
        let local = anchor.to_zoned(zone.clone());
        let months = jiff::Span::new().try_months(months).ok()?;
        let later = local.checked_add(months).ok()?;
        DateTime::from_timestamp_micros(later.timestamp().as_microsecond())
    };
    // After the year 9999 there is no calendar, and no end.
    after().unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The time of a package that becomes active.
pub fn span(active_from: DateTime<Utc>, duration: PackageDuration, zone: &TimeZone) -> Span {
    let expires_at = match duration {
        PackageDuration::Months(months) => months_after(active_from, months, zone),
        PackageDuration::Seconds(seconds) => i64::try_from(seconds)
            .ok()
            .and_then(TimeDelta::try_seconds)
            .and_then(|seconds| active_from.checked_add_signed(seconds))
            .unwrap_or(DateTime::<Utc>::MAX_UTC),
    };
    Span {
        active_from,
        expires_at,
    }
}

/// When the quota is whole again for the first time after `now`; `None` if not before the end.
pub fn next_reset(
    quota: Quota,
    span: Span,
    now: DateTime<Utc>,
    zone: &TimeZone,
) -> Option<DateTime<Utc>> {
    if !quota.monthly_reset() {
        return None;
    }
    // Counted from the activation each time, so that the 31st is not lost in February.
    (1..=MOST_MONTHS)
        .map(|months| months_after(span.active_from, months, zone))
        .find(|reset| *reset > now)
        .filter(|reset| *reset < span.expires_at)
}

/// When the quota was last made whole before `until`; `None` when it never was.
pub fn period_start(
    quota: Quota,
    span: Span,
    until: DateTime<Utc>,
    zone: &TimeZone,
) -> Option<DateTime<Utc>> {
    if !quota.monthly_reset() {
        return None;
    }
    (1..=MOST_MONTHS)
        .map(|months| months_after(span.active_from, months, zone))
        .take_while(|reset| *reset < until)
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    /// A moment as the clocks of a zone show it.
    fn at(zone_name: &str, local: &str) -> DateTime<Utc> {
        let local: jiff::civil::DateTime = local.parse().unwrap();
        let moment = local.to_zoned(zone(zone_name)).unwrap().timestamp();
        DateTime::from_timestamp_micros(moment.as_microsecond()).unwrap()
    }

    #[test]
    fn months_are_those_of_the_calendar_on_the_wall() {
        let cases = [
            ("UTC", "2026-01-31T10:00", 1, "2026-02-28T10:00"),
            ("UTC", "2028-01-31T10:00", 1, "2028-02-29T10:00"),
            ("UTC", "2026-01-31T10:00", 2, "2026-03-31T10:00"),
            ("UTC", "2026-01-31T10:00", 3, "2026-04-30T10:00"),
            ("UTC", "2028-02-29T23:59:59", 12, "2029-02-28T23:59:59"),
            ("UTC", "2028-02-29T23:59:59", 48, "2032-02-29T23:59:59"),
            ("UTC", "2026-12-15T00:00", 120, "2036-12-15T00:00"),
            // 5 hours 45 minutes ahead: the 31st begins there while it is the 30th in London.
            ("Asia/Kathmandu", "2026-01-31T00:10", 1, "2026-02-28T00:10"),
            // Clocks go forward at 02:00 on 29 March, back at 03:00 on 25 October.
            ("Europe/Berlin", "2026-03-15T12:00", 1, "2026-04-15T12:00"),
            ("Europe/Berlin", "2026-02-28T02:30", 1, "2026-03-28T02:30"),
            ("Europe/Berlin", "2026-03-01T02:30", 1, "2026-04-01T02:30"),
            ("Europe/Berlin", "2026-02-28T23:00", 8, "2026-10-28T23:00"),
            // Clocks go by half an hour there.
            (
                "Australia/Lord_Howe",
                "2026-09-20T12:00",
                1,
                "2026-10-20T12:00",
            ),
            (
                "Australia/Lord_Howe",
                "2026-03-20T12:00",
                1,
                "2026-04-20T12:00",
            ),
        ];
        for (name, from, months, to) in cases {
            let end = months_after(at(name, from), months, &zone(name));
            assert_eq!(end, at(name, to), "{name} {from} + {months}");
        }
    }

    #[test]
    fn an_hour_that_clocks_skip_or_repeat_has_one_meaning() {
        let utc = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let cases = [
            // 02:30 on 29 March is skipped: 03:30 in summer time.
            (
                "Europe/Berlin",
                "2026-02-28T02:30",
                13,
                "2027-03-28T01:30:00Z",
            ),
            (
                "Europe/Berlin",
                "2026-01-29T02:30",
                2,
                "2026-03-29T01:30:00Z",
            ),
            // 02:30 on 25 October comes twice: the first, in summer time.
            (
                "Europe/Berlin",
                "2026-09-25T02:30",
                1,
                "2026-10-25T00:30:00Z",
            ),
            // 02:15 on 4 October is skipped by half an hour: 02:45, eleven hours ahead.
            (
                "Australia/Lord_Howe",
                "2026-09-04T02:15",
                1,
                "2026-10-03T15:45:00Z",
            ),
            // 01:45 on 5 April comes twice: the first, eleven hours ahead.
            (
                "Australia/Lord_Howe",
                "2026-03-05T01:45",
                1,
                "2026-04-04T14:45:00Z",
            ),
        ];
        for (name, from, months, to) in cases {
            let end = months_after(at(name, from), months, &zone(name));
            assert_eq!(end, utc(to), "{name} {from} + {months}");
        }
    }

    #[test]
    fn seconds_are_exact_whatever_clocks_do() {
        let from = at("Europe/Berlin", "2026-03-28T12:00");
        let day = PackageDuration::Seconds(86_400);
        let span = span(from, day, &zone("Europe/Berlin"));
        assert_eq!(span.expires_at, at("Europe/Berlin", "2026-03-29T13:00"));
        let never = super::span(from, PackageDuration::Seconds(u64::MAX), &TimeZone::UTC);
        assert_eq!(never.expires_at, DateTime::<Utc>::MAX_UTC);
        let never = months_after(from, u32::MAX, &TimeZone::UTC);
        assert_eq!(never, DateTime::<Utc>::MAX_UTC);
    }

    #[test]
    fn resets_keep_the_day_of_the_activation() {
        let berlin = zone("Europe/Berlin");
        let local = |text| at("Europe/Berlin", text);
        let quota = |monthly_reset| Quota::Limited {
            counted: super::super::Counted::Total,
            bytes: 1,
            monthly_reset,
        };
        let span = span(
            local("2026-01-31T18:00"),
            PackageDuration::Months(4),
            &berlin,
        );
        assert_eq!(span.expires_at, local("2026-05-31T18:00"));
        let cases = [
            ("2026-01-31T18:00", Some("2026-02-28T18:00")),
            ("2026-02-28T17:59", Some("2026-02-28T18:00")),
            ("2026-02-28T18:00", Some("2026-03-31T18:00")),
            ("2026-04-01T00:00", Some("2026-04-30T18:00")),
            // The last month ends with the package.
            ("2026-04-30T18:00", None),
            ("2027-01-01T00:00", None),
        ];
        for (now, reset) in cases {
            let next = next_reset(quota(true), span, local(now), &berlin);
            assert_eq!(next, reset.map(local), "{now}");
            assert_eq!(next_reset(quota(false), span, local(now), &berlin), None);
        }
    }
}
