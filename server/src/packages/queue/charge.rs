//! Charges traffic to the active package, which may be used up by it.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::Queue;
use crate::packages::events::Warning;
use crate::packages::queued::{Ending, QueuedPackage, QueuedPackageId};
use crate::packages::{Counted, Quota, calendar};

/// Bytes that were moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// To the subscriber.
    pub download: u64,
    /// From the subscriber.
    pub upload: u64,
}

impl Traffic {
    /// Both directions, unless that cannot be counted.
    pub fn total(self) -> Option<u64> {
        self.download.checked_add(self.upload)
    }
}

/// What became of bytes at one package.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Within the quota.
    pub charged: u64,
    /// Beyond it.
    pub overage: u64,
    /// Those for which the quota is not: uploads, when it counts downloads alone.
    pub uncounted: u64,
}

/// What became of a charge: all of its bytes are in here, once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Charged {
    /// What each package took, in the order in which they did.
    pub packages: Vec<(QueuedPackageId, Counts)>,
    /// What no package took, since none was active then.
    pub left: Traffic,
}

/// More was to be charged than can be counted; nothing was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more bytes than can be counted")]
pub struct TooMuch;

/// Percentages of a quota that its owner is told of.
const WARNINGS: [u8; 3] = [80, 95, 100];

impl Queue {
    /// Charges what was used at `at`, to which the queue is brought first. A quota that is used up
    /// ends its package, and the rest goes on to the next one, over as many as it takes; without a
    /// next one it is overage of the last. A quota that will be whole again before the package
    /// expires does not end it: until then, more is overage.
    ///
    /// Nothing is charged to a package that became active in a second after `at`: that is for the
    /// package of that time, if the queue knows it, up to what its quota had left, then as its overage.
    pub fn charge(&mut self, at: DateTime<Utc>, traffic: Traffic) -> Result<Charged, TooMuch> {
        traffic.total().ok_or(TooMuch)?;
        let mut after = self.clone();
        let charged = after.charge_all(at, traffic);
        if after.packages.iter().all(|package| package.charges.fit()) {
            *self = after;
            Ok(charged)
        } else {
            Err(TooMuch)
        }
    }

    fn charge_all(&mut self, at: DateTime<Utc>, traffic: Traffic) -> Charged {
        self.advance(at);
        let at = self.within_second(at);
        let mut result = Charged {
            left: traffic,
            ..Charged::default()
        };
        if let Some(id) = self.of_before(at) {
            self.take_late(id, at, &mut result);
            return result;
        }
        // The last package that was used up by this: what no other takes is its overage.
        let mut last: Option<(QueuedPackageId, Quota)> = None;
        while result.left != Traffic::default() {
            let active = self.active().filter(|active| began(active) <= Some(at));
            let Some((id, quota)) = active.map(|active| (active.id, active.terms.quota)) else {
                break;
            };
            if self.is_of_earlier_period(id, at) {
                self.take_late(id, at, &mut result);
                break;
            }
            let used_up = self.take(id, at, &mut result);
            if !used_up {
                return result;
            }
            self.end(id, Ending::Exhausted, at, "");
            self.activate_next(at);
            self.tell_ended(id, Ending::Exhausted, at);
            last = Some((id, quota));
        }
        if let Some((id, quota)) = last {
            self.take_overage(id, quota, &mut result);
        }
        result
    }

    /// Events have whole seconds: what was used in the second in which the active package began counts
    /// as used since then.
    fn within_second(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let began = self.active().and_then(began);
        let same = began.filter(|from| from.timestamp() == at.timestamp());
        same.map_or(at, |from| at.max(from))
    }

    /// The package that was active at a moment before the active one was, or before none was.
    fn of_before(&self, at: DateTime<Utc>) -> Option<QueuedPackageId> {
        if self
            .active()
            .is_some_and(|active| began(active) <= Some(at))
        {
            return None;
        }
        let held = |package: &&QueuedPackage| {
            began(package).is_some_and(|from| from <= at)
                && package.ended_at().is_some_and(|end| at < end)
        };
        let then = self.packages.iter().filter(held);
        then.max_by_key(|package| (began(package), package.id))
            .map(|package| package.id)
    }

