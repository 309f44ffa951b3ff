//! The job loops of all clusters: one task each, for as long as this process may run jobs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::inputs::Inputs;
use super::task::{self, Tools};
use crate::leader::Leadership;
use crate::stores::ClusterKey;

struct Running {
    uid: String,
    inputs: watch::Sender<Arc<Inputs>>,
    _task: AbortOnDropHandle<()>,
}

/// The loops of all clusters.
pub struct Loops {
    tools: Arc<Tools>,
    leadership: Leadership,
    running: Mutex<HashMap<ClusterKey, Running>>,
}

impl Loops {
    /// None run yet.
    pub fn new(tools: Tools, leadership: Leadership) -> Self {
        Self {
            tools: Arc::new(tools),
            leadership,
            running: Mutex::default(),
        }
    }

    /// Takes up what a reconcile has seen of a cluster; its loops begin with the first time.
    pub fn update(&self, inputs: Inputs) {
        if !self.leadership.may_run_jobs() {
            return;
        }
        let inputs = Arc::new(inputs);
        let mut running = self.lock();
        // Another uid is another cluster.
        if let Some(known) = running
            .get(&inputs.key)
            .filter(|known| known.uid == inputs.uid)
        {
            known.inputs.send_replace(inputs);
            return;
        }
        let (sender, receiver) = watch::channel(Arc::clone(&inputs));
        let task = tokio::spawn(task::run(Arc::clone(&self.tools), receiver));
        let begun = Running {
            uid: inputs.uid.clone(),
            inputs: sender,
            _task: AbortOnDropHandle::new(task),
        };
        running.insert(inputs.key.clone(), begun);
    }

    /// Ends the loops of a cluster that is gone or going.
    pub fn remove(&self, key: &ClusterKey) {
        if self.lock().remove(key).is_some() {
            self.tools.reporter.forget(key);
            self.tools.metrics.forget(key);
        }
    }

    /// Ends all loops each time that this process may no longer run jobs. Never returns.
    pub async fn follow_leadership(&self) {
        loop {
            self.leadership.acquired().await;
            self.leadership.tenure_over().await;
            let ended: Vec<_> = self.lock().drain().collect();
            tracing::info!(
                clusters = ended.len(),
                "job loops ended: another may run them"
            );
            for (key, _) in ended {
                self.tools.reporter.forget(&key);
                self.tools.metrics.forget(&key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClusterKey, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
