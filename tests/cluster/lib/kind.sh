# The road with Docker and kind: the same images, charts and example in a cluster that kind makes.
# shellcheck shell=bash

# choose_road: kind where a Docker engine answers and kind is there, unless CLUSTER says otherwise.
choose_road() {
    case ${CLUSTER:-} in
        local | kind) echo "$CLUSTER" ;;
        "")
            if command -v kind >/dev/null && docker info >/dev/null 2>&1; then echo kind; else echo local; fi
            ;;
        *) die "CLUSTER is local or kind, not $CLUSTER" ;;
    esac
}

start_kind() {
    if ! kind get clusters 2>/dev/null | grep -x "$CLUSTER_KIND_NAME" >/dev/null; then
        kind create cluster --name "$CLUSTER_KIND_NAME" --image "$KIND_NODE_IMAGE" --kubeconfig "$KUBECONFIG_FILE" --wait 120s
    fi
    kind export kubeconfig --name "$CLUSTER_KIND_NAME" --kubeconfig "$KUBECONFIG_FILE"
    kubectl wait --for=condition=Ready node --all --timeout=60s
}

up_kind_cluster() {
    local name
    for name in docker kind go cargo; do
        command -v "$name" >/dev/null || die "CLUSTER=kind needs $name, which is not installed"
    done
    docker info >/dev/null 2>&1 || die "CLUSTER=kind needs a Docker engine that answers; 'docker info' says why it does not"
    step "programs from Go modules" "run again: it goes on where it stopped" build_tools
    link_tools
    [ "${UP_ONLY:-}" != tools ] || exit 0
    step "kind cluster" "docker ps and 'kind export logs' tell more; 'kind delete cluster --name $CLUSTER_KIND_NAME' starts over" start_kind
}

# load_kind_images NAMES: kind keeps no record of an archive's digest, so we keep ours.
load_kind_images() {
    local name archive
    mkdir -p "$RUN_DIR"
    for name in "$@"; do
        archive=$("$PROJECT/tests/images/build.sh" "$name")
        if cmp -s "$archive.digest" "$RUN_DIR/kind-$name.digest"; then continue; fi
        kind load image-archive "$archive" --name "$CLUSTER_KIND_NAME"
        cp "$archive.digest" "$RUN_DIR/kind-$name.digest"
        echo "$name" >>"$IMPORTED"
    done
}

remove_kind() {
    command -v kind >/dev/null || return 0
    if kind get clusters 2>/dev/null | grep -x "$CLUSTER_KIND_NAME" >/dev/null; then
        kind delete cluster --name "$CLUSTER_KIND_NAME" --kubeconfig "$KUBECONFIG_FILE"
    fi
}
