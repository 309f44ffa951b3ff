//! Charges traffic to the active package, which may be used up by it.

use chrono::{DateTime, Utc};

use super::Queue;
use crate::packages::events::Warning;
use crate::packages::queued::{Ending, QueuedPackage, QueuedPackageId};
use crate::packages::{Counted, Quota};

/// Bytes that were moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// To the subscriber.
    pub download: u64,
    /// From the subscriber.
    pub upload: u64,
}

/// Bytes that count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Within the quota.
    pub charged: u64,
    /// Beyond it.
    pub overage: u64,
}

/// What became of a charge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Charged {
    /// What each package took, in the order in which they did.
    pub packages: Vec<(QueuedPackageId, Counts)>,
    /// What no package took, since none was active then.
    pub left: Traffic,
}

/// Percentages of a quota that its owner is told of.
const WARNINGS: [u8; 3] = [80, 95, 100];

impl Queue {
    /// Charges what was used at `at`, to which the queue is brought first. A quota that is used up
    /// ends its package, and the rest goes on to the next one, over as many as it takes; without a
    /// next one it is overage of the last. A quota that will be whole again before the package
    /// expires does not end it: until then, more is overage.
    ///
    /// Nothing is charged to a package that became active after `at`.
    pub fn charge(&mut self, at: DateTime<Utc>, traffic: Traffic) -> Charged {
        self.advance(at);
        let mut result = Charged {
            left: traffic,
            ..Charged::default()
        };
        // The last package that was used up by this: what no other takes is its overage.
        let mut last: Option<(QueuedPackageId, Quota)> = None;
        while result.left != Traffic::default() {
            let active = self.active().filter(|active| began(active) <= Some(at));
            let Some((id, quota)) = active.map(|active| (active.id, active.terms.quota)) else {
                break;
            };
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

    /// Charges the package up to its quota, and beyond it when the package goes on all the same;
    /// says whether it is used up and over.
    fn take(&mut self, id: QueuedPackageId, at: DateTime<Utc>, result: &mut Charged) -> bool {
        let Some(package) = self.change(id) else {
            return false;
        };
        let goes_on = package.next_reset_at().is_some();
        let quota = package.terms.quota;
        let room = quota.bytes().map_or(u64::MAX, |bytes| {
            bytes.saturating_sub(package.charges.period_charged)
        });
        let mut counts = Counts {
            charged: take(&mut result.left, quota, room),
            overage: 0,
        };
        package.charges.charge(counts.charged);
        let used_up = quota.bytes() == Some(package.charges.period_charged);
        if used_up && goes_on {
            counts.overage = take(&mut result.left, quota, u64::MAX);
            package.charges.overrun(counts.overage);
        }
        if !used_up || goes_on {
            // What does not count has gone through it as well.
            result.left = Traffic::default();
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
        result.left = Traffic::default();
        if let Some(package) = self.change(id) {
            package.charges.overrun(overage);
        }
        let taken = result.packages.iter_mut().find(|(taken, _)| *taken == id);
        if let Some((_, counts)) = taken {
            counts.overage += overage;
        }
    }
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
fn warning(package: &QueuedPackage) -> Option<u8> {
    let bytes = package.terms.quota.bytes()?;
    let used = u128::from(package.charges.period_charged) * 100;
    let reached = |percent: &u8| used >= u128::from(*percent) * u128::from(bytes);
    let highest = WARNINGS.into_iter().rev().find(reached)?;
    (highest > package.warned.percent).then_some(highest)
}
