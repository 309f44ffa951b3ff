//! Statements on `package`.

use chrono::{DateTime, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::packages::{
    Package, PackageConfig, PackageDuration, PackageId, Quota, QuotaKind, Record, SeriesId,
};
use crate::revision::Revision;

/// The constraint that keeps names unique in their series.
pub const UNIQUE_NAME: &str = "package_name_key";

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT id, package_series_id, name, description, \
             quota_kind::text AS \"quota_kind!\", quota_bytes, duration_seconds, \
             duration_months, monthly_reset, speed_limit_bps, retired_at, revision, created_at, \
             updated_at FROM package "
                + $rest,
            $($argument),+
        )
    };
}

/// A page of packages.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only those of this series.
    pub series: Option<SeriesId>,
    /// Those taken from sale too.
    pub include_retired: bool,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// Lists one page by series, then id, and how many there are over all pages.
pub async fn list(
    transaction: &mut Transaction,
    page: Page,
) -> Result<(Vec<Package>, u64), StoreError> {
    let series = page.series.map(|series| series.0);
    let total = sqlx::query_scalar!(
        "SELECT count(*) AS \"count!\" FROM package \
         WHERE ($1::integer IS NULL OR package_series_id = $1) AND ($2 OR retired_at IS NULL)",
        series,
        page.include_retired,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let rows = rows!(
        "WHERE ($1::integer IS NULL OR package_series_id = $1) AND ($2 OR retired_at IS NULL) \
         ORDER BY package_series_id, id LIMIT $3 OFFSET $4",
        series,
        page.include_retired,
        i64::from(page.limit),
        i64::from(page.offset),
    )
    .fetch_all(transaction)
    .await?;
    let packages = rows.into_iter().map(Package::try_from);
    let total = unsigned(total, "count")?;
    Ok((packages.collect::<Result<_, _>>()?, total))
}

/// One package.
pub async fn find(
    transaction: &mut Transaction,
    id: PackageId,
) -> Result<Option<Package>, StoreError> {
    let row = rows!("WHERE id = $1", id.0).fetch_optional(transaction);
    row.await?.map(Package::try_from).transpose()
}

/// One package, which nobody else can write until the transaction ends.
pub async fn lock(
    transaction: &mut Transaction,
    id: PackageId,
) -> Result<Option<Package>, StoreError> {
    let row = rows!("WHERE id = $1 FOR NO KEY UPDATE", id.0).fetch_optional(transaction);
    row.await?.map(Package::try_from).transpose()
}

/// Adds a package and gives it its number.
pub async fn insert(
    transaction: &mut Transaction,
    config: &PackageConfig,
) -> Result<PackageId, StoreError> {
    let id = sqlx::query_scalar!(
        "INSERT INTO package (package_series_id, name, description, quota_kind, quota_bytes, \
         duration_seconds, duration_months, monthly_reset, speed_limit_bps) \
         VALUES ($1, $2, $3, $4::text::quota_kind, $5, $6, $7, $8, nullif($9::bigint, 0)) \
         RETURNING id",
        config.series.0,
        config.name,
        config.description,
        config.quota.kind().as_str(),
        config.quota.bytes().map(u64::cast_signed),
        config.duration.seconds().map(u64::cast_signed),
        config.duration.months().map(u32::cast_signed),
        config.quota.monthly_reset(),
        config.speed_limit_bps.cast_signed(),
    )
    .fetch_one(transaction)
    .await?;
    Ok(PackageId(id))
}

/// Replaces the configuration but for the series.
pub async fn update(
    transaction: &mut Transaction,
    id: PackageId,
    config: &PackageConfig,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE package SET name = $2, description = $3, quota_kind = $4::text::quota_kind, \
         quota_bytes = $5, duration_seconds = $6, duration_months = $7, monthly_reset = $8, \
         speed_limit_bps = nullif($9::bigint, 0), revision = revision + 1, updated_at = now() \
         WHERE id = $1",
        id.0,
        config.name,
        config.description,
        config.quota.kind().as_str(),
        config.quota.bytes().map(u64::cast_signed),
        config.duration.seconds().map(u64::cast_signed),
        config.duration.months().map(u32::cast_signed),
        config.quota.monthly_reset(),
        config.speed_limit_bps.cast_signed(),
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Takes a package from sale.
pub async fn retire(transaction: &mut Transaction, id: PackageId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE package SET retired_at = now(), revision = revision + 1, updated_at = now() \
         WHERE id = $1",
        id.0,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// The quota of its columns.
pub(super) fn quota(
    kind: &str,
    bytes: Option<i64>,
    monthly_reset: bool,
) -> Result<Quota, StoreError> {
    let bytes = bytes.map(u64::try_from).transpose();
    let bytes = bytes.map_err(|_| StoreError::Corrupt("quota_bytes"))?;
    QuotaKind::from_name(kind)
        .and_then(|kind| Quota::of_parts(kind, bytes, monthly_reset))
        .ok_or(StoreError::Corrupt("quota_kind"))
}

/// The duration of its columns.
pub(super) fn duration(
    seconds: Option<i64>,
    months: Option<i32>,
) -> Result<PackageDuration, StoreError> {
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let months = months.and_then(|months| u32::try_from(months).ok());
    match (seconds, months) {
        (Some(seconds), None) => Ok(PackageDuration::Seconds(seconds)),
        (None, Some(months)) => Ok(PackageDuration::Months(months)),
        _ => Err(StoreError::Corrupt("duration_seconds")),
    }
}

/// The speed limit of its column.
pub(super) fn speed_limit(bps: Option<i64>) -> Result<u64, StoreError> {
    unsigned(bps.unwrap_or(0), "speed_limit_bps")
}

struct Row {
    id: i32,
    package_series_id: i32,
    name: String,
    description: String,
    quota_kind: String,
    quota_bytes: Option<i64>,
    duration_seconds: Option<i64>,
    duration_months: Option<i32>,
    monthly_reset: bool,
    speed_limit_bps: Option<i64>,
    retired_at: Option<DateTime<Utc>>,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Package {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: PackageId(row.id),
            config: PackageConfig {
                series: SeriesId(row.package_series_id),
                name: row.name,
                description: row.description,
                quota: quota(&row.quota_kind, row.quota_bytes, row.monthly_reset)?,
                duration: duration(row.duration_seconds, row.duration_months)?,
                speed_limit_bps: speed_limit(row.speed_limit_bps)?,
            },
            record: Record {
                revision: Revision(row.revision),
                retired_at: row.retired_at,
                created_at: row.created_at,
                updated_at: row.updated_at,
            },
        })
    }
}
