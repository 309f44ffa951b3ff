//! The command line of `telecom-server`.

mod arguments;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use telecom_server::auth::{Role, mint};
use telecom_server::cdr_spool;
use telecom_server::config::{InvalidConfig, Problem, Signing, TelecomConfig};
use telecom_server::failure::Failure;
use telecom_server::jobs::{Job, JobKey};
use telecom_server::ledger::{self, LedgerError};
use telecom_server::metrics::Metrics;
use telecom_server::run_job::{self, Order};
use telecom_server::serve::{self, Required};
use telecom_server::signals::Signals;
use telecom_server::store::schema::{self, Claim};
use telecom_server::users::UserId;

use arguments::{Uid, duration, id, lifetime, role, run_time, slot, subject, uid};

/// The gRPC and metrics server of a network or voice provider, over PostgreSQL.
///
/// Every value of the configuration file can be given by environment: `TELECOM__SECTION__KEY`.
/// Secrets only come that way: `TELECOM__DATABASE__URL`, `TELECOM__AUTH__JWT_SECRET` and others.
#[derive(Parser)]
#[command(name = "telecom-server", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve gRPC, health and metrics until told to stop.
    Serve {
        #[command(flatten)]
        source: Source,
        /// Apply missing migrations first.
        #[arg(long)]
        migrate: bool,
        /// With --migrate: how long to wait for the database.
        #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
        connect_timeout: Duration,
    },
    /// Apply missing migrations and end.
    Migrate {
        #[command(flatten)]
        source: Source,
        /// How long to wait for the database.
        #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
        connect_timeout: Duration,
        #[command(flatten)]
        cluster: Cluster,
        /// Take the database over from the cluster of this uid, if it is the one that it belongs to.
        #[arg(long, value_name = "UID", env = "TELECOM_ADOPT_DATABASE", default_value = "", hide_default_value = true, value_parser = uid)]
        adopt_database: Uid,
    },
    /// Check the configuration without starting anything.
    CheckConfig {
        #[command(flatten)]
        source: Source,
    },
    /// Print a token signed with `TELECOM__AUTH__JWT_SECRET`, for development and first steps.
    Token {
        #[command(flatten)]
        source: Source,
        /// What it allows: admin, support, viewer, user, collector or operator.
        #[arg(long, value_parser = role)]
        role: Role,
        /// Whom it is issued to; for the role user, the id of a subscriber.
        #[arg(long, default_value = "development", value_parser = subject)]
        subject: String,
        /// How long it works: from a second to a year.
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = lifetime, allow_hyphen_values = true)]
        ttl: Duration,
    },
    /// Do one of the jobs once and print what it did as a line of JSON.
    ///
    /// When another run of the job goes on, nothing is done, and that is no failure. The run of a key is done once:
    /// when it has ended, what came of it is printed again.
    RunJob {
        /// Which one.
        #[arg(value_parser = PossibleValuesParser::new(Job::ALL.map(Job::as_str)))]
        name: String,
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        cluster: Cluster,
        /// How long it may take over all attempts, from a second to a day.
        #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = run_time)]
        timeout: Duration,
    },
    /// Compare all accounts of usage and print them as a line of JSON; 1 when they differ.
    ///
    /// Reads all usage that is kept, as it is at one moment, and writes nothing.
    CheckLedger {
        #[command(flatten)]
        source: Source,
        /// How long it may take.
        #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
        timeout: Duration,
    },
    /// Stand beside a PBX: keep each record of a call that it pushes on disk until the server has it.
    ///
    /// The token comes from --token-file or the environment, `TELECOM_CDR_SPOOL_TOKEN`; of the configuration only the
    /// sections http, logging and otel matter. docs/cdr-spool.md has the rest.
    CdrSpool {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        arguments: cdr_spool::Arguments,
    },
}

#[derive(Args)]
struct Source {
    /// The configuration file; without one, defaults and environment are all there is.
    #[arg(long, value_name = "FILE", env = "TELECOM_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct Cluster {
    /// The uid of the cluster that the database is to belong to; without one, whichever.
    #[arg(long, value_name = "UID", env = "TELECOM_CLUSTER_UID", default_value = "", hide_default_value = true, value_parser = uid)]
    cluster_uid: Uid,
}

