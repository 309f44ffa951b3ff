//! Telemetry against a real OpenTelemetry Collector: what leaves the process is what arrives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod otlp {
    mod arrival;
    mod binaries;
    mod certificates;
    mod collector;
    mod exposition;
    mod outage;
    mod program;
    mod security;
}
