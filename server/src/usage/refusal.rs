//! Why rows of usage are not taken, and those rows as they are kept.

use chrono::{DateTime, Utc};

use super::RowDraft;
use crate::nodes::NodeServerId;

/// A row is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Bytes below 0.
    Negative,
    /// Bytes above [`super::MAX_ROW_BYTES`].
    TooLarge,
    /// The node client is not one of the node server that reports.
    NodeClientUnknown,
    /// There is no such subscriber.
    UserUnknown,
    /// The subscriber has been erased.
    UserErased,
    /// Used too long ago.
    TooOld,
    /// Used too far ahead of the database's clock.
    TooNew,
    /// Used at no moment that there is.
    TimeInvalid,
    /// The subscriber's id is none.
    UserInvalid,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Negative,
        Self::TooLarge,
        Self::NodeClientUnknown,
        Self::UserUnknown,
        Self::UserErased,
        Self::TooOld,
        Self::TooNew,
        Self::TimeInvalid,
        Self::UserInvalid,
    ];

    /// The name in SQL and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::TooLarge => "too_large",
            Self::NodeClientUnknown => "node_client_unknown",
            Self::UserUnknown => "user_unknown",
            Self::UserErased => "user_erased",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::TimeInvalid => "time_invalid",
            Self::UserInvalid => "user_invalid",
        }
    }

    /// The refusal of a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// A row that was not taken when it came, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedUsage {
    /// Its number.
    pub id: i64,
    /// The node server that reported it.
    pub node_server: NodeServerId,
    /// The boot of the report.
    pub boot_id: String,
    /// Number of the report.
    pub seq: u64,
    /// Its place in the report, from 0.
    pub place: u32,
    /// Why it was not taken.
    pub reason: Refusal,
    /// As the node sent it.
    pub row: RowDraft,
    /// When it was refused, by the database's clock.
    pub refused_at: DateTime<Utc>,
    /// When it was taken after all.
    pub readmitted_at: Option<DateTime<Utc>>,
}

/// Which refused rows; all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedUsageFilter {
    /// Only of this node server.
    pub node_server: Option<NodeServerId>,
    /// Only for this reason.
    pub reason: Option<Refusal>,
    /// Also those that were taken after all.
    pub with_readmitted: bool,
    /// Only with a smaller id.
    pub before_id: Option<i64>,
}
