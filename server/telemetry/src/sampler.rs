//! Which traces are recorded.

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

use crate::propagation::LINK;

/// The share of traces that the ratio says, of those that begin here; what goes on is as it was; and whatever follows
/// a recorded span of ours.
#[derive(Debug, Clone)]
pub(crate) struct HeadSampler(Sampler);

impl HeadSampler {
    /// `ratio` from 0 to 1.
    pub(crate) fn new(ratio: f64) -> Self {
        Self(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
            ratio,
        ))))
    }
}

impl ShouldSample for HeadSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let mut result = self
            .0
            .should_sample(parent, trace_id, name, kind, attributes, links);
        if links.iter().any(is_recorded_cause) {
            result.decision = SamplingDecision::RecordAndSample;
        }
        result
    }
}

fn is_recorded_cause(link: &Link) -> bool {
    let mut attributes = link.attributes.iter();
    link.span_context.is_sampled()
        && attributes
            .any(|attribute| attribute.key.as_str() == LINK && attribute.value.as_str() == "cause")
}
