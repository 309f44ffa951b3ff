//! Keeps nodes told: every server reads what has changed in access and tells those who watch it there.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::domain::{AccessHub, DomainError};
use crate::store::{Database, Listener, schema};

/// How long a change can lie when nobody wakes, and how often it is looked at what nodes offer.
const PERIOD: Duration = Duration::from_secs(1);
/// From a failure to the next try.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// What tells nodes, from where.
#[derive(Debug)]
pub struct AccessTeller {
    /// Where changes are.
    pub database: Database,
    /// Wakes it.
    pub listener: Listener,
    /// Whom it tells.
    pub hub: AccessHub,
}

impl AccessTeller {
    /// Tells until the future is dropped.
    pub async fn run(mut self) {
        schema::until_it_serves(&self.database).await;
        while let Err(error) = self.hub.begin().await {
            tracing::debug!(%error, "access is not told yet");
            sleep(PERIOD).await;
        }
        let mut offers_at = Instant::now();
        loop {
            match self.round(&mut offers_at).await {
                Ok(()) => self.listener.wait(PERIOD).await,
                Err(error) => {
                    tracing::warn!(%error, "changes of access are not told");
                    sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    async fn round(&self, offers_at: &mut Instant) -> Result<(), DomainError> {
        self.hub.tell_changes().await?;
        if offers_at.elapsed() >= PERIOD {
            *offers_at = Instant::now();
            self.hub.tell_offers().await?;
        }
        Ok(())
    }
}
