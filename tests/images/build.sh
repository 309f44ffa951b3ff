#!/usr/bin/env bash
# Builds one of the project's container images as an OCI archive in the cache, only when its input has changed,
# and prints the archive's path. Usage: build.sh operator|server|postgres|pause|coredns|metrics-server|prometheus|...
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../cluster/lib/settings.sh"
source "$(dirname "${BASH_SOURCE[0]}")/oci.sh"
source "$(dirname "${BASH_SOURCE[0]}")/postgres.sh"
# shellcheck source=../cluster/lib/tools.sh
source "$CLUSTER_SOURCE/lib/tools.sh"
here=$PROJECT/tests/images
# Where cargo builds; its own place outside the checkout, unless the caller has one.
target=${CARGO_TARGET_DIR:-$CACHE_DIR/target}
work=""
# debootstrap mounts /proc into its root while it works: an interrupt must not let us delete through that mount.
discard() {
    [ -n "$work" ] || return 0
    awk -v dir="$work/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount -l || true
    rm -rf --one-file-system "$work"
    work=""
}
trap discard EXIT
trap 'exit 130' INT TERM

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# image_reference NAME: the full name and tag, as manifests write it.
image_reference() {
    case $1 in
        operator | server) echo "$REGISTRY/$1:$PROJECT_VERSION" ;;
        postgres) echo "$REGISTRY/postgres:$POSTGRES_MAJOR" ;;
        pause) echo "$REGISTRY/pause:$PAUSE_VERSION" ;;
        coredns) echo "$REGISTRY/coredns:$COREDNS_VERSION" ;;
        metrics-server) echo "$REGISTRY/metrics-server:$METRICS_SERVER_VERSION" ;;
        prometheus-operator | prometheus-config-reloader) echo "$REGISTRY/$1:v$PROMETHEUS_OPERATOR_VERSION" ;;
        prometheus) echo "$REGISTRY/prometheus:v$PROMETHEUS_VERSION" ;;
        *) die "there is no image named $1" ;;
    esac
}

# inputs NAME: everything that decides what is in the image, for the key of the cache.
inputs() {
    image_reference "$1"
    image_config "$1"
    declare -f oci_archive blob
    [ "$1" = postgres ] || declare -f fill user_files with_libraries
    case $1 in
        operator | server) sha256sum "$target/debug/telecom-$1" /etc/ssl/certs/ca-certificates.crt ;;
        postgres) cat "$here/postgres.sh" && echo "$DEBIAN_SUITE" ;;
        pause) cat "$here/pause.c" ;;
        coredns | metrics-server) go_home tools ;;
        prometheus-operator | prometheus-config-reloader) go_home prometheus-operator ;;
        prometheus) go_home prometheus ;;
    esac
}

# fill NAME ROOT: puts the image's files into ROOT.
fill() {
    local name=$1 root=$2 nonroot=65532
    case $name in
        operator | server)
            user_files "$root" "$nonroot" telecom
            with_libraries "$root" "$target/debug/telecom-$name" "/telecom-$name"
            ;;
        postgres) postgres_root "$root" ;;
        pause) cc -static -Os -Wall -Werror -s -o "$root/pause" "$here/pause.c" ;;
        coredns | metrics-server)
            user_files "$root" "$nonroot" "$name"
            with_libraries "$root" "$(go_home tools)/$name" "/$name"
            ;;
        prometheus-operator | prometheus-config-reloader)
            user_files "$root" "$nonroot" prometheus
            # The operator's package is called just "operator".
            with_libraries "$root" "$(go_home prometheus-operator)/${name/#prometheus-operator/operator}" "/bin/$name"
            ;;
        prometheus)
            user_files "$root" "$nonroot" prometheus
            with_libraries "$root" "$(go_home prometheus)/prometheus" /bin/prometheus
            mkdir -p "$root/prometheus" "$root/etc/prometheus"
            ;;
    esac
}

# image_config NAME: the OCI `config` object.
image_config() {
    case $1 in
        operator | server) printf '{"User":"65532:65532","Entrypoint":["/telecom-%s"],"WorkingDir":"/"}' "$1" ;;
        postgres) printf '{"User":"999:999","Env":["PATH=/usr/local/bin:/usr/lib/postgresql/%s/bin:/usr/bin:/bin","LANG=C.UTF-8"],"Cmd":["postgres"],"WorkingDir":"/"}' "$POSTGRES_MAJOR" ;;
        pause | coredns | metrics-server) printf '{"User":"65532:65532","Entrypoint":["/%s"],"WorkingDir":"/"}' "$1" ;;
        prometheus-operator | prometheus-config-reloader) printf '{"User":"65532:65532","Entrypoint":["/bin/%s"],"WorkingDir":"/"}' "$1" ;;
        prometheus) printf '{"User":"65532:65532","Entrypoint":["/bin/prometheus"],"WorkingDir":"/prometheus"}' ;;
    esac
}

# All of our programs at once: they share nearly all of what there is to compile.
compile() {
    (cd "$PROJECT" && CARGO_TARGET_DIR=$target cargo build --locked --bin telecom-server --bin telecom-operator \
        --bin kubectl-telecom) >&2
}

build() {
    local name=$1 archive=$IMAGE_CACHE/$1.tar key
    case $name in operator | server) [ -n "${SKIP_CARGO:-}" ] || compile ;; esac
    mkdir -p "$IMAGE_CACHE"
    key=$(inputs "$name" | sha256sum | cut -c 1-16)
    if [ ! -s "$archive" ] || [ "$key" != "$(cat "$archive.key" 2>/dev/null)" ]; then
        echo "building the image $(image_reference "$name")" >&2
        work=$(mktemp -d "$IMAGE_CACHE/$name.root.XXXXXX")
        chmod 0755 "$work"
        rm -f "$archive.key"
        fill "$name" "$work" >&2
        oci_archive "$work" "$(image_reference "$name")" "$(image_config "$name")" "$archive"
        echo "$key" >"$archive.key"
        discard
    fi
    echo "$archive"
}

[ $# -eq 1 ] || die "usage: $0 IMAGE"
build "$1"
