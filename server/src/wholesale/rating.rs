//! What a call costs by a price. Whole numbers only, rounded once.
//!
//! No standard says how calls are rated; this is how carriers' price lists are meant that say "6/6" or "60/1":
//! the minimum, then whole steps.

use super::Price;

/// An amount is larger than can be kept: 2^63 micro-currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the amount is larger than can be kept")]
pub struct TooLarge;

/// What a call costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rated {
    /// Seconds that are charged.
    pub billable_seconds: i64,
    /// Micro-currency, not negative.
    pub amount_micro: i64,
}

impl Rated {
    /// What a call costs that nobody answered.
    pub const NOTHING: Self = Self {
        billable_seconds: 0,
        amount_micro: 0,
    };
}

/// Nano-currency times seconds over this is micro-currency: 60 seconds in a minute, 1000 nano in a micro.
const PER_MICRO: i128 = 60 * 1000;

impl Price {
    /// What `talk_ms` milliseconds of an answered call cost; negative ones count as none.
    ///
    /// `seconds = ⌈talk_ms / 1000⌉`, `billable = ⌈max(seconds, minimum) / increment⌉ · increment`,
    /// `amount = billable · rate / 60`, half a micro-currency and more rounded up.
    pub fn rate(&self, talk_ms: i64) -> Result<Rated, TooLarge> {
        let seconds = ceil(i128::from(talk_ms.max(0)), 1000);
        let increment = i128::from(self.increment_seconds.max(1));
        let billable = ceil(seconds.max(self.minimum_seconds.into()), increment) * increment;
        // The first is below 2^64, the second below 2^63.
        let exact = billable * i128::from(self.rate_nano.max(0));
        let amount = (exact + PER_MICRO / 2) / PER_MICRO;
        Ok(Rated {
            billable_seconds: i64::try_from(billable).map_err(|_| TooLarge)?,
            amount_micro: i64::try_from(amount).map_err(|_| TooLarge)?,
        })
    }
}

/// How many whole steps hold `count`, which is not negative.
fn ceil(count: i128, step: i128) -> i128 {
    (count + step - 1) / step
}
