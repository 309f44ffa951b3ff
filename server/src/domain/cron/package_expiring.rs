//! Ends packages whose time is over, makes monthly quotas whole, warns of expiries.

use std::collections::HashMap;

use super::TelecomCronExecutor;
use crate::domain::{Context, DomainError, Processor, queues};
use crate::jobs::JobReport;
use crate::packages::{Changes, Queue};
use crate::store::job_runs::Hold;
use crate::store::queued_packages::{self, Due};
use crate::store::retry_conflicts;
use crate::users::UserId;

/// Subscribers whose queues are brought to the present in one transaction.
const BATCH: u32 = 200;

/// Brings all queues in which something is due to the present. Any number may run at once: each
/// passes over the subscribers whom another one holds.
#[derive(Debug, Clone)]
pub struct PackageExpiringJob(pub Hold);

impl Processor<PackageExpiringJob> for TelecomCronExecutor {
    type Output = JobReport;

    async fn process(
        &self,
        context: &Context,
        PackageExpiringJob(hold): PackageExpiringJob,
    ) -> Result<JobReport, DomainError> {
        let mut report = JobReport { changed: 0 };
        for due in Due::ALL {
            loop {
                let changed = retry_conflicts(|| batch(context, &hold, due)).await?;
                // What is left is in somebody else's hands.
                if changed == 0 {
                    break;
                }
                report.changed += changed;
            }
        }
        Ok(report)
    }
}

/// One transaction; gives how many packages changed.
async fn batch(context: &Context, hold: &Hold, due: Due) -> Result<u64, DomainError> {
    let mut transaction = hold.begin(context.deadline).await?;
    let waiting = queued_packages::due(&mut transaction, due, BATCH).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let now = queued_packages::now(&mut transaction).await?;
    let users: Vec<UserId> = waiting.iter().map(|waiting| waiting.user).collect();
    let mut open: HashMap<UserId, Vec<_>> = HashMap::new();
    for package in queued_packages::open(&mut transaction, &users).await? {
        open.entry(package.user).or_default().push(package);
    }
    let mut all = Changes::default();
    for waiting in waiting {
        let packages = open.remove(&waiting.user).unwrap_or_default();
        let zone = waiting.time_zone.rules().clone();
        let mut queue = Queue::new(waiting.user, zone, packages);
        queue.advance(now);
        let changes = queue.into_changes();
        all.packages.extend(changes.packages);
        all.events.extend(changes.events);
        all.access.extend(changes.access);
    }
    let changed = queues::save(&mut transaction, all, &context.trace_id).await?;
    transaction.commit(changed).await?;
    Ok(changed)
}
