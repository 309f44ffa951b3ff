//! The way out of a partition: marked, detached, dropped, and put back when it is to stay after all.
//!
//! Detached concurrently, it keeps nobody waiting, but that takes a session of its own. Where there
//! is only a transaction-mode pooler, a plain DETACH has to do, whose lock the others wait behind
//! for [`super::LOCK`] at most.
//! <https://www.postgresql.org/docs/15/sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION>

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;

use super::partitions::attach;
use super::{Partition, Session, SessionError, State, Transaction, run};
use crate::partitions::{Guard, Range, Table};

/// What a partition that is being dropped says in its comment, followed by table and range: so that
/// it is found when the session that took it out did not come to drop it.
pub(super) const DROPPING: &str = "telecom-server drops this partition:";

/// What became of a partition whose time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Gone.
    Dropped,
    /// Kept: something in it is not billed or not rated yet.
    Kept,
}

impl Session {
    /// Takes a partition out and drops it, unless something in it is not billed or not rated yet. Goes on from
    /// wherever an earlier session was cut off.
    pub async fn retire(
        &mut self,
        table: &Table,
        partition: &Partition,
    ) -> Result<Outcome, SessionError> {
        let (parent, name) = (table.name, &partition.name);
        let attached = matches!(partition.state, State::Attached | State::Marked);
        if attached && self.direct {
            let mut transaction = self.begin().await?;
            if unsettled(&mut transaction, table, partition).await? {
                transaction.commit().await?;
                return Ok(Outcome::Kept);
            }
            run(&mut transaction, mark(table, partition)).await?;
            transaction.commit().await?;
            self.quietly(format!(
                "ALTER TABLE {parent} DETACH PARTITION {name} CONCURRENTLY"
            ))
            .await?;
        } else if attached {
            let mut transaction = self.begin().await?;
            if unsettled(&mut transaction, table, partition).await? {
                transaction.commit().await?;
                return Ok(Outcome::Kept);
            }
            let detach = format!("ALTER TABLE {parent} DETACH PARTITION {name}");
            run(&mut transaction, detach).await?;
            let outcome = drop_detached(&mut transaction, table, partition).await?;
            transaction.commit().await?;
            return Ok(outcome);
        } else if partition.state == State::Detaching {
            // Also through a pooler: it is allowed in a transaction.
            self.quietly(format!(
                "ALTER TABLE {parent} DETACH PARTITION {name} FINALIZE"
            ))
            .await?;
        }
        let mut transaction = self.begin().await?;
        let outcome = drop_detached(&mut transaction, table, partition).await?;
        transaction.commit().await?;
        Ok(outcome)
    }

    /// Puts back what was on its way out, now that it is to be kept after all.
    pub async fn restore(
        &mut self,
        table: &Table,
        partition: &Partition,
    ) -> Result<(), SessionError> {
        let (parent, name) = (table.name, &partition.name);
        if partition.state == State::Detaching {
            let finalize = format!("ALTER TABLE {parent} DETACH PARTITION {name} FINALIZE");
            self.quietly(finalize).await?;
        }
        let mut transaction = self.begin().await?;
        if matches!(partition.state, State::Detaching | State::Detached) {
            let back = attach(parent, name, partition.range);
            run(&mut transaction, back).await?;
        }
        let unmark = format!("COMMENT ON TABLE {name} IS NULL");
        run(&mut transaction, unmark).await?;
        Ok(transaction.commit().await?)
    }
}

fn mark(table: &Table, partition: &Partition) -> String {
    let (name, range) = (&partition.name, partition.range);
    let (from, to) = (range.from.to_rfc3339(), range.to.to_rfc3339());
    format!(
        "COMMENT ON TABLE {name} IS '{DROPPING} {} {from} {to}'",
        table.name
    )
}

/// Tables that were partitions of `table` and were not dropped any more.
pub(super) async fn detached(
    transaction: &mut Transaction<'_>,
    table: &Table,
) -> Result<Vec<Partition>, SessionError> {
    let rows: Vec<(String, DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(
        "SELECT oid::regclass::text, split_part(rest, ' ', 1)::timestamptz, \
         split_part(rest, ' ', 2)::timestamptz FROM ( \
         SELECT oid, substr(obj_description(oid, 'pg_class'), length($1) + 1) AS rest \
         FROM pg_class WHERE relkind = 'r' AND NOT relispartition \
         AND starts_with(obj_description(oid, 'pg_class'), $1)) d ORDER BY 2",
    )
    .bind(format!("{DROPPING} {} ", table.name))
    .persistent(false)
    .fetch_all(&mut **transaction)
    .await?;
    let partition = |(name, from, to)| Partition {
        name,
        range: Range { from, to },
        state: State::Detached,
    };
    Ok(rows.into_iter().map(partition).collect())
}

/// Whether something would be lost with the partition that is not billed or not rated yet.
async fn unsettled(
    transaction: &mut Transaction<'_>,
    table: &Table,
    partition: &Partition,
) -> Result<bool, SessionError> {
    let pending = |rows: &str| {
        format!("SELECT EXISTS (SELECT FROM {rows} WHERE bucket >= $1 AND bucket < $2 AND pending)")
    };
    let statement = match table.guard {
        Guard::Nothing => return Ok(false),
        Guard::OwnRows => pending(&partition.name),
        Guard::QuartersOfItsTime => pending("usage_quarter"),
        // Whose number is gone, or was none, nobody will ever rate. Who does no wholesale waits for no price.
        Guard::Unrated => format!(
            "SELECT EXISTS (SELECT FROM {} r WHERE start_time >= $1 AND start_time < $2 \
             AND (unrated_sell <> 'bad_number' OR unrated_buy <> 'bad_number') AND NOT erased \
             AND EXISTS (SELECT FROM wholesale_trunk t WHERE t.pbx_id = r.pbx_id))",
            partition.name
        ),
    };
    Ok(sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(partition.range.from)
        .bind(partition.range.to)
        .persistent(false)
        .fetch_one(&mut **transaction)
        .await?)
}

/// Drops a table that was a partition. What came in between the first look and the detaching is
/// seen by this second one, and the partition put back.
async fn drop_detached(
    transaction: &mut Transaction<'_>,
    table: &Table,
    partition: &Partition,
) -> Result<Outcome, SessionError> {
    let (parent, name) = (table.name, &partition.name);
    run(
        transaction,
        format!("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"),
    )
    .await?;
    if unsettled(transaction, table, partition).await? {
        let back = attach(parent, name, partition.range);
        run(
            transaction,
            format!("{back}; COMMENT ON TABLE {name} IS NULL"),
        )
        .await?;
        return Ok(Outcome::Kept);
    }
    run(transaction, format!("DROP TABLE {name}")).await?;
    Ok(Outcome::Dropped)
}
