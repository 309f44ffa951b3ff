//! Statements on `user_package_usage`, which the billing hook alone writes.

use chrono::{DateTime, Utc};

use super::{StoreError, Transaction};
use crate::packages::QueuedPackageId;
use crate::users::UserId;

/// Where bytes belong. Rows are written by ascending place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Who used them.
    pub user: UserId,
    /// In which hour of UTC; its first moment.
    pub hour: DateTime<Utc>,
    /// Through which node server.
    pub node_server: i32,
    /// The package that took them; `None` when none was active.
    pub package: Option<QueuedPackageId>,
}

/// What became of bytes. Sums of many events, each of which fits 64 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Within the quota.
    pub charged: u128,
    /// Beyond it.
    pub overage: u128,
    /// Those for which the quota is not.
    pub uncounted: u128,
    /// Without a package.
    pub unassigned: u128,
    /// How many of all these came from other sources.
    pub external: u128,
}

/// Adds to what is there; the places are given once each, by ascending place.
pub async fn add(
    transaction: &mut Transaction,
    rows: impl Iterator<Item = (&Place, &Sums)> + Clone,
) -> Result<(), StoreError> {
    macro_rules! column {
        ($of:expr) => {
            &rows.clone().map($of).collect::<Vec<_>>()
        };
    }
    // Numerics as text: there is no other way for more than 64 bits without one more dependency.
    sqlx::query!(
        "INSERT INTO user_package_usage AS u (user_id, bucket, node_server_id, queued_package_id, \
         charged, overage, uncounted, unassigned, external) \
         SELECT n.user_id, n.bucket, n.node_server_id, n.queued_package_id, n.charged::numeric, \
         n.overage::numeric, n.uncounted::numeric, n.unassigned::numeric, n.external::numeric \
         FROM unnest($1::uuid[], $2::timestamptz[], $3::integer[], $4::bigint[], $5::text[], \
         $6::text[], $7::text[], $8::text[], $9::text[]) WITH ORDINALITY \
         AS n (user_id, bucket, node_server_id, queued_package_id, charged, overage, uncounted, \
         unassigned, external, place) ORDER BY n.place \
         ON CONFLICT (user_id, bucket, node_server_id, queued_package_id) DO UPDATE SET \
         charged = u.charged + excluded.charged, overage = u.overage + excluded.overage, \
         uncounted = u.uncounted + excluded.uncounted, \
         unassigned = u.unassigned + excluded.unassigned, \
         external = u.external + excluded.external",
        column!(|(place, _)| place.user.0),
        column!(|(place, _)| place.hour),
        column!(|(place, _)| place.node_server),
        column!(|(place, _)| place.package.map(|id| id.0)) as &[Option<i64>],
        column!(|(_, sums)| sums.charged.to_string()),
        column!(|(_, sums)| sums.overage.to_string()),
        column!(|(_, sums)| sums.uncounted.to_string()),
        column!(|(_, sums)| sums.unassigned.to_string()),
        column!(|(_, sums)| sums.external.to_string()),
    )
    .execute(transaction)
    .await?;
    Ok(())
}
