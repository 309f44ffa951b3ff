#!/usr/bin/env bash
# Measures the optimized server on a PostgreSQL of its own and prints a table; the samples are kept as JSON in the cache.
# BENCH_ROUNDS, BENCH_SECONDS: how often and how long. BENCH_SERVER: another build of the server.
# BENCH_ROWS: rows of usage among which reads read. Arguments, or ROWS with make: which rows to measure.
set -euo pipefail
cd "$(dirname "$0")/.."
TELECOM_CACHE="${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$TELECOM_CACHE/target}"

tests/packages.sh
packages=(-p telecom-tests)
[ -n "${BENCH_SERVER:-}" ] || packages+=(-p telecom-server)
cargo build --release --quiet "${packages[@]}" --bins
export BENCH_SERVER="${BENCH_SERVER:-$CARGO_TARGET_DIR/release/telecom-server}"
mkdir -p "$TELECOM_CACHE/bench"
export BENCH_JSON="${BENCH_JSON:-$TELECOM_CACHE/bench/$(date -u +%Y%m%dT%H%M%SZ).json}"
exec "$CARGO_TARGET_DIR/release/bench" "$@"
