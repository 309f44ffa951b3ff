//! The configuration of a package series, and the rules for each of its fields.

use std::collections::BTreeSet;

use crate::violation::{Violation, Violations};

/// Farthest place in the order.
const MAX_ORDER: u32 = 1_000_000;
/// Most node clients of one series.
const MAX_NODE_CLIENTS: usize = 1000;

/// A configuration as a caller sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesDraft {
    /// Unique name.
    pub name: String,
    /// Shown to people.
    pub description: String,
    /// Lower comes first.
    pub display_order: i32,
    /// What its packages give access to.
    pub node_client_ids: Vec<i32>,
}

/// A checked configuration; the only ways to get one are [`SeriesDraft::check`] and the database.
/// Node clients stand by ascending number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesConfig(SeriesDraft);

/// A field of the configuration that an update can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields of SeriesDraft")]
pub enum SeriesField {
    Name,
    Description,
    DisplayOrder,
    NodeClientIds,
}

impl SeriesField {
    /// All of them with the names that update masks use.
    pub const ALL: [(&'static str, Self); 4] = [
        ("name", Self::Name),
        ("description", Self::Description),
        ("display_order", Self::DisplayOrder),
        ("node_client_ids", Self::NodeClientIds),
    ];
}

impl SeriesConfig {
    /// A configuration that was checked before it was stored.
    pub(crate) fn from_stored(stored: SeriesDraft) -> Self {
        Self(stored)
    }

    /// The values.
    pub fn values(&self) -> &SeriesDraft {
        &self.0
    }

    /// The values, for good.
    pub fn into_values(self) -> SeriesDraft {
        self.0
    }

    /// This configuration with the named fields taken from `change`; none named means all.
    pub fn changed(
        self,
        change: SeriesDraft,
        fields: &[SeriesField],
    ) -> Result<Self, Vec<Violation>> {
        if fields.is_empty() {
            return change.check();
        }
        let mut draft = self.0;
        for field in fields {
            match field {
                SeriesField::Name => draft.name.clone_from(&change.name),
                SeriesField::Description => draft.description.clone_from(&change.description),
                SeriesField::DisplayOrder => draft.display_order = change.display_order,
                SeriesField::NodeClientIds => {
                    draft.node_client_ids.clone_from(&change.node_client_ids);
                }
            }
        }
        draft.check()
    }
}

impl SeriesDraft {
    /// Checks every field; all violations are found at once, with paths below `config`.
    pub fn check(mut self) -> Result<SeriesConfig, Vec<Violation>> {
        let mut violations = Violations::default();
        violations.name("config.name", &self.name);
        violations.text("config.description", &self.description, 1000);
        violations.require(
            self.display_order.unsigned_abs() <= MAX_ORDER,
            "config.display_order",
            "must be -1 000 000 to 1 000 000",
        );
        self.check_node_clients(&mut violations);
        self.node_client_ids.sort_unstable();
        violations.into_result(SeriesConfig(self))
    }

    fn check_node_clients(&self, violations: &mut Violations) {
        let field = "config.node_client_ids";
        if self.node_client_ids.len() > MAX_NODE_CLIENTS {
            violations.require(false, field, "must have at most 1000 entries");
            return;
        }
        let mut seen = BTreeSet::new();
        for (index, id) in self.node_client_ids.iter().enumerate() {
            violations.require(
                *id > 0 && seen.insert(id),
                &format!("{field}[{index}]"),
                "must be the number of a node client, 1 or more, each once",
            );
        }
    }
}
