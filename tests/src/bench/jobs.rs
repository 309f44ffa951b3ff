//! The job loops of many clusters, beside as many `CronJobs`.
//!
//! An etcd, an apiserver and the operator as processes of their own, and one server in place of all clusters' servers
//! that only counts. Whoever would run Pods is not there: what they would write is written for them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::report::Sheet;

pub mod all_loops;
pub mod audit;
pub mod clusters;
pub mod counting;
pub mod cronjobs;
pub mod figures;
pub mod one_second;
pub mod operator;
pub mod plane;
pub mod process;

use counting::Counting;
use cronjobs::Pace;
use operator::Operator;
use plane::Plane;

/// Jobs of a cluster.
const JOBS: u32 = 5;
/// All clusters are there by then.
const PATIENCE: Duration = Duration::from_mins(5);
/// The operator is left alone so long before its memory is weighed.
const IDLE: Duration = Duration::from_secs(5);
/// Looks at the operator in a row that have to show nothing new, a second apart.
const QUIET_LOOKS: u32 = 5;

/// The operator is watched so long to see how much it writes.
const CALM: Duration = Duration::from_secs(5);
/// Each cluster's status is written once in so many seconds when there is no news.
const TURN: f64 = 300.0;

/// What the rows of the jobs are measured with.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The operator to measure.
    #[arg(
        long,
        env = "BENCH_OPERATOR",
        default_value = "target/release/telecom-operator"
    )]
    pub operator: PathBuf,
    /// Where etcd, kube-apiserver and kube-controller-manager are.
    #[arg(long, env = "BENCH_TOOLS", default_value = ".cluster/bin")]
    pub tools: PathBuf,
    /// Clusters, with five jobs each.
    #[arg(long, env = "BENCH_CLUSTERS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub clusters: u32,
    /// Seconds at which all jobs are due.
    #[arg(long, env = "BENCH_SLOTS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub slots: u32,
    /// How long all loops run as they do by default, in seconds.
    #[arg(long, env = "BENCH_LOOPS_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(10..=3600))]
    pub loops_seconds: u64,
}

/// Everything that takes part.
pub struct Scene {
    operator: Operator,
    counting: Counting,
    _hands: clusters::Hands,
    plane: Plane,
    count: u32,
    idle_mebibytes: f64,
}

impl Scene {
    async fn new(settings: &Settings) -> Result<Self> {
        let plane = Plane::start(&settings.tools).await?;
        let counting = Counting::start()?;
        let mut operator = Operator::start(&settings.operator, &plane, counting.address).await?;
        sleep(IDLE).await;
        operator.check().await?;
        let idle_mebibytes = operator.process.resident_mebibytes()?;
        let hands = clusters::Hands::new(&plane.client);
        Ok(Self {
            operator,
            counting,
            _hands: hands,
            plane,
            count: settings.clusters,
            idle_mebibytes,
        })
    }

    /// Makes the clusters and waits until the jobs of all run.
    async fn fill(&mut self, sheet: &mut Sheet) -> Result<()> {
        let begun = Instant::now();
        let count = usize::try_from(self.count)?;
        clusters::create(&self.plane.client, self.count, &clusters::each_minute()).await?;
        while self.counting.seeded() < count {
            self.check().await?;
            ensure!(
                begun.elapsed() < PATIENCE,
                "the jobs of {} of {count} clusters do not run: {}",
                count - self.counting.seeded(),
                self.operator.process.last_words()
            );
            sleep(Duration::from_millis(200)).await;
        }
        let took = begun.elapsed().as_secs_f64();
        sheet.add("clusters made, until the jobs of all run", "s", took);
        loop {
            let health = clusters::health(&self.plane.client).await?;
            if health.well == count {
                return self.settle().await;
            }
            self.check().await?;
            ensure!(
                begun.elapsed() < PATIENCE,
                "not all jobs are well: {health:?}"
            );
            sleep(Duration::from_secs(2)).await;
        }
    }

