//! Corrects what was charged to a package, on an administrator's word.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::Queue;
use super::charge::{room, warning};
use crate::packages::events::Warning;
use crate::packages::queued::{
    Charges, Ending, QueuedPackage, QueuedPackageId, QueuedPackageStatus,
};

/// What a correction did to a package.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adjusted {
    /// To the bytes within its quota.
    pub charged: i64,
    /// To those beyond it.
    pub overage: i64,
}

/// Why a package cannot be corrected; it is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unadjustable {
    /// There is no such package here.
    #[error("there is no such package")]
    Unknown,
    /// Nothing can have been charged to it: it has not been active.
    #[error("it has not been active yet")]
    Waits,
    /// So many bytes there are, and no more can be given back.
    #[error("{0} bytes are charged to it")]
    Less(u64),
    /// With it, more would be charged than can be counted.
    #[error("more bytes than can be counted")]
    TooMuch,
}

impl Queue {
    /// Adds a package that has ended, unless the queue has it.
    pub fn remember(&mut self, ended: QueuedPackage) {
        if self.find(ended.id).is_none() {
            self.packages.push(ended);
        }
    }

    /// Charges so many bytes more to a package, or gives them back when they are below zero. The
    /// queue must have been brought to `now`.
    ///
    /// More is charged up to what the quota has left, and is overage beyond, of this package alone;
    /// an active one that is used up by it ends, and makes room for the next. Less is taken from the
    /// overage first, since that is what came last; then from what was charged, of which the quota of
    /// this period is given back first. What has ended does not come back.
    pub fn adjust(
        &mut self,
        id: QueuedPackageId,
        bytes: i64,
        now: DateTime<Utc>,
    ) -> Result<Adjusted, Unadjustable> {
        let package = self.find(id).ok_or(Unadjustable::Unknown)?;
        match package.status() {
            QueuedPackageStatus::Queued => return Err(Unadjustable::Waits),
            QueuedPackageStatus::Active
            | QueuedPackageStatus::Exhausted
            | QueuedPackageStatus::Expired
            | QueuedPackageStatus::Cancelled => {}
        }
        let (charges, adjusted) = if bytes < 0 {
            given_back(package, bytes.unsigned_abs())?
        } else {
            charged(package, bytes.unsigned_abs())?
        };
        if let Some(package) = self.change(id) {
            package.charges = charges;
        }
        self.follow_up(id, now);
        Ok(adjusted)
    }

    /// What follows for an active package: a warning, and its end when it is used up and will not be
    /// whole again.
    fn follow_up(&mut self, id: QueuedPackageId, now: DateTime<Utc>) {
        let Some(active) = self.active().filter(|active| active.id == id) else {
            return;
        };
        let used_up = active.terms.quota.bytes() == Some(active.charges.period_charged);
        let ends = used_up && active.next_reset_at().is_none();
        if let Some(percent) = warning(active) {
            if let Some(package) = self.change(id) {
                package.warned.percent = percent;
            }
            self.warn(id, Warning::Quota(percent), now);
        }
        if ends {
            let at = self.end(id, Ending::Exhausted, now, "");
            self.activate_next(at);
            self.tell_ended(id, Ending::Exhausted, at);
        }
    }
}

fn charged(package: &QueuedPackage, bytes: u64) -> Result<(Charges, Adjusted), Unadjustable> {
    let mut charges = package.charges;
    let within = bytes.min(room(package));
    charges.charge(within);
    charges.overrun(bytes - within);
    if !charges.fit() {
        return Err(Unadjustable::TooMuch);
    }
    let adjusted = Adjusted {
        charged: signed(within)?,
        overage: signed(bytes - within)?,
    };
    Ok((charges, adjusted))
}

fn given_back(package: &QueuedPackage, bytes: u64) -> Result<(Charges, Adjusted), Unadjustable> {
    let mut charges = package.charges;
    let total = charges.charged.saturating_add(charges.overage);
    if bytes > total {
        return Err(Unadjustable::Less(total));
    }
    let beyond = bytes.min(charges.overage);
    charges.give_back(bytes - beyond, beyond);
    let adjusted = Adjusted {
        charged: -signed(bytes - beyond)?,
        overage: -signed(beyond)?,
    };
    Ok((charges, adjusted))
}

fn signed(bytes: u64) -> Result<i64, Unadjustable> {
    i64::try_from(bytes).map_err(|_| Unadjustable::TooMuch)
}
