#!/usr/bin/env bash
# Runs every test and ends with their count. With arguments: `cargo test` takes them
# (tests/run.sh -p telecom-server), on whatever already runs.
set -euo pipefail
cd "$(dirname "$0")/.."
export TELECOM_CACHE="${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$TELECOM_CACHE/target}"
export KUBECONFIG="$PWD/.cluster/kubeconfig" PATH="$PWD/.cluster/bin:$PATH"

step() { printf '\n==> %s (%ss)\n' "$1" "$SECONDS"; }

step "Debian packages"
tests/packages.sh

if [ $# -eq 0 ]; then
    step "cluster, operator and example"
    tests/cluster/up.sh
    step "Prometheus Operator, Prometheus, OpenTelemetry Collector"
    tests/cluster/prometheus.sh
    tests/cluster/collector.sh
    set -- --workspace
fi

step "build"
cargo build --workspace --all-targets --quiet

step "tests"
# End-to-end tests mostly wait for Pods: more of them at once than there are cores.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-4}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?

# One line for the whole run, whatever number of test binaries there were.
awk -v seconds="$SECONDS" '
    /^test result:/ { passed += $4; failed += $6; skipped += $8 }
    END { printf "\n%d s\n%d passed, %d failed, %d skipped\n", seconds, passed, failed, skipped
          exit (passed == 0) }' "$log"
exit "$status"
