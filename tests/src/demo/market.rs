//! What the demo's provider sells: a way into the network on each node, two series, their packages.

use std::time::Duration;

use telecom_proto::v1::package_duration::Length;
use telecom_proto::v1::{
    NodeClientConfig, PackageConfig, PackageDuration, PackageSeriesConfig, Quota, QuotaKind,
    Routing,
};

use super::registry::Registered;

const GIGABYTE: u64 = 1_000_000_000;
const MEGABIT: u64 = 1_000_000;

/// Name, what it is, and which classes of route it gives.
const SERIES: [(&str, &str, &[&str]); 2] = [
    (
        "Home",
        "At home, on all but the premium routes",
        &["standard", "economy"],
    ),
    ("World", "Everywhere", &["premium", "standard", "economy"]),
];

/// Series, name, kind of quota, gigabytes, whole again each month, length, Mbit/s.
type Row = (
    &'static str,
    &'static str,
    QuotaKind,
    u64,
    bool,
    Length,
    u64,
);

fn rows() -> [Row; 5] {
    let days = |days: u64| {
        let length = Duration::from_hours(24 * days);
        Length::Seconds(prost_types::Duration::try_from(length).unwrap_or_default())
    };
    let (total, download) = (QuotaKind::Total, QuotaKind::Download);
    [
        ("Home", "Home 50", total, 50, false, days(30), 50),
        (
            "Home",
            "Home 200 a month",
            total,
            200,
            true,
            Length::Months(12),
            100,
        ),
        ("World", "World day", total, 2, false, days(1), 20),
        (
            "World",
            "World 20",
            download,
            20,
            false,
            Length::Months(1),
            100,
        ),
        (
            "World",
            "World flat",
            QuotaKind::Unlimited,
            0,
            false,
            Length::Months(1),
            0,
        ),
    ]
}

/// A node client on each node server, in the order of the node servers.
pub fn node_clients(nodes: &[Registered]) -> Vec<NodeClientConfig> {
    nodes
        .iter()
        .zip(1..)
        .map(|(node, order)| NodeClientConfig {
            name: format!("{} wireguard", node.name),
            node_server_id: node.id,
            protocol: "wireguard".to_owned(),
            port: 51820,
            display_order: order,
            routing: Some(Routing::default()),
            metadata: [("demo".to_owned(), "true".to_owned())].into(),
            ..Default::default()
        })
        .collect()
}

/// What traffic through a class of route counts, in millionths.
pub fn factor(route_class: &str) -> u64 {
    match route_class {
        "premium" => 1_500_000,
        "economy" => 500_000,
        _ => 1_000_000,
    }
}

/// The series, each with the node clients of its classes of route; given as number and class.
pub fn series(clients: &[(i32, String)]) -> Vec<PackageSeriesConfig> {
    let of_classes = |classes: &[&str]| {
        let clients = clients.iter();
        let fitting = clients.filter(|(_, class)| classes.contains(&class.as_str()));
        fitting.map(|(id, _)| *id).collect()
    };
    SERIES
        .iter()
        .zip(1..)
        .map(
            |((name, description, classes), order)| PackageSeriesConfig {
                name: (*name).to_owned(),
                description: (*description).to_owned(),
                display_order: order,
                node_client_ids: of_classes(classes),
            },
        )
        .collect()
}

/// The packages, with the name of the series each belongs to.
pub fn packages() -> Vec<(&'static str, PackageConfig)> {
    rows()
        .into_iter()
        .map(
            |(series, name, kind, gigabytes, monthly_reset, length, megabits)| {
                let config = PackageConfig {
                    series_id: 0,
                    name: name.to_owned(),
                    description: String::new(),
                    quota: Some(Quota {
                        kind: kind.into(),
                        bytes: gigabytes * GIGABYTE,
                        monthly_reset,
                    }),
                    duration: Some(PackageDuration {
                        length: Some(length),
                    }),
                    speed_limit_bps: megabits * MEGABIT,
                };
                (series, config)
            },
        )
        .collect()
}
