//! Checks the sections `call_center` and `calls`.

use std::time::Duration;

use super::Calls;
use super::check::Checker;
use super::raw;
use crate::call_center::{CallCenter, QueueRules};

/// Each queue is a label of metrics.
const MAX_QUEUES: usize = 200;
/// As records of calls have it.
const MAX_NAME: usize = 256;

impl Checker<'_> {
    pub(super) fn calls(&mut self, raw: &raw::Calls) -> Option<Calls> {
        let interval = &raw.pbx_poll_interval;
        let interval = self.duration("calls.pbx_poll_interval", interval, 1_000, 600_000);
        Some(Calls {
            mask_numbers: raw.mask_numbers,
            pbx_poll_interval: interval?,
        })
    }

    pub(super) fn call_center(&mut self, raw: &raw::CallCenter) -> CallCenter {
        const QUEUES: &str = "call_center.queues";
        if raw.queues.len() > MAX_QUEUES {
            let reason = format!(
                "{} queues; up to {MAX_QUEUES} can be told apart",
                raw.queues.len()
            );
            self.problem(QUEUES, reason);
        }
        let mut queues = CallCenter::default();
        for (name, queue) in &raw.queues {
            let key = format!("{QUEUES}.{name}");
            let length = name.chars().count();
            if !(1..=MAX_NAME).contains(&length) || name.chars().any(char::is_control) {
                let reason = format!(
                    "is not a name of 1 to {MAX_NAME} characters without control characters, as PBXs give them"
                );
                self.problem(&key, reason);
            }
            let sla = self.size(&format!("{key}.sla_seconds"), queue.sla_seconds, 1, 3600);
            let target = format!("{key}.sla_target_percent");
            let rules = QueueRules {
                sla: Duration::from_secs(sla.into()),
                target_percent: self.size(&target, queue.sla_target_percent, 1, 100),
                exclude_short_abandons: queue.exclude_short_abandons,
            };
            queues.0.insert(name.clone(), rules);
        }
        queues
    }
}
