#!/usr/bin/env bash
# Checks the dashboards of the chart: against Grafana's own schema, and for what the schema does not say.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}
files=charts/telecom-operator/files

"$cache/lint/bin/dashboards" "$files"/dashboards/*.json
python3 tests/lint/dashboards.py docs/telemetry.md "$files/rules" "$files"/dashboards/*.json
