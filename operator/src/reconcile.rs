//! One look at one cluster, from the manifest to its status.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::{Client, ResourceExt};
use telecom_crds::TelecomCluster;

use crate::apply::{Applier, WriteError, Writer};
use crate::build::{self, BuildError, Plan};
use crate::dereference::{self, ReadError, World};
use crate::discovery::Served;
use crate::events::Events;
use crate::jobs::loops::Loops;
use crate::metrics::Metrics;
use crate::podreason::Asker;
use crate::references::Facts;
use crate::secrets::Secrets;
use crate::status::Written;
use crate::stores::{ClusterKey, Stores};
use crate::validate::{self, OperatorDefaults, Problem, Validated};

mod availability;
mod carry_out;
mod database;
mod findings;
mod generate;
mod jobs;
mod report;
mod unparsable;
mod upgrades;

pub use carry_out::Announced;
pub use unparsable::{Reported, report_unparsable};
pub use upgrades::Upgrades;

use carry_out::Progress;

/// Everything is looked at again after this time even if nothing happened; it costs no request.
pub const RESYNC: Duration = Duration::from_mins(10);
/// A cluster that waits for its turn to be upgraded asks again after this time.
const TURN: Duration = Duration::from_secs(10);

/// What every reconcile shares.
pub struct Context {
    /// The apiserver.
    pub client: Client,
    /// The door for writes.
    pub writer: Writer,
    /// Puts and removes objects.
    pub applier: Applier,
    /// Live objects.
    pub stores: Arc<Stores>,
    /// Live Secrets.
    pub secrets: Arc<Secrets>,
    /// What the operator brings along.
    pub defaults: OperatorDefaults,
    /// Statuses written.
    pub written: Written,
    /// Tells people.
    pub events: Events,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Asks Pods.
    pub asker: Asker,
    /// Lets a few clusters at a time move to the operator's own version.
    pub upgrades: Upgrades,
    /// Migration attempts that were announced by deleting the failed Job.
    pub announced: Announced,
    /// Unparsable manifests that were reported.
    pub unparsable: Reported,
    /// Whether the kind ServiceMonitor is served, as far as is known.
    pub monitors: tokio::sync::watch::Receiver<Served>,
    /// The job loops.
    pub loops: Arc<Loops>,
}

impl Context {
    /// Forgets a cluster that is gone.
    pub fn forget(&self, key: &ClusterKey) {
        self.applier.memo.forget(key);
        self.applier.deeds.take(key);
        self.secrets.forget(key);
        self.written.forget(key);
        self.metrics.forget(key);
        self.upgrades.release(key);
        self.announced.take(key);
        self.unparsable.forget(key);
        self.loops.remove(key);
    }
}

/// Why a reconcile has to be tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The world could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The objects could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The world could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What a reconcile knows when it comes to saying how things stand.
struct Look<'a> {
    cluster: &'a TelecomCluster,
    world: &'a World,
    /// The cluster as it can be carried out, and how; or what is wrong with it.
    wanted: Result<(&'a Validated, &'a Plan), &'a [Problem]>,
    progress: &'a Progress,
    /// Whether the kind `ServiceMonitor` exists here.
    monitors: bool,
    /// What a Pod that is not ready said, if one was asked.
    answer: Option<findings::Answer>,
    /// A newer image waits for its turn.
    upgrade_waits: bool,
    now: Timestamp,
}

/// Reconciles one cluster and says after which time to look again.
pub async fn reconcile(cluster: &TelecomCluster, context: &Context) -> Result<Duration, Error> {
    let key = ClusterKey::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    if cluster.metadata.deletion_timestamp.is_some() {
        // What it owns is collected with it; anything written now would stand in the way.
        context.loops.remove(&key);
        return Ok(RESYNC);
    }
    let shelf = context.stores.shelf(&key);
    let (mut world, secrets) =
        dereference::dereference(&context.client, &context.secrets, &key, cluster, shelf).await?;
    let monitors = *context.monitors.borrow() == Served::Yes;
    let mut facts = Facts {
        secrets,
        live: dereference::live(&key.name, &world, monitors, context.upgrades.holds(&key)),
    };
    let (validated, upgrade_waits) = validate_in_turn(context, &key, cluster, &mut facts);

    let (wanted, mut progress) = match &validated {
        Ok(cluster) => {
            let plan = build::build(cluster, &facts, &generate::generate())?;
            (Ok((cluster, plan)), Progress::default())
        }
        Err(problems) => (Err(problems.as_slice()), Progress::default()),
    };
    if let Ok((_, plan)) = &wanted {
        progress = if cluster.spec.paused {
            carry_out::look_only(plan, &world)?
        } else {
            carry_out::carry_out(context, &key, cluster, &mut world, plan).await?
        };
    }
    let now = Timestamp::now();
    let asked = findings::ask(context, &world, now).await;
    let look = Look {
        cluster,
        world: &world,
        wanted: wanted
            .as_ref()
            .map(|(cluster, plan)| (*cluster, plan))
            .map_err(|problems| *problems),
        progress: &progress,
        monitors,
        answer: asked.answer,
        upgrade_waits,
        now,
    };
    if jobs::is_leaving(&look) {
        context.loops.remove(&key);
    } else {
        context.loops.update(jobs::inputs(&look, &key));
    }
    let findings = findings::findings(&look);
    report::report(context, &key, &look, &findings).await?;
    if !upgrade_waits && availability::rolled_out(&world) {
        context.upgrades.release(&key);
    }
    if let Some(error) = progress.error.take() {
        return Err(error.into());
    }
    let again = [progress.again, asked.again, upgrade_waits.then_some(TURN)];
    Ok(again.into_iter().flatten().min().unwrap_or(RESYNC))
}

/// Validates, and lets the cluster move to the operator's own image if it is its turn. Also tells
/// whether it has to wait for that.
fn validate_in_turn(
    context: &Context,
    key: &ClusterKey,
    cluster: &TelecomCluster,
    facts: &mut Facts,
) -> (Result<Validated, Vec<Problem>>, bool) {
    let waits = |validated: &Result<Validated, Vec<Problem>>| {
        validated
            .as_ref()
            .is_ok_and(|cluster| cluster.image.upgrade.is_some())
    };
    let mut validated = validate::validate(cluster, facts, &context.defaults);
    if waits(&validated) && !cluster.spec.paused && context.upgrades.acquire(key) {
        facts.live.may_upgrade = true;
        validated = validate::validate(cluster, facts, &context.defaults);
    }
    let still = waits(&validated);
    (validated, still)
}
