//! Statements on `package_series` and on which node clients each gives access to.

use chrono::{DateTime, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::packages::{PackageSeries, Record, SeriesConfig, SeriesDraft, SeriesId};
use crate::revision::Revision;

/// The constraint that keeps names unique.
pub const UNIQUE_NAME: &str = "package_series_name_key";

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT id, name, description, display_order, \
             ARRAY(SELECT node_client_id FROM package_series_node_client \
             WHERE package_series_id = s.id ORDER BY node_client_id) AS \"node_client_ids!\", \
             retired_at, revision, created_at, updated_at FROM package_series s "
                + $rest,
            $($argument),+
        )
    };
}

/// A page of series.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Those taken from sale too.
    pub include_retired: bool,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// Lists one page by display order, then id, and how many there are over all pages.
pub async fn list(
    transaction: &mut Transaction,
    page: Page,
) -> Result<(Vec<PackageSeries>, u64), StoreError> {
    let total = sqlx::query_scalar!(
        "SELECT count(*) AS \"count!\" FROM package_series WHERE $1 OR retired_at IS NULL",
        page.include_retired,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let rows = rows!(
        "WHERE $1 OR retired_at IS NULL ORDER BY display_order, id LIMIT $2 OFFSET $3",
        page.include_retired,
        i64::from(page.limit),
        i64::from(page.offset),
    )
    .fetch_all(transaction)
    .await?;
    let total = unsigned(total, "count")?;
    Ok((rows.into_iter().map(PackageSeries::from).collect(), total))
}

/// One series.
pub async fn find(
    transaction: &mut Transaction,
    id: SeriesId,
) -> Result<Option<PackageSeries>, StoreError> {
    let row = rows!("WHERE id = $1", id.0).fetch_optional(transaction);
    Ok(row.await?.map(PackageSeries::from))
}

/// One series, which nobody else can write until the transaction ends.
pub async fn lock(
    transaction: &mut Transaction,
    id: SeriesId,
) -> Result<Option<PackageSeries>, StoreError> {
    sqlx::query!(
        "SELECT FROM package_series WHERE id = $1 FOR NO KEY UPDATE",
        id.0
    )
    .fetch_optional(&mut *transaction)
    .await?;
    // Read anew: before the wait, its node clients may have been others.
    find(transaction, id).await
}

/// Whether the series has been taken from sale, which does not change until the transaction ends;
/// `None` when there is none.
pub async fn hold(transaction: &mut Transaction, id: SeriesId) -> Result<Option<bool>, StoreError> {
    Ok(sqlx::query_scalar!(
        "SELECT retired_at IS NOT NULL AS \"retired!\" FROM package_series \
         WHERE id = $1 FOR SHARE",
        id.0,
    )
    .fetch_optional(transaction)
    .await?)
}

/// Adds a series and gives it its number.
pub async fn insert(
    transaction: &mut Transaction,
    config: &SeriesConfig,
) -> Result<SeriesId, StoreError> {
    let values = config.values();
    let id = sqlx::query_scalar!(
        "INSERT INTO package_series (name, description, display_order) VALUES ($1, $2, $3) \
         RETURNING id",
        values.name,
        values.description,
        values.display_order,
    )
    .fetch_one(&mut *transaction)
    .await?;
    give(transaction, SeriesId(id), &values.node_client_ids).await?;
    Ok(SeriesId(id))
}

/// Replaces the configuration.
pub async fn update(
    transaction: &mut Transaction,
    id: SeriesId,
    config: &SeriesConfig,
) -> Result<(), StoreError> {
    let values = config.values();
    sqlx::query!(
        "UPDATE package_series SET name = $2, description = $3, display_order = $4, \
         revision = revision + 1, updated_at = now() WHERE id = $1",
        id.0,
        values.name,
        values.description,
        values.display_order,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "DELETE FROM package_series_node_client \
         WHERE package_series_id = $1 AND node_client_id <> ALL ($2)",
        id.0,
        &values.node_client_ids,
    )
    .execute(&mut *transaction)
    .await?;
    give(transaction, id, &values.node_client_ids).await
}

/// Takes a series and its packages from sale.
pub async fn retire(transaction: &mut Transaction, id: SeriesId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE package_series SET retired_at = now(), revision = revision + 1, \
         updated_at = now() WHERE id = $1",
        id.0,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "UPDATE package SET retired_at = now(), revision = revision + 1, updated_at = now() \
         WHERE package_series_id = $1 AND retired_at IS NULL",
        id.0,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// The first of the node clients that is not there. The others stay until the transaction ends.
pub async fn missing_node_client(
    transaction: &mut Transaction,
    ids: &[i32],
) -> Result<Option<i32>, StoreError> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM node_client WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE",
        ids,
    )
    .fetch_all(transaction)
    .await?;
    let missing = ids.iter().find(|id| found.binary_search(id).is_err());
    Ok(missing.copied())
}

async fn give(
    transaction: &mut Transaction,
    id: SeriesId,
    node_client_ids: &[i32],
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO package_series_node_client (package_series_id, node_client_id) \
         SELECT $1, unnest($2::integer[]) ON CONFLICT DO NOTHING",
        id.0,
        node_client_ids,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

struct Row {
    id: i32,
    name: String,
    description: String,
    display_order: i32,
    node_client_ids: Vec<i32>,
    retired_at: Option<DateTime<Utc>>,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for PackageSeries {
    fn from(row: Row) -> Self {
        Self {
            id: SeriesId(row.id),
            config: SeriesConfig::from_stored(SeriesDraft {
                name: row.name,
                description: row.description,
                display_order: row.display_order,
                node_client_ids: row.node_client_ids,
            }),
            record: Record {
                revision: Revision(row.revision),
                retired_at: row.retired_at,
                created_at: row.created_at,
                updated_at: row.updated_at,
            },
        }
    }
}
