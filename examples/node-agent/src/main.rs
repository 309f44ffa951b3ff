//! The command line of `telecom-node-agent`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use telecom_node_agent::access::Policy;
use telecom_node_agent::agent::{Agent, Options};
use telecom_node_agent::connection::{self, Token};
use telecom_node_agent::machine::Machine;
use telecom_node_agent::session;
use telecom_node_agent::settings::Settings;
use tokio::io::{BufReader, stdin, stdout};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long the last usage may take to be written down when the agent is told to end.
const LAST_WORDS: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(std::io::stderr)
        .init();
    let settings = Settings::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(run(settings));
    // A read of standard input cannot be called off.
    runtime.shutdown_background();
    ended
}

async fn run(settings: Settings) -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let agent = Arc::new(start(&settings)?);
    let (end, ending) = watch::channel(());
    let every = settings.report_every;
    let mut sessions = JoinSet::new();
    if let Some(path) = &settings.listen {
        sessions.spawn(listen(
            open(path)?,
            Arc::clone(&agent),
            every,
            ending.clone(),
        ));
    }
    sessions.spawn(async move {
        let input = BufReader::new(stdin());
        // At its end the rest of the agent goes on.
        if let Err(error) = session::serve(&agent, input, stdout(), every, ending).await {
            tracing::error!(%error, "standard input and output");
        }
    });
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    end.send_replace(());
    if timeout(LAST_WORDS, sessions.join_all()).await.is_err() {
        tracing::warn!("some usage could not be written down; it was not said to be taken");
    }
    Ok(())
}

fn start(settings: &Settings) -> Result<Agent> {
    let token = match (&settings.token_file, &settings.token) {
        (Some(file), _) => {
            Token::in_file(file.clone()).with_context(|| file.display().to_string())?
        }
        (None, token) => Token::fixed(token.as_deref().unwrap_or_default())?,
    };
    let options = Options {
        heartbeat_every: settings.heartbeat_every,
        policy: Policy {
            ttl: settings.access_ttl,
            out_of_contact: settings.out_of_contact,
        },
        spool_limit: settings.spool_limit,
    };
    let channel = connection::channel(settings.server.clone()).context("TLS")?;
    let mut machine = Machine::default();
    let figures = move || machine.figures();
    Agent::start(channel, token, &settings.data_dir, options, figures)
}

/// A socket that only the agent's own user and group may use.
fn open(path: &Path) -> Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;

    // Left behind by a run before: the lock on the data directory says that it is nobody's.
    let _ = fs::remove_file(path);
    let socket = UnixListener::bind(path).with_context(|| path.display().to_string())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(socket)
}

/// Serves each program at the socket until the agent ends.
async fn listen(
    socket: UnixListener,
    agent: Arc<Agent>,
    every: Duration,
    mut ending: watch::Receiver<()>,
) {
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            // Those that have ended.
            Some(_) = sessions.join_next() => continue,
            _ = ending.changed() => break,
        };
        match accepted {
            Ok((program, _)) => {
                let (agent, ending) = (Arc::clone(&agent), ending.clone());
                sessions.spawn(async move {
                    let (input, output) = program.into_split();
                    let input = BufReader::new(input);
                    let served = session::serve(&agent, input, output, every, ending);
                    if let Err(error) = served.await {
                        tracing::warn!(%error, "a program at the socket");
                    }
                });
            }
            Err(error) => {
                tracing::error!(%error, "the socket");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
    sessions.join_all().await;
}
