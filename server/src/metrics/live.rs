//! What PBXs say of the moment.

use std::collections::BTreeSet;

use prometheus::{IntCounterVec, IntGaugeVec, Registry};

use super::{counter, gauge};

/// Metrics of the moment.
#[derive(Debug, Clone)]
pub struct Live {
    /// Calls that are going on over all PBXs; absent when no PBX says.
    active_calls: IntGaugeVec,
    /// 1 for each version of a PBX that says how it is.
    info: IntGaugeVec,
    /// PBXs that were asked by this process, by result.
    pub polls: IntCounterVec,
}

/// What asking a PBX can come to.
pub const POLLS: [&str; 5] = ["ok", "unreachable", "timeout", "status", "malformed"];

impl Live {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let live = Self {
            active_calls: gauge(
                registry,
                "rustpbx_active_calls",
                "Calls that are going on, the same on each replica.",
                &[],
            )?,
            info: gauge(
                registry,
                "rustpbx_info",
                "1 for each version of a PBX that says how it is, the same on each replica.",
                &["version"],
            )?,
            polls: counter(
                registry,
                "telecom_pbx_polls_total",
                "PBXs whose health this process has asked for.",
                &["result"],
            )?,
        };
        for result in POLLS {
            live.polls.with_label_values(&[result]).reset();
        }
        Ok(live)
    }

    /// Shows how many calls are going on, if a PBX says so.
    pub fn show(&self, active_calls: Option<u64>, versions: &BTreeSet<String>) {
        match active_calls {
            Some(calls) => {
                let calls = i64::try_from(calls).unwrap_or(i64::MAX);
                self.active_calls.with_label_values::<&str>(&[]).set(calls);
            }
            None => self.active_calls.reset(),
        }
        // A scrape in between would find fewer versions, which all but graphs of the moment survive; so none is removed
        // that stays.
        for family in prometheus::core::Collector::collect(&self.info) {
            for metric in family.get_metric() {
                let labels = metric.get_label();
                let version = labels.first().map(|label| label.value().to_owned());
                if let Some(version) = version.filter(|version| !versions.contains(version)) {
                    let _ = self.info.remove_label_values(&[version.as_str()]);
                }
            }
        }
        for version in versions {
            self.info.with_label_values(&[version.as_str()]).set(1);
        }
    }
}
