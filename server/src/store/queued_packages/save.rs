//! Writes down what has changed in queues.

use crate::packages::{QueuedPackage, QueuedPackageStatus};
use crate::store::{StoreError, Transaction};

/// Writes the changed packages of any number of subscribers.
pub async fn save(
    transaction: &mut Transaction,
    packages: &[QueuedPackage],
) -> Result<(), StoreError> {
    // First those that end: at no moment may two of a subscriber be active, and an index checks
    // each row by itself.
    let (active, others): (Vec<_>, Vec<_>) = packages
        .iter()
        .partition(|package| package.status() == QueuedPackageStatus::Active);
    update(transaction, &others).await?;
    update(transaction, &active).await
}

async fn update(
    transaction: &mut Transaction,
    packages: &[&QueuedPackage],
) -> Result<(), StoreError> {
    if packages.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($of:expr) => {
            &packages.iter().copied().map($of).collect::<Vec<_>>()
        };
    }
    // The last condition says nothing new, but makes PostgreSQL take the index however many there are.
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    sqlx::query!(
        "UPDATE queued_package q SET status = n.status::queued_package_status, \
         active_from = n.active_from, expires_at = n.expires_at, ended_at = n.ended_at, \
         end_reason = n.end_reason, charged = n.charged, overage = n.overage, \
         period_charged = n.period_charged, next_reset_at = n.next_reset_at, \
         warned_percent = n.warned_percent, warned_expiry = n.warned_expiry, \
         revision = n.revision \
         FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], \
         $5::timestamptz[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], \
         $10::timestamptz[], $11::smallint[], $12::boolean[], $13::bigint[]) \
         AS n (id, status, active_from, expires_at, ended_at, end_reason, charged, overage, \
         period_charged, next_reset_at, warned_percent, warned_expiry, revision) \
         WHERE q.id = n.id AND q.id = ANY (ARRAY(SELECT unnest($1::bigint[])))",
        column!(|p| p.id.0),
        column!(|p| p.status().as_str()) as &[&str],
        column!(|p| p.span().map(|span| span.active_from)) as &[Option<_>],
        column!(|p| p.span().map(|span| span.expires_at)) as &[Option<_>],
        column!(QueuedPackage::ended_at) as &[Option<_>],
        column!(QueuedPackage::end_reason) as &[&str],
        column!(|p| bytes(p.charges.charged)),
        column!(|p| bytes(p.charges.overage)),
        column!(|p| bytes(p.charges.period_charged)),
        column!(QueuedPackage::next_reset_at) as &[Option<_>],
        column!(|p| i16::from(p.warned.percent)),
        column!(|p| p.warned.expiry),
        column!(|p| p.revision.0),
    )
    .execute(transaction)
    .await?;
    Ok(())
}
