#!/usr/bin/env bash
# Measures the optimized server on a PostgreSQL of its own, and the optimized operator on an apiserver of its own, and
# prints a table; the samples are kept as JSON in the cache.
# BENCH_ROUNDS, BENCH_SECONDS: how often and how long. BENCH_SERVER, BENCH_OPERATOR: other builds of the programs.
# BENCH_ROWS: rows of usage among which reads read. BENCH_CLUSTERS, BENCH_SLOTS, BENCH_LOOPS_SECONDS: how many clusters
# have jobs, how often all of these are due at one second, how long they run as they do by default.
# Arguments, or ROWS with make: which rows to measure.
set -euo pipefail
cd "$(dirname "$0")/.."
TELECOM_CACHE="${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$TELECOM_CACHE/target}"

tests/packages.sh
packages=(-p telecom-tests)
[ -n "${BENCH_SERVER:-}" ] || packages+=(-p telecom-server)
case " ${*:-jobs} " in *" jobs "*)
    [ -n "${BENCH_OPERATOR:-}" ] || packages+=(-p telecom-operator)
    export BENCH_TOOLS="${BENCH_TOOLS:-$TELECOM_CACHE/bin}"
    [ -x "$BENCH_TOOLS/kube-controller-manager" ] || CLUSTER=local UP_ONLY=tools tests/cluster/up.sh
    ;;
esac
cargo build --release --quiet "${packages[@]}" --bins
export BENCH_SERVER="${BENCH_SERVER:-$CARGO_TARGET_DIR/release/telecom-server}"
export BENCH_OPERATOR="${BENCH_OPERATOR:-$CARGO_TARGET_DIR/release/telecom-operator}"
mkdir -p "$TELECOM_CACHE/bench"
export BENCH_JSON="${BENCH_JSON:-$TELECOM_CACHE/bench/$(date -u +%Y%m%dT%H%M%SZ).json}"
exec "$CARGO_TARGET_DIR/release/bench" "$@"
