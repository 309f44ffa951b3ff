#!/usr/bin/env bash
# Writes every generated file; `make verify` fails when one of them is stale.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo run --quiet -p telecom-crds --bin generate-crd
tests/lint/charts-generate.sh
tests/sqlx.sh
