//! Keeps events moving: every server relays, and each event goes through one of them.

use std::time::Duration;

use futures::future::try_join;
use tokio::time::{Instant, sleep};

mod sweep;

use crate::auth::Caller;
use crate::billing::USER_USAGE_BILLING;
use crate::domain::{
    Context, DomainError, EventRelay, Processor as _, PublishOthers, TakenUp, TelecomBillingHook,
};
use crate::metrics::Metrics;
use crate::store::{Database, Listener, schema};
use sweep::Sweep;

/// How long events can lie when nobody wakes the relay.
const PERIOD: Duration = Duration::from_secs(1);
/// A batch that takes longer is given up, and tried again.
const PATIENCE: Duration = Duration::from_secs(30);
/// From a failure to the next try.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// What relays events, from where.
#[derive(Debug)]
pub struct Relay {
    /// Where the events are.
    pub database: Database,
    /// Wakes the relay.
    pub listener: Listener,
    /// Where it counts.
    pub metrics: Metrics,
}

impl Relay {
    /// Relays until the future is dropped. A batch that is under way then is rolled back, and is for
    /// another server or for the next start.
    pub async fn run(mut self) {
        let relay = EventRelay::new(self.database.clone());
        let mut sweep = Sweep::default();
        schema::until_it_serves(&self.database).await;
        loop {
            match self.round(&relay, &mut sweep).await {
                Ok(()) => self.listener.wait(PERIOD).await,
                Err(error) => {
                    tracing::warn!(%error, "events are not relayed");
                    sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Takes up all there is.
    async fn round(&self, relay: &EventRelay, sweep: &mut Sweep) -> Result<(), DomainError> {
        let mut many = false;
        loop {
            let begun = Instant::now();
            let relay = relay.behind(sweep.after(begun));
            let taken = if many {
                two_batches(&relay).await?
            } else {
                relay.process(&context(), TelecomBillingHook).await?
            };
            many = taken.more;
            sweep.took(&taken, begun, begun.elapsed());
            self.count(&taken);
            let others = relay.process(&context(), PublishOthers).await?;
            let published = &self.metrics.billing.published;
            for (route, count) in &others {
                published
                    .with_label_values(&[route.as_str()])
                    .inc_by(*count);
            }
            if !taken.more && others.is_empty() {
                return Ok(());
            }
        }
    }

    fn count(&self, taken: &TakenUp) {
        let billing = &self.metrics.billing;
        let route = [USER_USAGE_BILLING];
        let add = |counters: &prometheus::IntCounterVec, count| {
            counters.with_label_values(&route).inc_by(count);
        };
        add(&billing.consumed, taken.charged + taken.repeated);
        add(&billing.published, taken.charged + taken.repeated);
        add(&billing.dead, taken.dead);
        let unassigned = u64::try_from(taken.unassigned).unwrap_or(u64::MAX);
        billing.unassigned.inc_by(unassigned);
    }
}

/// Where there is much to do, the server works on one batch while the database works on another; each
/// passes over what the other one holds.
async fn two_batches(relay: &EventRelay) -> Result<TakenUp, DomainError> {
    let (first, second) = (context(), context());
    let (mut taken, more) = try_join(
        relay.process(&first, TelecomBillingHook),
        relay.process(&second, TelecomBillingHook),
    )
    .await?;
    taken.add(&more);
    Ok(taken)
}

fn context() -> Context {
    let now = Instant::now();
    Context {
        caller: Caller::Operator,
        deadline: now + PATIENCE,
        received: now,
        // Each event has the trace of what caused it.
        trace_id: String::new(),
    }
}
