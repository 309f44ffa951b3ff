#!/usr/bin/env bash
# Gives the fuzz workspace the versions of the main one, so that what is fuzzed is what is shipped.
set -euo pipefail
cd "$(dirname "$0")"
stamp=$(sha256sum ../../Cargo.lock)
[ -f Cargo.lock ] && [ "$(cat .locked 2>/dev/null)" = "$stamp" ] && exit
cp ../../Cargo.lock Cargo.lock
cargo metadata --format-version 1 >/dev/null
echo "$stamp" >.locked