    /// Whether a moment in the life of a package lies before its quota was last made whole.
    fn is_of_earlier_period(&self, id: QueuedPackageId, at: DateTime<Utc>) -> bool {
        let period = |package: &QueuedPackage| {
            let span = package.span()?;
            let until = package.next_reset_at().or(package.ended_at());
            let until = until.unwrap_or(span.expires_at);
            calendar::period_start(package.terms.quota, span, until, &self.zone)
        };
        self.find(id)
            .and_then(period)
            .is_some_and(|start| at < start)
    }

    /// Charges a package that has ended, or a period of it that has. What its quota had left in an
    /// earlier period is not known any more: those bytes are charged, and the present quota stays
    /// as it is.
    fn take_late(&mut self, id: QueuedPackageId, at: DateTime<Utc>, result: &mut Charged) {
        let earlier = self.is_of_earlier_period(id, at);
        let Some(package) = self.change(id) else {
            return;
        };
        let quota = package.terms.quota;
        let room = if earlier { u64::MAX } else { room(package) };
        let charged = take(&mut result.left, quota, room);
        if earlier {
            package.charges.charge_earlier(charged);
        } else {
            package.charges.charge(charged);
        }
        let overage = take(&mut result.left, quota, u64::MAX);
        package.charges.overrun(overage);
        let counts = Counts {
            charged,
            overage,
            uncounted: take_rest(&mut result.left),
        };
        result.packages.push((id, counts));
    }

    /// Charges the package up to its quota, and beyond it when the package goes on all the same;
    /// says whether it is used up and over.
    fn take(&mut self, id: QueuedPackageId, at: DateTime<Utc>, result: &mut Charged) -> bool {
        let Some(package) = self.change(id) else {
            return false;
        };
        let goes_on = package.next_reset_at().is_some();
        let quota = package.terms.quota;
        let room = room(package);
        let mut counts = Counts {
            charged: take(&mut result.left, quota, room),
            ..Counts::default()
        };
        package.charges.charge(counts.charged);
        let used_up = quota.bytes() == Some(package.charges.period_charged);
        if used_up && goes_on {
            counts.overage = take(&mut result.left, quota, u64::MAX);
            package.charges.overrun(counts.overage);
        }
        if !used_up || goes_on {
            counts.uncounted = take_rest(&mut result.left);
        }
        let warning = warning(package);
        if let Some(percent) = warning {
            package.warned.percent = percent;
        }
        result.packages.push((id, counts));
        if let Some(percent) = warning {
            self.warn(id, Warning::Quota(percent), at);
        }
        used_up && !goes_on
    }

    fn take_overage(&mut self, id: QueuedPackageId, quota: Quota, result: &mut Charged) {
        let overage = take(&mut result.left, quota, u64::MAX);
        let uncounted = take_rest(&mut result.left);
        if let Some(package) = self.change(id) {
            package.charges.overrun(overage);
        }
        let taken = result.packages.iter_mut().find(|(taken, _)| *taken == id);
        if let Some((_, counts)) = taken {
            counts.overage += overage;
            counts.uncounted += uncounted;
        }
    }
}

/// What the quota has left in this period.
pub(super) fn room(package: &QueuedPackage) -> u64 {
    package.terms.quota.bytes().map_or(u64::MAX, |bytes| {
        bytes.saturating_sub(package.charges.period_charged)
    })
}

/// All that is still there.
fn take_rest(traffic: &mut Traffic) -> u64 {
    let Traffic { download, upload } = std::mem::take(traffic);
    download + upload
}

fn began(package: &QueuedPackage) -> Option<DateTime<Utc>> {
    package.span().map(|span| span.active_from)
}

/// Takes what counts for the quota from the traffic, `room` bytes at most, download first; gives how
/// many.
fn take(traffic: &mut Traffic, quota: Quota, room: u64) -> u64 {
    let download = traffic.download.min(room);
    let upload = match quota {
        Quota::Limited {
            counted: Counted::Download,
            ..
        } => 0,
        Quota::Unlimited
        | Quota::Limited {
            counted: Counted::Total,
            ..
        } => traffic.upload.min(room - download),
    };
    traffic.download -= download;
    traffic.upload -= upload;
    download + upload
}

/// The percentage that the owner should know of and does not.
pub(super) fn warning(package: &QueuedPackage) -> Option<u8> {
    let bytes = package.terms.quota.bytes()?;
    let used = u128::from(package.charges.period_charged) * 100;
    let reached = |percent: &u8| used >= u128::from(*percent) * u128::from(bytes);
    let highest = WARNINGS.into_iter().rev().find(reached)?;
    (highest > package.warned.percent).then_some(highest)
}
