# Starts, checks and stops the cluster's own processes by pid files that are never trusted without a look at /proc.
# shellcheck shell=bash

# write_file FILE: standard input into FILE, whole or not at all; a file that already says so is left alone.
write_file() {
    mkdir -p "$(dirname "$1")"
    cat >"$1.part"
    if cmp -s "$1.part" "$1"; then rm -f "$1.part"; else mv -f "$1.part" "$1"; fi
}

# daemon_pid NAME: the pid of the running daemon, or nothing. A stale pid file, or a pid that the kernel gave to
# somebody else since, is recognised by the marker in the process' environment.
daemon_pid() {
    local pid
    pid=$(cat "$RUN_DIR/$1.pid" 2>/dev/null) || return 0
    [ -n "$pid" ] && is_ours "$pid" "$1" && echo "$pid"
    return 0
}

# is_ours PID NAME: did this checkout start it under that name?
# (No `grep -q` behind a pipe in these scripts: it leaves early, the writer dies of SIGPIPE, and pipefail calls that "no".)
is_ours() {
    tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | grep -xF "TELECOM_LOCAL_CLUSTER=$CLUSTER_DIR:$2" >/dev/null
}

# stamp FILES... -- WORDS...: the hash of what a daemon runs with.
stamp() {
    local files=()
    while [ "$1" != "--" ]; do
        files+=("$1")
        shift
    done
    shift
    { sha256sum "${files[@]}" && printf '%s\n' "$@"; } | sha256sum | cut -c 1-16
}

# daemon NAME "CONFIG FILES" COMMAND...: running with just this command, these files and this binary, or (re)started.
daemon() {
    local name=$1 pid binary wanted read_files
    read -ra read_files <<<"$2"
    shift 2
    binary=$(readlink -f "$(command -v "$1")")
    # The binary counts by name, size and time: hashing 100 MB for each start would cost more than it tells.
    wanted=$(stamp "${read_files[@]}" -- "$@" "$(stat -c '%n %s %Y' "$binary")")
    pid=$(daemon_pid "$name")
    if [ -n "$pid" ] && [ "$wanted" = "$(cat "$RUN_DIR/$name.stamp" 2>/dev/null)" ]; then
        echo "$name runs already (pid $pid)"
        return 0
    fi
    [ -z "$pid" ] || stop_daemon "$name" 30
    mkdir -p "$RUN_DIR" "$LOG_DIR"
    [ ! -s "$LOG_DIR/$name.log" ] || mv -f "$LOG_DIR/$name.log" "$LOG_DIR/$name.log.1"
    echo "starting $name"
    # Descriptor 9 is the lock of `up`: a daemon that inherits it would keep it for ever.
    TELECOM_LOCAL_CLUSTER="$CLUSTER_DIR:$name" setsid "$@" >"$LOG_DIR/$name.log" 2>&1 </dev/null 9>&- &
    echo $! >"$RUN_DIR/$name.pid"
    echo "$wanted" >"$RUN_DIR/$name.stamp"
    disown
}

# stop_daemon NAME SECONDS: asks, waits, then insists.
stop_daemon() {
    local name=$1 end=$((SECONDS + $2)) pid
    pid=$(daemon_pid "$name")
    if [ -n "$pid" ]; then
        echo "stopping $name (pid $pid)"
        kill -TERM "$pid" 2>/dev/null || true
        while [ "$SECONDS" -lt "$end" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null || true
        while kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do sleep 0.05; done
    fi
    rm -f "$RUN_DIR/$name.pid" "$RUN_DIR/$name.stamp"
}

# daemon_alive NAME: fails with the end of its log when the process that `daemon` started is gone. It asks for the pid
# and not for the marker: a process has none between fork and exec, nor while exec replaces its memory.
daemon_alive() {
    local state
    state=$(grep '^State:' "/proc/$(cat "$RUN_DIR/$1.pid")/status" 2>/dev/null) || true
    case $state in "" | *Z* | *X*) ;; *) return 0 ;; esac
    echo "$1 has ended"
    explain "$LOG_DIR/$1.log"
    return 1
}

# wait_daemon NAME SECONDS COMMAND...: until COMMAND succeeds; at once over when the daemon has ended.
wait_daemon() {
    local name=$1 limit=$2 end=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        daemon_alive "$name" || return 1
        if [ "$SECONDS" -ge "$end" ]; then
            echo "$name is not ready after $limit s"
            explain "$LOG_DIR/$name.log"
            return 1
        fi
        sleep 0.2
    done
}

# All processes that carry this checkout's marker or hold its containerd socket, whatever the pid files say.
stray_pids() {
    local dir pid
    for dir in /proc/[0-9]*; do
        pid=${dir#/proc/}
        [ "$pid" != "$$" ] || continue
        if tr '\0' '\n' <"$dir/environ" 2>/dev/null | grep -F "TELECOM_LOCAL_CLUSTER=$CLUSTER_DIR:" >/dev/null ||
            tr '\0' '\n' <"$dir/cmdline" 2>/dev/null | grep -xF "$CONTAINERD_SOCKET" >/dev/null; then
            echo "$pid"
        fi
    done
}
