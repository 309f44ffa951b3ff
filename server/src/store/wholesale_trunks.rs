//! Statements on `wholesale_trunk`.

use chrono::{DateTime, Utc};

use super::number::unsigned;
use super::{StoreError, Transaction};
use crate::pbxs::PbxId;
use crate::revision::Revision;
use crate::wholesale::{DeckId, Trunk, TrunkId, TrunkKey, TrunkRole};

macro_rules! rows {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            Row,
            "SELECT pbx_id, trunk_id, role, deck_id, revision, created_at, updated_at \
             FROM wholesale_trunk " + $rest,
            $($argument),+
        )
    };
}

/// A page of trunks.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only of this PBX.
    pub pbx: Option<PbxId>,
    /// Only with this role.
    pub role: Option<TrunkRole>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// Lists one page by PBX, trunk, role, and how many there are over all pages.
pub async fn list(
    transaction: &mut Transaction,
    page: Page,
) -> Result<(Vec<Trunk>, u64), StoreError> {
    let (pbx, role) = (page.pbx.map(|pbx| pbx.0), page.role.map(TrunkRole::as_str));
    let total = sqlx::query_scalar!(
        "SELECT count(*) AS \"count!\" FROM wholesale_trunk \
         WHERE ($1::integer IS NULL OR pbx_id = $1) AND ($2::text IS NULL OR role = $2)",
        pbx,
        role,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let rows = rows!(
        "WHERE ($1::integer IS NULL OR pbx_id = $1) AND ($2::text IS NULL OR role = $2) \
         ORDER BY pbx_id, trunk_id, role LIMIT $3 OFFSET $4",
        pbx,
        role,
        i64::from(page.limit),
        i64::from(page.offset),
    )
    .fetch_all(transaction)
    .await?;
    let trunks: Result<_, _> = rows.into_iter().map(Trunk::try_from).collect();
    Ok((trunks?, unsigned(total, "count")?))
}

/// What a trunk is rated by, which nobody else can write until the transaction ends.
pub async fn lock(
    transaction: &mut Transaction,
    key: &TrunkKey,
) -> Result<Option<Trunk>, StoreError> {
    let row = rows!(
        "WHERE pbx_id = $1 AND trunk_id = $2 AND role = $3 FOR UPDATE",
        key.pbx.0,
        key.trunk.as_str(),
        key.role.as_str(),
    );
    let row = row.fetch_optional(transaction).await?;
    row.map(Trunk::try_from).transpose()
}

/// Whether there is the PBX, which then stays until the transaction ends.
pub async fn hold_pbx(transaction: &mut Transaction, id: PbxId) -> Result<bool, StoreError> {
    let held = sqlx::query!("SELECT FROM pbx WHERE id = $1 FOR KEY SHARE", id.0);
    Ok(held.fetch_optional(transaction).await?.is_some())
}

/// Says what a trunk is rated by.
pub async fn put(
    transaction: &mut Transaction,
    key: &TrunkKey,
    deck: Option<DeckId>,
) -> Result<Trunk, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "INSERT INTO wholesale_trunk AS t (pbx_id, trunk_id, role, deck_id) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (pbx_id, trunk_id, role) DO UPDATE SET deck_id = excluded.deck_id, \
         revision = t.revision + 1, updated_at = now() \
         RETURNING pbx_id, trunk_id, role, deck_id, revision, created_at, updated_at",
        key.pbx.0,
        key.trunk.as_str(),
        key.role.as_str(),
        deck.map(|deck| deck.0),
    )
    .fetch_one(transaction)
    .await?;
    row.try_into()
}

/// Takes back what was said about a trunk.
pub async fn delete(transaction: &mut Transaction, key: &TrunkKey) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM wholesale_trunk WHERE pbx_id = $1 AND trunk_id = $2 AND role = $3",
        key.pbx.0,
        key.trunk.as_str(),
        key.role.as_str(),
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// One of the trunks that are rated by a deck.
pub async fn of_deck(
    transaction: &mut Transaction,
    deck: DeckId,
) -> Result<Option<TrunkKey>, StoreError> {
    let row = rows!(
        "WHERE deck_id = $1 ORDER BY pbx_id, trunk_id, role LIMIT 1",
        deck.0
    );
    let trunk = row.fetch_optional(transaction).await?.map(Trunk::try_from);
    Ok(trunk.transpose()?.map(|trunk| trunk.key))
}

struct Row {
    pbx_id: i32,
    trunk_id: String,
    role: String,
    deck_id: Option<i32>,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Trunk {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            key: TrunkKey {
                pbx: PbxId(row.pbx_id),
                trunk: TrunkId::from_stored(row.trunk_id),
                role: TrunkRole::from_name(&row.role).ok_or(StoreError::Corrupt("role"))?,
            },
            deck: row.deck_id.map(DeckId),
            revision: Revision(row.revision),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
