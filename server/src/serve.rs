//! `serve`: puts the parts together, and takes them apart in the right order.

use std::sync::Arc;
use std::time::Duration;

use telecom_telemetry::{LogFilter, Telemetry};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::access_teller::AccessTeller;
use crate::auth::{Jwks, Keys, Verifier};
use crate::call_intake::CallIntake;
use crate::config::{self, Signing, TelecomConfig};
use crate::domain::{AccessHub, CallService, JobService, MachineService, TelecomCronExecutor};
use crate::failure::Failure;
use crate::job_keeper::JobKeeper;
use crate::live_calls::{LiveCalls, LiveSampler};
use crate::maintenance::Maintenance;
use crate::metrics::{self, Metrics};
use crate::net::{Acceptor, Port, Stop};
use crate::pbx_poller::PbxPoller;
use crate::readiness::Board;
use crate::relay::Relay;
use crate::rpc::Authenticator;
use crate::sampler::Sampler;
use crate::signals::Signals;
use crate::store::schema::{self, Fit, MigrationError};
use crate::store::{Database, Listener, outbox, user_access};
use crate::{http, rpc};

/// What the command line says beyond the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Apply missing migrations first, waiting for the database this long.
    pub migrate: Option<Duration>,
}

/// What `serve` cannot be without, taken from a configuration where it may be absent.
#[derive(Debug)]
pub struct Required {
    /// How PostgreSQL is reached.
    pub database: config::Database,
    /// What tokens are signed with.
    pub keys: Signing,
}

/// The last spans, samples and log lines have this long to get out.
const FLUSH: Duration = Duration::from_secs(4);

/// Serves until told to stop by SIGTERM or SIGINT.
pub async fn serve(
    config: TelecomConfig,
    required: Required,
    options: Options,
) -> Result<(), Failure> {
    let metrics = Metrics::new()?;
    metrics::tell_of_certificates(&metrics.registry, &config.authorities)?;
    let telemetry = telecom_telemetry::init(&config.telemetry, &metrics.registry)?;
    let filter = telemetry.log_filter();
    let result = Box::pin(run(&config, required, options, metrics, filter)).await;
    if let Err(failure) = &result {
        tracing::error!(reason = failure.reason(), "{failure}");
    }
    flush(telemetry).await;
    result
}

async fn flush(telemetry: Telemetry) {
    telemetry.shutdown(FLUSH).await;
}

async fn run(
    config: &TelecomConfig,
    required: Required,
    options: Options,
    metrics: Metrics,
    filter: LogFilter,
) -> Result<(), Failure> {
    if let Some(patience) = options.migrate {
        migrate(&required.database, patience).await?;
    }
    let database = Database::new(&required.database);
    let stop = Stop::default();
    let board = Board::default();
    let (health, health_server) = tonic_health::server::health_reporter();
    mirror(&health, false).await;

    let grpc = Acceptor::bind(Port::Grpc, config.grpc.clone(), metrics.clone()).await?;
    let http = Acceptor::bind(Port::Http, config.http.clone(), metrics.clone()).await?;
    let (keys, jwks) = keys(required.keys);
    let hub = AccessHub::new(database.clone(), config.access_ttl);
    let jobs_stop = CancellationToken::new();
    let (keeper, jobs) = jobs(config, &database, &metrics, jobs_stop.clone());
    let machines = MachineService::new(database.clone());
    let (intake, storer) = CallIntake::new(CallService::new(database.clone()), metrics.clone());
    let verifier = Verifier::new(keys, config.auth.rules.clone());
    let operator = config.auth.operator.clone();
    let authenticator = Arc::new(Authenticator::new(verifier, operator, machines.clone()));
    let service = rpc::service(
        rpc_options(config, &authenticator, &hub, &intake, jobs),
        &database,
        metrics.clone(),
        health_server,
        stop.drain.clone(),
    )?;

    let mut signals = Signals::new()?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        grpc = %grpc.address(),
        http = %http.address(),
        "serving"
    );
    let tasks = TaskTracker::new();
    let doors = http::Doors {
        pushes: http::Pushes { machines, intake },
        logs: http::Logs {
            filter: filter.clone(),
            authenticator,
        },
    };
    let samplers = samplers(config, &database, &metrics);
    let router = http::router(
        board.clone(),
        metrics.clone(),
        &config.metrics,
        doors,
        samplers.live.live.clone(),
    );
    tasks.spawn(grpc.run(service, stop.clone(), tasks.clone()));
    tasks.spawn(http.run(router, stop.clone(), tasks.clone()));
    tasks.spawn(keeper.run(database.clone()));
    let relay = relay(&required.database, &database, &metrics);
    let teller = teller(&required.database, &database, hub);
    let maintenance = Maintenance {
        connect: required.database,
        database: database.clone(),
        retention: config.retention,
        metrics,
    };

    let background = async {
        tokio::join!(
            board.watch(&database),
            database.watch_replica(),
            samplers.run(),
            maintenance.run(),
            relay.run(),
            teller.run(),
            storer.run(),
            follow(&board, &health),
            keep_fresh(jwks.as_ref()),
        )
    };
    tokio::pin!(background);
    let until_told = async {
        tokio::select! {
            failure = too_old_for(&database) => Err(failure),
            () = signals.first() => Ok(()),
        }
    };
    let result = tokio::select! {
        _ = &mut background => Ok(()),
        result = until_told => result,
    };
    // Whatever is still answered for a while: runs of jobs are for other servers from now on.
    jobs_stop.cancel();
    let ending = end(config, &board, &stop, tasks, &mut signals);
    tokio::select! {
        () = ending => {}
        _ = &mut background => {}
    }
    // Statements of requests that were cut off have their own timeout.
    let _ = timeout(Duration::from_secs(1), database.close()).await;
    tracing::info!("stopped");
    result
}

