//! Erases telephone numbers. Times, trunks, results and what was charged stay; the digest too, so that a record that
//! comes again is known.

use chrono::{DateTime, Days, Utc};

use crate::store::number::unsigned;
use crate::store::{StoreError, Transaction};

/// Records looked at in one step.
const STEP: i64 = 500;

/// The days of UTC in which calls from or to one of the numbers began, the latest first.
pub async fn days_of_numbers(
    transaction: &mut Transaction,
    numbers: &[String],
) -> Result<Vec<DateTime<Utc>>, StoreError> {
    let days = sqlx::query_scalar!(
        "SELECT DISTINCT date_bin('1 day', start_time, '2000-01-01 00:00:00+00') AS \"day!\" FROM ( \
             SELECT start_time FROM call_record WHERE from_number = ANY ($1) AND from_number <> '' \
             UNION ALL \
             SELECT start_time FROM call_record WHERE to_number = ANY ($1) AND to_number <> '' \
         ) AS found ORDER BY 1 DESC",
        numbers,
    );
    Ok(days.fetch_all(transaction).await?)
}

/// Removes the numbers from the calls that began in the day, with what goes with them on their side, and whatever else
/// the PBX said; of how many.
pub async fn erase_numbers(
    transaction: &mut Transaction,
    day: DateTime<Utc>,
    numbers: &[String],
) -> Result<u64, StoreError> {
    let erased = sqlx::query!(
        "UPDATE call_record SET \
             caller = CASE WHEN from_number = ANY ($1) THEN '' ELSE caller END, \
             caller_name = CASE WHEN from_number = ANY ($1) THEN '' ELSE caller_name END, \
             from_number = CASE WHEN from_number = ANY ($1) THEN '' ELSE from_number END, \
             callee = CASE WHEN to_number = ANY ($1) THEN '' ELSE callee END, \
             to_number = CASE WHEN to_number = ANY ($1) THEN '' ELSE to_number END, \
             extra = '{}', erased = true \
         WHERE start_time >= $2 AND start_time < $3 \
         AND (from_number = ANY ($1) AND from_number <> '' OR to_number = ANY ($1) AND to_number <> '')",
        numbers,
        day,
        day + Days::new(1),
    )
    .execute(transaction)
    .await?;
    Ok(erased.rows_affected())
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The number of the last record that it looked at.
    pub last: i64,
    /// How many lost their text.
    pub erased: u64,
}

/// Removes the text of records that were not stored and have one of the parts in it, among the next ones after `after`;
/// `None` when there are none.
pub async fn erase_rejected(
    transaction: &mut Transaction,
    after: i64,
    parts: &[String],
) -> Result<Option<Step>, StoreError> {
    let row = sqlx::query!(
        "WITH step AS MATERIALIZED ( \
             SELECT id, body FROM call_record_rejected WHERE id > $1 ORDER BY id LIMIT $2 \
         ), found AS ( \
             SELECT id FROM step WHERE EXISTS ( \
                 SELECT FROM unnest($3::text[]) AS p (part) WHERE position(p.part IN step.body) > 0) \
         ), erased AS ( \
             UPDATE call_record_rejected SET body = '' \
             WHERE id = ANY (ARRAY(SELECT id FROM found)) RETURNING 1 \
         ) \
         SELECT max(id) AS last, (SELECT count(*) FROM erased) AS \"erased!\" FROM step",
        after,
        STEP,
        parts,
    )
    .fetch_one(transaction)
    .await?;
    let erased = unsigned(row.erased, "count")?;
    Ok(row.last.map(|last| Step { last, erased }))
}
