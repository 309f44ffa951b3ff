//! `cdr-spool`: stands beside a PBX, writes down each record of a call that it pushes, and brings them to the server.
//!
//! `RustPBX` neither tries again nor waits longer than 10 seconds. What was answered with 202 here lies on the disk, and
//! leaves it when the server has said what became of it; a record may come twice, which the server knows.

use std::sync::Arc;
use std::time::Duration;

use telecom_spool::{Spool, files};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{self, TelecomConfig};
use crate::failure::Failure;
use crate::net::{Acceptor, Port, Stop};
use crate::signals::Signals;

mod arguments;
mod forward;
mod intake;
mod journal;
mod metrics;
mod token;
mod way;

pub use arguments::Arguments;

use forward::Forwarder;
use journal::Journal;
use metrics::Metrics;
use token::Token;
use way::Way;

/// Requests that have begun have this long to end when the process is told to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// What waits is offered to the server for this long before the rest is left for the next start.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The last spans, samples and log lines have this long to get out.
const FLUSH: Duration = Duration::from_secs(2);

/// Takes records and forwards them until told to stop by SIGTERM or SIGINT.
pub async fn run(config: &TelecomConfig, arguments: &Arguments) -> Result<(), Failure> {
    let metrics = Metrics::new()?;
    let telemetry = telecom_telemetry::init(&config.telemetry, &metrics.registry)?;
    let result = serve(config, arguments, metrics).await;
    telemetry.shutdown(FLUSH).await;
    result
}

async fn serve(
    config: &TelecomConfig,
    arguments: &Arguments,
    metrics: Metrics,
) -> Result<(), Failure> {
    let token = Token::open(arguments.token()?);
    let token = Arc::new(token.map_err(|error| Failure::System("the token", error))?);
    let disk = |error| Failure::System("the data directory", error);
    let _lock = files::lock(&arguments.data_dir).map_err(disk)?;
    let opened = Spool::open(&arguments.data_dir, arguments.spool_limit);
    let (spool, found) = opened.map_err(disk)?;
    if found.records + found.torn > 0 {
        tracing::info!(found.records, found.torn, "the spool of an earlier run");
    }
    let (journal, writer) = Journal::new(spool, found.records).map_err(disk)?;

    let limits = config::Listener {
        listen: arguments.listen,
        ..config.http.clone()
    };
    // Its metrics are those of the server's ports: they are counted, and shown by no route here.
    let port = Acceptor::bind(Port::Http, limits, crate::metrics::Metrics::new()?).await?;
    let mut signals = Signals::new()?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        http = %port.address(),
        server = %arguments.server,
        "spooling"
    );
    let (stop, tasks) = (Stop::default(), TaskTracker::new());
    let router = intake::router(intake::Shared {
        journal: journal.clone(),
        token: Arc::clone(&token),
        metrics: metrics.clone(),
        trusted: arguments.listen.ip().is_loopback(),
    });
    tasks.spawn(port.run(router, stop.clone(), tasks.clone()));
    let writing = tokio::spawn(writer.run());
    let last = CancellationToken::new();
    let forwarder = Forwarder {
        journal,
        way: Way::new(arguments.server.clone(), token),
        metrics,
        last: last.clone(),
    };
    let forwarding = tokio::spawn(forwarder.run());

    signals.first().await;
    tracing::info!("stopping: nothing more is taken");
    let ending = async {
        drain(&stop, &tasks).await;
        last.cancel();
        timeout(LAST_WORDS, forwarding).await.is_ok()
    };
    tokio::select! {
        sent = ending => tracing::info!(sent, "stopped"),
        () = signals.first() => tracing::warn!("told again: stopping at once"),
    }
    writing.abort();
    Ok(())
}

/// No new connections; what has begun is finished; the rest is cut.
async fn drain(stop: &Stop, tasks: &TaskTracker) {
    stop.drain.cancel();
    tasks.close();
    if timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "cutting off what is not done");
    }
    stop.kill.cancel();
    let _ = timeout(Duration::from_secs(1), tasks.wait()).await;
}
