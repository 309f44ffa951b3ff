//! The plan of every statement of the server, on a database of a realistic size: nothing walks through
//! a whole table that grows with the provider, and usage is looked for in the partitions it is in.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::database::Database;

/// Tables that stay small: as many rows as the provider has machines and offers, thousands at most.
const SMALL: [&str; 17] = [
    "database_owner",
    "node_client",
    "node_client_factor",
    "node_heartbeat",
    "node_server",
    "node_status",
    "node_token",
    "package",
    "package_series",
    "package_series_node_client",
    "pbx",
    "pbx_state",
    "pbx_token",
    "schema_compatibility",
    "view_refresh",
    "wholesale_deck",
    "wholesale_trunk",
];

/// Tables that grow; `fill.sql` fills them.
const LARGE: [&str; 23] = [
    "audit_log",
    "call_charge",
    "call_record",
    "call_record_rejected",
    "consumed_event",
    "dead_letter",
    "idempotency_key",
    "job_run",
    "node_status_history",
    "node_status_hourly_mv",
    "outbox_event",
    "queued_package",
    "subscriber",
    "traffic_usage",
    "usage_adjustment",
    "usage_daily",
    "usage_hourly",
    "usage_quarter",
    "usage_refused",
    "usage_report",
    "user_access",
    "user_package_usage",
    "wholesale_rate",
];

/// Indexes of large tables that have few entries whatever there is: one for each job.
const SHORT: [&str; 1] = ["job_run_active"];

/// Statements that may walk through a whole large table, by their whole text, or its beginning before
/// `…`, and why.
const COLD: [(&str, &str); 8] = [
    (
        "SELECT booked_at, start_time, pbx_id, call_id, side, seq, kind, trunk_id…",
        "the export of the ledger, by the index of when rows were booked in each partition",
    ),
    (
        "SELECT DISTINCT date_bin('1 day', start_time, '2000-01-01 00:00:00+00'…",
        "the days in which somebody who is erased had calls, by the indexes of numbers in each partition",
    ),
    (
        "SELECT (CASE count(*) WHEN 0 THEN 0 ELSE greatest(extract(epoch FROM no…",
        "the sampler's age of what is pending, by the same index",
    ),
    (
        "WITH claimed AS MATERIALIZED ( SELECT user_id, bucket, node_client_id…",
        "bills what is pending of whatever day, by the index of what is pending in each partition",
    ),
    (
        "SELECT count(*) AS \"count!\" FROM subscriber…",
        "the total of an administrator's page",
    ),
    (
        "SELECT count(*) AS \"count!\" FROM queued_package",
        "the total of an administrator's page without a filter",
    ),
    (
        "SELECT p.package_series_id, q.status::text AS \"status!\", sum(…",
        "an administrator's count of all there are",
    ),
    (
        "SELECT s.name, t.status::text AS \"status!\", coalesce(sum(…",
        "the sampler's count of all that are open, two thirds of the rows here",
    ),
];

/// What is asked of usage by statements that are not in `.sqlx`.
const USAGE: [(&str, &str); 2] = [
    (
        "SELECT * FROM traffic_usage WHERE user_id = $1 AND used_at >= $2 AND used_at < $3",
        "a user's reports, as an administrator looks at them",
    ),
    (
        "SELECT EXISTS (SELECT FROM usage_quarter WHERE bucket >= $1 AND bucket < $2 AND pending)",
        "whether a day is billed, before its partition is dropped",
    ),
];

fn statements() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sqlx");
    let mut statements: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .map(|text| serde_json::from_str::<Value>(&text).unwrap())
        .map(|file| file["query"].as_str().unwrap().to_owned())
        .collect();
    statements.sort();
    statements
}

/// How a statement is planned.
#[derive(Debug, Clone, Copy)]
enum Planned {
    /// For unknown values, as prepared statements come to be.
    Generic,
    /// For those given, with so many elements in each array: PostgreSQL counts them.
    For(usize),
}

