//! A subscriber's queue: which package is active, which come after it, and what each event does.
//!
//! Pure: it holds a subscriber's open packages, `now` comes in, and what changed comes out. At most
//! one package is active, and none waits while none is active; every operation keeps that.

mod access;
mod adjust;
mod charge;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use jiff::tz::TimeZone;

use super::events::{PackageExpiringEvent, PackageWarningEvent, QueueEvent, Warning};
use super::queued::{Ending, Life, QueuedPackage, QueuedPackageId};
use super::{Span, calendar};
use crate::access::UserAccess;
use crate::users::UserId;

pub use adjust::{Adjusted, Unadjustable};
pub use charge::{Charged, Counts, TooMuch, Traffic};

/// Open packages a subscriber may have.
pub const MAX_OPEN: usize = 1000;
/// How long before its time is over the owner of a package is warned. A package that lasts no longer
/// than that is not warned of.
pub const EXPIRY_WARNING: TimeDelta = TimeDelta::days(3);

/// The open packages of a subscriber, and those that have ended and to which something may still be
/// charged. Read under the lock on the subscriber, written before it ends.
#[derive(Debug, Clone)]
pub struct Queue {
    user: UserId,
    zone: TimeZone,
    packages: Vec<QueuedPackage>,
    changed: BTreeSet<QueuedPackageId>,
    events: Vec<QueueEvent>,
}

/// What operations on a queue have changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Packages as they are now.
    pub packages: Vec<QueuedPackage>,
    /// What to tell, in the order in which it happened.
    pub events: Vec<QueueEvent>,
    /// What those may use now whose queues they are, unless they are suspended or erased.
    pub access: Vec<(UserId, UserAccess)>,
}

impl Queue {
    /// The queue of a subscriber who lives in `zone`, with all their open packages.
    pub fn new(user: UserId, zone: TimeZone, packages: Vec<QueuedPackage>) -> Self {
        Self {
            user,
            zone,
            packages,
            changed: BTreeSet::new(),
            events: Vec::new(),
        }
    }

    /// The active package.
    pub fn active(&self) -> Option<&QueuedPackage> {
        self.packages
            .iter()
            .find(|package| matches!(package.life, Life::Active { .. }))
    }

    /// The package of that number, if it was open when the queue was read.
    pub fn find(&self, id: QueuedPackageId) -> Option<&QueuedPackage> {
        self.packages.iter().find(|package| package.id == id)
    }

    /// Whether one more package has no place.
    pub fn is_full(&self) -> bool {
        self.packages
            .iter()
            .filter(|package| package.ended_at().is_none())
            .count()
            >= MAX_OPEN
    }

    /// Brings the queue to `now`: ends packages whose time is over, each followed by the next one at
    /// that very moment, makes quotas whole, warns of expiries. Again at the same time it does nothing.
    pub fn advance(&mut self, now: DateTime<Utc>) {
        while let Some((id, span)) = self.active_span() {
            if span.expires_at > now {
                break;
            }
            self.end(id, Ending::Expired, span.expires_at, "");
            self.activate_next(span.expires_at);
            self.tell_ended(id, Ending::Expired, span.expires_at);
        }
        self.reset(now);
        self.warn_of_expiry(now);
    }

    /// Puts a new package into the queue, which must have been brought to `now`; with none active it
    /// becomes active at once.
    pub fn enqueue(&mut self, package: QueuedPackage, now: DateTime<Utc>) {
        self.packages.push(package);
        if self.active().is_none() {
            self.activate_next(now);
        }
    }

    /// Ends a package for a reason; an active one makes room for the next. `false` when it is not
    /// open any more. The queue must have been brought to `now`.
    pub fn cancel(&mut self, id: QueuedPackageId, reason: &str, now: DateTime<Utc>) -> bool {
        let open = |package: &QueuedPackage| package.ended_at().is_none();
        if !self.find(id).is_some_and(open) {
            return false;
        }
        let at = self.end(id, Ending::Cancelled, now, reason);
        if self.active().is_none() {
            self.activate_next(at);
        }
        self.tell_ended(id, Ending::Cancelled, at);
        true
    }

    /// Ends all packages for a reason, and none becomes active meanwhile; gives how many.
    pub fn cancel_all(&mut self, reason: &str, now: DateTime<Utc>) -> u32 {
        let open = self.packages.iter().filter(|p| p.ended_at().is_none());
        let mut open: Vec<_> = open.map(|p| (p.span().is_some(), p.id)).collect();
        // Those that wait go first.
        open.sort_unstable();
        let mut cancelled = 0;
        for (_, id) in open {
            cancelled += u32::from(self.cancel(id, reason, now));
        }
        cancelled
    }

