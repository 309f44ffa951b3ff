//! Asks PBXs that report nothing themselves how many calls are going on: stock `RustPBX` only answers.
//!
//! `GET /ami/v1/health` of `RustPBX` 0.5 has them as `sipserver.calls`, beside `version`.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::http_client::{self, HttpClient};
use crate::metrics::Metrics;
use crate::pbxs::PbxId;
use crate::store::pbx_states::{self, Due, Polled};
use crate::store::{Database, StoreError};

/// A PBX that takes longer to answer is not asked to the end.
const PATIENCE: Duration = Duration::from_secs(3);
/// PBXs that are asked at a time.
const WIDTH: usize = 64;
/// All of it takes no longer: a lock is held meanwhile.
const ROUND: Duration = Duration::from_secs(10);
/// What is asked for is some kilobytes.
const MAX_BYTES: usize = 1 << 20;
/// An answer holds for so many intervals.
const HOLDS: u32 = 3;
/// As the database keeps it.
const MAX_VERSION: usize = 100;

/// Asks, from one replica at a time.
#[derive(Debug)]
pub struct PbxPoller {
    database: Database,
    metrics: Metrics,
    every: Duration,
    client: HttpClient<Empty<Bytes>>,
    /// PBXs that did not answer, and how.
    failing: HashMap<PbxId, &'static str>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error("the URL cannot be asked: {0}")]
    Url(#[from] http::uri::InvalidUri),
    #[error("{0}")]
    Request(#[from] hyper_util::client::legacy::Error),
    #[error("the answer broke off or is larger than {MAX_BYTES} bytes: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer in {PATIENCE:?}")]
    Timeout,
    #[error("the answer is {0}")]
    Status(http::StatusCode),
    #[error("the answer has no sipserver.calls: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl PollError {
    /// The `result` label.
    fn label(&self) -> &'static str {
        match self {
            Self::Url(_) | Self::Request(_) | Self::Body(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::Malformed(_) => "malformed",
        }
    }
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Health {
    sipserver: SipServer,
    #[serde(default)]
    version: String,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct SipServer {
    calls: u32,
}

impl PbxPoller {
    /// One that asks this often.
    pub fn new(database: Database, metrics: Metrics, every: Duration) -> Self {
        Self {
            database,
            metrics,
            every,
            client: http_client::client(),
            failing: HashMap::new(),
        }
    }

    /// Asks until the future is dropped.
    pub async fn run(mut self) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.round().await {
                tracing::debug!(%error, "PBXs are not asked");
            }
        }
    }

    /// The lock goes with the transaction, as a pooler wants it: another replica finds either the lock or the answers.
    async fn round(&mut self) -> Result<(), StoreError> {
        let until = Instant::now() + ROUND;
        let mut transaction = self.database.write(until + PATIENCE).await?;
        let due = if pbx_states::lock_polling(&mut transaction).await? {
            pbx_states::due(&mut transaction, self.every / 2).await?
        } else {
            Vec::new()
        };
        let polled = self.ask(due, until).await;
        if !polled.is_empty() {
            let holds = self.every * HOLDS;
            pbx_states::put_polled(&mut transaction, &polled, holds).await?;
        }
        transaction.commit().await
    }

    /// What each of them said in time.
    async fn ask(&mut self, due: Vec<Due>, until: Instant) -> Vec<Polled> {
        let client = self.client.clone();
        let asked = futures::stream::iter(due).map(|due| {
            let client = client.clone();
            async move {
                let answer = timeout(PATIENCE, health(&client, &due.health_url)).await;
                (due.pbx, answer.unwrap_or(Err(PollError::Timeout)))
            }
        });
        let asked = asked.buffer_unordered(WIDTH);
        let mut asked = std::pin::pin!(asked.take_until(tokio::time::sleep_until(until)));
        let mut polled = Vec::new();
        while let Some((pbx, answer)) = asked.next().await {
            self.heard(pbx, answer.as_ref().err());
            polled.extend(answer.ok().map(|health| Polled {
                pbx,
                active_calls: health.sipserver.calls,
                version: health.version.chars().take(MAX_VERSION).collect(),
            }));
        }
        polled
    }

    /// Counted always, told when it is another thing than the time before.
    fn heard(&mut self, pbx: PbxId, error: Option<&PollError>) {
        let result = error.map_or("ok", PollError::label);
        self.metrics.live.polls.with_label_values(&[result]).inc();
        match error {
            Some(error) if self.failing.insert(pbx, result) != Some(result) => {
                tracing::warn!(%pbx, %error, "a PBX does not say how it is");
            }
            None if self.failing.remove(&pbx).is_some() => {
                tracing::info!(%pbx, "a PBX says again how it is");
            }
            _ => {}
        }
    }
}

async fn health(client: &HttpClient<Empty<Bytes>>, url: &str) -> Result<Health, PollError> {
    let response = client.get(url.parse()?).await?;
    if !response.status().is_success() {
        return Err(PollError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_BYTES)
        .collect()
        .await;
    let bytes = body.map_err(PollError::Body)?.to_bytes();
    let mut health: Health = serde_json::from_slice(&bytes)?;
    health.version.retain(|c| !c.is_control());
    Ok(health)
}
