//! What bytes count: each of them times the factor at the moment of use, exact to a millionth of a byte.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use chrono::{DateTime, Utc};

use crate::nodes::{Factor, FactorFrom};

/// The factors that a node client has had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Factors(Vec<FactorFrom>);

impl Factors {
    /// Of the factors of one node client, in any order.
    pub fn new(mut factors: Vec<FactorFrom>) -> Self {
        factors.sort_unstable_by_key(|factor| factor.valid_from);
        Self(factors)
    }

    /// The factor at a moment: the last that had begun; before the first one, that one. `None` when
    /// there has never been any.
    pub fn at(&self, moment: DateTime<Utc>) -> Option<Factor> {
        let begun = self.0.partition_point(|factor| factor.valid_from <= moment);
        let factor = self.0.get(begun.saturating_sub(1))?;
        Some(factor.factor)
    }
}

/// Bytes times factors, in millionths of a byte. A report's 10 000 rows of 2^50 bytes a thousand times
/// are below 2^104.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factored(u128);

impl Factored {
    /// So many bytes, each counted `factor` times.
    pub fn new(bytes: u64, factor: Factor) -> Self {
        Self(u128::from(bytes) * u128::from(factor.millionths()))
    }

    /// The whole bytes of it: what is billed.
    pub fn whole(self) -> u128 {
        self.0 / MILLION
    }
}

const MILLION: u128 = 1_000_000;

impl Add for Factored {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Factored {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Factored {
    fn sum<I: Iterator<Item = Self>>(sums: I) -> Self {
        sums.fold(Self::default(), Self::add)
    }
}

impl fmt::Display for Factored {
    /// In bytes, with all six digits after the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / MILLION, self.0 % MILLION)
    }
}
