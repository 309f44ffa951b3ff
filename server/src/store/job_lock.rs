//! One run of a job at a time over all processes, behind a pooler too.

use std::time::Duration;

use tokio::time::Instant;

use super::{StoreError, Transaction};

/// The end of a job that is late is its own to see; the database only clears up after one that is gone.
const GRACE: Duration = Duration::from_secs(10);

/// Takes the lock of a job until the transaction ends; false when another has it. The transaction may
/// then stand still until the deadline, unlike others.
pub async fn take(
    transaction: &mut Transaction,
    job: &str,
    deadline: Instant,
) -> Result<bool, StoreError> {
    let left = deadline.saturating_duration_since(Instant::now());
    let still = (left + GRACE)
        .as_millis()
        .min(i32::MAX.unsigned_abs().into());
    let taken = sqlx::query!(
        "SELECT set_config('idle_in_transaction_session_timeout', $2, true), \
         pg_try_advisory_xact_lock(hashtextextended('telecom job ' || $1, 0)) AS \"taken!\"",
        job,
        still.to_string(),
    );
    Ok(taken.fetch_one(transaction).await?.taken)
}
