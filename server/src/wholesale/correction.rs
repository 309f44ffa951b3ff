//! What has to be added to the ledger when a call is rated again.

use super::{Charge, Currency, Side};

/// The last row that the ledger has of one side of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its place among the rows of the side.
    pub seq: i32,
    /// The charge; `None` when it was taken back.
    pub charge: Option<Charge>,
}

/// What has to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correction<'a> {
    /// The place of the first row to add.
    pub seq: i32,
    /// The charge to take back, first.
    pub back: Option<&'a Charge>,
    /// The charge to add.
    pub new: Option<&'a Charge>,
}

impl<'a> Correction<'a> {
    /// From what stands to what the side comes to now; `None` when that is the same.
    pub fn of(standing: Option<&'a Standing>, now: &'a Side) -> Option<Self> {
        let back = standing.and_then(|standing| standing.charge.as_ref());
        let new = now.charge();
        (back != new).then(|| Self {
            seq: standing.map_or(0, |standing| standing.seq + 1),
            back,
            new,
        })
    }

    /// By how much the amount changes in each currency, in micro-currency: to be added up.
    pub fn deltas(&self) -> impl Iterator<Item = (Currency, i128)> {
        let back = self
            .back
            .map(|charge| (charge.currency, -i128::from(charge.amount_micro)));
        let new = self
            .new
            .map(|charge| (charge.currency, i128::from(charge.amount_micro)));
        back.into_iter().chain(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wholesale::{DeckId, Prefix, Price, Unrated};

    fn charge(amount_micro: i64) -> Charge {
        Charge {
            trunk_id: "t".to_owned(),
            deck: DeckId(1),
            prefix: Prefix::default(),
            price: Price::ZERO,
            billable_seconds: 0,
            amount_micro,
            currency: Currency::new("EUR").unwrap(),
        }
    }

    fn standing(seq: i32, charge: Option<Charge>) -> Standing {
        Standing { seq, charge }
    }

    #[test]
    fn only_what_differs_is_corrected() {
        // (what stands, what it comes to; the first place, whether one is taken back, whether one is added)
        for (before, now, expected) in [
            (None, Side::NoTrunk, None),
            (None, Side::Unrated(Unrated::NoRate), None),
            (None, Side::Charged(charge(5)), Some((0, false, true))),
            (
                Some(standing(0, Some(charge(5)))),
                Side::Charged(charge(5)),
                None,
            ),
            (
                Some(standing(0, Some(charge(5)))),
                Side::Charged(charge(6)),
                Some((1, true, true)),
            ),
            (
                Some(standing(0, Some(charge(5)))),
                Side::NotRated,
                Some((1, true, false)),
            ),
            (Some(standing(1, None)), Side::NotRated, None),
            (
                Some(standing(1, None)),
                Side::Charged(charge(5)),
                Some((2, false, true)),
            ),
        ] {
            let correction = Correction::of(before.as_ref(), &now);
            let found = correction.map(|c| (c.seq, c.back.is_some(), c.new.is_some()));
            assert_eq!(found, expected, "{before:?} {now:?}");
        }
    }
}
