//! Good and bad manifests against a real apiserver: what it refuses, in which words, and what it fills in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admission {
    mod accepted;
    mod api;
    mod changes;
    mod explain;
    mod jobs;
    mod names;
    mod refused_parts;
    mod refused_policy;
    mod refused_server;
    mod surface;
}
