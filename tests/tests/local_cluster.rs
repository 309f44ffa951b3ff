//! The Kubernetes that `make up` starts: what it offers to Pods, and that it comes back from any crash
//! and goes without a trace. Its scripts print what they saw; a script that fails is a test that fails.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use telecom_tests::cluster;

/// One script at a time: each takes most of a small machine.
static ALONE: Mutex<()> = Mutex::new(());

fn script(name: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    if std::env::var("CLUSTER").is_ok_and(|road| road == "kind") {
        eprintln!("the cluster is kind's own: nothing of ours to check");
        return;
    }
    let path = cluster::checkout().join("tests/cluster").join(name);
    let output = Command::new(path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}:\n{text}\n{errors}");
}

#[test]
fn pods_find_storage_names_services_logs_and_rolling_updates() {
    script("smoke.sh");
}

#[test]
fn it_goes_on_after_a_crash_at_any_moment_and_leaves_nothing_behind() {
    script("crash.sh");
}
