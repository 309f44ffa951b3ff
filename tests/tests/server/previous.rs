//! The migrations leave the server of the version before working: what it asks is still answered in
//! the same form, and what it writes is still taken.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Executor as _, PgConnection, SqlSafeStr as _,
    Statement as _,
};

use super::database::Database;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The last migration of the version before.
fn version() -> i64 {
    let text = std::fs::read_to_string(root().join("tests/previous/version")).unwrap();
    text.trim().parse().unwrap()
}

/// What the server of the version before asks.
fn statements() -> Vec<String> {
    let folder = root().join("tests/previous/statements");
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .map(|text| serde_json::from_str::<Value>(&text).unwrap())
        .map(|file| file["query"].as_str().unwrap().to_owned())
        .collect()
}

/// A database with the migrations up to the one of that number.
fn migrated(last: i64) -> Database {
    let database = Database::empty();
    let mut files: Vec<_> = std::fs::read_dir(root().join("migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let (number, _) = name.split_once('_').unwrap();
        if number.parse::<i64>().unwrap() <= last {
            let sql = std::fs::read_to_string(&file).unwrap();
            database.sql(&format!("BEGIN; {sql}; COMMIT"));
        }
    }
    database
}

/// Parameters and columns of a statement.
async fn form(connection: &mut PgConnection, statement: &str) -> Result<String, sqlx::Error> {
    let prepared = connection
        .prepare(AssertSqlSafe(statement.to_owned()).into_sql_str())
        .await?;
    let columns: Vec<_> = prepared
        .columns()
        .iter()
        .map(|column| format!("{} {}", column.name(), column.type_info()))
        .collect();
    Ok(format!("{:?} -> {columns:?}", prepared.parameters()))
}

/// One line for each fact about the tables, `table|fact|what`.
const FACTS: &str = "
    WITH t AS (SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind IN ('r', 'p', 'm') AND NOT relispartition AND relname <> '_sqlx_migrations')
    SELECT relname || '|column|' || attname || '|' || format_type(atttypid, atttypmod) || '|' || attnotnull
        || '|' || (atthasdef OR attidentity <> '')
        FROM t JOIN pg_attribute ON attrelid = t.oid WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT relname || '|constraint|' || conname || '|' || pg_get_constraintdef(c.oid) || '|'
        || (SELECT string_agg(attname, ',') FROM pg_attribute WHERE attrelid = t.oid AND attnum = ANY (conkey))
        FROM t JOIN pg_constraint c ON conrelid = t.oid
    UNION ALL
    SELECT relname || '|unique|' || pg_get_indexdef(indexrelid)
        FROM t JOIN pg_index ON indrelid = t.oid WHERE indisunique
    UNION ALL
    SELECT relname || '|trigger|' || pg_get_triggerdef(g.oid)
        FROM t JOIN pg_trigger g ON tgrelid = t.oid WHERE NOT tgisinternal";

/// A long condition is shown on several lines.
fn one_line_each() -> String {
    format!("SELECT translate(f.fact, chr(10), ' ') FROM ({FACTS}) AS f (fact)")
}

type Facts = BTreeMap<String, BTreeSet<String>>;

/// Facts by table.
fn facts(database: &Database) -> Facts {
    let mut facts = Facts::new();
    for line in database.sql(&one_line_each()).lines() {
        let (table, fact) = line.split_once('|').unwrap();
        facts
            .entry(table.to_owned())
            .or_default()
            .insert(fact.to_owned());
    }
    facts
}

/// What a server that knows only `before` could stumble over in `after`.
fn dangers(before: &Facts, after: &Facts) -> Vec<String> {
    let mut dangers = Vec::new();
    let none = BTreeSet::new();
    for (table, known) in before {
        let now = after.get(table).unwrap_or(&none);
        for gone in known.difference(now) {
            dangers.push(format!("{table}: no longer: {gone}"));
        }
        let column = |name: &str| {
            known
                .iter()
                .any(|fact| fact.starts_with(&format!("column|{name}|")))
        };
        for new in now.difference(known) {
            let parts: Vec<_> = new.split('|').collect();
            let harmless = match parts[0] {
                // A column that an INSERT may leave out.
                "column" => column(parts[1]) || parts[3] == "false" || parts[4] == "true",
                // A rule about new columns only.
                "constraint" => !parts[parts.len() - 1].split(',').any(column),
                _ => false,
            };
            if !harmless {
                dangers.push(format!("{table}: new: {new}"));
            }
        }
    }
    dangers
}

#[tokio::test]
async fn what_it_asks_has_the_same_answer() {
    let (before, after) = (migrated(version()), migrated(i64::MAX));
    let mut old = PgConnection::connect(&before.url).await.unwrap();
    let mut new = PgConnection::connect(&after.url).await.unwrap();
    let statements = statements();
    assert!(!statements.is_empty());
    for statement in &statements {
        let was = form(&mut old, statement).await.unwrap();
        let is = form(&mut new, statement).await;
        assert_eq!(
            is.unwrap_or_else(|error| error.to_string()),
            was,
            "{statement}"
        );
        // Some of it only the planner finds, such as a unique key that ON CONFLICT names.
        let prepare = format!("DEALLOCATE ALL; PREPARE asked AS {statement}");
        sqlx::raw_sql(AssertSqlSafe(prepare))
            .execute(&mut new)
            .await
            .unwrap();
        let count: i32 = sqlx::query_scalar(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'asked'",
        )
        .persistent(false)
        .fetch_one(&mut new)
        .await
        .unwrap();
        let nulls = vec!["NULL"; usize::try_from(count).unwrap()].join(", ");
        let values = if count == 0 {
            String::new()
        } else {
            format!("({nulls})")
        };
        let explain = format!("EXPLAIN EXECUTE asked{values}");
        let planned = sqlx::raw_sql(AssertSqlSafe(explain))
            .execute(&mut new)
            .await;
        planned.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    let serves_from: i64 = after
        .sql("SELECT serves_from FROM schema_compatibility")
        .parse()
        .unwrap();
    assert!(
        serves_from <= version(),
        "the version before may still serve"
    );
}

#[test]
fn what_it_writes_is_still_taken() {
    let (before, after) = (migrated(version()), migrated(i64::MAX));
    let dangers = dangers(&facts(&before), &facts(&after));
    assert!(dangers.is_empty(), "{dangers:#?}");
}

#[test]
fn what_would_break_it_is_seen() {
    for (migration, danger) in [
        (
            "ALTER TABLE node_server ADD COLUMN zone text NOT NULL",
            Some("new: column|zone"),
        ),
        (
            "ALTER TABLE node_server ADD COLUMN zone text NOT NULL DEFAULT 'a'",
            None,
        ),
        (
            "ALTER TABLE node_server ADD COLUMN zone text CHECK (zone <> '')",
            None,
        ),
        (
            "ALTER TABLE node_server DROP COLUMN location",
            Some("no longer: column|location"),
        ),
        (
            "ALTER TABLE node_server RENAME country TO region",
            Some("no longer: column|country"),
        ),
        (
            "ALTER TABLE node_server ALTER bandwidth_bps TYPE numeric",
            Some("no longer: column|bandwidth_bps"),
        ),
        (
            "ALTER TABLE node_server ADD CHECK (max_sessions > 0)",
            Some("new: constraint|"),
        ),
        (
            "CREATE UNIQUE INDEX ON node_server (address)",
            Some("new: unique|"),
        ),
        ("CREATE INDEX ON node_server (address)", None),
        (
            "ALTER TABLE node_heartbeat DROP CONSTRAINT node_heartbeat_pkey",
            Some("no longer: constraint|"),
        ),
        (
            "CREATE TRIGGER t BEFORE INSERT ON node_token FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()",
            Some("new: trigger|"),
        ),
        ("DROP TABLE node_token", Some("node_token: no longer: ")),
    ] {
        let database = migrated(1);
        let before = facts(&database);
        database.sql(migration);
        let dangers = dangers(&before, &facts(&database));
        let seen = |text: &str| dangers.iter().any(|line| line.contains(text));
        assert!(
            danger.map_or(dangers.is_empty(), seen),
            "{migration}: {dangers:#?}"
        );
    }
}
