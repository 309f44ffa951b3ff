#!/usr/bin/env bash
# Writes what the charts hold of generated content: the CRD's copy and the tables of values.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p charts/telecom-operator-crds/files
cp crds/telecom.dev_telecomclusters.yaml charts/telecom-operator-crds/files/
for chart in charts/*/; do
    python3 tests/lint/chart_values.py "$chart"
done
