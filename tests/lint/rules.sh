#!/usr/bin/env bash
# Checks the rules and dashboards of the chart with promtool: that they are PromQL, and that the rules say what
# tests/lint/rules has of each. Each alert has to have a test that sees it fire and clear, and a runbook.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}
files=charts/telecom-operator/files
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

promtool() {
    local found=("$cache"/go/prometheus-*/promtool)
    [ -x "${found[-1]}" ] || tests/cluster/prometheus.sh build
    found=("$cache"/go/prometheus-*/promtool)
    "${found[-1]}" "$@"
}

# All of them first: tests of one file may need the series that another records.
for rules in "$files"/rules/*.yaml; do
    cp "$rules" "$work/$(basename "$rules" .yaml).rules.yaml"
done
for rules in "$files"/rules/*.yaml; do
    name=$(basename "$rules" .yaml)
    cp "tests/lint/rules/$name.yaml" "$work/$name.yaml"
    promtool check rules --lint=all --lint-fatal "$work/$name.rules.yaml"
    promtool test rules "$work/$name.yaml"
done
python3 tests/lint/dashboard_rules.py "$files"/dashboards/*.json >"$work/dashboards.yaml"
promtool check rules "$work/dashboards.yaml"
PYTHONPATH=$cache/lint/python-pyyaml python3 tests/lint/alerts.py "$files/rules" tests/lint/rules docs/runbooks docs/telemetry.md
promtool check config --syntax-only examples/prometheus/prometheus.yml
