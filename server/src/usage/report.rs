//! A report of usage as a node sends it, and what recognizes a repetition.

use chrono::{DateTime, Utc};

use crate::auth::Digest;
use crate::violation::{Violation, Violations};

/// Most rows of a report.
const MAX_ROWS: usize = 10_000;

/// A row as the node sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowDraft {
    /// The subscriber's id as text.
    pub user_id: String,
    /// Number of the node client.
    pub node_client_id: i32,
    /// By the node's clock; `None` when it was no moment that there is.
    pub used_at: Option<DateTime<Utc>>,
    /// Bytes.
    pub upload: i64,
    /// Bytes.
    pub download: i64,
}

/// A report as the node sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportDraft {
    /// Identity of the node's boot.
    pub boot_id: String,
    /// Number of the report within the boot.
    pub seq: u64,
    /// In the node's order.
    pub rows: Vec<RowDraft>,
}

/// A report whose key and size are as they should be; each row is still as the node sent it. The only
/// way to get one is [`ReportDraft::check`].
#[derive(Debug, Clone)]
pub struct Report {
    boot_id: String,
    seq: i64,
    rows: Vec<RowDraft>,
    hash: Digest,
}

impl Report {
    /// Identity of the node's boot.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// Number of the report within the boot; not negative.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// In the node's order.
    pub fn rows(&self) -> &[RowDraft] {
        &self.rows
    }

    /// What tells another report with the same key from a repetition.
    pub fn hash(&self) -> &Digest {
        &self.hash
    }
}

impl ReportDraft {
    /// Checks everything but the rows themselves; all violations are found at once.
    pub fn check(self) -> Result<Report, Vec<Violation>> {
        let mut violations = Violations::default();
        violations.require(
            (1..=64).contains(&self.boot_id.len())
                && self
                    .boot_id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "boot_id",
            "must be 1 to 64 letters, digits and dashes",
        );
        let seq = i64::try_from(self.seq).ok();
        violations.require(seq.is_some(), "seq", "must be at most 2^63 - 1");
        violations.require(
            (1..=MAX_ROWS).contains(&self.rows.len()),
            "rows",
            "must be 1 to 10 000 rows",
        );
        let hash = hash(&self.rows);
        violations.into_checked(seq.map(|seq| Report {
            boot_id: self.boot_id,
            seq,
            rows: self.rows,
            hash,
        }))
    }
}

/// Of what the rows say, not of the bytes they came in: an agent may encode a repetition in another
/// way. Fields that are added one day must not change it for rows without them, or a report that is
/// repeated after an upgrade would be taken for another one.
fn hash(rows: &[RowDraft]) -> Digest {
    let mut bytes = Vec::with_capacity(rows.len() * 80);
    for row in rows {
        bytes.extend((row.user_id.len() as u64).to_le_bytes());
        bytes.extend(row.user_id.as_bytes());
        bytes.extend(row.node_client_id.to_le_bytes());
        // What is no moment is before all that are.
        let used_at = row
            .used_at
            .map(|at| (at.timestamp(), at.timestamp_subsec_nanos()));
        let (seconds, nanos) = used_at.unwrap_or((-1, 0));
        bytes.extend(seconds.to_le_bytes());
        bytes.extend(nanos.to_le_bytes());
        bytes.extend(row.upload.to_le_bytes());
        bytes.extend(row.download.to_le_bytes());
    }
    Digest::of_bytes(&bytes)
}
