//! Spans of statements, in traces that are recorded.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::{BoxStream, Stream, StreamExt as _};
use sqlx::error::DatabaseError;
use telecom_telemetry::propagation;
use tracing::Span;
use tracing::field::Empty;

/// The span of a statement, with the names of OpenTelemetry's conventions for PostgreSQL; none outside of recorded
/// traces, where nobody would see it. Statements have parameters, so that their text holds no values; and only what
/// they do to which table is told, since some are long.
///
/// <https://opentelemetry.io/docs/specs/semconv/db/postgresql/>
pub(super) fn new() -> Span {
    if !propagation::is_recorded() {
        return Span::none();
    }
    tracing::info_span!(
        "query",
        otel.name = Empty,
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = "postgresql",
        db.operation.name = Empty,
        db.collection.name = Empty,
        db.response.status_code = Empty,
    )
}

/// The span of a statement whose text is known at once.
pub(super) fn of(sql: &str) -> Span {
    let span = new();
    name(&span, sql);
    span
}

/// Notes in a span of which statement it is.
pub(super) fn name(span: &Span, sql: &str) {
    if span.is_none() {
        return;
    }
    let (operation, table) = summary(sql);
    span.record("db.operation.name", operation);
    match table {
        Some(table) => {
            span.record("db.collection.name", table);
            span.record("otel.name", format!("{operation} {table}"));
        }
        None => {
            span.record("otel.name", operation);
        }
    }
}

/// The first word of a statement, and the first table that it names.
fn summary(sql: &str) -> (&str, Option<&str>) {
    let mut words = sql.split_whitespace();
    let operation = words.next().unwrap_or_default();
    let mut before = operation;
    for word in words {
        if matches!(before, "FROM" | "INTO" | "UPDATE" | "JOIN") && is_name(word) {
            return (operation, Some(bare(word)));
        }
        before = word;
    }
    (operation, None)
}

/// Neither a statement in parentheses, nor what a function gives.
fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase()) && !word.contains('(')
}

/// Without what is written next to a name.
fn bare(word: &str) -> &str {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    word.split(|letter| !is_part(letter)).next().unwrap_or(word)
}

/// Notes in a statement's span that it did not come to it, or to its end.
pub(super) fn not_done(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// Notes in a statement's span that it failed, and how.
pub(super) fn failed(span: &Span, error: &sqlx::Error) {
    not_done(span);
    if let Some(code) = error.as_database_error().and_then(DatabaseError::code) {
        span.record("db.response.status_code", &*code);
    }
}

/// Rows whose statement has a span.
pub(super) struct Spanned<'e, T> {
    rows: BoxStream<'e, Result<T, sqlx::Error>>,
    span: Span,
}

impl<'e, T> Spanned<'e, T> {
    pub(super) fn new(rows: BoxStream<'e, Result<T, sqlx::Error>>, span: Span) -> Self {
        Self { rows, span }
    }
}

impl<T> Stream for Spanned<'_, T> {
    type Item = Result<T, sqlx::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { rows, span } = &mut *self;
        let next = span.in_scope(|| rows.poll_next_unpin(context));
        if let Poll::Ready(Some(Err(error))) = &next {
            failed(span, error);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_summed_up_by_what_it_does_to_which_table() {
        for (sql, expected) in [
            ("SELECT now() AS \"now!\"", ("SELECT", None)),
            (
                "SELECT id FROM node_server WHERE id = $1",
                ("SELECT", Some("node_server")),
            ),
            (
                "INSERT INTO usage_report (id) VALUES ($1)",
                ("INSERT", Some("usage_report")),
            ),
            (
                "UPDATE user_access SET version = 1",
                ("UPDATE", Some("user_access")),
            ),
            (
                "DELETE FROM job_run WHERE true",
                ("DELETE", Some("job_run")),
            ),
            (
                "WITH claimed AS ( SELECT user_id FROM usage_quarter WHERE pending) SELECT 1",
                ("WITH", Some("usage_quarter")),
            ),
            (
                "SELECT n.id FROM (SELECT id FROM unnest($1::uuid[])) n",
                ("SELECT", None),
            ),
            ("SELECT extract(epoch FROM now())", ("SELECT", None)),
            (
                "SELECT o.id FROM unnest($1::bigint[]) AS d (id) JOIN outbox_event o ON true",
                ("SELECT", Some("outbox_event")),
            ),
            ("", ("", None)),
        ] {
            assert_eq!(summary(sql), expected, "{sql}");
        }
    }
}
