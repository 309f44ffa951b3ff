//! Who may use which node client, as the server has told: a pure table, and what follows from it at a moment.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use telecom_proto::v1::{Access, AccessChange, DeniedUser, WatchAccessResponse};
use uuid::Uuid;

mod keeper;
#[cfg(test)]
mod tests;

pub use keeper::{Keeper, Policy};

/// A subscriber and a node client.
pub type Key = (Uuid, i32);

/// Why somebody may, or may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Their package gives it.
    Granted,
    /// They have a package, which does not give this node client.
    NotInPackage,
    /// No package is active.
    NoPackage,
    /// The quota is used up until its monthly reset.
    QuotaUsedUp,
    /// The subscriber is suspended.
    Suspended,
    /// The subscriber was erased.
    Erased,
    /// The server has never said that they may.
    Unknown,
    /// `valid_until` is past.
    Over,
    /// Nothing was heard for too long, and the policy is to deny.
    OutOfContact,
}

/// What holds for a subscriber and a node client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether they may.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
    /// Fastest speed, in bits per second; 0 for no limit.
    pub speed_limit_bps: u64,
    /// By the server's clock; for ever when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub valid_until: Option<Timestamp>,
}

impl Decision {
    /// They may not.
    pub fn denied(reason: Reason) -> Self {
        Self {
            allowed: false,
            reason,
            speed_limit_bps: 0,
            valid_until: None,
        }
    }

    /// What is left of it at a moment of the server's clock.
    fn at(self, now: Timestamp) -> Self {
        let over = self.allowed && self.valid_until.is_some_and(|until| until <= now);
        if over {
            return Self::denied(Reason::Over);
        }
        self
    }

    fn told(change: &AccessChange) -> Self {
        if !change.allowed {
            return Self::denied(reason(change.reason(), false));
        }
        // A moment that nothing can hold is as good as none: the server's years end at 9999.
        let until = change.valid_until;
        let until = until.and_then(|until| Timestamp::new(until.seconds, until.nanos).ok());
        Self {
            allowed: true,
            reason: Reason::Granted,
            speed_limit_bps: change.speed_limit_bps,
            valid_until: until,
        }
    }
}

fn reason(access: Access, allowed: bool) -> Reason {
    match access {
        Access::Granted if allowed => Reason::Granted,
        Access::Granted => Reason::NotInPackage,
        Access::NoPackage => Reason::NoPackage,
        Access::Suspended => Reason::Suspended,
        Access::Erased => Reason::Erased,
        Access::QuotaUsedUp => Reason::QuotaUsedUp,
        Access::Unspecified => Reason::Unknown,
    }
}

/// What the server has told, up to a version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    version: u64,
    offer: u64,
    decisions: HashMap<Key, Decision>,
    /// Parts of a snapshot whose last one has not come.
    coming: Option<HashMap<Key, Decision>>,
}

/// What is different now.
pub type Changes = Vec<(Key, Decision)>;

impl Table {
    /// The version and the offer to watch from.
    pub fn last(&self) -> (u64, u64) {
        (self.version, self.offer)
    }

    /// A new watch begins: a snapshot that was under way is not finished by it.
    pub fn watch_begins(&mut self) {
        self.coming = None;
    }

    /// Takes up a message of the watch.
    pub fn take_up(&mut self, message: &WatchAccessResponse) -> Changes {
        let told = message.changes.iter().filter_map(|change| {
            let user = Uuid::parse_str(&change.user_id).ok()?;
            Some(((user, change.node_client_id), Decision::told(change)))
        });
        let mut changes = Vec::new();
        if message.snapshot {
            self.coming.get_or_insert_default().extend(told);
            if !message.complete {
                return changes;
            }
            let next = self.coming.take().unwrap_or_default();
            changes = differences(&self.decisions, &next);
            self.decisions = next;
        } else {
            for (key, decision) in told {
                if self.decisions.insert(key, decision) != Some(decision) {
                    changes.push((key, decision));
                }
            }
        }
        (self.version, self.offer) = (message.version, message.offer);
        changes
    }

    /// Takes up those whom the answer to a heartbeat or a report denies. They count when the answer is of a
    /// later version than the table: else the table knows better.
    pub fn deny(&mut self, version: u64, denied: &[DeniedUser]) -> Changes {
        let mut changes = Vec::new();
        if version <= self.version || denied.is_empty() {
            return changes;
        }
        let of = |user: &DeniedUser| Some((Uuid::parse_str(&user.user_id).ok()?, user.reason()));
        let denied: HashMap<_, _> = denied.iter().filter_map(of).collect();
        for (key, decision) in &mut self.decisions {
            if let Some(why) = denied.get(&key.0).filter(|_| decision.allowed) {
                *decision = Decision::denied(reason(*why, false));
                changes.push((*key, *decision));
            }
        }
        changes
    }

    /// What holds at a moment of the server's clock.
    pub fn decide(&self, key: Key, now: Timestamp) -> Decision {
        match self.decisions.get(&key) {
            Some(decision) => decision.at(now),
            None => Decision::denied(Reason::Unknown),
        }
    }

    /// Those whose time was over between two moments.
    pub fn over(&self, after: Timestamp, now: Timestamp) -> Changes {
        let ended = |decision: &Decision| {
            let until = decision.valid_until;
            decision.allowed && until.is_some_and(|until| after < until && until <= now)
        };
        let over = self.decisions.iter().filter(|(_, one)| ended(one));
        over.map(|(key, _)| (*key, Decision::denied(Reason::Over)))
            .collect()
    }
}

fn differences(before: &HashMap<Key, Decision>, after: &HashMap<Key, Decision>) -> Changes {
    let new = after.iter();
    let new = new.filter(|(key, decision)| before.get(key) != Some(decision));
    let gone = before.iter();
    let gone = gone.filter(|(key, decision)| decision.allowed && !after.contains_key(key));
    new.map(|(key, decision)| (*key, *decision))
        .chain(gone.map(|(key, _)| (*key, Decision::denied(Reason::Unknown))))
        .collect()
}

/// The table in `access.json`.
#[derive(Serialize, Deserialize)]
struct OnDisk {
    version: u64,
    offer: u64,
    users: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    user_id: Uuid,
    node_client_id: i32,
    #[serde(flatten)]
    decision: Decision,
}

impl Table {
    /// The content of `access.json`.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut users: Vec<_> = self.decisions.iter().collect();
        users.sort_unstable_by_key(|(key, _)| **key);
        let line = |((user_id, node_client_id), decision): (&Key, &Decision)| Line {
            user_id: *user_id,
            node_client_id: *node_client_id,
            decision: *decision,
        };
        serde_json::to_vec(&OnDisk {
            version: self.version,
            offer: self.offer,
            users: users.into_iter().map(line).collect(),
        })
    }

    /// The table of an `access.json`.
    pub fn from_json(content: &[u8]) -> serde_json::Result<Self> {
        let disk: OnDisk = serde_json::from_slice(content)?;
        let key = |line: Line| ((line.user_id, line.node_client_id), line.decision);
        Ok(Self {
            version: disk.version,
            offer: disk.offer,
            decisions: disk.users.into_iter().map(key).collect(),
            coming: None,
        })
    }
}
