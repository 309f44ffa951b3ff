//! What a node server offers: its node clients and the series that give them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Access, UserAccess};
use crate::nodes::NodeClientId;
use crate::packages::SeriesId;

/// A node client of a node server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientOffer {
    /// Which.
    pub id: NodeClientId,
    /// Its own limit in bits per second; 0 for none.
    pub speed_limit_bps: u64,
    /// The series that give it, by ascending id.
    pub series: Vec<SeriesId>,
}

impl ClientOffer {
    /// Whether somebody with this access may use it.
    pub fn allows(&self, access: &UserAccess) -> bool {
        access.access == Access::Granted
            && access
                .series
                .is_some_and(|series| self.series.binary_search(&series).is_ok())
    }

    /// The smaller of its limit and the package's; 0 for none.
    pub fn speed_limit_bps(&self, access: &UserAccess) -> u64 {
        match (self.speed_limit_bps, access.speed_limit_bps) {
            (0, limit) | (limit, 0) => limit,
            (own, limit) => own.min(limit),
        }
    }
}

/// All node clients of a node server, by ascending id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct NodeOffer(pub Vec<ClientOffer>);

impl NodeOffer {
    /// A number that two offers hardly ever have in common; never 0.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish().max(1)
    }

    /// The series that give any of it, by ascending id, each once.
    pub fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.0.iter().flat_map(|client| &client.series).collect();
        series.sort_unstable();
        series.dedup();
        series.into_iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: i32, speed_limit_bps: u64, series: &[i32]) -> ClientOffer {
        ClientOffer {
            id: NodeClientId(id),
            speed_limit_bps,
            series: series.iter().copied().map(SeriesId).collect(),
        }
    }

    #[test]
    fn a_client_is_for_those_who_are_granted_a_series_that_gives_it() {
        let client = client(1, 0, &[2, 5]);
        for (access, series, allowed) in [
            (Access::Granted, Some(5), true),
            (Access::Granted, Some(3), false),
            (Access::Granted, None, false),
            (Access::QuotaUsedUp, Some(5), false),
            (Access::Suspended, None, false),
        ] {
            let access = UserAccess {
                access,
                series: series.map(SeriesId),
                ..UserAccess::NO_PACKAGE
            };
            assert_eq!(client.allows(&access), allowed, "{access:?}");
        }
    }

    #[test]
    fn the_smaller_limit_counts_and_none_is_no_limit() {
        for (own, package, limit) in [(0, 0, 0), (7, 0, 7), (0, 7, 7), (5, 7, 5), (9, 7, 7)] {
            let access = UserAccess {
                speed_limit_bps: package,
                ..UserAccess::NO_PACKAGE
            };
            assert_eq!(client(1, own, &[]).speed_limit_bps(&access), limit);
        }
    }

    #[test]
    fn the_fingerprint_tells_offers_apart() {
        let offers = [
            vec![],
            vec![client(1, 0, &[2])],
            vec![client(1, 0, &[3])],
            vec![client(1, 8, &[2])],
            vec![client(1, 0, &[2]), client(2, 0, &[])],
        ];
        let fingerprints: std::collections::BTreeSet<_> = offers
            .iter()
            .map(|clients| NodeOffer(clients.clone()).fingerprint())
            .collect();
        assert_eq!(fingerprints.len(), offers.len());
        assert!(!fingerprints.contains(&0));
    }

    #[test]
    fn each_series_is_named_once() {
        let offer = NodeOffer(vec![client(1, 0, &[2, 5]), client(2, 0, &[1, 2])]);
        assert_eq!(offer.series(), [1, 2, 5].map(SeriesId));
    }
}
