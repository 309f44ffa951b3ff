//! Headers and certificates: the right ones pass, the wrong ones cost data and nothing else.

use rstest::rstest;
use telecom_telemetry::Protocol;

use super::program::Program;
use telecom_tests::certificates::Certificates;
use telecom_tests::collector::{Collector, Place};

const HEADERS: &str = "authorization=Bearer%20s3cret,x-team=ops";

#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_headers_go_with_every_signal(#[case] protocol: Protocol) {
    let mut place = Place::new(protocol);
    place.token = Some("s3cret");
    let collector = Collector::start(&place);
    let program = Program::new(&place, |otel| otel.headers = HEADERS.to_owned());

    program.serve(3);
    let registry = program.stop().await;

    collector.wait_for(Collector::spans, |spans| spans.len() == 3);
    collector.wait_for(Collector::log_records, |records| records.len() == 3);
    collector.wait_for(Collector::metrics, |requests| !requests.is_empty());
    let families = registry.gather();
    let dropped = families
        .iter()
        .find(|family| family.name() == "telecom_otlp_dropped_total");
    let mut dropped = dropped.unwrap().get_metric().iter();
    assert!(
        dropped.all(|metric| metric.get_counter().get_value() == 0.0),
        "{families:#?}"
    );
}

#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_header_nothing_is_taken_and_all_is_counted(#[case] protocol: Protocol) {
    let mut place = Place::new(protocol);
    place.token = Some("s3cret");
    let collector = Collector::start(&place);
    let program = Program::new(&place, |_| {});

    program.serve(3);
    wait_until(|| program.dropped("traces") >= 3.0 && program.dropped("logs") >= 3.0).await;

    let dropped = program.dropped("traces") + program.dropped("logs");
    assert!(dropped <= 6.0, "{dropped} of 6 were counted");
    assert!(collector.spans().is_empty() && collector.log_records().is_empty());
    program.stop().await;
}

#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_the_given_authority_is_trusted(#[case] protocol: Protocol) {
    let certificates = Certificates::make();
    let mut place = Place::new(protocol);
    place.tls = Some(&certificates);
    let collector = Collector::start(&place);
    let program = Program::new(&place, |_| {});

    program.serve(3);
    program.stop().await;

    collector.wait_for(Collector::spans, |spans| spans.len() == 3);
}

#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_authority_is_not(#[case] protocol: Protocol) {
    let (certificates, others) = (Certificates::make(), Certificates::make());
    let mut place = Place::new(protocol);
    place.tls = Some(&certificates);
    let collector = Collector::start(&place);
    let program = Program::new(&place, |otel| otel.ca_file = Some(others.ca.clone()));

    program.serve(3);
    wait_until(|| program.dropped("traces") >= 3.0).await;

    assert!(collector.spans().is_empty());
    program.stop().await;
}

/// Renewed under the same name, as the kubelet does it with a Secret.
#[rstest]
#[case(Protocol::Grpc)]
#[case(Protocol::Http)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_authority_is_taken_up_without_a_restart(#[case] protocol: Protocol) {
    let (old, new) = (Certificates::make(), Certificates::make());
    let mut place = Place::new(protocol);
    place.tls = Some(&old);
    let collector = Collector::start(&place);
    let program = Program::new(&place, |_| {});
    program.serve(1);
    collector.wait_for(Collector::spans, |spans| spans.len() == 1);
    drop(collector);

    std::fs::copy(&new.ca, &old.ca).unwrap();
    place.tls = Some(&new);
    let collector = Collector::start(&place);
    program.serve(3);
    program.stop().await;

    collector.wait_for(Collector::spans, |spans| spans.len() == 3);
}

async fn wait_until(condition: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(2);
    while !condition() {
        assert!(
            std::time::Instant::now() < deadline,
            "it never came to that"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
