//! What a failing end-to-end test prints: the objects, events and logs that explain it.

use crate::cluster;

const KINDS: &str = "telecomclusters,deployments,statefulsets,replicasets,pods,jobs,services,persistentvolumeclaims,configmaps,horizontalpodautoscalers,poddisruptionbudgets";

/// Prints the namespace's objects, its events and the logs of its Pods and of the operator.
pub fn print(namespace: &str) {
    section(
        namespace,
        "objects",
        &["-n", namespace, "get", KINDS, "-o", "wide"],
    );
    section(
        namespace,
        "manifests",
        &["-n", namespace, "get", "telecomclusters", "-o", "yaml"],
    );
    section(
        namespace,
        "events",
        &["-n", namespace, "get", "events", "--sort-by=.lastTimestamp"],
    );
    section(namespace, "pods", &["-n", namespace, "describe", "pods"]);
    let selector = "app.kubernetes.io/managed-by=telecom-operator";
    section(
        namespace,
        "logs",
        &[
            "-n",
            namespace,
            "logs",
            "-l",
            selector,
            "--all-containers",
            "--prefix",
            "--tail=40",
        ],
    );
    section(
        namespace,
        "operator",
        &[
            "-n",
            "telecom-system",
            "logs",
            "-l",
            "app.kubernetes.io/name=telecom-operator",
            "--prefix",
            "--tail=60",
        ],
    );
}

fn section(namespace: &str, title: &str, arguments: &[&str]) {
    let text = cluster::run("kubectl", arguments).unwrap_or_else(|error| format!("{error:#}"));
    eprintln!("--- {namespace}: {title}\n{text}");
}