/// A report has a thousand rows, and so has a batch of events.
const PLANNED: [Planned; 3] = [Planned::Generic, Planned::For(1), Planned::For(1000)];

/// A value of each type that occurs, as a literal; `nth` parameter of its statement. Times grow, so
/// that a range is one.
fn literal(kind: &str, nth: usize, elements: usize) -> String {
    match kind {
        "uuid" => "md5('4711')::uuid".to_owned(),
        "timestamp with time zone" => {
            format!("now() - interval '3 days' + {nth} * interval '1 hour'")
        }
        "smallint" | "integer" | "bigint" => "400".to_owned(),
        "numeric" | "double precision" => "1.5".to_owned(),
        "boolean" => "false".to_owned(),
        "jsonb" => "'{}'".to_owned(),
        "bytea" => "sha256('x')".to_owned(),
        "text" | "subscriber_status" | "queued_package_status" => "'active'".to_owned(),
        "cidr" => "'10.0.0.0/8'".to_owned(),
        "quota_kind" => "'total'".to_owned(),
        kind if kind.ends_with("[]") => {
            let of = kind.trim_end_matches("[]");
            let one = literal(of, nth, elements);
            format!("array_fill(({one})::{of}, ARRAY[{elements}])")
        }
        kind => panic!("no value of type {kind} is known"),
    }
}

/// The type that the statement makes of its `nth` parameter, counted from 0, which comes as `kind`:
/// a text may be cast to one that does not take every text.
fn meant(statement: &str, nth: usize, kind: &str) -> String {
    let cast = format!("${}::{kind}::", nth + 1);
    let rest = statement.split_once(&cast).map(|(_, rest)| rest);
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"_[]".contains(c));
        rest[..end.unwrap_or(rest.len())].to_owned()
    };
    rest.map_or_else(|| kind.to_owned(), name)
}

async fn plan(connection: &mut PgConnection, statement: &str, planned: Planned) -> Value {
    let (mode, elements) = match planned {
        Planned::Generic => ("force_generic_plan", 1),
        Planned::For(elements) => ("force_custom_plan", elements),
    };
    let prepare =
        format!("DEALLOCATE ALL; SET plan_cache_mode = {mode}; PREPARE asked AS {statement}");
    run(connection, &prepare).await;
    let kinds: Vec<String> = sqlx::query_scalar(
        "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'asked'",
    )
    .persistent(false)
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let values: Vec<_> = (0..)
        .zip(&kinds)
        .map(|(nth, kind)| literal(&meant(statement, nth, kind), nth, elements))
        .collect();
    let values = if values.is_empty() {
        String::new()
    } else {
        format!("({})", values.join(", "))
    };
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE asked{values}");
    let plan: Value = sqlx::query_scalar(AssertSqlSafe(explain))
        .persistent(false)
        .fetch_one(connection)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    plan[0]["Plan"].clone()
}

async fn run(connection: &mut PgConnection, sql: &str) {
    let result = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await;
    result.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The large table that a relation is, or is a partition of.
fn large(relation: &str) -> Option<&'static str> {
    let of = LARGE.into_iter().filter(|table| {
        let rest = relation.strip_prefix(table);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    });
    of.max_by_key(|table| table.len())
}

/// What is wrong with a plan: a large table read from end to end, or too many partitions of one.
fn faults(plan: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut partitions = std::collections::BTreeMap::<&str, u32>::new();
    walk(plan, false, &mut |node, limited| {
        let Some(relation) = node["Relation Name"].as_str() else {
            return;
        };
        let Some(table) = large(relation) else {
            return;
        };
        if relation != table {
            *partitions.entry(table).or_default() += 1;
        }
        let kind = node["Node Type"].as_str().unwrap();
        // In the order of an index a page is found at its beginning.
        let short = node["Index Name"]
            .as_str()
            .is_some_and(|name| SHORT.contains(&name));
        let whole = kind == "Seq Scan"
            || (kind.starts_with("Index") && node["Index Cond"].is_null() && !limited && !short);
        if whole {
            faults.push(format!("{kind} on {relation}"));
        }
    });
    for (table, count) in partitions {
        if count > 5 {
            faults.push(format!("{count} partitions of {table}"));
        }
    }
    faults
}

