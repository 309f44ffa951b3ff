//! A collector that is not there yet, and one that comes back.

use std::time::{Duration, Instant};

use rstest::rstest;
use telecom_telemetry::Protocol;

use super::program::Program;
use telecom_tests::collector::{Collector, Place};

/// The program starts first, loses what it must, and sends again without a restart.
#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telemetry_flows_when_the_collector_comes(#[case] protocol: Protocol) {
    let place = Place::new(protocol);
    let program = Program::new(&place, |_| {});
    program.serve(10);
    let deadline = Instant::now() + Duration::from_mins(2);
    while program.dropped("traces") < 10.0 || program.dropped("logs") < 10.0 {
        assert!(Instant::now() < deadline, "the loss was never counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let collector = Collector::start(&place);
    program.serve(5);
    program.stop().await;

    collector.wait_for(Collector::spans, |spans| spans.len() == 5);
    collector.wait_for(Collector::log_records, |records| records.len() == 5);
    collector.wait_for(Collector::metrics, |requests| !requests.is_empty());
}

/// A restart of the collector, shorter than one export's patience, loses no span.
#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_restart_loses_no_span(#[case] protocol: Protocol) {
    let place = Place::new(protocol);
    let first = Collector::start(&place);
    let program = Program::new(&place, |otel| otel.export_metrics = false);
    program.serve(2);
    first.wait_for(Collector::spans, |spans| spans.len() == 2);
    drop(first);

    program.serve(3);
    let second = Collector::start(&place);
    program.stop().await;

    second.wait_for(Collector::spans, |spans| spans.len() == 3);
}
