//! What is said about a cluster: findings become conditions, and conditions a status that is written only when it changes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use telecom_crds::{ConditionType, Reason, TelecomCluster, TelecomClusterStatus};

use crate::apply::not_newer;
use crate::stores::ClusterKey;

#[cfg(test)]
mod tests;

/// The conditions that must all hold for Ready, in the order in which they hold each other back.
const GATES: [ConditionType; 4] = [
    ConditionType::ConfigurationValid,
    ConditionType::DatabaseReady,
    ConditionType::MigrationsApplied,
    ConditionType::ServerAvailable,
];

/// The value of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be told.
    Unknown,
}

impl Verdict {
    /// The word in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// One thing found out about a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which condition it is about.
    pub kind: ConditionType,
    /// Whether that holds.
    pub verdict: Verdict,
    /// Why, in one word of the published list.
    pub reason: Reason,
    /// Why, in a sentence that says what to do.
    pub message: String,
}

impl Finding {
    /// A finding of its four parts.
    pub fn new(
        kind: ConditionType,
        verdict: impl Into<Verdict>,
        reason: Reason,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            verdict: verdict.into(),
            reason,
            message: message.into(),
        }
    }
}

/// Sums the gating findings up.
pub fn ready(findings: &[Finding]) -> Finding {
    for gate in GATES {
        let found = findings.iter().find(|finding| finding.kind == gate);
        match found {
            Some(finding) if finding.verdict == Verdict::True => {}
            Some(finding) => {
                let mut ready = finding.clone();
                ready.kind = ConditionType::Ready;
                return ready;
            }
            None => {
                let message = format!("{gate} has not been looked at yet.");
                return Finding::new(
                    ConditionType::Ready,
                    Verdict::Unknown,
                    Reason::InternalError,
                    message,
                );
            }
        }
    }
    Finding::new(
        ConditionType::Ready,
        true,
        Reason::Ready,
        "Everything the manifest asks for is running.",
    )
}

/// The conditions that follow from the findings. A condition whose status stays keeps its time.
pub fn conditions(
    before: &[Condition],
    findings: &[Finding],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    findings
        .iter()
        .map(|finding| {
            let status = finding.verdict.as_str();
            let since = before
                .iter()
                .find(|old| old.type_ == finding.kind.as_str() && old.status == status)
                .map_or(Time(now), |old| old.last_transition_time.clone());
            Condition {
                type_: finding.kind.as_str().to_owned(),
                status: status.to_owned(),
                reason: finding.reason.as_str().to_owned(),
                message: finding.message.clone(),
                observed_generation: generation,
                last_transition_time: since,
            }
        })
        .collect()
}

/// The reason that a condition had before.
pub fn reason_before(before: &[Condition], kind: ConditionType) -> Option<Reason> {
    let old = before.iter().find(|old| old.type_ == kind.as_str())?;
    old.reason.parse().ok()
}

/// The statuses that this process has written, since the watch shows them only a moment later.
#[derive(Debug, Default)]
pub struct Written {
    last: Mutex<HashMap<ClusterKey, Last>>,
}

#[derive(Debug)]
struct Last {
    uid: Option<String>,
    version: String,
    status: TelecomClusterStatus,
}

impl Written {
    /// The newest status known of a cluster: ours, or what the watch shows if that is newer.
    pub fn current(&self, key: &ClusterKey, cluster: &TelecomCluster) -> TelecomClusterStatus {
        let shown = || cluster.status.clone().unwrap_or_default();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.get(key) {
            Some(last) => {
                let seen = cluster.metadata.resource_version.as_deref();
                let ours = last.uid == cluster.uid() && not_newer(seen, &last.version);
                if ours { last.status.clone() } else { shown() }
            }
            None => shown(),
        }
    }

    /// Notes what was written, and the version that the apiserver gave it.
    pub fn wrote(&self, key: &ClusterKey, stored: &TelecomCluster) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let written = Last {
            uid: stored.uid(),
            version: stored.resource_version().unwrap_or_default(),
            status: stored.status.clone().unwrap_or_default(),
        };
        last.insert(key.clone(), written);
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, key: &ClusterKey) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.remove(key);
    }
}
