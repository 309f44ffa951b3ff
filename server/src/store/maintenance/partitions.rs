//! Partitions as the database has them, and making new ones.
//!
//! A partition is made beside its table and attached, which blocks nobody who reads or writes.

use chrono::{DateTime, Utc};

use super::retirement::{DROPPING, detached};
use super::{Session, SessionError, run};
use crate::partitions::{Range, Table};

/// A partition as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its name, quoted and with its schema as far as needed.
    pub name: String,
    /// What lies in it.
    pub range: Range,
    /// How far its way out is.
    pub state: State,
}

/// How far a partition's way out is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In use.
    Attached,
    /// It was to be dropped, and nothing was done about it yet.
    Marked,
    /// It is no longer read through the table, and not yet out of it.
    Detaching,
    /// A table of its own, waiting to be dropped.
    Detached,
}

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    detaching: bool,
    marked: bool,
}

impl From<Row> for Partition {
    fn from(row: Row) -> Self {
        Self {
            name: row.name,
            range: Range {
                from: row.from,
                to: row.to,
            },
            state: match (row.detaching, row.marked) {
                (true, _) => State::Detaching,
                (false, true) => State::Marked,
                (false, false) => State::Attached,
            },
        }
    }
}

impl Session {
    /// The partitions of a table, oldest first, with those on their way out. One without both bounds
    /// is not ours and is left out.
    pub async fn partitions(&mut self, table: &Table) -> Result<Vec<Partition>, SessionError> {
        let mut transaction = self.begin().await?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT name, bounds[1]::timestamptz AS from, bounds[2]::timestamptz AS to, detaching, \
             coalesce(starts_with(comment, $2), false) AS marked FROM ( \
             SELECT i.inhrelid::regclass::text AS name, \
             regexp_match(pg_get_expr(c.relpartbound, c.oid), \
             'FROM \\(''([^'']+)''\\) TO \\(''([^'']+)''\\)') AS bounds, \
             i.inhdetachpending AS detaching, obj_description(c.oid, 'pg_class') AS comment \
             FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
             WHERE i.inhparent = to_regclass($1)) p \
             WHERE bounds IS NOT NULL ORDER BY 2",
        )
        .bind(table.name)
        .bind(DROPPING)
        .persistent(false)
        .fetch_all(&mut *transaction)
        .await?;
        let mut partitions: Vec<_> = rows.into_iter().map(Partition::from).collect();
        partitions.extend(detached(&mut transaction, table).await?);
        transaction.commit().await?;
        Ok(partitions)
    }

    /// Makes the partition of `range`.
    pub async fn create(&mut self, table: &Table, range: Range) -> Result<(), SessionError> {
        let (parent, name) = (table.name, table.partition(range));
        let attach = attach(parent, &name, range);
        let mut transaction = self.begin().await?;
        run(
            &mut transaction,
            format!("CREATE TABLE {name} (LIKE {parent} INCLUDING ALL); {attach}"),
        )
        .await?;
        Ok(transaction.commit().await?)
    }
}

pub(super) fn attach(parent: &str, name: &str, range: Range) -> String {
    let (from, to) = (range.from.to_rfc3339(), range.to.to_rfc3339());
    format!("ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}')")
}
