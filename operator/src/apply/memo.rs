//! What was last sent of each object, and how often: decides whether anything need be sent at all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::api::DynamicObject;
use serde_json::Value;

use super::subset;
use crate::stores::{ClusterKey, Gone, ObjectName};

/// How long an object that was just sent may be absent from the watch before it is sent again.
const UNSEEN: Duration = Duration::from_secs(5);
/// What is put back is counted over this window.
const WINDOW: Duration = Duration::from_mins(10);
/// How many times one content may be put back in the window without being called a fight.
const ORDINARY: usize = 3;
/// The first pause after too many; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// What one object needs.
#[derive(Debug, PartialEq, Eq)]
pub enum Need {
    /// It is as it should be.
    Nothing,
    /// It was sent a moment ago and the watch has not shown it yet: look again then.
    Look(Duration),
    /// It has to be sent.
    Send,
    /// Somebody keeps changing it: do not send before this much time has passed.
    BackOff(Duration),
}

#[derive(Debug, Default)]
struct Entry {
    hash: String,
    version: Option<String>,
    /// When this content was sent for the first time by this process, or last.
    last: Option<Instant>,
    /// When it was sent again.
    again: VecDeque<Instant>,
    rival: Option<String>,
}

/// The memory of what was sent; lost with the process, which costs a comparison and no write.
#[derive(Debug, Default)]
pub struct Memo {
    entries: Mutex<HashMap<ClusterKey, HashMap<ObjectName, Entry>>>,
}

impl Memo {
    /// Decides about one object, given what the watch shows of it.
    pub fn plan(
        &self,
        cluster: &ClusterKey,
        object: &ObjectName,
        desired: (&str, &Value),
        live: Option<&DynamicObject>,
        now: Instant,
    ) -> Need {
        let (hash, desired) = desired;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries
            .entry(cluster.clone())
            .or_default()
            .entry(object.clone())
            .or_default();
        let known = entry.hash == hash;
        match live {
            None => {
                let ours_unseen = known && entry.version.is_some();
                let age = entry.last.map(|at| now.duration_since(at));
                if let Some(age) = age.filter(|age| ours_unseen && *age < UNSEEN) {
                    return Need::Look(UNSEEN.saturating_sub(age));
                }
            }
            Some(live) => {
                let version = live.metadata.resource_version.as_deref();
                if known
                    && entry
                        .version
                        .as_deref()
                        .is_some_and(|ours| not_newer(version, ours))
                {
                    return Need::Nothing;
                }
                let same = serde_json::to_value(live)
                    .is_ok_and(|live| subset::contains(object.0, &live, desired));
                if same {
                    if !known {
                        entry.again.clear();
                        hash.clone_into(&mut entry.hash);
                    }
                    entry.version = version.map(str::to_owned);
                    return Need::Nothing;
                }
            }
        }
        if known { entry.pause(now) } else { Need::Send }
    }

    /// Notes that an object was sent, and the version that the apiserver gave it.
    pub fn sent(
        &self,
        cluster: &ClusterKey,
        object: &ObjectName,
        hash: &str,
        version: Option<String>,
        now: Instant,
    ) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries
            .entry(cluster.clone())
            .or_default()
            .entry(object.clone())
            .or_default();
        if entry.hash == hash {
            entry.again.push_back(now);
        } else {
            entry.again.clear();
            hash.clone_into(&mut entry.hash);
        }
        entry.version = version;
        entry.rival = None;
        entry.last = Some(now);
    }

    /// Who else changes an object, once that was found out.
    pub fn rival(&self, cluster: &ClusterKey, object: &ObjectName) -> Option<String> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(cluster)?.get(object)?.rival.clone()
    }

    /// Notes who else changes an object.
    pub fn set_rival(&self, cluster: &ClusterKey, object: &ObjectName, rival: String) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = entries.entry(cluster.clone()).or_default();
        objects.entry(object.clone()).or_default().rival = Some(rival);
    }

    /// Notes that the watch has seen an object go, so that it is not taken for merely unseen.
    pub fn gone(&self, gone: &Gone) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries
            .get_mut(&gone.cluster)
            .and_then(|objects| objects.get_mut(&gone.object));
        if let Some(entry) = entry {
            entry.version = None;
        }
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, cluster: &ClusterKey) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(cluster);
    }

    /// Forgets the objects of a cluster that are no longer wanted.
    pub fn keep(&self, cluster: &ClusterKey, wanted: impl Fn(&ObjectName) -> bool) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(objects) = entries.get_mut(cluster) {
            objects.retain(|object, _| wanted(object));
        }
    }
}

impl Entry {
    fn pause(&mut self, now: Instant) -> Need {
        while self
            .again
            .front()
            .is_some_and(|at| now.duration_since(*at) > WINDOW)
        {
            self.again.pop_front();
        }
        let over = self.again.len().saturating_sub(ORDINARY);
        let Some(last) = self.again.back().filter(|_| self.again.len() >= ORDINARY) else {
            return Need::Send;
        };
        let doublings = u32::try_from(over).unwrap_or(u32::MAX).min(4);
        let pause = FIRST_PAUSE * 2u32.pow(doublings);
        match pause.checked_sub(now.duration_since(*last)) {
            Some(left) if !left.is_zero() => Need::BackOff(left),
            _ => Need::Send,
        }
    }
}

/// Whether the version that the watch shows is ours or older. Kubernetes promises that resource
/// versions of one kind compare as numbers (KEP-5504); anything else counts as newer.
pub(crate) fn not_newer(seen: Option<&str>, ours: &str) -> bool {
    let Some(seen) = seen else { return false };
    if seen == ours {
        return true;
    }
    match (seen.parse::<u128>(), ours.parse::<u128>()) {
        (Ok(seen), Ok(ours)) => seen <= ours,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
