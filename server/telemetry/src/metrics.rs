//! Sends the Prometheus registry to the collector: one definition of each metric, two ways out.

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use prometheus::Registry;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::transport::Route;

mod bridge;
#[cfg(test)]
mod tests;

use bridge::{Bridge, data_points};

/// The task that sends, and how to end it.
#[derive(Debug)]
pub(crate) struct Push {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Push {
    /// Sends the registry every `period`, and once more at the end.
    pub(crate) fn start(
        registry: &Registry,
        resource: &Resource,
        route: Arc<Route>,
        period: Duration,
    ) -> Self {
        let registry = registry.clone();
        let bridge = Bridge::new(proto_resource(resource), SystemTime::now());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut ticks = interval_at(Instant::now() + period, period);
            // A slow collector delays its own samples; it does not get them in a burst.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let last = tokio::select! {
                    _ = ticks.tick() => false,
                    () = stopped.cancelled() => true,
                };
                let request = bridge.request(&registry.gather(), SystemTime::now());
                let road = route.road().clone();
                let points = data_points(&request);
                if points > 0 {
                    let export = async move { road.send_metrics(request).await };
                    route.carry(points, export).await;
                }
                if last {
                    return;
                }
            }
        });
        Self { stop, task }
    }

    /// Sends the last state; says whether the task came to its end in time.
    pub(crate) async fn shutdown(mut self, timeout: Duration) -> bool {
        self.stop.cancel();
        let ended = tokio::time::timeout(timeout, &mut self.task).await.is_ok();
        self.task.abort();
        ended
    }
}

fn proto_resource(resource: &Resource) -> ProtoResource {
    ProtoResource {
        attributes: ResourceAttributesWithSchema::from(resource).attributes.0,
        ..ProtoResource::default()
    }
}
