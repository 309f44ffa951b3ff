//! Leader election over one Lease: who may write, and until when.
//!
//! The rules follow client-go's elector, with two differences that keep two leaders from writing at once: expiry is
//! judged by how long this process has seen no change of the Lease (never by the other side's clock), and a leader
//! stops by its own monotonic deadline, well before anyone else may take the Lease.
//! kubert's lease manager was looked at first: it compares the holder's `renewTime` with the local wall clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

mod levels;

pub use levels::{Levels, without_kube};

/// How long the Lease says that its holder may be silent, in seconds.
const LEASE_SECONDS: i32 = 15;
/// How long after the sending of its last successful renewal a leader goes on writing.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long after its last renewal a leader that the apiserver does not answer goes on running jobs: nobody
/// can take over while it is away, and should somebody, the servers let one run of a slot be.
const TENURE: Duration = Duration::from_mins(5);
/// How often a leader renews.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// How often a standby looks, and a leader tries again after a failure.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// A request about the Lease that takes longer is given up.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Where the Lease lives and who asks for it.
#[derive(Clone, Debug)]
pub struct LeaseIdentity {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Name of this process, unique among the candidates (the Pod's name).
    pub identity: String,
}

/// The shared answer to "may this process write now?".
#[derive(Clone)]
pub struct Leadership {
    held: watch::Sender<Option<Instant>>,
    /// Until when jobs are run.
    tenure: watch::Sender<Option<Instant>>,
}

impl Default for Leadership {
    fn default() -> Self {
        Self::new()
    }
}

impl Leadership {
    /// A leadership that nobody holds yet.
    pub fn new() -> Self {
        Self {
            held: watch::Sender::new(None),
            tenure: watch::Sender::new(None),
        }
    }

    /// The moment at which this process must have stopped writing; none when it does not lead.
    pub fn deadline(&self) -> Option<Instant> {
        (*self.held.borrow()).filter(|deadline| *deadline > Instant::now())
    }

    /// Whether this process leads at this moment.
    pub fn holds(&self) -> bool {
        self.deadline().is_some()
    }

    /// Waits until this process becomes leader (at once when it already is).
    pub async fn acquired(&self) {
        let mut seen = self.held.subscribe();
        // The sender lives as long as self, so the wait cannot fail.
        let _ = seen.wait_for(Option::is_some).await;
    }

    /// Waits until this process is known to lead no longer.
    pub async fn lost(&self) {
        let mut seen = self.held.subscribe();
        let _ = seen.wait_for(Option::is_none).await;
    }

    /// Whether this process runs jobs: it leads, or led until the apiserver went away a moment ago.
    pub fn may_run_jobs(&self) -> bool {
        self.tenure
            .borrow()
            .is_some_and(|until| until > Instant::now())
    }

    /// Waits until this process may no longer run jobs (at once when it may not).
    pub async fn tenure_over(&self) {
        let mut seen = self.tenure.subscribe();
        loop {
            let until = *seen.borrow_and_update();
            let Some(until) = until.filter(|until| *until > Instant::now()) else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep_until(until.into()) => {}
                // The sender lives as long as self.
                _ = seen.changed() => {}
            }
        }
    }

    fn extend(&self, sent: Instant) -> bool {
        self.tenure.send_replace(Some(sent + TENURE));
        self.held.send_replace(Some(sent + DEADLINE)).is_none()
    }

    /// Nobody is known to have taken over.
    fn lose(&self) -> bool {
        self.held.send_replace(None).is_some()
    }

    fn end(&self) -> bool {
        self.tenure.send_replace(None);
        self.lose()
    }
}

/// What one look at the Lease allows.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Decision {
    /// Nobody holds it, or its holder has been silent for too long.
    Take,
    /// It is ours already.
    Renew,
    /// Somebody else holds it.
    Wait,
}

/// What has been seen of the Lease, by this process's own clock.
#[derive(Debug)]
struct Observer {
    identity: String,
    version: Option<String>,
    changed_at: Instant,
}

impl Observer {
    fn new(identity: &str, now: Instant) -> Self {
        Self {
            identity: identity.to_owned(),
            version: None,
            changed_at: now,
        }
    }

    fn decide(&mut self, lease: &Lease, now: Instant) -> Decision {
        let version = lease.metadata.resource_version.clone();
        if self.version != version || self.version.is_none() {
            self.version = version;
            self.changed_at = now;
        }
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
        let Some(holder) = holder else {
            return Decision::Take;
        };
        if holder == self.identity {
            return Decision::Renew;
        }
        let seconds = spec.lease_duration_seconds.unwrap_or(LEASE_SECONDS).max(1);
        let patience = Duration::from_secs(u64::from(seconds.unsigned_abs()));
        if now.duration_since(self.changed_at) >= patience {
            Decision::Take
        } else {
            Decision::Wait
        }
    }
}

/// Takes part in the election until told to stop, then gives the Lease back.
pub struct Elector {
    leases: Api<Lease>,
    name: String,
    observer: Observer,
    ours: Option<Lease>,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    levels: Levels,
    /// Requests about the Lease fail, and that has been told.
    failing: bool,
}

