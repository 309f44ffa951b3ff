//! Statements on `consumed_event`: events of other sources that were taken up.

use std::collections::HashSet;

use super::{StoreError, Transaction};

/// The name of a source, and its own name for one event.
pub type SourceKey = (String, String);

/// Notes the events; gives those that were not taken up before. Waits for another transaction that
/// is just taking up one of them.
pub async fn claim(
    transaction: &mut Transaction,
    keys: &[SourceKey],
) -> Result<HashSet<SourceKey>, StoreError> {
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let (sources, ids): (Vec<_>, Vec<_>) = keys.iter().cloned().unzip();
    let rows = sqlx::query!(
        "INSERT INTO consumed_event (source, source_id) \
         SELECT DISTINCT e.source, e.source_id FROM unnest($1::text[], $2::text[]) \
         AS e (source, source_id) ORDER BY e.source, e.source_id \
         ON CONFLICT DO NOTHING RETURNING source, source_id",
        &sources,
        &ids,
    )
    .fetch_all(transaction)
    .await?;
    let keys = rows.into_iter().map(|row| (row.source, row.source_id));
    Ok(keys.collect())
}

/// Takes back the note of one that could not be taken up after all.
pub async fn forget(transaction: &mut Transaction, key: &SourceKey) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM consumed_event WHERE source = $1 AND source_id = $2",
        key.0,
        key.1,
    )
    .execute(transaction)
    .await?;
    Ok(())
}
