//! How the program ends: exit code, message, and the reason that a supervisor reads.

use std::path::Path;

use serde_json::json;

use crate::config::InvalidConfig;
use crate::ledger::LedgerError;
use crate::net::BindError;
use crate::rpc::ReflectionError;
use crate::run_job::JobError;
use crate::store::StoreError;
use crate::store::schema::MigrationError;

/// Why a command ended without doing its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration cannot be used.
    #[error("bad configuration:\n{0}")]
    Config(#[from] InvalidConfig),
    /// The schema is not what it has to be, or could not be made so.
    #[error("{}", migration_sentence(.0))]
    Migration(#[from] MigrationError),
    /// A port is taken or not ours.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Logs or exporters cannot be set up.
    #[error("telemetry: {0}")]
    Telemetry(#[from] telecom_telemetry::Error),
    /// A defect in the metrics.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A defect in the descriptors.
    #[error(transparent)]
    Reflection(#[from] ReflectionError),
    /// A token cannot be signed.
    #[error("the token cannot be signed: {0}")]
    Token(#[source] jsonwebtoken::errors::Error),
    /// A job was not done.
    #[error("the job failed: {0}")]
    Job(#[from] JobError),
    /// The ledger does not hold, or was not checked.
    #[error("the ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// Arguments that do not go together.
    #[error("{0}")]
    Usage(String),
    /// The system refuses something the server cannot be without.
    #[error("{0}: {1}")]
    System(&'static str, #[source] std::io::Error),
}

impl Failure {
    /// 2 for a configuration that cannot be used, 1 for anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Usage(_) => 2,
            Self::Migration(_)
            | Self::Bind(_)
            | Self::Telemetry(_)
            | Self::Metrics(_)
            | Self::Reflection(_)
            | Self::Token(_)
            | Self::Job(_)
            | Self::Ledger(_)
            | Self::System(..) => 1,
        }
    }

    /// One word for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Config(_) => "ConfigInvalid",
            Self::Migration(MigrationError::Connect(StoreError::Authentication(_))) => {
                "DatabaseAuthenticationFailed"
            }
            Self::Migration(MigrationError::Connect(_)) => "DatabaseUnreachable",
            Self::Migration(MigrationError::TooNew { .. }) => "SchemaTooNew",
            Self::Migration(MigrationError::InUse { .. }) => "DatabaseInUse",
            Self::Migration(MigrationError::Failed(_)) => "MigrationFailed",
            Self::Job(_) => "JobFailed",
            Self::Ledger(_) => "LedgerFailed",
            Self::Bind(_)
            | Self::Telemetry(_)
            | Self::Metrics(_)
            | Self::Reflection(_)
            | Self::Token(_)
            | Self::Usage(_)
            | Self::System(..) => "Internal",
        }
    }

    /// Writes reason and message as one JSON line, for whoever started the process.
    pub fn write_to(&self, file: &Path) -> std::io::Result<()> {
        let line = json!({ "reason": self.reason(), "message": self.to_string() });
        std::fs::write(file, format!("{line}\n"))
    }
}

fn migration_sentence(error: &MigrationError) -> String {
    match error {
        MigrationError::Connect(StoreError::Authentication(cause)) => {
            format!("the database refuses the login: {cause}")
        }
        MigrationError::Connect(error) => format!("the database cannot be used: {error}"),
        MigrationError::TooNew { .. } | MigrationError::InUse { .. } => error.to_string(),
        MigrationError::Failed(cause) => format!("a migration failed: {cause}"),
    }
}