    /// What to write down.
    pub fn into_changes(self) -> Changes {
        let access = vec![(self.user, self.access())];
        let changed = self.changed;
        let packages = self.packages.into_iter();
        Changes {
            packages: packages.filter(|p| changed.contains(&p.id)).collect(),
            events: self.events,
            access,
        }
    }

    fn active_span(&self) -> Option<(QueuedPackageId, Span)> {
        let active = self.active()?;
        Some((active.id, active.span()?))
    }

    /// The package, to be changed.
    fn change(&mut self, id: QueuedPackageId) -> Option<&mut QueuedPackage> {
        self.changed.insert(id);
        self.packages.iter_mut().find(|package| package.id == id)
    }

    /// Ends a package, not before it began, whatever the clock says; gives the moment.
    fn end(
        &mut self,
        id: QueuedPackageId,
        ending: Ending,
        at: DateTime<Utc>,
        reason: &str,
    ) -> DateTime<Utc> {
        let Some(package) = self.change(id) else {
            return at;
        };
        let span = package.span();
        let began = span.map_or(package.enqueued_at, |span| span.active_from);
        let ended_at = at.max(began);
        package.revision.0 += 1;
        package.life = Life::Ended {
            span,
            ending,
            ended_at,
            reason: reason.to_owned(),
        };
        ended_at
    }

    fn waiting(&self) -> impl Iterator<Item = &QueuedPackage> {
        let packages = self.packages.iter();
        packages.filter(|package| package.life == Life::Queued)
    }

    /// Makes the first of those that wait active from `at`, but not from before it was enqueued.
    fn activate_next(&mut self, at: DateTime<Utc>) {
        let first = self.waiting().min_by_key(|package| turn(package));
        let Some(first) = first.map(|package| package.id) else {
            return;
        };
        let zone = self.zone.clone();
        if let Some(package) = self.change(first) {
            let from = at.max(package.enqueued_at);
            let span = calendar::span(from, package.terms.duration, &zone);
            let next_reset_at = calendar::next_reset(package.terms.quota, span, from, &zone);
            package.revision.0 += 1;
            package.life = Life::Active {
                span,
                next_reset_at,
            };
        }
    }

    /// Makes the quota of the active package whole if the time has come.
    fn reset(&mut self, now: DateTime<Utc>) {
        let Some((id, span)) = self.active_span() else {
            return;
        };
        let due = self.find(id).and_then(QueuedPackage::next_reset_at);
        if due.is_none_or(|due| due > now) {
            return;
        }
        let zone = self.zone.clone();
        if let Some(package) = self.change(id) {
            let next_reset_at = calendar::next_reset(package.terms.quota, span, now, &zone);
            package.life = Life::Active {
                span,
                next_reset_at,
            };
            package.charges.period_charged = 0;
            package.warned.percent = 0;
        }
    }

    fn warn_of_expiry(&mut self, now: DateTime<Utc>) {
        let Some((id, span)) = self.active_span() else {
            return;
        };
        let warned = self.find(id).is_some_and(|active| active.warned.expiry);
        let from = span.expires_at - EXPIRY_WARNING;
        if warned || now < from || from <= span.active_from {
            return;
        }
        if let Some(package) = self.change(id) {
            package.warned.expiry = true;
        }
        self.warn(id, Warning::Expiry, now);
    }

    fn warn(&mut self, id: QueuedPackageId, warning: Warning, at: DateTime<Utc>) {
        let user = self.user;
        self.events.push(QueueEvent::Warning(PackageWarningEvent {
            user,
            queued_package_id: id,
            warning,
            at,
        }));
    }

    fn tell_ended(&mut self, id: QueuedPackageId, ending: Ending, at: DateTime<Utc>) {
        let next_id = self.active().map(|active| active.id);
        let user = self.user;
        self.events.push(QueueEvent::Expiring(PackageExpiringEvent {
            user,
            queued_package_id: id,
            reason: ending,
            at,
            next_id,
        }));
    }
}

/// The least goes first.
fn turn(package: &QueuedPackage) -> (Reverse<i32>, DateTime<Utc>, QueuedPackageId) {
    (Reverse(package.priority), package.enqueued_at, package.id)
}
