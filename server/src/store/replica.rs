//! How old the replica's data is.
//!
//! Each second the primary's WAL position is noted. A replica that has replayed up to a position
//! noted t seconds ago is at most t seconds behind, whoever writes how much. (The age of the last
//! replayed transaction says nothing while nobody writes, and "received = replayed" says nothing
//! when the receiver is cut off.)

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// The replica serves reads while it is no further behind than this.
const MAX_LAG: Duration = Duration::from_secs(5);
const PERIOD: Duration = Duration::from_secs(1);

/// Whether the replica may be read from now.
#[derive(Debug, Clone, Default)]
pub(super) struct Freshness(Arc<AtomicBool>);

impl Freshness {
    pub(super) fn is_fresh(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// A read failed; the next look decides again.
    pub(super) fn lost(&self) {
        self.set(false);
    }

    fn set(&self, fresh: bool) {
        if self.0.swap(fresh, Ordering::Relaxed) != fresh {
            if fresh {
                tracing::info!("reads go to the replica");
            } else {
                tracing::warn!("reads go to the primary: the replica is away or too far behind");
            }
        }
    }

    pub(super) async fn watch(&self, primary: &PgPool, replica: &PgPool) {
        let mut positions = Positions::default();
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Ok(Ok(written)) = timeout(MAX_LAG, position(primary, WRITTEN)).await {
                positions.note(Instant::now(), written);
            }
            let lag = match timeout(MAX_LAG, position(replica, REPLAYED)).await {
                Ok(Ok(replayed)) => positions.lag(Instant::now(), replayed),
                _ => None,
            };
            self.set(lag.is_some_and(|lag| lag <= MAX_LAG));
        }
    }
}

// In transactions of their own: a statement outside of one is not safe behind a pooler.
const WRITTEN: &str = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
/// Null on a server that is no replica; then it is not used.
const REPLAYED: &str = "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint";

async fn position(pool: &PgPool, sql: &'static str) -> Result<i64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let position = sqlx::query_scalar::<_, Option<i64>>(sql)
        .persistent(false)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    position.ok_or(sqlx::Error::RowNotFound)
}

/// WAL positions of the primary and when it had them, oldest first.
#[derive(Debug, Default)]
struct Positions(VecDeque<(Instant, i64)>);

impl Positions {
    fn note(&mut self, at: Instant, position: i64) {
        self.0.push_back((at, position));
        // One older than the limit is enough to answer any question about the limit.
        while self
            .0
            .get(1)
            .is_some_and(|(second, _)| *second + MAX_LAG < at)
        {
            self.0.pop_front();
        }
    }

    /// The lag at most; `None` when it is more than can be told.
    fn lag(&self, now: Instant, replayed: i64) -> Option<Duration> {
        self.0
            .iter()
            .rev()
            .find(|(_, position)| *position <= replayed)
            .map(|(at, _)| now.saturating_duration_since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_the_age_of_the_newest_position_replayed() {
        let start = Instant::now();
        let second = |n| start + Duration::from_secs(n);
        let mut positions = Positions::default();
        for n in 0..20 {
            positions.note(second(n), 100 * i64::try_from(n).unwrap());
        }
        // (replayed, lag in seconds at second 20)
        for (replayed, lag) in [
            (1900, Some(1)),
            (2500, Some(1)),
            (1899, Some(2)),
            (1500, Some(5)),
            (1400, Some(6)),
            (100, None),
        ] {
            assert_eq!(
                positions.lag(second(20), replayed),
                lag.map(Duration::from_secs),
                "{replayed}"
            );
        }
    }

    #[test]
    fn an_idle_primary_does_not_look_like_lag() {
        let start = Instant::now();
        let mut positions = Positions::default();
        for n in 0..60 {
            positions.note(start + Duration::from_secs(n), 42);
        }
        let lag = positions.lag(start + Duration::from_mins(1), 42);
        assert_eq!(lag, Some(Duration::from_secs(1)));
    }
}
