//! A transaction, which statements run on as they would on a connection.

use chrono::{DateTime, Utc};
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, StreamExt as _};
use sqlx::error::BoxDynError;
use sqlx::postgres::{
    PgArguments, PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres,
};
use sqlx::{Describe, Either, Error, Execute, Executor, SqlStr};
use tracing::{Instrument as _, Span};

use super::StoreError;
use super::query_span::{self, Spanned};

/// A transaction; rolled back unless [`Self::commit`] is called.
#[derive(Debug)]
pub struct Transaction {
    inner: sqlx::Transaction<'static, Postgres>,
    /// Whether statements may stay prepared: not behind a pooler, where the next transaction may
    /// meet another connection's statement under the same name.
    persistent: bool,
}

impl Transaction {
    pub(super) fn new(inner: sqlx::Transaction<'static, Postgres>, persistent: bool) -> Self {
        Self { inner, persistent }
    }

    /// The database's clock, at the beginning of the transaction.
    pub async fn now(&mut self) -> Result<DateTime<Utc>, StoreError> {
        let now = sqlx::query_scalar!("SELECT now() AS \"now!\"");
        Ok(now.fetch_one(self).await?)
    }

    /// Makes the changes last.
    pub async fn commit(self) -> Result<(), StoreError> {
        let span = query_span::of("COMMIT");
        let committed = self.inner.commit().instrument(span.clone()).await;
        Ok(committed.inspect_err(|error| query_span::failed(&span, error))?)
    }

    fn parts<Q>(&mut self, query: Q) -> (&mut PgConnection, Statement<Q>) {
        let statement = Statement {
            query,
            persistent: self.persistent,
            span: query_span::new(),
        };
        (&mut self.inner, statement)
    }
}

/// A query that stays prepared only where that is safe, for which `sqlx::query!` has no switch, and says what it is.
struct Statement<Q> {
    query: Q,
    persistent: bool,
    span: Span,
}

impl<'q, Q: Execute<'q, Postgres>> Execute<'q, Postgres> for Statement<Q> {
    fn sql(self) -> SqlStr {
        let sql = self.query.sql();
        query_span::name(&self.span, sql.as_str());
        sql
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.query.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.query.take_arguments()
    }

    fn persistent(&self) -> bool {
        self.persistent && self.query.persistent()
    }
}

impl<'c> Executor<'c> for &'c mut Transaction {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, statement) = self.parts(query);
        let span = statement.span.clone();
        let rows = connection.fetch_many(statement);
        if span.is_none() {
            return rows;
        }
        Spanned::new(rows, span).boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, statement) = self.parts(query);
        let span = statement.span.clone();
        let row = connection.fetch_optional(statement);
        if span.is_none() {
            return row;
        }
        async move {
            let row = row.instrument(span.clone()).await;
            row.inspect_err(|error| query_span::failed(&span, error))
        }
        .boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        (&mut *self.inner).prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        (&mut *self.inner).describe(sql)
    }
}
