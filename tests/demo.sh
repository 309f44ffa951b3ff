#!/usr/bin/env bash
# Twenty nodes with their agents, packages, five hundred subscribers; an hour of traffic in a minute, in which some
# run out and are cut off; what a subscriber sees of it; one node goes offline. Uses the cluster of `make up`, or any
# server: DEMO_GRPC=127.0.0.1:50051 DEMO_TOKEN=... tests/demo.sh, and for its traffic
# DEMO_SERVER_COMMAND="telecom-server" with the environment of that server.
set -euo pipefail
cd "$(dirname "$0")/.."
TELECOM_CACHE="${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$TELECOM_CACHE/target}"

if [ -z "${DEMO_GRPC:-}" ] && [ ! -e "${KUBECONFIG:-.cluster/kubeconfig}" ]; then
    echo "demo: no cluster here. Run \`make up\` first, or name a server: DEMO_GRPC=127.0.0.1:50051 DEMO_TOKEN=..." >&2
    exit 1
fi
exec cargo run --quiet -p telecom-tests --bin demo -- "$@"
