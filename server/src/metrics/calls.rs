//! What is counted of calls. Counted after the commit, and once however often a record comes.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Registry};

use super::counter;
use crate::calls::{CallRecord, CallResult, Direction, Outcome};

/// Metrics of calls.
#[derive(Debug, Clone)]
pub struct Calls {
    /// Calls by direction and result; a leg is no call.
    pub calls: IntCounterVec,
    /// Seconds from the start of a call to its end, by direction.
    pub duration: HistogramVec,
    /// Seconds from the answer of a call to its end, by direction.
    pub talk_time: HistogramVec,
    /// Records by what became of them.
    pub records: IntCounterVec,
    /// Calls on a trunk by direction: the seizures of ITU-T E.425.
    pub seizures: IntCounterVec,
    /// Those of them that were answered.
    pub answers: IntCounterVec,
    /// Milliseconds of their talk.
    pub talk_ms: IntCounterVec,
}

/// Seconds: from calls that nobody takes to those of two hours.
const DURATION: [f64; 14] = [
    1.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0,
];

impl Calls {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let calls = Self {
            calls: counter(
                registry,
                "rustpbx_calls_total",
                "Calls that have ended; a leg of one is none.",
                &["direction", "result"],
            )?,
            duration: histogram(
                registry,
                "rustpbx_call_duration_seconds",
                "Time from the start of a call to its end.",
            )?,
            talk_time: histogram(
                registry,
                "rustpbx_call_talk_time_seconds",
                "Time from the answer of a call to its end; answered ones only.",
            )?,
            records: counter(
                registry,
                "telecom_call_records_total",
                "Records of calls and legs by what became of them.",
                &["result"],
            )?,
            seizures: counter(
                registry,
                "telecom_call_seizures_total",
                "Calls on a trunk that have ended (seizures, ITU-T E.425).",
                &["direction"],
            )?,
            answers: counter(
                registry,
                "telecom_call_answers_total",
                "Calls on a trunk that were answered and have ended.",
                &["direction"],
            )?,
            talk_ms: counter(
                registry,
                "telecom_call_talk_milliseconds_total",
                "Talk time of calls on a trunk that have ended, each cut to milliseconds.",
                &["direction"],
            )?,
        };
        for direction in Direction::ALL.map(Direction::as_str) {
            for result in CallResult::ALL {
                let labels = [direction, result.as_str()];
                calls.calls.with_label_values(&labels).reset();
            }
            let _ = calls.duration.with_label_values(&[direction]);
            let _ = calls.talk_time.with_label_values(&[direction]);
        }
        for direction in ON_TRUNK.map(Direction::as_str) {
            for counter in [&calls.seizures, &calls.answers, &calls.talk_ms] {
                counter.with_label_values(&[direction]).reset();
            }
        }
        for result in Outcome::NAMES {
            calls.records.with_label_values(&[result]).reset();
        }
        Ok(calls)
    }

    /// Counts records that have come, and those of them that were stored.
    pub fn count(&self, outcomes: &[Outcome], new: &[CallRecord]) {
        for outcome in outcomes {
            self.records.with_label_values(&[outcome.as_str()]).inc();
        }
        for call in new.iter().filter(|record| record.is_root()) {
            self.count_call(call);
        }
    }

    fn count_call(&self, call: &CallRecord) {
        let direction = [call.direction.as_str()];
        let labels = [call.direction.as_str(), call.result.as_str()];
        self.calls.with_label_values(&labels).inc();
        let duration = self.duration.with_label_values(&direction);
        duration.observe(seconds(call.end_time - call.key.start_time));
        if let Some(answered) = call.answer_time {
            let talk_time = self.talk_time.with_label_values(&direction);
            talk_time.observe(seconds(call.end_time - answered));
        }
        if call.is_on_trunk() {
            self.seizures.with_label_values(&direction).inc();
            let answered = u64::from(call.answer_time.is_some());
            self.answers.with_label_values(&direction).inc_by(answered);
            let talk = u64::try_from(call.talk_ms()).unwrap_or_default();
            self.talk_ms.with_label_values(&direction).inc_by(talk);
        }
    }
}

/// Internal calls are on no trunk, whatever their record says.
const ON_TRUNK: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

fn seconds(span: chrono::TimeDelta) -> f64 {
    span.as_seconds_f64()
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts::new(name, help).buckets(DURATION.to_vec());
    let metric = HistogramVec::new(options, &["direction"])?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