fn is_cold(statement: &str, text: &str) -> bool {
    text.strip_suffix('…')
        .map_or(statement == text, |begin| statement.starts_with(begin))
}

fn walk(node: &Value, limited: bool, see: &mut impl FnMut(&Value, bool)) {
    see(node, limited);
    // An aggregate or a sort wants all of its input, whatever is wanted of its output.
    let limited = match node["Node Type"].as_str().unwrap() {
        "Limit" => true,
        "Aggregate" | "Sort" | "Hash" | "WindowAgg" => false,
        _ => limited,
    };
    for below in node["Plans"].as_array().into_iter().flatten() {
        walk(below, limited, see);
    }
}

#[tokio::test]
async fn no_statement_walks_through_a_large_table() {
    let database = Database::new().await;
    database.sql(include_str!("plans/fill.sql"));
    let mut known: Vec<_> = [&SMALL[..], &LARGE[..]].concat();
    known.sort_unstable();
    assert_eq!(
        database.sql(
            "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class \
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm') \
             AND NOT relispartition AND relname <> '_sqlx_migrations'"
        ),
        known.join(" "),
        "a table is missing in SMALL or LARGE, and in fill.sql"
    );
    for table in LARGE {
        let rows = database.sql(&format!("SELECT count(*) >= 20000 FROM {table}"));
        assert_eq!(rows, "t", "{table} is filled");
    }

    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let mut wrong = String::new();
    let mut cold = Vec::new();
    let usage = USAGE.map(|(statement, _)| statement.to_owned());
    for statement in statements().into_iter().chain(usage) {
        for planned in PLANNED {
            let plan = plan(&mut connection, &statement, planned).await;
            let faults = faults(&plan);
            if let Some((part, _)) = COLD.iter().find(|(text, _)| is_cold(&statement, text)) {
                if !faults.is_empty() {
                    cold.push(*part);
                }
            } else if !faults.is_empty() {
                writeln!(wrong, "{faults:?} ({planned:?})\n{statement}\n{plan:#}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    for (part, reason) in COLD {
        assert!(
            cold.contains(&part),
            "needs no exception: {part} ({reason})"
        );
    }

    // A plan that does walk is seen.
    for statement in [
        "SELECT * FROM subscriber WHERE status_reason = $1",
        "SELECT id FROM subscriber ORDER BY created_at",
        "SELECT sum(raw_upload) FROM usage_quarter WHERE user_id = $1",
        "UPDATE queued_package SET priority = 1 WHERE end_reason = $1",
    ] {
        let plan = plan(&mut connection, statement, Planned::Generic).await;
        assert!(!faults(&plan).is_empty(), "{statement}: {plan:#}");
    }
}

/// Of all events, most were published; PostgreSQL last counted when few were.
#[tokio::test]
async fn pending_events_are_found_among_published_ones() {
    let database = Database::new().await;
    database.sql(
        "INSERT INTO outbox_event (event_id, route, payload, trace_id) \
         SELECT gen_random_uuid(), 'telecom.user_usage_billing', '{}', '' FROM generate_series(1, 20000); \
         ANALYZE outbox_event",
    );
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let taking = statements().into_iter().filter(|statement| {
        statement.contains("FROM outbox_event WHERE published_at IS NULL")
            && statement.contains("ORDER BY route, id LIMIT")
    });
    let taking: Vec<_> = taking.collect();
    assert_eq!(taking.len(), 4, "{taking:#?}");
    for statement in taking {
        for planned in PLANNED {
            let plan = plan(&mut connection, &statement, planned).await;
            let mut indexes = Vec::new();
            walk(&plan, false, &mut |node, _| {
                indexes.extend(node["Index Name"].as_str().map(str::to_owned));
            });
            assert!(
                indexes.contains(&"outbox_event_pending".to_owned()),
                "{statement}\n{plan:#}"
            );
        }
    }
}
