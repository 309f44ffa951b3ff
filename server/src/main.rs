//! The command line of `telecom-server`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use telecom_server::config::{Config, InvalidConfig, Problem};
use telecom_server::failure::Failure;
use telecom_server::metrics::Metrics;
use telecom_server::serve::{self, Required};
use telecom_server::store::schema;

/// The gRPC and metrics server of a network or voice provider, over PostgreSQL.
///
/// Every value of the configuration file can be given by environment: `TELECOM__SECTION__KEY`.
/// Secrets only come that way: `TELECOM__DATABASE__URL`, `TELECOM__AUTH__ADMIN_TOKEN` and others.
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
    },
    /// Check the configuration without starting anything.
    CheckConfig {
        #[command(flatten)]
        source: Source,
    },
}

#[derive(Args)]
struct Source {
    /// The configuration file; without one, defaults and environment are all there is.
    #[arg(long, value_name = "FILE", env = "TELECOM_CONFIG")]
    config: Option<PathBuf>,
}

impl Source {
    fn load(&self) -> Result<Config, Failure> {
        // Names that are not UTF-8 cannot be ours; values that are not are of no use to us.
        let environment: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((
                    name.into_string().ok()?,
                    value.to_string_lossy().into_owned(),
                ))
            })
            .collect();
        Ok(Config::load(self.config.as_deref(), &environment)?)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "not a duration, such as 30s or 2m".to_owned())
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
        } => {
            let config = source.load()?;
            runtime.block_on(migrate(&config, *connect_timeout))
        }
        Command::CheckConfig { source } => check(&source.load()?),
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
const NO_TOKEN: &str = "is not set; administrators' methods are never open: any 16 or more characters, such as the output of `openssl rand -hex 16`";

fn required(config: &Config) -> Result<Required, Failure> {
    match (config.database.clone(), config.admin_token.clone()) {
        (Some(database), Some(admin_token)) => Ok(Required {
            database,
            admin_token,
        }),
        (database, token) => {
            let url = database.is_none().then(|| missing("database.url", NO_URL));
            let token = token
                .is_none()
                .then(|| missing("auth.admin_token", NO_TOKEN));
            Err(InvalidConfig(url.into_iter().chain(token).collect()).into())
        }
    }
}

async fn migrate(config: &Config, connect_timeout: Duration) -> Result<(), Failure> {
    let Some(database) = &config.database else {
        return Err(InvalidConfig(vec![missing("database.url", NO_URL)]).into());
    };
    let metrics = Metrics::new()?;
    let telemetry = telecom_telemetry::init(&config.telemetry, &metrics.registry)?;
    let direct = database.direct.as_ref().unwrap_or(&database.primary);
    let result = schema::migrate(direct, connect_timeout).await;
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

fn check(config: &Config) -> Result<(), Failure> {
    let mut notes = String::from("the configuration is good\n");
    if config.database.is_none() {
        notes += "note: TELECOM__DATABASE__URL is not set here; serve and migrate need it\n";
    }
    if config.admin_token.is_none() {
        notes += "note: TELECOM__AUTH__ADMIN_TOKEN is not set here; serve needs it\n";
    }
    std::io::stdout()
        .write_all(notes.as_bytes())
        .map_err(|error| Failure::System("standard output", error))
}
