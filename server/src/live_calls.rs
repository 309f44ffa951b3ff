//! What PBXs say of the moment, as each replica has it: a copy that is refreshed from the database, so that neither a
//! scrape nor `/healthz` asks it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::call_center::CallCenter;
use crate::metrics::Metrics;
use crate::pbxs::QueueState;
use crate::store::pbx_states::{self, LivePbx};
use crate::store::{Database, StoreError};

/// How old the copy may be.
const REFRESH: Duration = Duration::from_secs(5);

/// The copy; a clone shares it.
#[derive(Debug, Clone, Default)]
pub struct LiveCalls(Arc<ArcSwap<Vec<Told>>>);

/// What one PBX has said, and until when it holds: also while the database is away.
#[derive(Debug)]
struct Told {
    state: LivePbx,
    until: Instant,
}

/// Keeps the copy, and the gauges that show it.
#[derive(Debug, Clone)]
pub struct LiveSampler {
    /// Where the copy comes from.
    pub database: Database,
    /// The copy.
    pub live: LiveCalls,
    /// Where it is shown.
    pub metrics: Metrics,
    /// The queues that are shown.
    pub queues: CallCenter,
}

impl LiveCalls {
    /// Calls that are going on over all PBXs; `None` when none of them says.
    pub fn active_calls(&self) -> Option<u64> {
        let told = self.0.load();
        let mut calls = now(&told).map(|state| u64::from(state.active_calls));
        calls
            .next()
            .map(|first| calls.fold(first, u64::saturating_add))
    }

    fn versions(&self) -> BTreeSet<String> {
        let told = self.0.load();
        let versions = now(&told).map(|state| &state.version);
        versions
            .filter(|version| !version.is_empty())
            .cloned()
            .collect()
    }

    /// Each queue that a PBX says something of: callers who wait in it, agents who could take a call.
    fn queues(&self) -> BTreeMap<String, (i64, i64)> {
        let told = self.0.load();
        let mut queues = BTreeMap::<String, (i64, i64)>::new();
        for QueueState {
            queue,
            length,
            agents_available,
        } in now(&told).flat_map(|state| &state.queues)
        {
            let sum = queues.entry(queue.clone()).or_default();
            sum.0 += i64::from(*length);
            sum.1 += i64::from(*agents_available);
        }
        queues
    }

    fn replace(&self, states: Vec<LivePbx>, at: Instant) {
        let told = states.into_iter().map(|state| Told {
            until: at + state.remaining,
            state,
        });
        self.0.store(Arc::new(told.collect()));
    }
}

fn now(told: &[Told]) -> impl Iterator<Item = &LivePbx> {
    let now = Instant::now();
    let told = told.iter().filter(move |told| told.until > now);
    told.map(|told| &told.state)
}

impl LiveSampler {
    /// Refreshes until the future is dropped.
    pub async fn run(&self) {
        let mut ticks = interval(REFRESH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.refresh().await {
                tracing::debug!(%error, "the state of PBXs is not refreshed");
            }
            self.show();
        }
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        let at = Instant::now();
        let mut transaction = self.database.read(at + REFRESH).await?;
        let states = pbx_states::live(&mut transaction).await?;
        transaction.commit().await?;
        self.live.replace(states, at);
        Ok(())
    }

    fn show(&self) {
        let versions = self.live.versions();
        self.metrics.live.show(self.live.active_calls(), &versions);
        let told = self.live.queues();
        let gauges = &self.metrics.call_center;
        for queue in self.queues.0.keys() {
            let labels = [queue.as_str()];
            if let Some((length, agents)) = told.get(queue) {
                gauges.queue_length.with_label_values(&labels).set(*length);
                let available = gauges.agents_available.with_label_values(&labels);
                available.set(*agents);
            } else {
                let _ = gauges.queue_length.remove_label_values(&labels);
                let _ = gauges.agents_available.remove_label_values(&labels);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(active_calls: u32, version: &str, seconds: u64) -> LivePbx {
        LivePbx {
            active_calls,
            version: version.to_owned(),
            queues: vec![QueueState {
                queue: "support".to_owned(),
                length: active_calls,
                agents_available: 1,
            }],
            remaining: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn what_a_pbx_has_said_is_added_up_until_it_no_longer_holds() {
        let live = LiveCalls::default();
        assert_eq!(live.active_calls(), None);
        for (age, calls, versions, queue) in [
            (0, Some(42), vec!["0.5.0", "0.5.1"], Some((42, 3))),
            (20, Some(2), vec!["0.5.1"], Some((2, 2))),
            (40, Some(0), vec![], Some((0, 1))),
            (60, None, vec![], None),
        ] {
            let states = vec![
                state(40, "0.5.0", 10),
                state(2, "0.5.1", 30),
                state(0, "", 50),
            ];
            let at = Instant::now().checked_sub(Duration::from_secs(age));
            live.replace(states, at.unwrap());
            assert_eq!(live.active_calls(), calls, "{age}");
            assert!(live.versions().iter().eq(&versions), "{versions:?}");
            assert_eq!(live.queues().get("support").copied(), queue, "{age}");
        }
    }
}
