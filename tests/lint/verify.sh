#!/usr/bin/env bash
# Fails when a generated file was not what `make generate` makes of its source; the file is then
# written anew, ready to be looked at and committed.
set -euo pipefail
cd "$(dirname "$0")/../.."

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT

# What git sees: tracked files as they lie here, and new ones that are not ignored.
listed() {
    git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done
}
listed | xargs -0 cp --parents -t "$before"

tests/generate.sh

stale=0
while IFS= read -r -d '' file; do
    diff -Nu "$before/$file" "$file" || stale=1
done < <({ listed; cd "$before" && find . -type f -printf '%P\0'; } | sort -zu)
if [ "$stale" = 1 ]; then
    echo "verify: the files above were stale and have been written anew; commit them"
    exit 1
fi
echo "verify: every generated file is current (${SECONDS}s)"
