//! What holds for every price and every call.

use proptest::prelude::*;

use super::*;

fn price() -> impl Strategy<Value = Price> {
    let rate = prop_oneof![0..1_000_000_000_i64, 0..=Price::MAX_RATE_NANO];
    let seconds = || prop_oneof![1..=60_u32, 1..=Price::MAX_SECONDS];
    (rate, prop_oneof![Just(0), seconds()], seconds()).prop_map(
        |(rate_nano, minimum_seconds, increment_seconds)| Price {
            rate_nano,
            minimum_seconds,
            increment_seconds,
        },
    )
}

/// Up to a month.
fn talk() -> impl Strategy<Value = i64> {
    prop_oneof![0..600_000_i64, 0..2_678_400_000_i64]
}

fn charged(price: Price, talk_ms: i64, currency: &str) -> Side {
    let rated = price.rate(talk_ms).unwrap();
    Side::Charged(Charge {
        trunk_id: "t".to_owned(),
        deck: DeckId(1),
        prefix: Prefix::default(),
        price,
        billable_seconds: rated.billable_seconds,
        amount_micro: rated.amount_micro,
        currency: Currency::new(currency).unwrap(),
    })
}

proptest! {
    #[test]
    fn nothing_is_negative_and_no_second_is_given_away(price in price(), talk_ms in talk()) {
        let rated = price.rate(talk_ms).unwrap();
        prop_assert!(rated.amount_micro >= 0);
        prop_assert!(rated.billable_seconds * 1000 >= talk_ms);
        prop_assert!(rated.billable_seconds >= price.minimum_seconds.into());
        prop_assert_eq!(rated.billable_seconds % i64::from(price.increment_seconds), 0);
        // And not a step more than needed.
        let least = (talk_ms + 999) / 1000;
        let least = least.max(price.minimum_seconds.into());
        prop_assert!(rated.billable_seconds - least < price.increment_seconds.into());
    }

    #[test]
    fn longer_never_costs_less(price in price(), talk_ms in talk(), more in talk()) {
        let (shorter, longer) = (price.rate(talk_ms).unwrap(), price.rate(talk_ms + more).unwrap());
        prop_assert!(shorter.amount_micro <= longer.amount_micro);
        prop_assert!(shorter.billable_seconds <= longer.billable_seconds);
    }

    #[test]
    fn dearer_never_costs_less(
        price in price(), talk_ms in talk(), more in 0..1_000_000_000_i64,
    ) {
        let dearer = Price { rate_nano: price.rate_nano + more, ..price };
        let (less, amount) = (price.rate(talk_ms).unwrap(), dearer.rate(talk_ms).unwrap());
        prop_assert!(less.amount_micro <= amount.amount_micro);
    }

    #[test]
    fn the_amount_is_the_exact_one_rounded_half_up(price in price(), talk_ms in talk()) {
        let rated = price.rate(talk_ms).unwrap();
        // Twice the exact amount is within [2 * amount - 1, 2 * amount + 1), in 60 000ths.
        let twice = 2 * i128::from(rated.billable_seconds) * i128::from(price.rate_nano);
        let amount = i128::from(rated.amount_micro) * 2;
        prop_assert!((amount - 1) * 60_000 <= twice && twice < (amount + 1) * 60_000);
    }

    // The law of parts: without a minimum, a call that is cut at whole steps has as many billable seconds as its
    // parts together, and so the same exact amount. Each part is rounded, by half a micro-currency at most, so that
    // n parts and the whole are no more than (n + 1) / 2 micro-currency apart.
    #[test]
    fn the_parts_of_a_call_add_up(
        price in price(), steps in proptest::collection::vec(0..500_i64, 1..6), rest in talk(),
    ) {
        let price = Price { minimum_seconds: 0, ..price };
        let mut parts: Vec<i64> = steps;
        for part in &mut parts {
            *part *= i64::from(price.increment_seconds) * 1000;
        }
        parts.push(rest);
        let whole = price.rate(parts.iter().sum()).unwrap();
        let parts: Vec<_> = parts.into_iter().map(|part| price.rate(part).unwrap()).collect();
        let billable: i64 = parts.iter().map(|part| part.billable_seconds).sum();
        prop_assert_eq!(billable, whole.billable_seconds);
        let amount: i64 = parts.iter().map(|part| part.amount_micro).sum();
        let apart = (amount - whole.amount_micro).abs() * 2;
        prop_assert!(apart <= i64::try_from(parts.len()).unwrap() + 1);
    }

    #[test]
    fn what_is_sold_less_what_is_bought_is_the_profit(
        sell in price(), buy in price(), talk_ms in talk(),
    ) {
        let (sell, buy) = (charged(sell, talk_ms, "EUR"), charged(buy, talk_ms, "EUR"));
        let rating = Rating { sell, buy };
        let (currency, profit) = rating.profit_micro().unwrap();
        let amount = |side: &Side| i128::from(side.charge().unwrap().amount_micro);
        prop_assert_eq!(currency.as_str(), "EUR");
        prop_assert_eq!(i128::from(profit), amount(&rating.sell) - amount(&rating.buy));
        prop_assert!(!rating.currencies_differ());
    }

    #[test]
    fn there_is_no_profit_between_two_currencies(price in price(), talk_ms in talk()) {
        let (sell, buy) = (charged(price, talk_ms, "EUR"), charged(price, talk_ms, "USD"));
        let rating = Rating { sell, buy };
        prop_assert_eq!(rating.profit_micro(), None);
        prop_assert!(rating.currencies_differ());
    }

    #[test]
    fn a_decimal_comes_back_as_it_was(nano in 0..=i64::MAX) {
        prop_assert_eq!(parse_nano(&nano_decimal(nano)), Some(nano));
    }
}
