//! The life of the process: start, watch, lead or stand by, and stop in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::{Client, Config};
use telecom_telemetry::LogFilter;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::apply::{Applier, Writer};
use crate::backoff::Backoff;
use crate::controller::{self, Shared};
use crate::discovery::{self, Served};
use crate::events::Events;
use crate::http::{self, Door};
use crate::jobs::loops::Loops;
use crate::jobs::pods::Pods;
use crate::jobs::reporter::Reporter;
use crate::jobs::task::Tools;
use crate::kinds::Kind;
use crate::leader::{Elector, Leadership, LeaseIdentity, Levels};
use crate::metrics::Metrics;
use crate::podreason::Asker;
use crate::reconcile::{Announced, Context, Reported, Upgrades};
use crate::status::Written;
use crate::validate::OperatorDefaults;
use crate::watches::{Eyes, Scope, Triggers};

mod desks;
mod monitors;

use desks::{Desk, desks, watch_scope};

/// How long reconciles may take to end at shutdown.
const DRAIN: Duration = Duration::from_secs(10);

/// Everything that a start needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Namespaces to watch; empty for all.
    pub namespaces: Vec<String>,
    /// Label selector of the manifests to act on.
    pub selector: Option<String>,
    /// The Lease and our name on it.
    pub lease: LeaseIdentity,
    /// Server image of the operator's own version.
    pub server_image: String,
    /// Image of the embedded database.
    pub postgres_image: String,
    /// Namespace of the operator's Pods, when it runs in one.
    pub own_namespace: Option<String>,
    /// Reconciles at once.
    pub concurrency: u16,
    /// Whether initial lists are streamed.
    pub streaming_lists: bool,
    /// How often to ask for the kind ServiceMonitor.
    pub discovery_interval: Duration,
    /// Host and port at which every server is asked for its jobs, instead of its Service: for benchmarks.
    pub server_endpoint: Option<String>,
}

