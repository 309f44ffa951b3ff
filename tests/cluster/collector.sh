#!/usr/bin/env bash
# Builds the OpenTelemetry Collector that tests run on 127.0.0.1 (OTLP in; JSON files and the log out), and prints its path.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/settings.sh"
for part in steps tools; do
    # shellcheck source=/dev/null
    source "$CLUSTER_SOURCE/lib/$part.sh"
done

build_collector() {
    check_version otel-collector go.opentelemetry.io/collector/receiver/otlpreceiver "$OTEL_COLLECTOR_VERSION"
    build_go otel-collector .
}

mkdir -p "$CACHE_DIR/go" "$LOG_DIR"
step "OpenTelemetry Collector from Go modules" "run again: it goes on where it stopped" build_collector >&2
echo "$(go_home otel-collector)/otel-collector"
