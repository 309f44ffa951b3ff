//! Node clients: the ways into the network on a node server, and the rules for each of their fields.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};

use super::config::MAX_BPS;
use super::{FactorFrom, NodeServer, NodeServerId, NodeStatus, Route};
use crate::revision::Revision;
use crate::violation::{Violation, Violations};

/// Furthest from 0 that a place in the order may be.
const MAX_ORDER: i32 = 1_000_000;
/// Most networks that one node client leads to.
const MAX_ROUTES: usize = 64;

/// The number of a node client; positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeClientId(pub i32);

impl fmt::Display for NodeClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A configuration as a caller sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeClientDraft {
    /// Unique name.
    pub name: String,
    /// The node server it runs on.
    pub node_server: i32,
    /// Protocol it speaks.
    pub protocol: String,
    /// Port it listens on.
    pub port: u32,
    /// Lower comes first.
    pub display_order: i32,
    /// Bits per second; 0 for no limit.
    pub speed_limit_bps: u64,
    /// ISO 3166-1 alpha-2; empty: the node server's.
    pub country: String,
    /// Shown to people; empty: the node server's.
    pub location: String,
    /// Class of route; empty: the node server's.
    pub route_class: String,
    /// Networks it leads to; none: everywhere.
    pub routes: Vec<String>,
    /// The provider's own.
    pub metadata: BTreeMap<String, String>,
}

/// A checked configuration; the only ways to get one are [`NodeClientDraft::check`] and the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeClientConfig {
    values: NodeClientDraft,
    routes: Vec<Route>,
}

/// A field of the configuration that an update can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields of NodeClientDraft")]
pub enum ClientField {
    Name,
    NodeServer,
    Protocol,
    Port,
    DisplayOrder,
    SpeedLimit,
    Country,
    Location,
    Routing,
    RouteClass,
    Routes,
    Metadata,
}

impl ClientField {
    /// All of them with the names that update masks use.
    pub const ALL: [(&'static str, Self); 12] = [
        ("name", Self::Name),
        ("node_server_id", Self::NodeServer),
        ("protocol", Self::Protocol),
        ("port", Self::Port),
        ("display_order", Self::DisplayOrder),
        ("speed_limit_bps", Self::SpeedLimit),
        ("country", Self::Country),
        ("location", Self::Location),
        ("routing", Self::Routing),
        ("routing.route_class", Self::RouteClass),
        ("routing.routes", Self::Routes),
        ("metadata", Self::Metadata),
    ];
}

impl NodeClientConfig {
    /// A configuration that was checked before it was stored.
    pub(crate) fn from_stored(mut stored: NodeClientDraft, routes: Vec<Route>) -> Self {
        stored.routes = routes.iter().map(ToString::to_string).collect();
        Self {
            values: stored,
            routes,
        }
    }

    /// The values.
    pub fn values(&self) -> &NodeClientDraft {
        &self.values
    }

    /// The node server it runs on.
    pub fn node_server(&self) -> NodeServerId {
        NodeServerId(self.values.node_server)
    }

    /// Networks it leads to.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// This configuration with the named fields taken from `change`; none named means all. The node
    /// server stays: it may be named, or left out.
    pub fn changed(
        self,
        mut change: NodeClientDraft,
        fields: &[ClientField],
    ) -> Result<Self, Vec<Violation>> {
        let present = self.values.node_server;
        let moves = fields.is_empty() && change.node_server != 0
            || fields.contains(&ClientField::NodeServer);
        if moves && change.node_server != present {
            let description = format!("cannot be changed: it is {present}");
            return Err(vec![Violation::new("config.node_server_id", description)]);
        }
        if fields.is_empty() {
            change.node_server = present;
            return change.check();
        }
        let mut draft = self.values;
        for field in fields {
            match field {
                ClientField::NodeServer => {}
                ClientField::Name => draft.name.clone_from(&change.name),
                ClientField::Protocol => draft.protocol.clone_from(&change.protocol),
                ClientField::Port => draft.port = change.port,
                ClientField::DisplayOrder => draft.display_order = change.display_order,
                ClientField::SpeedLimit => draft.speed_limit_bps = change.speed_limit_bps,
                ClientField::Country => draft.country.clone_from(&change.country),
                ClientField::Location => draft.location.clone_from(&change.location),
                ClientField::Routing => {
                    draft.route_class.clone_from(&change.route_class);
                    draft.routes.clone_from(&change.routes);
                }
                ClientField::RouteClass => draft.route_class.clone_from(&change.route_class),
                ClientField::Routes => draft.routes.clone_from(&change.routes),
                ClientField::Metadata => draft.metadata.clone_from(&change.metadata),
            }
        }
        draft.check()
    }
}

impl NodeClientDraft {
    /// Checks every field; all violations are found at once, with paths below `config`. Networks get
    /// the one spelling that PostgreSQL gives them.
    pub fn check(mut self) -> Result<NodeClientConfig, Vec<Violation>> {
        let mut violations = Violations::default();
        violations.name("config.name", &self.name);
        violations.require(
            self.node_server > 0,
            "config.node_server_id",
            "must be the number of a node server, 1 or more",
        );
        violations.require(
            !self.protocol.is_empty(),
            "config.protocol",
            "must be given, such as wireguard",
        );
        violations.slug("config.protocol", &self.protocol);
        violations.require(
            (1..=65_535).contains(&self.port),
            "config.port",
            "must be between 1 and 65535",
        );
        violations.require(
            (-MAX_ORDER..=MAX_ORDER).contains(&self.display_order),
            "config.display_order",
            "must be between -1 000 000 and 1 000 000",
        );
        violations.require(
            self.speed_limit_bps <= MAX_BPS,
            "config.speed_limit_bps",
            "must be at most 10^15 bits per second",
        );
        if !self.country.is_empty() {
            violations.country("config.country", &self.country);
        }
        violations.text("config.location", &self.location, 100);
        violations.slug("config.routing.route_class", &self.route_class);
        let routes = check_routes(&mut violations, &self.routes);
        violations.metadata("config.metadata", &self.metadata);
        self.routes = routes.iter().map(ToString::to_string).collect();
        violations.into_result(NodeClientConfig {
            values: self,
            routes,
        })
    }
}

fn check_routes(violations: &mut Violations, texts: &[String]) -> Vec<Route> {
    violations.require(
        texts.len() <= MAX_ROUTES,
        "config.routing.routes",
        "must be at most 64",
    );
    let mut routes = Vec::new();
    for (n, text) in texts.iter().take(MAX_ROUTES).enumerate() {
        let field = format!("config.routing.routes[{n}]");
        match text.parse::<Route>() {
            Ok(route) if routes.contains(&route) => {
                violations.require(false, &field, "is there before");
            }
            Ok(route) => routes.push(route),
            Err(error) => violations.require(false, &field, &error.to_string()),
        }
    }
    routes
}

/// A node client as it is stored, with what its node server is doing at the time of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeClient {
    /// Its number.
    pub id: NodeClientId,
    /// How often it was written.
    pub revision: Revision,
    /// What an administrator said about it.
    pub config: NodeClientConfig,
    /// What its node server is doing.
    pub status: NodeStatus,
    /// What its traffic counts.
    pub factor: FactorFrom,
    /// When it was added, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// When an administrator last changed it, by the database's clock.
    pub updated_at: DateTime<Utc>,
}

/// A node client in full.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeClientDetail {
    /// The node client.
    pub client: NodeClient,
    /// The node server it runs on.
    pub server: NodeServer,
    /// What its traffic will count, the earliest first.
    pub coming: Vec<FactorFrom>,
}