impl Elector {
    /// An elector for the given Lease that reports to `leadership`.
    pub fn new(
        client: Client,
        who: &LeaseIdentity,
        leadership: Leadership,
        metrics: Arc<Metrics>,
        levels: Levels,
    ) -> Self {
        Self {
            leases: Api::namespaced(client, &who.namespace),
            name: who.name.clone(),
            observer: Observer::new(&who.identity, Instant::now()),
            ours: None,
            leadership,
            metrics,
            levels,
            failing: false,
        }
    }

    /// Runs the election. Returns after `stop` is cancelled and the Lease has been given back.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let pause = tokio::select! {
                () = stop.cancelled() => break,
                pause = self.round() => pause,
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.release().await;
    }

    async fn round(&mut self) -> Duration {
        // The deadline counts from before the request is sent: whatever the apiserver stored, it stored later.
        let sent = Instant::now();
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.attempt()).await;
        if matches!(answer, Ok(Ok(_))) && std::mem::take(&mut self.failing) {
            tracing::info!("the Lease can be read and renewed again");
        }
        match answer {
            Ok(Ok(true)) => {
                if self.leadership.extend(sent) {
                    tracing::info!(identity = %self.observer.identity, "this process leads now");
                }
                self.metrics.leader.set(1);
                RENEW_EVERY
            }
            Ok(Ok(false)) => {
                self.leadership.end();
                self.step_down("another process holds the Lease");
                RETRY_EVERY
            }
            Ok(Err(error)) => self.fail(&error.to_string()),
            Err(_) => self.fail("a request about it took too long"),
        }
    }

    /// Told once: it is tried again every second.
    fn fail(&mut self, error: &str) -> Duration {
        self.ours = None;
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(
                error,
                "the Lease could not be read or renewed; it is tried again"
            );
        }
        if !self.leadership.holds() {
            self.step_down("the Lease was not renewed in time");
        }
        RETRY_EVERY
    }

    fn step_down(&mut self, why: &str) {
        self.ours = None;
        self.metrics.leader.set(0);
        if self.leadership.lose() {
            tracing::warn!(why, "this process leads no longer");
        }
    }

    /// One try to hold the Lease: true when it is ours afterwards.
    async fn attempt(&mut self) -> Result<bool, kube::Error> {
        let lease = match self.ours.take() {
            Some(lease) => lease,
            None => match self.leases.get_opt(&self.name).await? {
                Some(lease) => lease,
                None => return self.create().await,
            },
        };
        self.levels.follow(&lease);
        let taken = match self.observer.decide(&lease, Instant::now()) {
            Decision::Wait => return Ok(false),
            Decision::Renew => renewed(lease),
            Decision::Take => taken(lease, &self.observer.identity),
        };
        match self
            .leases
            .replace(&self.name, &PostParams::default(), &taken)
            .await
        {
            Ok(stored) => {
                self.ours = Some(stored);
                Ok(true)
            }
            // Somebody wrote between our look and our write: look again at once, the answer decides.
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                let lease = self.leases.get(&self.name).await?;
                self.levels.follow(&lease);
                let ours = self.observer.decide(&lease, Instant::now()) == Decision::Renew;
                self.ours = ours.then_some(lease);
                Ok(ours)
            }
            Err(error) => Err(error),
        }
    }

    async fn create(&mut self) -> Result<bool, kube::Error> {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
        };
        let lease = taken(lease, &self.observer.identity);
        match self.leases.create(&PostParams::default(), &lease).await {
            Ok(stored) => {
                self.levels.follow(&stored);
                self.ours = Some(stored);
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives the Lease back, so that a standby need not wait for it to expire.
    async fn release(&mut self) {
        let ours = self.ours.take();
        self.leadership.end();
        self.step_down("shutting down");
        let Some(mut lease) = ours else { return };
        if let Some(spec) = lease.spec.as_mut() {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        let params = PostParams::default();
        let replaced = self.leases.replace(&self.name, &params, &lease);
        match tokio::time::timeout(REQUEST_TIMEOUT, replaced).await {
            Ok(Ok(_)) => tracing::info!("the Lease has been given back"),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the Lease could not be given back; it expires by itself");
            }
            Err(_) => tracing::warn!("giving the Lease back took too long; it expires by itself"),
        }
    }
}

fn renewed(mut lease: Lease) -> Lease {
    let spec = lease.spec.get_or_insert_default();
    spec.renew_time = Some(MicroTime(Timestamp::now()));
    spec.lease_duration_seconds = Some(LEASE_SECONDS);
    lease
}

fn taken(mut lease: Lease, identity: &str) -> Lease {
    let now = MicroTime(Timestamp::now());
    let transitions = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.lease_transitions)
        .unwrap_or(-1);
    lease.spec = Some(LeaseSpec {
        acquire_time: Some(now.clone()),
        renew_time: Some(now),
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: Some(LEASE_SECONDS),
        lease_transitions: Some(transitions.saturating_add(1)),
        ..LeaseSpec::default()
    });
    lease
}

#[cfg(test)]
mod tests;
