#!/usr/bin/env bash
# Writes every generated file; `make verify` fails when one of them is stale.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo run --quiet -p telecom-crds --bin generate-crd
python3 -B tests/dashboards/write.py charts/telecom-operator/files/dashboards
tests/lint/charts-generate.sh
tests/sqlx.sh