/// What a run is known by; without any, a request of its own.
#[derive(Args)]
#[group(multiple = false)]
struct Key {
    /// The slot at which it is due, a whole second: 2026-11-28T10:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = slot)]
    scheduled_at: Option<DateTime<Utc>>,
    /// The id of the request for it, 1 to 64 visible ASCII characters.
    #[arg(long, value_name = "ID", value_parser = id)]
    request_id: Option<String>,
}

impl Key {
    fn get(&self) -> Option<JobKey> {
        let request = self.request_id.clone().map(JobKey::Request);
        self.scheduled_at.map(JobKey::Slot).or(request)
    }
}

impl Source {
    fn load(&self) -> Result<TelecomConfig, Failure> {
        // Names that are not UTF-8 cannot be ours; values that are not are of no use to us.
        let environment: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((
                    name.into_string().ok()?,
                    value.to_string_lossy().into_owned(),
                ))
            })
            .collect();
        Ok(TelecomConfig::load(self.config.as_deref(), &environment)?)
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("telecom-server: {failure}");
            report(&cli.command, &failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn start(command: &Command) -> Result<(), Failure> {
    // sqlx, OTLP and gRPC share one TLS implementation; a second installation is refused, which
    // is all that can go wrong here.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::System("runtime", error))?;
    let result = match command {
        Command::Serve {
            source,
            migrate,
            connect_timeout,
        } => {
            let config = source.load()?;
            let required = required(&config)?;
            let migrate = migrate.then_some(*connect_timeout);
            runtime.block_on(serve::serve(config, required, serve::Options { migrate }))
        }
        Command::Migrate {
            source,
            connect_timeout,
            cluster,
            adopt_database,
        } => {
            let config = source.load()?;
            let claim = claim(&cluster.cluster_uid, adopt_database)?;
            runtime.block_on(migrate(&config, *connect_timeout, claim.as_ref()))
        }
        Command::CheckConfig { source } => check(&source.load()?),
        Command::Token {
            source,
            role,
            subject,
            ttl,
        } => token(&source.load()?, *role, subject, *ttl),
        Command::RunJob {
            name,
            source,
            key,
            cluster,
            timeout,
        } => {
            let config = source.load()?;
            let order = order(name, key, cluster, *timeout)?;
            runtime.block_on(run_job(&config, order))
        }
        Command::CheckLedger { source, timeout } => {
            let config = source.load()?;
            runtime.block_on(check_ledger(&config, *timeout))
        }
        Command::CdrSpool { source, arguments } => {
            runtime.block_on(cdr_spool::run(&source.load()?, arguments))
        }
    };
    // What is still blocking then has no business to.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

/// A supervisor reads the reason from the file it named; a file that cannot be written is not worth
/// another failure.
fn report(command: &Command, failure: &Failure) {
    let supervised = matches!(command, Command::Serve { .. } | Command::Migrate { .. });
    if let Some(file) = std::env::var_os("TELECOM_TERMINATION_LOG").filter(|_| supervised)
        && let Err(error) = failure.write_to(&PathBuf::from(file))
    {
        eprintln!("telecom-server: TELECOM_TERMINATION_LOG: {error}");
    }
}

fn missing(key: &str, reason: &str) -> Problem {
    let variable = key.to_uppercase().replace('.', "__");
    Problem {
        source: format!("environment variable TELECOM__{variable}"),
        key: key.to_owned(),
        reason: reason.to_owned(),
    }
}

const NO_URL: &str = "is not set; it is postgresql://user:password@host:5432/database";
const NO_KEYS: &str = "is not set, nor auth.jwks_url; methods are never open: give 32 or more random bytes, such as the output of `openssl rand -hex 32`, or the URL of your issuer's keys";

const NO_SECRET: &str = "is not set; it is what the server's tokens are signed with";

fn required(config: &TelecomConfig) -> Result<Required, Failure> {
    match (config.database.clone(), config.auth.keys.clone()) {
        (Some(database), Some(keys)) => Ok(Required { database, keys }),
        (database, keys) => {
            let url = database.is_none().then(|| missing("database.url", NO_URL));
            let keys = keys.is_none().then(|| missing("auth.jwt_secret", NO_KEYS));
            Err(InvalidConfig(url.into_iter().chain(keys).collect()).into())
        }
    }
}

fn claim(cluster: &Uid, adopt: &Uid) -> Result<Option<Claim>, Failure> {
    match (&cluster.0, &adopt.0) {
        (None, None) => Ok(None),
        (None, Some(_)) => {
            let reason = "--adopt-database: without --cluster-uid nobody takes the database over";
            Err(Failure::Usage(reason.to_owned()))
        }
        (Some(uid), adopt) => Ok(Some(Claim {
            cluster_uid: uid.clone(),
            adopt: adopt.clone(),
        })),
    }
}

async fn migrate(
    config: &TelecomConfig,
    connect_timeout: Duration,
    claim: Option<&Claim>,
) -> Result<(), Failure> {
    let Some(database) = &config.database else {
        return Err(InvalidConfig(vec![missing("database.url", NO_URL)]).into());
    };
    let metrics = Metrics::new()?;
    let telemetry = telecom_telemetry::init(&config.telemetry, &metrics.registry)?;
    let direct = database.direct.as_ref().unwrap_or(&database.primary);
    let result = schema::migrate(direct, connect_timeout, claim).await;
    if let Ok(migrated) = &result {
        tracing::info!(
            applied = migrated.applied,
            version = migrated.version,
            "migrated"
        );
    }
    telemetry.shutdown(Duration::from_secs(2)).await;
    result.map(|_| ()).map_err(Failure::from)
}

fn order(name: &str, key: &Key, cluster: &Cluster, timeout: Duration) -> Result<Order, Failure> {
    let job = Job::from_name(name);
    Ok(Order {
        job: job.ok_or_else(|| Failure::Usage(format!("no job {name}")))?,
        key: key.get(),
        timeout,
        cluster_uid: cluster.cluster_uid.0.clone(),
    })
}

async fn run_job(config: &TelecomConfig, order: Order) -> Result<(), Failure> {
    let Some(database) = &config.database else {
        return Err(InvalidConfig(vec![missing("database.url", NO_URL)]).into());
    };
    let metrics = Metrics::new()?;
    let telemetry = telecom_telemetry::init(&config.telemetry, &metrics.registry)?;
    let signals = Signals::new()?;
    let outcome = run_job::run(config, database, &metrics, order, signals).await;
    telemetry.shutdown(Duration::from_secs(2)).await;
    print(&format!("{}\n", outcome.line))?;
    Ok(outcome.result?)
}

async fn check_ledger(config: &TelecomConfig, timeout: Duration) -> Result<(), Failure> {
    let Some(database) = &config.database else {
        return Err(InvalidConfig(vec![missing("database.url", NO_URL)]).into());
    };
    let (line, holds) = ledger::check(database, timeout).await?;
    print(&format!("{line}\n"))?;
    if holds {
        Ok(())
    } else {
        Err(LedgerError::Differs.into())
    }
}

fn check(config: &TelecomConfig) -> Result<(), Failure> {
    let mut notes = String::from("the configuration is good\n");
    if config.database.is_none() {
        notes += "note: TELECOM__DATABASE__URL is not set here; serve and migrate need it\n";
    }
    if config.auth.keys.is_none() {
        notes += "note: neither TELECOM__AUTH__JWT_SECRET nor auth.jwks_url is set here; serve needs one\n";
    }
    print(&notes)
}

fn token(config: &TelecomConfig, role: Role, subject: &str, ttl: Duration) -> Result<(), Failure> {
    if role == Role::User && subject.parse::<UserId>().is_err() {
        let reason = "--subject: a token of the role user needs the id of a subscriber: a UUID";
        return Err(Failure::Usage(reason.to_owned()));
    }
    let secret = match &config.auth.keys {
        Some(Signing::Secrets(secrets)) => secrets.first().ok_or(NO_SECRET),
        Some(Signing::Jwks(_)) => Err("is not set: tokens come from the issuer of auth.jwks_url"),
        None => Err(NO_SECRET),
    };
    let secret =
        secret.map_err(|reason| InvalidConfig(vec![missing("auth.jwt_secret", reason)]))?;
    let now = SystemTime::now();
    let token = mint(secret, &config.auth.rules, subject, role, now, ttl);
    print(&format!("{}\n", token.map_err(Failure::Token)?.expose()))
}

fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::System("standard output", error))
}
