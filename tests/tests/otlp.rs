//! Telemetry against a real OpenTelemetry Collector: what leaves the process is what arrives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod otlp {
    mod arrival;
    mod binaries;
    mod exposition;
    mod operator;
    mod outage;
    mod program;
    mod security;
}
