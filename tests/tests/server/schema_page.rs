//! The diagrams of `docs/database.md` are those of the database: written by this test with `UPDATE=1`,
//! compared by it without.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::database::Database;

/// The diagrams, by what they are about. Every table is in one of them.
const DIAGRAMS: [(&str, &[&str]); 8] = [
    (
        "network",
        &[
            "node_server",
            "node_token",
            "node_heartbeat",
            "node_status",
            "node_status_history",
            "node_status_hourly_mv",
            "node_client",
            "node_client_factor",
        ],
    ),
    (
        "packages",
        &[
            "package_series",
            "package_series_node_client",
            "package",
            "subscriber",
            "queued_package",
        ],
    ),
    (
        "usage",
        &[
            "traffic_usage",
            "usage_quarter",
            "usage_hourly",
            "usage_daily",
        ],
    ),
    ("reports", &["usage_report", "usage_refused"]),
    (
        "billing",
        &[
            "user_package_usage",
            "usage_adjustment",
            "user_access",
            "outbox_event",
            "consumed_event",
            "dead_letter",
        ],
    ),
    (
        "calls",
        &[
            "pbx",
            "pbx_token",
            "pbx_state",
            "call_record",
            "call_record_rejected",
        ],
    ),
    (
        "wholesale",
        &[
            "wholesale_deck",
            "wholesale_rate",
            "wholesale_trunk",
            "call_charge",
        ],
    ),
    (
        "housekeeping",
        &[
            "audit_log",
            "idempotency_key",
            "job_run",
            "view_refresh",
            "schema_compatibility",
            "database_owner",
        ],
    ),
];

const TABLES: &str = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace \
    AND relkind IN ('r', 'p', 'm') AND NOT relispartition AND relname <> '_sqlx_migrations'";

/// `type column keys`, in their order; types in the words that the migrations use.
const COLUMNS: &str = "SELECT replace(replace(regexp_replace(format_type(a.atttypid, NULL), \
    'timestamp with time zone', 'timestamptz'), 'double precision', 'double'), ' ', '_') || ' ' || a.attname || \
    coalesce(' ' || (SELECT string_agg(DISTINCT key, ', ' ORDER BY key DESC) FROM ( \
        SELECT CASE contype WHEN 'p' THEN 'PK' WHEN 'f' THEN 'FK' WHEN 'u' THEN 'UK' END AS key \
        FROM pg_constraint WHERE conrelid = a.attrelid AND a.attnum = ANY (conkey) AND contype IN ('p', 'f', 'u')) k), '') \
    FROM pg_attribute a WHERE a.attrelid = to_regclass('TABLE') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// `parent`, the mark of "one" or "many", the columns.
const PARENTS: &str = "SELECT confrelid::regclass || ' ' || CASE WHEN EXISTS (SELECT FROM pg_index \
        WHERE indrelid = f.conrelid AND indisunique AND indpred IS NULL AND indnkeyatts = cardinality(f.conkey) \
        AND f.conkey @> string_to_array(indkey::text, ' ')::smallint[]) THEN '||--o|' ELSE '||--o{' END \
    || ' ' || (SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)) \
    FROM pg_constraint f WHERE contype = 'f' AND conrelid = to_regclass('TABLE') ORDER BY 1";

fn diagram(database: &Database, tables: &[&str]) -> String {
    let mut text = "```mermaid\nerDiagram\n".to_owned();
    for table in tables {
        for line in database.sql(&PARENTS.replace("TABLE", table)).lines() {
            let mut words = line.splitn(3, ' ');
            let mut next = || words.next().unwrap();
            let (parent, mark, columns) = (next(), next(), next());
            writeln!(text, "    {parent} {mark} {table} : \"{columns}\"").unwrap();
        }
    }
    for table in tables {
        writeln!(text, "    {table} {{").unwrap();
        for column in database.sql(&COLUMNS.replace("TABLE", table)).lines() {
            writeln!(text, "        {column}").unwrap();
        }
        text += "    }\n";
    }
    text + "```\n"
}

#[tokio::test]
async fn the_page_shows_every_table_and_column() {
    let database = Database::new().await;
    let there: BTreeSet<_> = database.sql(TABLES).lines().map(str::to_owned).collect();
    let shown = DIAGRAMS.iter().flat_map(|(_, tables)| *tables);
    let shown: BTreeSet<_> = shown.map(|table| (*table).to_owned()).collect();
    assert_eq!(shown, there, "tables in DIAGRAMS, and in the database");

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/database.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let mut fresh = page.clone();
    for (name, tables) in DIAGRAMS {
        let (begin, end) = (
            format!("<!-- diagram: {name} -->\n"),
            "<!-- end of diagram -->",
        );
        let (before, rest) = fresh
            .split_once(&begin)
            .unwrap_or_else(|| panic!("no {begin}"));
        let (_, after) = rest.split_once(end).unwrap();
        fresh = format!("{before}{begin}{}{end}{after}", diagram(&database, tables));
    }
    // Each table is also told about in words.
    for table in &there {
        assert!(
            page.contains(&format!("| `{table}` |")),
            "the page says nothing about {table}"
        );
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, fresh).unwrap();
    } else {
        assert!(
            page == fresh,
            "docs/database.md: run `UPDATE=1 cargo test -p telecom-tests --test server -- schema_page`"
        );
    }
}
