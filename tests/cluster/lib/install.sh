# Installs the operator with its charts, the example cluster, and waits until it is Ready.
# shellcheck shell=bash

# Manifests with the label telecom.dev/shard are left to operators of their own, as the tests start them.
install_charts() {
    local chart
    for chart in telecom-operator-crds telecom-operator; do
        [ -f "$PROJECT/charts/$chart/Chart.yaml" ] || die "there is no chart charts/$chart in this checkout"
    done
    # Tests apply the definition too: what they left of it must not stop an upgrade.
    helm upgrade --install telecom-operator-crds "$PROJECT/charts/telecom-operator-crds" --force-conflicts --take-ownership \
        --namespace "$OPERATOR_NAMESPACE" --create-namespace --wait --timeout 60s
    helm upgrade --install telecom-operator "$PROJECT/charts/telecom-operator" --namespace "$OPERATOR_NAMESPACE" \
        --set image.repository="$REGISTRY/operator" --set image.tag="$PROJECT_VERSION" \
        --set serverImage="$REGISTRY/server:$PROJECT_VERSION" --set postgresImage="$REGISTRY/postgres:$POSTGRES_MAJOR" \
        --set-string watch.selector='!telecom.dev/shard' \
        --set-string podAnnotations."telecom\.dev/image-digest"="$(cat "$IMAGE_CACHE/operator.tar.digest")" \
        --wait --timeout 90s || {
        kubectl -n "$OPERATOR_NAMESPACE" get pods,events
        kubectl -n "$OPERATOR_NAMESPACE" logs deployment/telecom-operator --tail=20
        return 1
    }
}

# The plugin of kubectl, beside kubectl.
link_plugin() {
    ln -sf "${CARGO_TARGET_DIR:-$CACHE_DIR/target}/debug/kubectl-telecom" "$BIN_DIR/"
}

# A server image that was built anew has the tag it had before, so nothing would start it by itself, and its
# migrations count as applied.
restart_servers() {
    grep -qx server "$IMPORTED" 2>/dev/null || return 0
    kubectl get deployment --all-namespaces --no-headers \
        -l app.kubernetes.io/managed-by=telecom-operator,app.kubernetes.io/component=server \
        -o custom-columns=NAMESPACE:.metadata.namespace,NAME:.metadata.name | while read -r namespace name; do
        kubectl -n "$namespace" delete jobs -l "telecom.dev/cluster=${name%-server},app.kubernetes.io/component=migration"
        kubectl -n "$namespace" annotate "deployment/$name" telecom.dev/migrated-
        kubectl -n "$namespace" rollout restart "deployment/$name"
    done
}

apply_example() {
    kubectl apply -f "$PROJECT/examples/telecomcluster.yaml"
    restart_servers
    rm -f "$IMPORTED"
    kubectl -n default wait --for=condition=Ready telecomcluster/demo --timeout=120s || {
        kubectl -n default describe telecomcluster/demo
        kubectl -n default get pods,jobs,statefulsets,pvc,events
        kubectl -n "$OPERATOR_NAMESPACE" logs deployment/telecom-operator --tail=20
        return 1
    }
}

# What runs now, and what to try next.
summary() {
    say ""
    if kubectl -n default get telecomcluster demo >/dev/null 2>&1; then
        kubectl -n default get telecomcluster demo
        say ""
    fi
    cat <<TEXT
A Kubernetes ${KUBERNETES_VERSION} runs on this machine. To use it in this shell:

    export KUBECONFIG=$KUBECONFIG_FILE PATH=$BIN_DIR:\$PATH

    kubectl get tc,deploy,pods --all-namespaces     what runs
    kubectl describe tc demo                        what the operator says about it
    kubectl telecom jobs demo                       how its jobs stand
    kubectl port-forward svc/demo-server 50051      gRPC on 127.0.0.1:50051
    make demo                                       20 nodes, 500 subscribers, their traffic
    make down                                       all of it away

TEXT
}
