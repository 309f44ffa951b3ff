//! The run that somebody asks for by an annotation.

use jiff::Timestamp;
use telecom_crds::JobName;

use super::{ClusterLoops, Step, earliest};
use crate::jobs::notice::Notice;
use crate::jobs::run::RunKey;

/// A run that somebody asks for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) value: String,
    pub(super) job: JobName,
    pub(super) key: RunKey,
    pub(super) again: Timestamp,
}

impl ClusterLoops {
    pub(super) fn take_request(&mut self, now: Timestamp, step: &mut Step) {
        let Some(value) = self.inputs.request.clone() else {
            self.request = None;
            return;
        };
        let taken = self
            .request
            .as_ref()
            .is_some_and(|request| request.value == value);
        if taken || self.handled.as_ref() == Some(&value) {
            return;
        }
        let job = value.split_once('@').filter(|(_, token)| !token.is_empty());
        self.request = job
            .and_then(|(job, _)| JobName::from_name(job))
            .map(|job| Request {
                key: RunKey::requested(&self.inputs.uid, &value),
                value: value.clone(),
                job,
                again: now,
            });
        if self.request.is_none() {
            step.notices.push((
                None,
                Notice::BadRequest {
                    value: value.clone(),
                },
            ));
            self.handled = Some(value);
            self.edge = true;
        }
    }

    /// Runs also what is suspended, since somebody wants it.
    pub(super) fn ask_as_requested(&mut self, now: Timestamp, step: &mut Step) {
        let Some(request) = self.request.as_ref().filter(|_| self.inputs.held.is_none()) else {
            return;
        };
        let free = self.jobs.get_mut(&request.job).filter(|job| job.is_free());
        if request.again > now {
            step.wake = earliest(step.wake, Some(request.again));
        } else if let Some(job) = free {
            step.asks.push((request.job, job.request(&request.key)));
        }
    }
}
