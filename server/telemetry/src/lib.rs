//! Logs, traces and metrics out: tracing subscriber, OTLP exporters, Prometheus registry bridge.