    /// Waits until nothing is reconciled any more.
    async fn quiet(&mut self) -> Result<()> {
        let (begun, mut looks, mut before) = (Instant::now(), 0, -1.0);
        while looks < QUIET_LOOKS {
            sleep(Duration::from_secs(1)).await;
            self.check().await?;
            let reconciles = self.operator.reconciles().await?;
            looks = if (reconciles - before).abs() < 0.5 {
                looks + 1
            } else {
                0
            };
            before = reconciles;
            ensure!(
                begun.elapsed() < PATIENCE,
                "the operator goes on reconciling"
            );
        }
        Ok(())
    }

    /// Waits until nothing is reconciled and no news are written any more.
    async fn settle(&mut self) -> Result<()> {
        self.quiet().await?;
        ensure!(self.calm(PATIENCE).await?, "the operator goes on writing");
        Ok(())
    }

    /// Whether the operator comes to write no more than it does when all is well: it takes a while after each of many
    /// clusters had news.
    async fn calm(&mut self, patience: Duration) -> Result<bool> {
        let begun = Instant::now();
        let few = CALM.as_secs_f64() * (1.0 + 2.0 * f64::from(self.count) / TURN);
        while begun.elapsed() < patience {
            let mark = self.plane.audit().mark()?;
            sleep(CALM).await;
            self.check().await?;
            let requests = self.plane.audit().since(mark, operator::AGENT)?;
            if requests.writes().count() <= few {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An error once that which is measured is no longer what is meant.
    async fn check(&mut self) -> Result<()> {
        self.plane.check()?;
        self.operator.check().await
    }

    fn schedules(&self) -> usize {
        schedules(self.count)
    }
}

fn schedules(clusters: u32) -> usize {
    usize::try_from(clusters * JOBS).unwrap_or(usize::MAX)
}

/// Says on standard error how far it is.
pub(super) fn say(text: &str) {
    eprintln!("jobs: {text}");
}

/// Measures all of it. An interrupt ends what was started.
pub async fn measure(settings: &Settings, sheet: &mut Sheet) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        measured = all(settings, sheet) => measured,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn all(settings: &Settings, sheet: &mut Sheet) -> Result<()> {
    for tool in ["etcd", "kube-apiserver", "kube-controller-manager"] {
        let path = settings.tools.join(tool);
        ensure!(
            path.exists(),
            "{} is not there: UP_ONLY=tools tests/cluster/up.sh builds it",
            path.display()
        );
    }
    let mut scene = Scene::new(settings).await?;
    say(&format!("{} clusters are made", settings.clusters));
    scene.fill(sheet).await?;
    say(&format!("{} times all at one second", settings.slots));
    one_second::measure(&mut scene, sheet, settings.slots).await?;
    say("their jobs become those of the defaults");
    clusters::set_jobs(&scene.plane.client, scene.count, &serde_json::Value::Null).await?;
    scene.settle().await?;
    say(&format!("all loops for {} s", settings.loops_seconds));
    all_loops::measure(&mut scene, sheet, settings.loops_seconds).await?;
    say("all servers fail");
    all_loops::fail(&mut scene, sheet).await?;
    drop(scene);
    let count = schedules(settings.clusters);
    say(&format!("{count} CronJobs, requests unlimited"));
    let writes = cronjobs::measure(&settings.tools, sheet, count, Pace::Unlimited).await?;
    say(&format!("{count} CronJobs, requests at their default rate"));
    cronjobs::measure(&settings.tools, sheet, count, Pace::Default).await?;
    if let Some(writes) = writes {
        sheet.add("CronJobs: writes for each run, to its end", "", writes);
        let runs = sheet.median("all loops: runs");
        sheet.add(
            "CronJobs: writes for as many runs as all loops had",
            "1/s",
            writes * runs,
        );
    }
    Ok(())
}
