//! The names of metrics: docs/telemetry.md has those that a server gives out, and no others.

use std::collections::BTreeSet;

use super::process::Server;

/// A row of the page's table of the server's metrics.
struct Row {
    /// Full names, or beginnings before `*`.
    names: Vec<String>,
    /// Whether the page says when a metric is not there, which then is no fault.
    may_be_absent: bool,
}

fn documented() -> Vec<Row> {
    let page = include_str!("../../../docs/telemetry.md");
    let (_, after) = page.split_once("\n## Metrics of the server\n").unwrap();
    let (section, _) = after.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").collect();
        let quoted = cells[0].split('`').skip(1).step_by(2);
        Row {
            names: quoted.map(str::to_owned).collect(),
            may_be_absent: cells.last().unwrap().contains("absent"),
        }
    })
    .collect()
}

/// Metrics that have a sample, by `# TYPE`.
fn families(text: &str) -> BTreeSet<&str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).collect()
}

fn is(name: &str, pattern: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(name == pattern, |begin| name.starts_with(begin))
}

#[tokio::test]
async fn the_page_and_the_server_have_the_same_names() {
    let server = Server::start().await;
    // Of a method there is a duration when it was called.
    server.node("a").await;
    let text = server.get("/metrics").await.body;
    let emitted = families(&text);
    let rows = documented();

    let names = || rows.iter().flat_map(|row| &row.names);
    let secret: Vec<_> = emitted
        .iter()
        .filter(|name| !names().any(|pattern| is(name, pattern)))
        .collect();
    assert!(secret.is_empty(), "not in docs/telemetry.md: {secret:?}");

    let missing: Vec<_> = rows
        .iter()
        .filter(|row| !row.may_be_absent)
        .flat_map(|row| &row.names)
        .filter(|pattern| !emitted.iter().any(|name| is(name, pattern)))
        .collect();
    assert!(missing.is_empty(), "no such metric: {missing:?}");

    let mut once = BTreeSet::new();
    for name in names() {
        assert!(once.insert(name), "{name} is in two rows");
    }
}
