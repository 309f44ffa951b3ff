//! Which rows of a report are taken, by what is known when it comes.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Factored, Factors, MAX_ROW_BYTES, Refusal, RowDraft};
use crate::access::{Access, DeniedUser};
use crate::nodes::{Factor, NodeClientId};
use crate::users::UserId;

/// Usage is taken this late.
const MAX_AGE: TimeDelta = TimeDelta::days(7);
/// A node's clock may be this far ahead.
const MAX_AHEAD: TimeDelta = TimeDelta::hours(24);

/// What the database knows of that which the rows name.
#[derive(Debug, Clone)]
pub struct Known {
    /// The database's clock.
    pub now: DateTime<Utc>,
    /// The node clients of the node server that reports, with all their factors so far.
    pub node_clients: BTreeMap<NodeClientId, Factors>,
    /// Subscribers, and whether they may use nodes.
    pub users: BTreeMap<UserId, Access>,
}

/// A row that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenRow {
    /// The subscriber.
    pub user: UserId,
    /// The node client.
    pub node_client: NodeClientId,
    /// When; never ahead of the database's clock.
    pub used_at: DateTime<Utc>,
    /// Bytes.
    pub upload: u64,
    /// Bytes.
    pub download: u64,
    /// The node's clock was ahead, and the time is the database's.
    pub clock_ahead: bool,
    /// What each byte counts.
    pub factor: Factor,
}

impl TakenRow {
    /// What the uploaded bytes count.
    pub fn factored_upload(&self) -> Factored {
        Factored::new(self.upload, self.factor)
    }

    /// What the downloaded bytes count.
    pub fn factored_download(&self) -> Factored {
        Factored::new(self.download, self.factor)
    }
}

/// A row that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedRow {
    /// Its place in the report, from 0.
    pub place: u32,
    /// Why.
    pub reason: Refusal,
}

/// The rows of a report, parted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Those that are taken, in their order.
    pub taken: Vec<TakenRow>,
    /// The others, in their order.
    pub refused: Vec<RefusedRow>,
}

impl Known {
    /// Parts rows into those that are taken and those that are not.
    pub fn sort(&self, rows: &[RowDraft]) -> Sorted {
        let mut sorted = Sorted::default();
        for (place, row) in (0..).zip(rows) {
            match self.row(row) {
                Ok(row) => sorted.taken.push(row),
                Err(reason) => sorted.refused.push(RefusedRow { place, reason }),
            }
        }
        sorted
    }

    /// Those of the subscribers who may use nothing, by ascending id.
    pub fn denied(&self) -> Vec<DeniedUser> {
        let denied = self
            .users
            .iter()
            .filter(|(_, access)| **access != Access::Granted);
        denied
            .map(|(user, reason)| DeniedUser {
                user: *user,
                reason: *reason,
            })
            .collect()
    }

    /// The row as it is taken, or why it is not.
    pub fn row(&self, row: &RowDraft) -> Result<TakenRow, Refusal> {
        let user: UserId = row.user_id.parse().map_err(|_| Refusal::UserInvalid)?;
        let said = row.used_at.ok_or(Refusal::TimeInvalid)?;
        let (upload, download) = (bytes(row.upload)?, bytes(row.download)?);
        let node_client = NodeClientId(row.node_client_id);
        let factors = self.node_clients.get(&node_client);
        let factors = factors.ok_or(Refusal::NodeClientUnknown)?;
        if said < self.now - MAX_AGE {
            return Err(Refusal::TooOld);
        }
        if said > self.now + MAX_AHEAD {
            return Err(Refusal::TooNew);
        }
        match self.users.get(&user) {
            None => return Err(Refusal::UserUnknown),
            Some(Access::Erased) => return Err(Refusal::UserErased),
            // What was used was used.
            Some(Access::Granted | Access::NoPackage | Access::QuotaUsedUp | Access::Suspended) => {
            }
        }
        let used_at = said.min(self.now);
        Ok(TakenRow {
            user,
            node_client,
            used_at,
            upload,
            download,
            clock_ahead: used_at < said,
            factor: factors.at(used_at).ok_or(Refusal::NodeClientUnknown)?,
        })
    }
}

fn bytes(bytes: i64) -> Result<u64, Refusal> {
    match u64::try_from(bytes) {
        Err(_) => Err(Refusal::Negative),
        Ok(bytes) if bytes > MAX_ROW_BYTES => Err(Refusal::TooLarge),
        Ok(bytes) => Ok(bytes),
    }
}
