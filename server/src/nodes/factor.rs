//! What traffic counts: each byte, times a factor.

use chrono::{DateTime, Utc};

/// A factor in millionths, 0 to 1000 times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor(u32);

impl Factor {
    /// Each byte counts once.
    pub const ONCE: Self = Self(1_000_000);
    /// Each byte counts a thousand times.
    pub const MAX: Self = Self(1_000_000_000);

    /// The factor of so many millionths; none above [`Self::MAX`].
    pub fn from_millionths(millionths: u64) -> Option<Self> {
        let factor = Self(u32::try_from(millionths).ok()?);
        (factor <= Self::MAX).then_some(factor)
    }

    /// In millionths.
    pub fn millionths(self) -> u32 {
        self.0
    }
}

/// A factor and when it begins to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorFrom {
    /// The factor.
    pub factor: Factor,
    /// By the database's clock.
    pub valid_from: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_at_most_a_thousand() {
        for (millionths, accepted) in [
            (0, true),
            (1, true),
            (1_000_000_000, true),
            (1_000_000_001, false),
            (u64::from(u32::MAX) + 1, false),
            (u64::MAX, false),
        ] {
            let factor = Factor::from_millionths(millionths);
            assert_eq!(factor.is_some(), accepted, "{millionths}");
            let same = factor.map(|factor| u64::from(factor.millionths()));
            assert!(same.is_none_or(|same| same == millionths));
        }
    }
}
