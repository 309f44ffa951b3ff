//! What the owner of a queue may use, as far as it follows from the queue.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::{Queue, turn};
use crate::access::{Access, UserAccess};
use crate::packages::calendar;
use crate::packages::queued::{Life, QueuedPackage};

/// Nobody waits for what comes later (2200-01-01).
const FAR: DateTime<Utc> = match DateTime::from_timestamp(7_258_118_400, 0) {
    Some(far) => far,
    None => DateTime::<Utc>::MAX_UTC,
};

impl Queue {
    /// What the owner may use, unless they are suspended or erased.
    pub fn access(&self) -> UserAccess {
        let Some(active) = self.active() else {
            return UserAccess::NO_PACKAGE;
        };
        let used_up = active.terms.quota.bytes() <= Some(active.charges.period_charged);
        let (access, valid_until) = if used_up && active.terms.quota.bytes().is_some() {
            let whole_again = active.next_reset_at();
            let over = active.span().map(|span| span.expires_at);
            (Access::QuotaUsedUp, whole_again.or(over))
        } else {
            (Access::Granted, self.run_ends(active))
        };
        UserAccess {
            access,
            series: Some(active.series),
            speed_limit_bps: active.terms.speed_limit_bps,
            valid_until,
        }
    }

    /// When the time of the active package and of those of its series that follow it at once is over.
    fn run_ends(&self, active: &QueuedPackage) -> Option<DateTime<Utc>> {
        let Life::Active { span, .. } = &active.life else {
            return None;
        };
        let mut waiting: Vec<_> = self.waiting().collect();
        waiting.sort_unstable_by_key(|package| turn(package));
        let run = waiting.into_iter();
        let mut run = run.take_while(|package| package.series == active.series);
        let end = run.try_fold(span.expires_at, |end, package| {
            let next = calendar::span(end, package.terms.duration, &self.zone);
            (next.expires_at < FAR).then_some(next.expires_at)
        });
        end.filter(|end| *end < FAR)
    }
}
