# What a cluster needs besides Kubernetes itself: storage, DNS, metrics.
# shellcheck shell=bash

# apply FILE: a manifest with ${NAMES} from versions.env and settings.sh filled in.
apply() {
    fill_in "$1" | kubectl apply --server-side --force-conflicts --field-manager=telecom-local-cluster -f -
}

# fill_in FILE: only the names listed here are replaced; anything else that looks like a variable stays.
fill_in() {
    local text name
    text=$(cat "$1")
    for name in REGISTRY POSTGRES_MAJOR COREDNS_VERSION METRICS_SERVER_VERSION DNS_SERVICE_IP CLUSTER_DOMAIN NODE_NAME PROMETHEUS_VERSION PROMETHEUS_OPERATOR_VERSION; do
        text=${text//"\${$name}"/${!name}}
    done
    printf '%s\n' "$text"
}

start_storage() {
    apply "$CLUSTER_SOURCE/manifests/storage.yaml"
    mkdir -p "$VOLUME_DIR"
    chmod 0755 "$VOLUME_DIR"
    daemon storage-provisioner "$CONFIG_DIR/storage-provisioner.kubeconfig" storage-provisioner \
        -kubeconfig "$CONFIG_DIR/storage-provisioner.kubeconfig" -root "$VOLUME_DIR" -node "$NODE_NAME"
}

start_addons() {
    apply "$CLUSTER_SOURCE/manifests/coredns.yaml"
    apply "$CLUSTER_SOURCE/manifests/metrics-server.yaml"
}

wait_dns() {
    kubectl -n kube-system rollout status deployment/coredns --timeout=90s
    daemon_alive storage-provisioner
}

wait_metrics() { kubectl -n kube-system rollout status deployment/metrics-server --timeout=120s; }
