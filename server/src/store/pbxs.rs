//! Statements on `pbx`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::pbxs::{Pbx, PbxConfig, PbxDraft, PbxId};
use crate::revision::Revision;

/// The constraint that keeps names unique.
pub const UNIQUE_NAME: &str = "pbx_name_key";

macro_rules! rows {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT id, name, health_url, metadata AS \"metadata: Json<BTreeMap<String, String>>\", \
             revision, created_at, updated_at FROM pbx "
                + $rest
            $(, $argument)*
        )
    };
}

/// Lists one page by ascending id, and how many there are over all pages.
pub async fn list(
    transaction: &mut Transaction,
    (limit, offset): (u32, u32),
) -> Result<(Vec<Pbx>, u64), StoreError> {
    let total = sqlx::query_scalar!("SELECT count(*) AS \"count!\" FROM pbx")
        .fetch_one(&mut *transaction)
        .await?;
    let rows = rows!(
        "ORDER BY id LIMIT $1 OFFSET $2",
        i64::from(limit),
        i64::from(offset),
    );
    let rows = rows.fetch_all(transaction).await?;
    let pbxs = rows.into_iter().map(Pbx::from).collect();
    Ok((pbxs, unsigned(total, "count")?))
}

/// One PBX.
pub async fn find(transaction: &mut Transaction, id: PbxId) -> Result<Option<Pbx>, StoreError> {
    let row = rows!("WHERE id = $1", id.0);
    Ok(row.fetch_optional(transaction).await?.map(Pbx::from))
}

/// One PBX, which nobody else can write until the transaction ends.
pub async fn lock(transaction: &mut Transaction, id: PbxId) -> Result<Option<Pbx>, StoreError> {
    let row = rows!("WHERE id = $1 FOR UPDATE", id.0);
    Ok(row.fetch_optional(transaction).await?.map(Pbx::from))
}

/// Adds a PBX and gives it its number.
pub async fn insert(
    transaction: &mut Transaction,
    config: &PbxConfig,
) -> Result<PbxId, StoreError> {
    let values = config.values();
    let id = sqlx::query_scalar!(
        "INSERT INTO pbx (name, health_url, metadata) VALUES ($1, $2, $3) RETURNING id",
        values.name,
        values.health_url,
        Json(&values.metadata) as _,
    )
    .fetch_one(transaction)
    .await?;
    Ok(PbxId(id))
}

/// Replaces the configuration.
pub async fn update(
    transaction: &mut Transaction,
    id: PbxId,
    config: &PbxConfig,
) -> Result<(), StoreError> {
    let values = config.values();
    sqlx::query!(
        "UPDATE pbx SET name = $2, health_url = $3, metadata = $4, revision = revision + 1, \
         updated_at = now() WHERE id = $1",
        id.0,
        values.name,
        values.health_url,
        Json(&values.metadata) as _,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Counts a write that changes nothing in the row itself.
pub async fn touch(transaction: &mut Transaction, id: PbxId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE pbx SET revision = revision + 1, updated_at = now() WHERE id = $1",
        id.0,
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes a PBX, its tokens and what it said of the moment.
pub async fn delete(transaction: &mut Transaction, id: PbxId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM pbx WHERE id = $1", id.0)
        .execute(transaction)
        .await?;
    Ok(())
}

struct Row {
    id: i32,
    name: String,
    health_url: String,
    metadata: Json<BTreeMap<String, String>>,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Pbx {
    fn from(row: Row) -> Self {
        Self {
            id: PbxId(row.id),
            revision: Revision(row.revision),
            config: PbxConfig::from_stored(PbxDraft {
                name: row.name,
                health_url: row.health_url,
                metadata: row.metadata.0,
            }),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