/// A start that failed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no way to the apiserver.
    #[error("no way to the apiserver: {0}")]
    Client(#[from] kube::Error),
    /// The HTTP door ended.
    #[error("the HTTP listener failed: {0}")]
    Http(#[from] std::io::Error),
    /// A task of the process panicked.
    #[error("a task ended unexpectedly: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// A watch ended by itself.
    #[error("a watch ended unexpectedly")]
    Watch,
}

/// The client that the operator talks to the apiserver with.
pub fn client(mut config: Config) -> Result<Client, kube::Error> {
    let agent = concat!("telecom-operator/", env!("CARGO_PKG_VERSION"));
    config.headers.push((
        ::http::header::USER_AGENT,
        ::http::HeaderValue::from_static(agent),
    ));
    Client::try_from(config)
}

/// Runs until `stop` is cancelled.
pub async fn run(
    options: Options,
    client: Client,
    listener: TcpListener,
    metrics: Arc<Metrics>,
    log_filter: LogFilter,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let (filled, synced) = watch::channel(false);
    let door = Door {
        metrics: Arc::clone(&metrics),
        synced: synced.clone(),
        started: Instant::now(),
    };
    let last = CancellationToken::new();
    let served = tokio::spawn(http::serve(listener, door, last.clone()));
    let leadership = Leadership::new();
    let elector = Elector::new(
        client.clone(),
        &options.lease,
        leadership.clone(),
        Arc::clone(&metrics),
        Levels::new(log_filter),
    );
    let election_over = CancellationToken::new();
    let elected = tokio::spawn(elect(elector, synced, election_over.clone()));

    let worked = match parts(&options, client, metrics, leadership).await {
        Ok(parts) => work(&options, parts, filled, stop).await,
        Err(error) => Err(error),
    };
    // The Lease is given back only when nothing writes any more.
    election_over.cancel();
    elected.await?;
    last.cancel();
    served.await??;
    worked
}

/// Stands for election as soon as there is something to lead with: a process that cannot watch
/// must not keep one that can from acting.
async fn elect(elector: Elector, mut synced: watch::Receiver<bool>, over: CancellationToken) {
    let filled = tokio::select! {
        () = over.cancelled() => false,
        filled = synced.wait_for(|filled| *filled) => filled.is_ok(),
    };
    if filled {
        elector.run(over).await;
    }
}

/// The parts of a running operator, before anything runs.
struct Parts {
    eyes: Eyes,
    shared: Arc<Shared>,
    desks: Vec<Desk>,
    finder: monitors::Finder,
    reporter: Arc<Reporter>,
    /// How many watches have to be filled before anything is reconciled.
    expected: usize,
}

async fn parts(
    options: &Options,
    client: Client,
    metrics: Arc<Metrics>,
    leadership: Leadership,
) -> Result<Parts, StartError> {
    let (desks, triggers) = desks(options);
    let eyes = Eyes {
        client: client.clone(),
        stores: Arc::default(),
        secrets: Arc::default(),
        memo: Arc::default(),
        metrics,
        triggers: Arc::new(triggers),
        streaming_lists: options.streaming_lists,
    };
    let (found, monitors) = watch::channel(Served::Unknown);
    let defaults = OperatorDefaults {
        server_image: options.server_image.clone(),
        postgres_image: options.postgres_image.clone(),
        operator_namespace: options.own_namespace.clone(),
        assigned_uids: discovery::assigns_uids(&client).await?,
    };
    let identity = &options.lease.identity;
    let reporter = Arc::new(Reporter::default());
    let pods = Pods {
        writer: writer(&eyes, &leadership),
        stores: Arc::clone(&eyes.stores),
    };
    let tools = Tools {
        client,
        endpoint: options.server_endpoint.clone(),
        places: Tools::places(),
        reporter: Arc::clone(&reporter),
        metrics: eyes.metrics.jobs.clone(),
        pods,
    };
    let loops = Arc::new(Loops::new(tools, leadership.clone()));
    let shared = Arc::new(Shared {
        context: context(&eyes, &leadership, defaults, identity, monitors, loops),
        places: Semaphore::new(usize::from(options.concurrency.max(1))),
        backoff: Backoff::default(),
        leadership,
    });
    let scopes: Vec<Scope> = desks.iter().map(|desk| desk.scope.clone()).collect();
    Ok(Parts {
        // Besides the owned kinds: Secrets and the manifests.
        expected: scopes.len() * (Kind::WATCHED.len() + 2),
        finder: monitors::Finder::new(eyes.clone(), scopes, found),
        eyes,
        shared,
        desks,
        reporter,
    })
}

async fn work(
    options: &Options,
    parts: Parts,
    filled: watch::Sender<bool>,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let Parts {
        eyes,
        shared,
        desks,
        finder,
        reporter,
        expected,
    } = parts;
    let watching = CancellationToken::new();
    let mut watches = JoinSet::new();
    let mut queues = Vec::new();
    for desk in desks {
        let Desk {
            scope,
            queue,
            writer,
        } = desk;
        queues.push((queue, writer.as_reader()));
        let selector = options.selector.clone();
        watch_scope(
            &mut watches,
            &eyes,
            &shared,
            selector,
            scope,
            writer,
            &watching,
        );
    }
    let ready = async {
        eyes.stores.wait_synced(expected).await;
        finder.first().await
    };
    let finder = tokio::select! {
        finder = ready => finder,
        () = stop.cancelled() => {
            watching.cancel();
            return Ok(());
        }
    };
    filled.send_replace(true);
    tracing::info!("every watch has been filled");
    watches.spawn(finder.run(options.discovery_interval, watching.clone()));
    let mut controllers = JoinSet::new();
    for (queue, manifests) in queues {
        let shared = Arc::clone(&shared);
        controllers.spawn(controller::run(
            shared,
            options.concurrency,
            manifests,
            queue,
        ));
    }
    let Context {
        writer,
        events,
        metrics,
        loops,
        ..
    } = &shared.context;
    let lost = tokio::select! {
        () = lead(&shared.leadership, &eyes.triggers) => None,
        () = loops.follow_leadership() => None,
        () = reporter.run(writer, events, metrics) => None,
        // A watch never ends by itself: without it we would act on what is long past.
        ended = watches.join_next() => ended,
        () = stop.cancelled() => None,
    };

    watching.cancel();
    watches.join_all().await;
    // Without senders the queues end, and with them the controllers once their last reconcile has ended.
    drop(eyes);
    if tokio::time::timeout(DRAIN, controllers.join_all())
        .await
        .is_err()
    {
        tracing::warn!(
            "reconciles were still running after {} s and were cut off",
            DRAIN.as_secs()
        );
    }
    match lost {
        Some(ended) => Err(ended.map_or_else(StartError::Task, |()| StartError::Watch)),
        None => Ok(()),
    }
}

/// Looks at everything each time this process becomes leader.
async fn lead(leadership: &Leadership, triggers: &Triggers) {
    loop {
        leadership.acquired().await;
        triggers.fire_all();
        leadership.lost().await;
    }
}

fn writer(eyes: &Eyes, leadership: &Leadership) -> Writer {
    let metrics = Arc::clone(&eyes.metrics);
    Writer::new(eyes.client.clone(), leadership.clone(), metrics)
}

fn context(
    eyes: &Eyes,
    leadership: &Leadership,
    defaults: OperatorDefaults,
    identity: &str,
    monitors: watch::Receiver<Served>,
    loops: Arc<Loops>,
) -> Context {
    let client = eyes.client.clone();
    let writer = writer(eyes, leadership);
    Context {
        applier: Applier::new(
            client.clone(),
            writer.clone(),
            Arc::clone(&eyes.stores),
            Arc::clone(&eyes.secrets),
            Arc::clone(&eyes.memo),
        ),
        writer,
        stores: Arc::clone(&eyes.stores),
        secrets: Arc::clone(&eyes.secrets),
        defaults,
        written: Written::default(),
        events: Events::new(client.clone(), identity),
        metrics: Arc::clone(&eyes.metrics),
        asker: Asker::default(),
        upgrades: Upgrades::default(),
        announced: Announced::default(),
        unparsable: Reported::default(),
        monitors,
        client,
        loops,
    }
}
