#!/usr/bin/env bash
# Checks the charts without a cluster: helm lint, refused values, kubeconform, and the rendered
# output against what is committed in snapshots/. UPDATE=1 writes the snapshots anew.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=../cluster/versions.env
source tests/cluster/versions.env

cache=${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}
PATH=$cache/lint/bin:$PATH
snapshots=tests/lint/snapshots
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

complain() {
    echo "$1"
    failed=1
}

# The kinds of a Prometheus Operator are known, so that what is `auto` is seen to act.
render() {
    helm template "$1" "charts/$1" --namespace telecom-system --kube-version "$KUBERNETES_VERSION" \
        --api-versions monitoring.coreos.com/v1/ServiceMonitor \
        --api-versions monitoring.coreos.com/v1/PrometheusRule "${@:2}"
}

conform() {
    kubeconform -strict -summary=false -schema-location \
        "$cache/lint/schemas/{{.ResourceKind}}{{.KindSuffix}}.json" "$@"
}

compare() {
    if [ "${UPDATE:-}" = 1 ]; then
        cp "$work/$1.yaml" "$snapshots/$1.yaml"
    elif ! diff -u "$snapshots/$1.yaml" "$work/$1.yaml"; then
        complain "the chart renders $1 differently; UPDATE=1 tests/lint/charts.sh accepts it"
    fi
}

# refused ARGS... : the values must be turned down, by the schema and not by a broken template.
refused() {
    local out
    if out=$(render telecom-operator "$@" 2>&1) || ! grep -q "don't meet the specifications" <<<"$out"; then
        complain "values $* were not refused by values.schema.json: $out"
    fi
}

mkdir -p "$snapshots"
for values in tests/lint/values/*.yaml; do
    name=$(basename "$values" .yaml)
    helm lint --quiet --strict charts/telecom-operator -f "$values" || complain "helm lint fails with $values"
    render telecom-operator -f "$values" >"$work/$name.yaml" || complain "the chart does not render with $values"
    conform "$work/$name.yaml" || complain "kubeconform refuses what $values renders"
    # Dashboards are generated files with a check of their own: here only that they are there.
    sed -i '/^  telecom-.*\.json: |$/,/^    }$/{/json: |$/!d}' "$work/$name.yaml"
    compare "$name"
done

if grep -n '^kind: Cluster' "$work/namespaced.yaml"; then
    complain "the chart asks for cluster-wide permissions although watch.namespaces is set"
fi

refused --set replicas=two
refused --set unknown=1
refused --set image.pullPolicy=Sometimes
refused --set watch.namespaces='{Bad_Name}'
refused --set telemetry.sampleRatio=2
refused --set telemetry.endpoint=http://collector:4318/v1/traces
refused --set telemetry.endpoints.traces=http://collector:4318/v1/traces
refused --set telemetry.endpoints.traces=http://user:password@collector:4318,telemetry.protocol=http
refused --set telemetry.exportLogs=true
refused --set telemetry.headersSecretRef.value=api-key=1
refused --set telemetry.caSecretRef.name=No_Name
refused --set 'telemetry.resourceAttributes.service\.name=x'
refused --set metrics.exportIntervalSeconds=0
refused --set metrics.serviceMonitor.enabled=maybe
refused --set monitoring.rules.enabled=maybe
refused --set monitoring.rules.runbookUrl=docs/runbooks
refused --set monitoring.dashboards.folder=telecom
refused --set-string extraArgs=--streaming-lists

helm lint --quiet --strict charts/telecom-operator-crds || complain "helm lint fails for telecom-operator-crds"
render telecom-operator-crds >"$work/crds.yaml" || complain "telecom-operator-crds does not render"
conform "$work/crds.yaml" || complain "kubeconform refuses the CRD"
PYTHONPATH=$cache/lint/python-pyyaml python3 tests/lint/same_spec.py \
    crds/telecom.dev_telecomclusters.yaml "$work/crds.yaml" || complain "the chart changes the CRD on its way"

conform examples/*.yaml || complain "an example does not fit its schema"
conform tests/cluster/manifests/*.yaml || complain "a manifest of the local cluster does not fit its schema"
exit "$failed"
