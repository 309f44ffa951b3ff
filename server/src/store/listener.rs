//! Waits to be woken by a transaction of whatever server.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::config;

/// Listens on one channel, over a connection of its own. Behind a pooler, without a way around it,
/// there is nothing to listen to, and time alone wakes.
#[derive(Debug)]
pub struct Listener {
    channel: &'static str,
    direct: Option<PgPool>,
    listening: Option<PgListener>,
}

impl Listener {
    /// Not connected yet.
    pub fn new(database: &config::Database, channel: &'static str) -> Self {
        let primary = (!database.pooler).then_some(&database.primary);
        let direct = database.direct.as_ref().or(primary).map(|options| {
            PgPoolOptions::new()
                .max_connections(1)
                .connect_lazy_with(options.clone())
        });
        Self {
            channel,
            direct,
            listening: None,
        }
    }

    /// Until somebody wakes, at most so long. A notification that was lost with its connection costs
    /// no more than that.
    pub async fn wait(&mut self, longest: Duration) {
        let until = Instant::now() + longest;
        if timeout_at(until, self.woken()).await.is_err() {
            return;
        }
        // Nobody can wake: time has to go by, or this would be a busy loop.
        if self.listening.is_none() {
            sleep_until(until).await;
        }
    }

    async fn woken(&mut self) {
        let Some(direct) = &self.direct else {
            return;
        };
        let listening = match &mut self.listening {
            Some(listening) => listening,
            none => match listen(direct, self.channel).await {
                Ok(listening) => none.insert(listening),
                Err(error) => {
                    tracing::debug!(%error, channel = self.channel, "not listening");
                    return;
                }
            },
        };
        match listening.try_recv().await {
            // Many notifications are one: what there is to do is looked up.
            Ok(Some(_)) => while listening.next_buffered().is_some() {},
            // The connection was lost.
            Ok(None) | Err(_) => self.listening = None,
        }
    }
}

async fn listen(direct: &PgPool, channel: &str) -> Result<PgListener, sqlx::Error> {
    let mut listening = PgListener::connect_with(direct).await?;
    listening.eager_reconnect(false);
    listening.listen(channel).await?;
    Ok(listening)
}
