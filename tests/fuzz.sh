#!/usr/bin/env bash
# Fuzzes the server up to the database: each target for so many seconds, on what earlier runs have found.
# tests/fuzz.sh 600; tests/fuzz.sh 60 queue tokens
set -euo pipefail
cd "$(dirname "$0")/.."
export TELECOM_CACHE="${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$TELECOM_CACHE/target}"

seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "fuzz: how many seconds? tests/fuzz.sh SECONDS [TARGET...]" >&2; exit 2; }
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(requests queue config tokens calls)
manifest=tests/fuzz/Cargo.toml
host=$(rustc -vV | sed -n 's/^host: //p')

if ! command -v c++ >/dev/null; then
    [ "$(id -u)" = 0 ] || { echo "fuzz: g++ is missing, and only root can install it" >&2; exit 1; }
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends g++
fi
tests/own-sources.sh
tests/fuzz/lock.sh

# What cargo-fuzz passes on, but for the sanitizers, which only a nightly compiler has: there is no
# unsafe code here that they would watch. With --target, build scripts and macros go without.
flags=(
    --cfg fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0
)
started=$SECONDS
RUSTFLAGS="${flags[*]}" cargo build --quiet --manifest-path "$manifest" --target "$host" --bins
echo "fuzz: built in $((SECONDS - started))s"

programs=$CARGO_TARGET_DIR/$host/debug
cache=$TELECOM_CACHE/fuzz
failed=()
for target in "${targets[@]}"; do
    [ -x "$programs/$target" ] || { echo "fuzz: no target $target" >&2; exit 2; }
    corpus=$cache/$target found=$cache/$target.found log=$cache/$target.log
    mkdir -p "$corpus" "$found"
    rm -rf "$cache/$target.seeds"
    status=0
    TELECOM_FUZZ_SEEDS=$cache/$target.seeds "$programs/$target" >"$log" 2>&1 || status=$?
    [ "$status" != 0 ] || "$programs/$target" "$corpus" "$cache/$target.seeds" \
        -dict="$cache/$target.dict" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -artifact_prefix="$found/" -print_final_stats=1 >"$log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(sed -n 's/.*cov: \([0-9]*\) ft: \([0-9]*\).*/\1 edges, \2 features/p' "$log" | tail -n 1)
    # A target without counters would run as many inputs and see nothing.
    if [ "$status" = 0 ] && [ -z "$coverage" ]; then
        status=1
        echo "no coverage was seen" >>"$log"
    fi
    printf '%-9s %9s runs, %s, corpus %s: %s\n' "$target" "${runs:-0}" "${coverage:-no coverage}" \
        "$(find "$corpus" -type f | wc -l)" "$([ "$status" = 0 ] && echo ok || echo "failed ($status)")"
    if [ "$status" != 0 ]; then
        failed+=("$target")
        grep -nE -A 12 'panicked at|ERROR: |no coverage' "$log" | cut -c 1-2000 | head -n 30 || tail -n 30 "$log"
        echo "    log: $log"
        sed -n "s|.*Test unit written to |    again: $programs/$target |p" "$log"
    fi
done
[ ${#failed[@]} -eq 0 ] || { echo "fuzz: ${failed[*]} failed"; exit 1; }
