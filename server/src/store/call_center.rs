//! Statements on `call_record` for the service level of queues.

use super::{StoreError, Transaction};
use crate::call_center::{CallCenter, SHORT_ABANDON, WINDOW};

/// The share of calls that were answered in time, in per cent, of each queue through which calls ended in the last half
/// hour.
///
/// Legs and those who gave up at once count as [`CallCenter::offered`] has it. A call that took more than two days is
/// not looked for.
pub async fn service_levels(
    transaction: &mut Transaction,
    center: &CallCenter,
) -> Result<Vec<(String, f64)>, StoreError> {
    let micros =
        |duration: std::time::Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    let queues: Vec<_> = center.0.keys().cloned().collect();
    let rules = || center.0.values();
    let slas: Vec<_> = rules().map(|rules| micros(rules.sla)).collect();
    let excludes: Vec<_> = rules().map(|rules| rules.exclude_short_abandons).collect();
    let rows = sqlx::query!(
        "SELECT c.queue, 100 * (count(*) FILTER (WHERE c.answer_time - coalesce(c.ring_time, c.start_time) \
             <= r.sla * interval '1 microsecond'))::float8 / count(*) AS \"percentage!\" \
         FROM call_record c JOIN unnest($1::text[], $2::bigint[], $3::boolean[]) AS r (queue, sla, exclude) \
             ON r.queue = c.queue \
         WHERE c.queue <> '' AND c.root AND c.start_time > now() - interval '2 days' AND c.start_time <= now() \
         AND c.end_time > now() - $4::bigint * interval '1 microsecond' \
         AND NOT (r.exclude AND c.answer_time IS NULL \
             AND c.end_time - coalesce(c.ring_time, c.start_time) < $5::bigint * interval '1 microsecond') \
         GROUP BY c.queue",
        &queues,
        &slas,
        &excludes,
        micros(WINDOW),
        micros(SHORT_ABANDON),
    );
    let rows = rows.fetch_all(transaction).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.queue, row.percentage))
        .collect())
}