async fn migrate(target: &config::Database, patience: Duration) -> Result<(), Failure> {
    let direct = target.direct.as_ref().unwrap_or(&target.primary);
    let migrated = schema::migrate(direct, patience, None).await?;
    tracing::info!(
        applied = migrated.applied,
        version = migrated.version,
        "migrated"
    );
    Ok(())
}

/// What tokens are checked with, and the keys that have to be kept fresh.
fn keys(signing: Signing) -> (Keys, Option<Jwks>) {
    match signing {
        Signing::Secrets(secrets) => (Keys::Secrets(secrets), None),
        Signing::Jwks(url) => {
            let jwks = Jwks::new(url);
            (Keys::Jwks(jwks.clone()), Some(jwks))
        }
    }
}

fn rpc_options(
    config: &TelecomConfig,
    authenticator: &Arc<Authenticator>,
    hub: &AccessHub,
    intake: &CallIntake,
    jobs: JobService,
) -> rpc::Options {
    rpc::Options {
        authenticator: Arc::clone(authenticator),
        max_message_bytes: config.max_message_bytes,
        max_in_flight: config.max_in_flight,
        request_timeout: config.request_timeout,
        offline_timeout: config.offline_timeout,
        hub: hub.clone(),
        intake: intake.clone(),
        jobs,
        mask_numbers: config.calls.mask_numbers,
    }
}

fn jobs(
    config: &TelecomConfig,
    database: &Database,
    metrics: &Metrics,
    stop: CancellationToken,
) -> (JobKeeper, JobService) {
    let (rules, metrics) = (config.job_rules(), metrics.jobs.clone());
    let executor = TelecomCronExecutor::new(database.clone(), rules, metrics);
    JobKeeper::new(executor, stop)
}

/// What fills gauges from outside of the process.
struct Samplers {
    database: Sampler,
    live: LiveSampler,
    pbxs: PbxPoller,
}

impl Samplers {
    async fn run(self) {
        tokio::join!(self.database.run(), self.live.run(), self.pbxs.run());
    }
}

fn samplers(config: &TelecomConfig, database: &Database, metrics: &Metrics) -> Samplers {
    metrics.call_center.configure(&config.call_center);
    let every = config.calls.pbx_poll_interval;
    Samplers {
        database: Sampler {
            database: database.clone(),
            metrics: metrics.clone(),
            interval: config.metrics.interval,
            offline_timeout: config.offline_timeout,
            queues: config.call_center.clone(),
        },
        live: LiveSampler {
            database: database.clone(),
            live: LiveCalls::default(),
            metrics: metrics.clone(),
            queues: config.call_center.clone(),
        },
        pbxs: PbxPoller::new(database.clone(), metrics.clone(), every),
    }
}

fn relay(connect: &config::Database, database: &Database, metrics: &Metrics) -> Relay {
    Relay {
        database: database.clone(),
        listener: Listener::new(connect, outbox::CHANNEL),
        metrics: metrics.clone(),
    }
}

fn teller(connect: &config::Database, database: &Database, hub: AccessHub) -> AccessTeller {
    AccessTeller {
        database: database.clone(),
        listener: Listener::new(connect, user_access::CHANNEL),
        hub,
    }
}

/// Ends with a failure if the first answer of the database says that its schema no longer serves a
/// server this old: whoever started it should know. Never ends otherwise.
async fn too_old_for(database: &Database) -> Failure {
    loop {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
        match schema::fit(database, deadline).await {
            Ok(Fit::TooNew { serves_from }) => {
                let needed = schema::needed();
                return Failure::Migration(MigrationError::TooNew {
                    serves_from,
                    needed,
                });
            }
            Ok(Fit::Serves | Fit::Absent | Fit::Behind { .. }) => std::future::pending().await,
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// Not ready first; then no new connections; then what has begun is finished; then the rest is cut.
async fn end(
    config: &TelecomConfig,
    board: &Board,
    stop: &Stop,
    tasks: TaskTracker,
    signals: &mut Signals,
) {
    board.drain();
    let delay = config.shutdown.delay;
    tracing::info!(?delay, "stopping: not ready any more, still answering");
    let patient = async {
        tokio::time::sleep(delay).await;
        stop.drain.cancel();
        tasks.close();
        if timeout(config.shutdown.drain_timeout, tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(connections = tasks.len(), "cutting off what is not done");
        }
    };
    tokio::select! {
        () = patient => {}
        () = signals.first() => tracing::warn!("told again: stopping at once"),
    }
    stop.drain.cancel();
    stop.kill.cancel();
    tasks.close();
    let _ = timeout(Duration::from_secs(1), tasks.wait()).await;
}

/// Until the future is dropped; returns at once when tokens are signed with a secret.
async fn keep_fresh(jwks: Option<&Jwks>) {
    if let Some(jwks) = jwks {
        jwks.keep_fresh().await;
    }
}

/// gRPC health says what `/healthz/ready` says.
async fn follow(board: &Board, health: &HealthReporter) {
    let mut readiness = board.subscribe();
    loop {
        let ready = readiness.borrow_and_update().is_ready();
        mirror(health, ready).await;
        if readiness.changed().await.is_err() {
            return;
        }
    }
}

async fn mirror(health: &HealthReporter, ready: bool) {
    let status = if ready {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    for service in std::iter::once("").chain(rpc::SERVICES) {
        health.set_service_status(service, status).await;
    }
}
