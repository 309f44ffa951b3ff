//! The `NodeAgent` service.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::{BoxStream, try_unfold};
use telecom_proto::v1::node_agent_server::NodeAgent;
use telecom_proto::v1::{
    HeartbeatRequest, HeartbeatResponse, ReportUsageRequest, ReportUsageResponse,
    StreamUsageRequest, StreamUsageResponse, WatchAccessRequest, WatchAccessResponse,
};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};

use super::call::{context, refuse};
use super::convert;
use super::gateway::Limits;
use super::status::Refusal;
use crate::domain::{AgentService, HeartbeatReceipt, Processor as _, ReceiveHeartbeat};
use crate::metrics::Metrics;
use crate::nodes::PROTOCOL_VERSIONS;

mod access;
mod stream;
mod usage;

/// Maps `NodeAgent` to the domain.
#[derive(Debug)]
pub(super) struct Rpc {
    agents: AgentService,
    metrics: Metrics,
    limits: Limits,
    /// Streams that may still be opened.
    streams: Arc<Semaphore>,
}

impl Rpc {
    pub(super) fn new(agents: AgentService, metrics: Metrics, limits: Limits) -> Self {
        Self {
            agents,
            metrics,
            limits,
            streams: Arc::new(Semaphore::new(limits.max_in_flight)),
        }
    }

    fn observe(&self, receipt: &HeartbeatReceipt) {
        let recorded = receipt.recorded;
        if let Some(previous) = recorded.previous_at {
            let age = (recorded.received_at - previous)
                .to_std()
                .unwrap_or_default();
            self.metrics.heartbeat_age.observe(age.as_secs_f64());
        }
        let skew = std::time::Duration::from_micros(recorded.clock_skew_micros.unsigned_abs());
        self.metrics.clock_skew.observe(skew.as_secs_f64());
    }
}

#[tonic::async_trait]
impl NodeAgent for Rpc {
    async fn heartbeat(
        &self,
        mut request: Request<HeartbeatRequest>,
    ) -> Result<Response<HeartbeatResponse>, Status> {
        let context = context(&mut request)?;
        let request = request.into_inner();
        let access_version = request.access_version;
        let draft = convert::heartbeat(request);
        let result = async {
            let heartbeat = draft.check().map_err(Refusal::Invalid)?;
            let input = ReceiveHeartbeat {
                heartbeat,
                access_version,
            };
            Ok(self.agents.process(&context, input).await?)
        };
        let receipt: HeartbeatReceipt =
            result.await.map_err(|refusal| refuse(refusal, &context))?;
        self.observe(&receipt);
        Ok(Response::new(HeartbeatResponse {
            node_server_id: receipt.node.0,
            server_time: Some(convert::timestamp(receipt.recorded.received_at)),
            clock_skew: Some(convert::micros(receipt.recorded.clock_skew_micros)),
            compatibility: convert::compatibility(receipt.compatibility).into(),
            supported_protocol_min: *PROTOCOL_VERSIONS.start(),
            supported_protocol_max: *PROTOCOL_VERSIONS.end(),
            heartbeat_interval: Some(convert::duration(receipt.interval)),
            maintenance: receipt.recorded.maintenance,
            access_version: receipt.access.version,
            access_ttl: Some(convert::duration(receipt.access.ttl)),
            denied: access::denied(&receipt.access.denied),
        }))
    }

    async fn report_usage(
        &self,
        mut request: Request<ReportUsageRequest>,
    ) -> Result<Response<ReportUsageResponse>, Status> {
        let context = context(&mut request)?;
        let report = usage::take(&self.agents, &self.metrics, &context, request.into_inner());
        let response = report.await.map_err(|refusal| refuse(refusal, &context))?;
        Ok(Response::new(response))
    }

    type StreamUsageStream = BoxStream<'static, Result<StreamUsageResponse, Status>>;

    async fn stream_usage(
        &self,
        mut request: Request<Streaming<StreamUsageRequest>>,
    ) -> Result<Response<Self::StreamUsageStream>, Status> {
        let context = context(&mut request)?;
        let place = Arc::clone(&self.streams).try_acquire_owned();
        let place = place.map_err(|_| refuse(Refusal::Overloaded, &context))?;
        let taker = stream::Taker {
            agents: self.agents.clone(),
            metrics: self.metrics.clone(),
            context,
            timeout: self.limits.request_timeout,
            span: tracing::Span::current(),
            _place: place,
        };
        let answers = stream::answers(request.into_inner(), taker, stream::LIFETIME);
        Ok(Response::new(answers.boxed()))
    }

    type WatchAccessStream = BoxStream<'static, Result<WatchAccessResponse, Status>>;

    async fn watch_access(
        &self,
        mut request: Request<WatchAccessRequest>,
    ) -> Result<Response<Self::WatchAccessStream>, Status> {
        let context = context(&mut request)?;
        let place = Arc::clone(&self.streams).try_acquire_owned();
        let place = place.map_err(|_| refuse(Refusal::Overloaded, &context))?;
        let input = access::watch(request.into_inner());
        let watch = self.agents.process(&context, input).await;
        let watch = watch.map_err(|error| refuse(error.into(), &context))?;
        let metrics = self.metrics.clone();
        let messages = try_unfold((watch, place), move |(mut watch, place)| {
            let (context, metrics) = (context.clone(), metrics.clone());
            async move {
                match watch.next().await {
                    Ok(Some(message)) => {
                        access::observe(&metrics, &message);
                        Ok(Some((
                            access::message(watch.node(), message),
                            (watch, place),
                        )))
                    }
                    Ok(None) => Ok(None),
                    Err(error) => Err(refuse(error.into(), &context)),
                }
            }
        });
        Ok(Response::new(messages.boxed()))
    }
}
