#!/usr/bin/env bash
# Takes away everything that up.sh made on this machine, whatever state it is in; only the cache stays.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/settings.sh"
for part in steps daemons network node kind; do
    # shellcheck source=/dev/null
    source "$CLUSTER_SOURCE/lib/$part.sh"
done
# Those that would start something again go first; nothing here deserves a graceful end, its data goes too.
DAEMONS=(kubelet storage-provisioner kube-proxy kube-controller-manager kube-scheduler kube-apiserver containerd etcd)

end_processes() {
    end_own
    kill_pods
}

# What pid files name, and what carries our folder in its command line.
end_own() {
    local name pids
    for name in "${DAEMONS[@]}"; do stop_daemon "$name" 0; done
    [ -n "$other" ] || kill_pods
    mapfile -t pids < <(stray_pids)
    if [ ${#pids[@]} -gt 0 ]; then
        echo "ending ${#pids[@]} more processes that carry our mark"
        kill -KILL "${pids[@]}" 2>/dev/null || true
        sleep 0.2
    fi
}

# Cgroup, bridge and nft tables have names that all checkouts share: they are the other's.
remove_remains() {
    end_own
    unmount_all
}

remove_files() {
    # Never delete through a mount: a volume could be somebody's data.
    unmount_all
    restore_machine
    # The log of this very step lies in there too; the lock goes last.
    find "$CLUSTER_DIR" -mindepth 1 -maxdepth 1 ! -name lock ! -name log -exec rm -rf --one-file-system {} +
}

# Everything of ours that is still on the machine, one a line; nothing after a good down.
leftovers() {
    local dir
    stray_pids | sed 's/^/process /'
    awk -v dir="$CLUSTER_DIR/" 'index($5, dir) == 1 { print "mount " $5 }' /proc/self/mountinfo
    [ ! -e "/sys/class/net/$BRIDGE" ] || echo "interface $BRIDGE"
    nft list tables 2>/dev/null | grep -E "$NFT_TABLE|kube-proxy" || true
    while read -r dir; do [ ! -d "$dir/$CGROUP" ] || echo "cgroup $dir/$CGROUP"; done < <(cgroup_roots)
    find /run/containerd/s /var/lib/cni/results/telecom-local-* -mindepth 0 2>/dev/null | grep -E 'telecom-local|^/run/containerd/s/' || true
    find /var/log/containers -lname "$CLUSTER_DIR/*" 2>/dev/null || true
}

verify_clean() {
    local left
    left=$(leftovers)
    [ -z "$left" ] || { echo "$left" && return 1; }
}

[ $# -eq 0 ] || die "down.sh takes no arguments"
[ -z "$CLUSTER_LINK" ] || rm -f "$CLUSTER_LINK"
if [ ! -d "$CLUSTER_DIR" ]; then
    say "nothing is up"
    exit 0
fi
[ "$(id -u)" = 0 ] || [ -f "$RUN_DIR/kind-server.digest" ] || die "only root can take the local cluster down"
# An earlier down may have been cut off after it had removed these.
mkdir -p "$LOG_DIR" "$RUN_DIR"
exec 9>"$CLUSTER_DIR/lock"
flock -n 9 || {
    say "another up or down works on this checkout; waiting for it"
    flock 9
}
remove_kind
other=$(other_owner)
if [ -n "$other" ]; then
    say "the local cluster on this machine is another checkout's and stays: $other"
    step "what this one left" "run again; ps shows what is left" remove_remains
    rm -rf --one-file-system "$CLUSTER_DIR"
    exit 0
fi
step "processes" "run again; ps shows what is left" end_processes
step "network" "ip link and nft list ruleset show what is left" remove_network
step "mounts, files, settings" "grep $CLUSTER_DIR /proc/self/mountinfo shows what is left" remove_files
step "cgroups" "find /sys/fs/cgroup -name $CGROUP shows what is left" remove_cgroup
step "nothing is left" "what is listed above; run again, and if it stays, a restart of the machine clears it" verify_clean
rm -rf --one-file-system "$CLUSTER_DIR"
say "down in $SECONDS s"
