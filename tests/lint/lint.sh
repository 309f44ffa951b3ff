#!/usr/bin/env bash
# Runs every static check, one line each, and fails at the end when one failed. With arguments only
# the checks of those names: tests/lint/lint.sh shellcheck charts
set -euo pipefail
cd "$(dirname "$0")/../.."

export TELECOM_CACHE="${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$TELECOM_CACHE/target}"
PATH=$TELECOM_CACHE/lint/bin:$PATH
export CARGO_TERM_COLOR=never
MAX_LINES=400
# Of a failed check's output, so that the other checks' lines stay in sight.
SHOWN=60

scripts() { git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run ':!operator/*'; }
# Pieces of script that the operator puts into Pods: no first line, and SQL's dollar quotes.
fragments() { git ls-files --cached --others --exclude-standard -- 'operator/*.sh'; }

check_rustfmt() {
    cargo fmt --all --check -- --color never &&
        cargo fmt --manifest-path tests/fuzz/Cargo.toml --check -- --color never
}
check_clippy() { cargo clippy --quiet --workspace --all-targets -- -D warnings; }
check_dependencies() { cargo-deny --log-level error check --hide-inclusion-graph bans licenses sources; }
check_unused() { cargo-machete; }
check_shellcheck() {
    scripts | xargs shellcheck --external-sources --source-path=SCRIPTDIR &&
        fragments | xargs --no-run-if-empty shellcheck --shell=sh --exclude=SC2016
}
check_proto() { buf lint proto; }
# What clients were built with goes on working. tests/proto-baseline.sh moves what it is compared with.
check_breaking() { buf breaking proto --against proto/telecom.v1.binpb; }
check_charts() { tests/lint/charts.sh; }
check_rules() { tests/lint/rules.sh; }
check_dashboards() { tests/lint/dashboards.sh; }

# The advisory database is a git repository: where it cannot be reached, that is said, not hidden.
check_advisories() {
    local url=https://github.com/RustSec/advisory-db
    if ! GIT_TERMINAL_PROMPT=0 timeout 10 git ls-remote "$url" HEAD >/dev/null 2>&1; then
        echo "$url cannot be reached from here"
        return 77
    fi
    cargo-deny --log-level error check --hide-inclusion-graph advisories
}

# A file that needs scrolling tells more than one thing. Generated ones are not counted.
check_length() {
    local file lines failed=0
    while read -r file; do
        lines=$(wc -l <"$file")
        if [ "$lines" -gt "$MAX_LINES" ]; then
            echo "$file has $lines lines, more than $MAX_LINES"
            failed=1
        fi
    done < <(git ls-files --cached --others --exclude-standard -- '*.rs' '*.sh' '*.py' '*.go' '*.proto' '*.sql' '*.tpl')
    return "$failed"
}

# A Rust file opens with a sentence on what lives in it.
check_opening() {
    local file failed=0
    while read -r file; do
        if ! head -n 1 "$file" | grep -q '^//! '; then
            echo "$file does not open with a \`//! \` sentence"
            failed=1
        fi
    done < <(git ls-files --cached --others --exclude-standard -- '*.rs')
    return "$failed"
}

# Unfinished work, tests that are switched off, paths of one person's machine.
check_words() {
    local found=0
    git grep -nE '\b(TODO|FIXME|XXX)\b|todo!\(|unimplemented!\(|#\[ignore' -- '*.rs' '*.sh' '*.sql' '*.proto' '*.yaml' \
        ':!tests/lint/lint.sh' && found=1
    git grep -nE '/(root|home)/[a-z.]' -- . ':!tests/lint/lint.sh' ':!*go.sum' && found=1
    return "$found"
}

run() {
    local name=$1 started=$SECONDS status=0 verdict
    "check_$name" >"$log" 2>&1 || status=$?
    case $status in
        0) verdict=ok ;;
        77) verdict="skipped: $(head -n 1 "$log")" ;;
        *) verdict=failed; failures+=("$name") ;;
    esac
    printf '%-14s %4ss  %s\n' "$name" "$((SECONDS - started))" "$verdict"
    if [ "$verdict" = failed ]; then
        head -n "$SHOWN" "$log" | sed 's/^/    /'
        [ "$(wc -l <"$log")" -le "$SHOWN" ] || echo "    … $(wc -l <"$log") lines in all"
    fi
}

checks=("$@")
if [ $# -eq 0 ]; then
    checks=(rustfmt words length opening shellcheck proto breaking dependencies advisories unused charts rules dashboards clippy)
fi
failures=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

tests/lint/tools.sh
for check in "${checks[@]}"; do
    run "$check"
done
if [ ${#failures[@]} -gt 0 ]; then
    echo "lint: ${failures[*]} failed"
    exit 1
fi
echo "lint: all ${#checks[@]} checks done in ${SECONDS}s"
