#!/usr/bin/env bash
# Puts the Prometheus Operator and a Prometheus that scrapes every ServiceMonitor into the running cluster, for the tests
# that need them. Usage: prometheus.sh [build|install|remove]; `build` only fills the cache, `install` is the default.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/settings.sh"
for part in steps tools node images addons kind; do
    # shellcheck source=/dev/null
    source "$CLUSTER_SOURCE/lib/$part.sh"
done
NAMESPACE=monitoring
STACK_IMAGES=(prometheus-operator prometheus-config-reloader prometheus)

build_stack() {
    check_version prometheus-operator github.com/prometheus-operator/prometheus-operator "$PROMETHEUS_OPERATOR_VERSION"
    check_version prometheus github.com/prometheus/prometheus "$PROMETHEUS_MODULE_VERSION"
    build_go prometheus-operator tool
    build_go prometheus github.com/prometheus/prometheus/cmd/prometheus github.com/prometheus/prometheus/cmd/promtool
}

# The definitions come with the operator's own module, so that the two always agree.
crd_folder() {
    echo "$(cd "$CLUSTER_SOURCE/prometheus-operator" && go list -m -f '{{.Dir}}' github.com/prometheus-operator/prometheus-operator)/example/prometheus-operator-crd"
}

install_definitions() {
    # Server-side: the largest are too big for the annotation that kubectl's own apply writes.
    kubectl apply --server-side --force-conflicts --field-manager=telecom-local-cluster -f "$(crd_folder)"
    kubectl wait --for=condition=Established --timeout=30s -f "$(crd_folder)"
}

load_images() {
    if [ -e "$CONTAINERD_SOCKET" ]; then import_images "$@"; else load_kind_images "$@"; fi
}

install_stack() {
    apply "$CLUSTER_SOURCE/manifests/prometheus.yaml"
    kubectl -n "$NAMESPACE" rollout status deployment/prometheus-operator --timeout=90s
    kubectl -n "$NAMESPACE" wait --for=condition=Available prometheus/prometheus --timeout=120s || {
        kubectl -n "$NAMESPACE" describe prometheus/prometheus
        kubectl -n "$NAMESPACE" get pods,events
        kubectl -n "$NAMESPACE" logs deployment/prometheus-operator --tail=20
        return 1
    }
}

# First what the operator looks after, then the operator, then the kinds: nothing is left that nobody would clean up.
remove_stack() {
    kubectl -n "$NAMESPACE" delete prometheus --all --ignore-not-found --timeout=60s 2>/dev/null || true
    kubectl delete namespace "$NAMESPACE" --ignore-not-found --timeout=120s
    kubectl delete clusterrole,clusterrolebinding -l app.kubernetes.io/part-of=telecom-local-monitoring --ignore-not-found
    kubectl delete -f "$(crd_folder)" --ignore-not-found --timeout=60s
}

main() {
    mkdir -p "$CACHE_DIR/go" "$LOG_DIR"
    case ${1:-install} in
        build) step "Prometheus from Go modules" "run again: it goes on where it stopped" build_stack ;;
        install)
            kubectl get --raw /readyz >/dev/null || die "no cluster answers at $KUBECONFIG_FILE; start one with up.sh"
            step "Prometheus from Go modules" "run again: it goes on where it stopped" build_stack
            step "Prometheus images" "the log above" load_images "${STACK_IMAGES[@]}"
            step "Prometheus definitions" "the apiserver's message above" install_definitions
            step "Prometheus" "the events above" install_stack
            ;;
        remove) step "Prometheus away" "kubectl get namespace $NAMESPACE -o yaml shows what holds it" remove_stack ;;
        *) die "usage: $0 [build|install|remove]" ;;
    esac
}

main "$@"
