//! The names of metrics: the pages have those that an operator gives out, with their labels, and no others.

use std::collections::{BTreeMap, BTreeSet};

use prometheus::proto::{Metric, MetricFamily};
use telecom_crds::JobName;
use telecom_telemetry::{Config, Service};

use super::{Metrics, Standing};
use crate::stores::ClusterKey;

/// Of every metric its labels.
type Table = BTreeMap<String, BTreeSet<String>>;

/// Everything that an operator with a cluster gives out.
fn emitted() -> Vec<MetricFamily> {
    let metrics = Metrics::new().unwrap();
    let mut service = Service::new("telecom-operator", "0.1.0");
    "telecom_operator".clone_into(&mut service.metric_prefix);
    let settings = Config::for_service(service).validate().unwrap();
    let (_telemetry, _) =
        telecom_telemetry::build(&settings, &metrics.registry, std::io::sink).unwrap();
    let demo = ClusterKey::new("default", "demo");
    metrics.show_conditions(&demo, [("Ready", "True")].into_iter());
    metrics.jobs.begin(&demo);
    let standing = Standing {
        last_success: Some(1.0),
        failures: 0,
        period: Some(5.0),
    };
    metrics.jobs.show(&demo, JobName::BillTraffic, standing);
    metrics.registry.gather()
}

fn labels(family: &MetricFamily) -> BTreeSet<String> {
    let metrics = family.get_metric().iter();
    let pairs = metrics.flat_map(Metric::get_label);
    pairs.map(|pair| pair.name().to_owned()).collect()
}

/// The words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of a table of a section, in cells.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, after) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let section = after.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").collect())
        .collect()
}

fn in_telemetry() -> Table {
    let page = include_str!("../../../docs/telemetry.md");
    let mut table = Table::new();
    for row in rows(page, "## Metrics of the operator") {
        // `result (ok, error)` has the values in parentheses.
        let (mut labels, mut depth) = (String::new(), 0);
        for letter in row[2].chars() {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            labels.extend((depth == 0 && letter != ')').then_some(letter));
        }
        let labels = labels.split(',').map(str::trim);
        let labels: BTreeSet<_> = labels
            .filter(|label| *label != "–")
            .map(str::to_owned)
            .collect();
        for name in quoted(row[0]) {
            let before = table.insert(name.to_owned(), labels.clone());
            assert!(before.is_none(), "{name} is in two rows");
        }
    }
    table
}

fn in_operator() -> Vec<String> {
    let page = include_str!("../../../docs/operator.md");
    let rows = rows(page, "## Metrics");
    rows.iter()
        .flat_map(|row| quoted(row[0]))
        .map(str::to_owned)
        .collect()
}

fn is(name: &str, pattern: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(name == pattern, |begin| name.starts_with(begin))
}

#[tokio::test]
async fn the_pages_and_the_operator_have_the_same_names_and_labels() {
    let emitted = emitted();
    let documented = in_telemetry();
    for family in &emitted {
        let name = family.name();
        let found = documented.iter().find(|(pattern, _)| is(name, pattern));
        let (_, expected) = found.unwrap_or_else(|| panic!("{name} is not in docs/telemetry.md"));
        assert_eq!(&labels(family), expected, "labels of {name}");
    }
    let short = in_operator();
    for pattern in documented.keys().chain(&short) {
        let mut names = emitted.iter().map(MetricFamily::name);
        assert!(names.any(|name| is(name, pattern)), "there is no {pattern}");
    }
    for family in &emitted {
        let name = family.name();
        let mut patterns = short.iter();
        assert!(
            patterns.any(|pattern| is(name, pattern)),
            "{name} is not in docs/operator.md"
        );
    }
}
