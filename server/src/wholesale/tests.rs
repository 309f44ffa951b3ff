//! Known values: what price lists say that a call costs.

use super::*;

/// A rate as price lists write it: `0.03` at `6/6`, minimum and increment.
pub(super) fn price(rate: &str, minimum_seconds: u32, increment_seconds: u32) -> Price {
    Price {
        rate_nano: parse_nano(rate).unwrap(),
        minimum_seconds,
        increment_seconds,
    }
}

#[test]
fn calls_cost_what_the_list_says() {
    // (rate, minimum, increment, milliseconds of talk, billable seconds, amount)
    for (rate, minimum, increment, talk_ms, billable, amount) in [
        ("0.03", 6, 6, 4_000, 6, "0.003000"),
        ("0.03", 6, 6, 15_000, 18, "0.009000"),
        ("0.03", 6, 6, 60_000, 60, "0.030000"),
        ("0.03", 6, 6, 60_001, 66, "0.033000"),
        ("0.1", 60, 60, 120_000, 120, "0.200000"),
        ("0.05", 60, 60, 120_000, 120, "0.100000"),
        // Answered, and ended at once: the minimum.
        ("0.03", 6, 6, 0, 6, "0.003000"),
        ("0.03", 0, 1, 0, 0, "0.000000"),
        // A thousandth of a second is a second.
        ("0.06", 0, 1, 1, 1, "0.001000"),
        // A minimum that is no whole number of steps.
        ("0.06", 10, 6, 1_000, 12, "0.012000"),
        ("0.06", 1, 60, 61_000, 120, "0.120000"),
        // Half a micro-currency goes up, less goes down.
        ("0.000001", 0, 30, 30_000, 30, "0.000001"),
        ("0.000001", 0, 1, 29_000, 29, "0.000000"),
        ("0.000000001", 0, 1, 60_000, 60, "0.000000"),
        ("0.0000005", 0, 60, 60_000, 60, "0.000001"),
        ("0", 60, 60, 60_000, 60, "0.000000"),
    ] {
        let rated = price(rate, minimum, increment).rate(talk_ms).unwrap();
        let found = (rated.billable_seconds, micro_decimal(rated.amount_micro));
        let case = format!("{rate} at {minimum}/{increment}, {talk_ms} ms");
        assert_eq!(found, (billable, amount.to_owned()), "{case}");
    }
}

#[test]
fn an_amount_that_cannot_be_kept_is_said_so() {
    let dearest = Price {
        rate_nano: Price::MAX_RATE_NANO,
        minimum_seconds: 0,
        increment_seconds: 1,
    };
    assert_eq!(dearest.rate(i64::MAX), Err(TooLarge));
    let cheapest = Price {
        increment_seconds: Price::MAX_SECONDS,
        ..Price::ZERO
    };
    assert!(cheapest.rate(i64::MAX).is_ok());
}

#[test]
fn decimals_are_read_and_written_exactly() {
    for (text, nano) in [
        ("0", Some(0)),
        ("0.03", Some(30_000_000)),
        ("0.123456789", Some(123_456_789)),
        ("1000000", Some(1_000_000_000_000_000)),
        ("007.5", Some(7_500_000_000)),
        ("0.1234567890", None),
        ("-0.1", None),
        ("+0.1", None),
        (".5", None),
        ("5.", None),
        ("1e3", None),
        ("0,03", None),
        (" 1", None),
        ("", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(parse_nano(text), nano, "{text}");
    }
    for (nano, text) in [(0, "0"), (30_000_000, "0.03"), (10_000_000_000, "10")] {
        assert_eq!(nano_decimal(nano), text);
    }
    for (micro, text) in [
        (0, "0.000000"),
        (-3_000, "-0.003000"),
        (12_345_678, "12.345678"),
    ] {
        assert_eq!(micro_decimal(micro), text);
    }
}
