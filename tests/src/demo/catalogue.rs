//! The nodes of the demo's provider.

use telecom_proto::v1::NodeServerConfig;

const GIGABIT: u64 = 1_000_000_000;

/// Name, country, place, class of route, uplink in Gbit/s, sessions it may carry.
type Node = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    u64,
    u32,
);

/// Addresses are from a block that RFC 5737 keeps for documentation.
const NODES: [Node; 20] = [
    ("fra-1", "DE", "Frankfurt", "premium", 100, 40_000),
    ("fra-2", "DE", "Frankfurt", "premium", 100, 40_000),
    ("ber-1", "DE", "Berlin", "standard", 40, 16_000),
    ("ams-1", "NL", "Amsterdam", "premium", 100, 40_000),
    ("par-1", "FR", "Paris", "standard", 40, 16_000),
    ("lon-1", "GB", "London", "premium", 100, 40_000),
    ("mad-1", "ES", "Madrid", "standard", 20, 8_000),
    ("mil-1", "IT", "Milan", "standard", 20, 8_000),
    ("waw-1", "PL", "Warsaw", "standard", 20, 8_000),
    ("sto-1", "SE", "Stockholm", "standard", 20, 8_000),
    ("nyc-1", "US", "New York", "premium", 100, 40_000),
    ("chi-1", "US", "Chicago", "standard", 40, 16_000),
    ("sjc-1", "US", "San Jose", "premium", 100, 40_000),
    ("tor-1", "CA", "Toronto", "standard", 20, 8_000),
    ("gru-1", "BR", "São Paulo", "standard", 20, 8_000),
    ("jnb-1", "ZA", "Johannesburg", "economy", 10, 4_000),
    ("bom-1", "IN", "Mumbai", "economy", 20, 8_000),
    ("sin-1", "SG", "Singapore", "premium", 40, 16_000),
    ("nrt-1", "JP", "Tokyo", "premium", 40, 16_000),
    ("syd-1", "AU", "Sydney", "standard", 20, 8_000),
];

/// The node servers to register.
pub fn node_servers() -> Vec<NodeServerConfig> {
    NODES
        .iter()
        .zip(1..)
        .map(|(node, number)| node_server(node, number))
        .collect()
}

fn node_server(
    &(name, country, location, route_class, gigabits, max_sessions): &Node,
    number: u8,
) -> NodeServerConfig {
    NodeServerConfig {
        name: name.to_owned(),
        address: format!("203.0.113.{number}"),
        country: country.to_owned(),
        location: location.to_owned(),
        route_class: route_class.to_owned(),
        bandwidth_bps: gigabits * GIGABIT,
        max_sessions,
        metadata: [("demo".to_owned(), "true".to_owned())].into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_node_has_its_own_name_and_address() {
        let nodes = node_servers();
        let names: BTreeSet<_> = nodes.iter().map(|node| &node.name).collect();
        let addresses: BTreeSet<_> = nodes.iter().map(|node| &node.address).collect();
        assert_eq!((nodes.len(), names.len(), addresses.len()), (20, 20, 20));
    }
}
