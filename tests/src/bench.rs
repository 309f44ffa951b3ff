//! The benchmark: the real server on a real PostgreSQL of its own, measured beside references.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

pub mod access;
pub mod billing;
pub mod calls;
pub mod heartbeats;
pub mod ingest;
pub mod jobs;
pub mod load;
pub mod market;
pub mod postgres;
pub mod reads;
pub mod report;
pub mod server;
pub mod start;
pub mod telemetry;
pub mod usage;

/// What all rows are measured with.
#[derive(Debug)]
pub struct Bench {
    /// The server to measure.
    pub binary: PathBuf,
    /// Where its databases are.
    pub postgres: postgres::Postgres,
    /// How often each thing is measured.
    pub rounds: u32,
    /// Of load in each round, for each side.
    pub period: Duration,
    /// Rows of usage among which reads read.
    pub usage_rows: u64,
}

impl Bench {
    /// The server on a fresh database with all migrations, and the URL of that.
    pub async fn server(&self, database: &str) -> Result<(server::Server, String)> {
        load::create_database(&self.postgres.url("postgres"), database).await?;
        let url = self.postgres.url(database);
        Ok((server::Server::start(&self.binary, &url).await?, url))
    }
}
