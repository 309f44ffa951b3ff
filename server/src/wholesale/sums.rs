//! Sums of charges.

use chrono::NaiveDate;

use super::{Amount, Currency, SideName};
use crate::pbxs::PbxId;

/// What sums are made for, besides the side and the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChargeGroup {
    /// Each PBX.
    pub pbx: bool,
    /// Each trunk of each PBX.
    pub trunk: bool,
    /// Each day, in UTC, on which calls began.
    pub day: bool,
}

/// A sum of charges: those added less those taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeSum {
    /// The PBX, when sums are made for each.
    pub pbx: Option<PbxId>,
    /// The trunk, when sums are made for each.
    pub trunk: Option<String>,
    /// The day, when sums are made for each.
    pub day: Option<NaiveDate>,
    /// The side.
    pub side: SideName,
    /// The currency.
    pub currency: Currency,
    /// How many charges stand.
    pub charges: i64,
    /// Seconds that are charged.
    pub billable_seconds: i64,
    /// The money.
    pub amount: Amount,
}
