# Builds the Go programs of the local cluster into the cache, once for each state of their go.sum.
# shellcheck shell=bash

# check_version MODULE_DIR MODULE VERSION: versions.env and go.mod must tell the same story.
check_version() {
    grep -qE "^[[:space:]]*$2 v$3( |\$)" "$CLUSTER_SOURCE/$1/go.mod" ||
        die "tests/cluster/versions.env says $2 $3, tests/cluster/$1/go.mod does not; make them agree"
}

# link_flags MODULE_DIR: the versions that the programs tell about themselves.
link_flags() {
    local name flags="-s -w"
    case $1 in
        tools)
            for name in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
                flags+=" -X $name.gitVersion=v$KUBERNETES_VERSION -X $name.gitMajor=${KUBERNETES_VERSION%%.*}"
                flags+=" -X $name.gitMinor=$(cut -d . -f 2 <<<"$KUBERNETES_VERSION")"
            done
            ;;
        prometheus) flags+=" -X github.com/prometheus/common/version.Version=$PROMETHEUS_VERSION" ;;
        prometheus-operator) flags+=" -X github.com/prometheus/common/version.Version=$PROMETHEUS_OPERATOR_VERSION" ;;
    esac
    echo "$flags"
}

# go_home MODULE_DIR: where the programs of that module lie in the cache.
go_home() {
    local dir=$CLUSTER_SOURCE/$1
    echo "$CACHE_DIR/go/$1-$({ link_flags "$1" && cat "$dir"/go.mod "$dir"/go.sum && find "$dir" -name '*.go' -exec cat {} +; } | sha256sum | cut -c 1-12)"
}

# build_go MODULE_DIR PACKAGES...: all or nothing. Go's own build cache keeps what an interrupted build did.
build_go() {
    local module=$1 home part
    shift
    home=$(go_home "$module")
    if [ -d "$home" ]; then
        note "built before"
        return 0
    fi
    part=$home.part
    mkdir -p "$part"
    (cd "$CLUSTER_SOURCE/$module" && CGO_ENABLED=0 go build -v -trimpath -ldflags "$(link_flags "$module")" -o "$part/" "$@")
    # A program is named by the last word of its package, which says nothing for these.
    [ ! -f "$part/server" ] || mv "$part/server" "$part/etcd"
    mv "$part" "$home"
    # Builds of other versions, unless another checkout may still use them; Go's cache makes them again in a minute.
    find "$CACHE_DIR/go" -maxdepth 1 -name "$module-????????????" ! -name "${home##*/}" -mtime +7 -exec rm -rf {} +
}

build_tools() {
    check_version tools k8s.io/kubernetes "$KUBERNETES_VERSION"
    check_version tools go.etcd.io/etcd/server/v3 "$ETCD_VERSION"
    check_version tools github.com/coredns/coredns "$COREDNS_VERSION"
    check_version tools sigs.k8s.io/metrics-server "$METRICS_SERVER_VERSION"
    check_version tools helm.sh/helm/v4 "$HELM_VERSION"
    check_version tools github.com/yannh/kubeconform "$KUBECONFORM_VERSION"
    check_version tools github.com/nats-io/nats-server/v2 "$NATS_SERVER_VERSION"
    build_go tools tool ./storage-provisioner
}

# The tools under the two names that people and scripts look for.
link_tools() {
    local home
    home=$(go_home tools)
    mkdir -p "$BIN_DIR"
    ln -sfn "$home" "$CACHE_DIR/bin.part" && mv -T "$CACHE_DIR/bin.part" "$CACHE_DIR/bin"
    ln -sf "$home"/* "$BIN_DIR/"
}
