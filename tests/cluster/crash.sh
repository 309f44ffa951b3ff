#!/usr/bin/env bash
# Breaks the local cluster in the ways that machines and people do, and shows that up.sh heals it and down.sh clears it.
# It does so in namespaces of its own (network, processes, mounts), beside whatever cluster runs on the machine.
set -euo pipefail
export CLUSTER_CGROUP=telecom-crash UP_ONLY=cluster
[ "${CRASH_ISOLATED:-}" = yes ] || CLUSTER_DIR=$(mktemp -d)/.cluster
export CLUSTER_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib/settings.sh"
for part in steps daemons network node kind; do
    # shellcheck source=/dev/null
    source "$CLUSTER_SOURCE/lib/$part.sh"
done
if [ "${CRASH_ISOLATED:-}" != yes ]; then
    failed=0
    CRASH_ISOLATED=yes unshare --mount --net --pid --fork --mount-proc --propagation private "$0" "$@" || failed=$?
    # Processes and mounts end with the namespaces; cgroups and files do not.
    remove_cgroup
    rm -rf --one-file-system "${CLUSTER_DIR%/*}"
    exit "$failed"
fi
REPORT=$(mktemp -d)

# A machine that looks fresh: no network but the loopback, and folders where kubelet and containerd have never been.
fresh_machine() {
    local dir
    ip link set lo up
    mkdir "$REPORT/cgroup" "$REPORT/layers"
    mount --rbind /sys/fs/cgroup "$REPORT/cgroup"
    mount -t sysfs sysfs /sys
    mount --rbind "$REPORT/cgroup" /sys/fs/cgroup
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs "$REPORT/layers"
    for dir in /var/lib /var/log; do
        mkdir -p "$REPORT/layers$dir/upper" "$REPORT/layers$dir/work"
        mount -t overlay overlay -o "lowerdir=$dir,upperdir=$REPORT/layers$dir/upper,workdir=$REPORT/layers$dir/work" "$dir"
    done
    rm -rf "${OUTSIDE_DIRS[@]}"
    # Our copies of the mounts of a cluster that runs beside: they come and go with its Pods, also between the
    # list and the umount.
    awk -v dir="$(readlink -f "$PROJECT/.cluster")/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        while read -r copy; do umount -l "$copy" 2>/dev/null || [ ! -d "$copy" ] || ! mountpoint -q "$copy"; done
}

# run NAME COMMAND...: keeps the output apart, shows it when the command fails.
run() {
    local name=$1
    shift
    "$@" >"$REPORT/$name" 2>&1 || {
        cat "$REPORT/$name"
        die "$name: $* failed"
    }
}

passed() { say "  ok  $1 ($SECONDS s)"; }

# What `down` promises to leave as it was.
machine() {
    ip -o link | awk -F ': ' '{ print $2 }'
    ip -o -4 addr | awk '{ print $2, $4 }'
    nft list ruleset
    awk '{ print $5 }' /proc/self/mountinfo
    find /sys/fs/cgroup -maxdepth 2 -type d
    for name in "${SYSCTLS[@]}"; do echo "$name $(cat "/proc/sys/$name")"; done
    for dir in "${OUTSIDE_DIRS[@]}" /etc/kubernetes /usr/libexec/kubernetes /var/log/pods /run/netns /opt/cni; do [ ! -e "$dir" ] || find "$dir"; done
    for name in etcd kube containerd storage-prov; do pgrep -a "$name" || true; done
}

down_leaves_nothing() {
    run "$1" "$CLUSTER_SOURCE/down.sh"
    machine >"$REPORT/after"
    diff "$REPORT/before" "$REPORT/after" || die "$1: the machine is not as it was before"
    [ ! -e "$CLUSTER_DIR" ] || die "$1: $CLUSTER_DIR is still there"
}

kill_daemons() {
    local name pid
    for name in "$@"; do
        pid=$(daemon_pid "$name")
        [ -n "$pid" ] || die "$name does not run, so it cannot be killed"
        kill -KILL "$pid"
    done
}

fresh_machine
machine >"$REPORT/before"

for pause in 0.5 2 4 7 12; do
    set -m
    "$CLUSTER_SOURCE/up.sh" >"$REPORT/interrupted" 2>&1 &
    set +m
    sleep "$pause"
    kill -KILL -- "-$!" 2>/dev/null || true
done
run after-interrupts "$CLUSTER_SOURCE/up.sh"
passed "up killed after 0.5, 2, 4, 7 and 12 s goes on to a running cluster"

for name in kubelet etcd kube-apiserver containerd kube-proxy storage-provisioner; do
    kill_daemons "$name"
    run "heal-$name" "$CLUSTER_SOURCE/up.sh"
    run "works-$name" kubectl -n kube-system rollout status deployment/coredns --timeout=120s
done
passed "each daemon killed with -9 is back after up"

down_leaves_nothing down
passed "down leaves the machine as it was"
down_leaves_nothing down-again
passed "down twice is harmless"

run up-again "$CLUSTER_SOURCE/up.sh"
kill_daemons kubelet containerd etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy storage-provisioner
# A pid that the kernel gave to somebody else since.
sleep 1000 &
stranger=$!
echo "$stranger" >"$RUN_DIR/kubelet.pid"
rm -f "$RUN_DIR/etcd.pid"
mkdir -p "$CLUSTER_DIR/half" && mount -t tmpfs none "$CLUSTER_DIR/half"
down_leaves_nothing down-after-crash
kill "$stranger" || die "down ended a process that is not the cluster's"
passed "down after everything was killed, with a stale pid file, a lost one and a mount of somebody's"

run up-for-the-second "$CLUSTER_SOURCE/up.sh"
if CLUSTER_DIR=$REPORT/second-cluster "$CLUSTER_SOURCE/up.sh" >"$REPORT/second" 2>&1; then die "a second cluster started beside the first"; fi
grep -q 'another checkout runs on this machine' "$REPORT/second" || die "the second cluster was refused without a reason: $(cat "$REPORT/second")"
run second-harmless kubectl -n kube-system rollout status deployment/coredns --timeout=120s
passed "a second checkout is refused, the first goes on"
down_leaves_nothing last-down
say "all passed in $SECONDS s"
