//! Writes what the job loops say: statuses and events, a few a second however many clusters have news.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::runtime::events::{Event, EventType};
use serde_json::{Value, json};
use telecom_crds::{JobName, TelecomCluster, TelecomClusterStatus};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::cluster::summary::Report;
use super::inputs::Inputs;
use super::notice::Notice;
use crate::apply::{WriteError, Writer};
use crate::events::Events;
use crate::metrics::Metrics;
use crate::stores::ClusterKey;

/// Twenty writes a second.
const BETWEEN_WRITES: Duration = Duration::from_millis(50);
/// After a write that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Events that wait; more than these are dropped, the oldest first.
const MOST_EVENTS: usize = 5000;

#[derive(Default)]
struct Queue {
    /// The newest status of each cluster that has one to write.
    reports: HashMap<ClusterKey, Report>,
    /// Clusters whose status is in a hurry, in their order.
    edges: VecDeque<ClusterKey>,
    /// The others.
    turns: VecDeque<ClusterKey>,
    /// Clusters in `edges`.
    hurried: HashSet<ClusterKey>,
    events: VecDeque<(ObjectReference, Event)>,
}

/// One thing to write.
enum Write {
    Status(Box<Report>),
    Event(Box<(ObjectReference, Event)>),
}

/// The queue of what is to be written.
#[derive(Default)]
pub struct Reporter {
    queue: Mutex<Queue>,
    news: Notify,
    /// What was written last of each cluster.
    written: Mutex<HashMap<ClusterKey, Report>>,
}

impl Reporter {
    /// Takes a status; a newer one takes the place of one that still waits.
    pub fn report(&self, report: Report, edge: bool) {
        let key = report.key.clone();
        let mut queue = lock(&self.queue);
        let waited = queue.reports.insert(key.clone(), report).is_some();
        if edge && queue.hurried.insert(key.clone()) {
            queue.edges.push_back(key);
        } else if !edge && !waited {
            queue.turns.push_back(key);
        }
        self.news.notify_one();
    }

    /// Takes an event.
    pub fn tell(&self, inputs: &Inputs, job: Option<JobName>, notice: &Notice) {
        let note = notice.sentence(job);
        log(&inputs.key, job, notice, &note);
        let event = Event {
            type_: notice.type_(),
            reason: notice.reason().to_owned(),
            note: Some(note),
            // The recorder folds events of one reason and action: other jobs' are others.
            action: job.map_or_else(|| "RunJob".to_owned(), |job| format!("RunJob/{job}")),
            secondary: None,
        };
        let mut queue = lock(&self.queue);
        queue.events.push_back((inputs.reference.clone(), event));
        if queue.events.len() > MOST_EVENTS {
            queue.events.pop_front();
            tracing::warn!("more events of jobs than can be written: the oldest is dropped");
        }
        self.news.notify_one();
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, key: &ClusterKey) {
        lock(&self.queue).reports.remove(key);
        lock(&self.written).remove(key);
    }

    /// Writes, until the future is dropped.
    pub async fn run(&self, writer: &Writer, events: &Events, metrics: &Metrics) {
        let mut turns = interval(BETWEEN_WRITES);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let Some(write) = self.next() else {
                self.news.notified().await;
                continue;
            };
            match write {
                Write::Status(report) => {
                    let healthy = &report.healthy;
                    metrics.show_condition(&report.key, &healthy.type_, &healthy.status);
                    if lock(&self.written).get(&report.key) == Some(&*report) {
                        continue;
                    }
                    turns.tick().await;
                    if !self.write(writer, *report).await {
                        sleep(AFTER_FAILURE).await;
                    }
                }
                Write::Event(event) => {
                    turns.tick().await;
                    let (regarding, event) = *event;
                    events.send(&regarding, event).await;
                }
            }
        }
    }

    fn next(&self) -> Option<Write> {
        let mut queue = lock(&self.queue);
        while let Some(key) = queue.edges.pop_front() {
            queue.hurried.remove(&key);
            if let Some(report) = queue.reports.remove(&key) {
                return Some(Write::Status(Box::new(report)));
            }
        }
        if let Some(event) = queue.events.pop_front() {
            return Some(Write::Event(Box::new(event)));
        }
        while let Some(key) = queue.turns.pop_front() {
            if let Some(report) = queue.reports.remove(&key) {
                return Some(Write::Status(Box::new(report)));
            }
        }
        None
    }

    /// False when it has to be tried again.
    async fn write(&self, writer: &Writer, report: Report) -> bool {
        let key = report.key.clone();
        let patch = patch(&report);
        match writer.jobs_status(&key.namespace, &key.name, &patch).await {
            Ok(()) => {
                lock(&self.written).insert(key, report);
                true
            }
            // It is gone, or another of the same name has come: nobody is left to tell.
            Err(error) if has_code(&error, &[404, 409]) => true,
            // It would be refused again and again; others wait.
            Err(error) if has_code(&error, &[400, 403, 422]) => {
                tracing::error!(cluster = %key, %error, "the status of jobs is refused");
                true
            }
            Err(error) => {
                if !matches!(error, WriteError::NotLeader) {
                    tracing::warn!(cluster = %key, %error, "the status of jobs could not be written");
                }
                let mut queue = lock(&self.queue);
                queue.reports.entry(key.clone()).or_insert(report);
                if queue.hurried.insert(key.clone()) {
                    queue.edges.push_back(key);
                }
                false
            }
        }
    }
}

/// The line beside the event. That a run overlaps the next slot is told whenever a streak of such begins: a server that
/// is just fast enough would fill the log.
fn log(cluster: &ClusterKey, job: Option<JobName>, notice: &Notice, note: &str) {
    let (job, reason) = (job.map_or("", JobName::as_str), notice.reason());
    match (notice, notice.type_()) {
        (Notice::AlreadyActive { .. }, _) => tracing::debug!(%cluster, job, reason, "{note}"),
        (_, EventType::Normal) => tracing::info!(%cluster, job, reason, "{note}"),
        (_, EventType::Warning) => tracing::warn!(%cluster, job, reason, "{note}"),
    }
}

fn has_code(error: &WriteError, codes: &[u16]) -> bool {
    error
        .status()
        .is_some_and(|status| codes.contains(&status.code))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn patch(report: &Report) -> Value {
    let status = TelecomClusterStatus {
        jobs: report.jobs.clone(),
        conditions: vec![report.healthy.clone()],
        last_handled_request: report.last_handled_request.clone(),
        last_job: report.last_job.clone(),
        next_job: report.next_job.clone(),
        ..TelecomClusterStatus::default()
    };
    json!({
        "apiVersion": TelecomCluster::api_version(&()),
        "kind": TelecomCluster::kind(&()),
        "metadata": { "name": report.key.name, "uid": report.uid },
        "status": status,
    })
}
