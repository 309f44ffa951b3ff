//! End-to-end tests on the running cluster: the installed operator, real images, real Pods.
//! Each test has a namespace of its own; what it cannot have for itself alone is said where it is used.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod e2e {
    /// Held by the test that removes and brings back the kind ServiceMonitor, and by those that would
    /// see its coming as a change of their own.
    static OPTIONAL_KINDS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

    mod calls;
    mod charts;
    mod configuration;
    mod cut_off;
    mod dashboards;
    mod deletion;
    mod drift;
    mod jobs;
    mod keys;
    mod methods;
    mod monitoring;
    mod namespaced;
    mod operators;
    mod pause;
    mod retention;
    mod road;
    mod rollout;
    mod scaling;
    mod steady;
    mod telemetry;
    mod workload;
}
