# Runs the named steps of `up` and `down`: shows progress and seconds, and explains a failure with the log that matters.
# shellcheck shell=bash

STEP_PID=""
STEP_TICKER=""
STEP_COUNT=0

# Milliseconds since the epoch, for the seconds shown after a step.
now_ms() { date +%s%3N; }

# say TEXT: one line to the person who watches.
say() { printf '%s\n' "$*"; }

# die TEXT: the reason and what to do, then the end.
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

stop_step() {
    [ -z "$STEP_TICKER" ] || kill "$STEP_TICKER" 2>/dev/null || true
    [ -z "$STEP_PID" ] || kill -TERM -- "-$STEP_PID" 2>/dev/null || true
}

interrupted() {
    stop_step
    printf '\ninterrupted: run the same command again and it goes on from here\n' >&2
    exit 130
}
trap interrupted INT TERM

# Every 15 seconds the last line of the step's log, so that a long step is seen to move.
tick() {
    local log=$1 name=$2 started=$SECONDS line
    # $$ is `up` itself: when that was killed, nobody reads this any more.
    while sleep 15 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        line=$(tail -n 1 "$log" 2>/dev/null | tr -d '\r' | cut -c 1-100)
        printf '      %s: %ss, %s lines; %s\n' "$name" "$((SECONDS - started))" "$(wc -l <"$log")" "$line"
    done
}

# step NAME HINT FUNCTION [ARGS]: runs FUNCTION with its output in a log of its own. HINT says what to do when it fails.
step() {
    local name=$1 hint=$2 log begin rc=0
    shift 2
    STEP_COUNT=$((STEP_COUNT + 1))
    log=$LOG_DIR/steps/$(printf '%02d' "$STEP_COUNT")-${name//[^a-zA-Z0-9]/-}.log
    mkdir -p "$LOG_DIR/steps"
    : >"$log"
    begin=$(now_ms)
    printf '  ->  %s\n' "$name"
    tick "$log" "$name" 9>&- &
    STEP_TICKER=$!
    set -m # a process group of its own, so that an interrupt reaches everything the step started
    (
        set -euo pipefail
        set +m
        trap - INT TERM
        "$@"
    ) >>"$log" 2>&1 </dev/null &
    STEP_PID=$!
    set +m
    wait "$STEP_PID" || rc=$?
    kill "$STEP_TICKER" 2>/dev/null || true
    wait "$STEP_TICKER" 2>/dev/null || true
    STEP_PID="" STEP_TICKER=""
    local ms=$(($(now_ms) - begin))
    if [ "$rc" -ne 0 ]; then
        printf '\nFAILED  %s (after %d.%d s). The end of %s:\n\n' "$name" $((ms / 1000)) $((ms % 1000 / 100)) "$log" >&2
        tail -n 40 "$log" >&2
        printf '\nwhat to do: %s\n' "$hint" >&2
        exit 1
    fi
    printf '  ok  %s  %d.%d s%s\n' "$name" $((ms / 1000)) $((ms % 1000 / 100)) "$(sed -n 's/^NOTE: /  /p' "$log" | tail -n 1)"
}

# note TEXT: shown behind the step's name when it is done.
note() { printf 'NOTE: %s\n' "$*"; }

# explain LOG: copies the end of a daemon's log into the step's log, where a failure shows it.
explain() {
    echo "--- the end of $1"
    tail -n 25 "$1" 2>/dev/null || echo "(there is no such log yet)"
}

# wait_for SECONDS WHAT COMMAND...: polls until COMMAND succeeds.
wait_for() {
    local limit=$1 what=$2 end=$((SECONDS + $1))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "$what: not there after $limit s; the last answer was:"
            "$@" 2>&1 | tail -n 5 || true
            return 1
        fi
        sleep 0.2
    done
}
