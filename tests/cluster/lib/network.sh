# The bridge that is the node's address, what the kernel must allow, and the traces of it all that `down` takes back.
# shellcheck shell=bash

# Kernel settings that we, kubelet or kube-proxy change; their values from before are put back by `down`.
SYSCTLS=(
    net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables
    vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes
)
# Folders outside the cluster's own whose place kubelet, containerd's shims and the CNI library do not let us choose.
OUTSIDE_DIRS=(/run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers)

# Nothing else may own our bridge: two clusters on one machine would tear down each other's network.
# The folder of the cluster whose bridge is on the machine, when that is another one; else nothing.
other_owner() {
    local owner
    [ -e "/sys/class/net/$BRIDGE" ] || return 0
    owner=$(cat "/sys/class/net/$BRIDGE/ifalias")
    [ "$owner" = "$CLUSTER_DIR" ] || echo "${owner:-somebody else, who owns the interface $BRIDGE}"
}

check_ownership() {
    local owner
    owner=$(other_owner)
    [ -z "$owner" ] || die "a local cluster of another checkout runs on this machine: $owner.
Only one can run at a time. End it with: CLUSTER_DIR=$owner $CLUSTER_SOURCE/down.sh"
}

remember_machine() {
    local name dir
    mkdir -p "$RUN_DIR"
    if [ ! -f "$RUN_DIR/sysctls" ]; then
        for name in "${SYSCTLS[@]}"; do
            [ ! -r "/proc/sys/$name" ] || echo "$name $(cat "/proc/sys/$name")"
        done >"$RUN_DIR/sysctls.part"
        mv "$RUN_DIR/sysctls.part" "$RUN_DIR/sysctls"
    fi
    if [ ! -f "$RUN_DIR/made-outside" ]; then
        for dir in "${OUTSIDE_DIRS[@]}"; do
            [ -e "$dir" ] || echo "$dir"
        done >"$RUN_DIR/made-outside.part"
        mv "$RUN_DIR/made-outside.part" "$RUN_DIR/made-outside"
    fi
}

start_network() {
    remember_machine
    # In the kernel already where modules are not used; a kernel without them fails below with a clearer message.
    modprobe -a overlay br_netfilter nf_tables 2>/dev/null || true
    if [ ! -e "/sys/class/net/$BRIDGE" ]; then
        ip link add "$BRIDGE" type bridge
        ip link set "$BRIDGE" alias "$CLUSTER_DIR"
    fi
    ip addr replace "$NODE_IP/24" dev "$BRIDGE"
    ip link set "$BRIDGE" up
    echo 1 >/proc/sys/net/ipv4/ip_forward
    # A Service's answer from a Pod on the same bridge must pass the same NAT as the question did.
    echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
    # Pods reach the world behind the machine's own address. Our own table: `down` deletes it whole.
    nft -f - <<NFT
table ip $NFT_TABLE
delete table ip $NFT_TABLE
table ip $NFT_TABLE {
    comment "$CLUSTER_DIR"
    chain postrouting {
        type nat hook postrouting priority srcnat
        ip saddr $POD_CIDR oifname != "$BRIDGE" masquerade
    }
}
NFT
    write_cni_config
}

write_cni_config() {
    mkdir -p "$CLUSTER_DIR/cni/net.d"
    write_file "$CLUSTER_DIR/cni/net.d/10-telecom.conflist" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "telecom-local",
  "plugins": [
    {
      "type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "hairpinMode": true,
      "ipam": {
        "type": "host-local", "dataDir": "$CLUSTER_DIR/cni/addresses",
        "ranges": [[{"subnet": "$POD_CIDR", "rangeStart": "198.18.0.10", "gateway": "$NODE_IP"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    }
  ]
}
JSON
}

remove_network() {
    local port
    for port in "/sys/class/net/$BRIDGE/brif"/*; do
        [ -e "$port" ] && ip link delete "${port##*/}" 2>/dev/null
    done
    if [ -e "/sys/class/net/$BRIDGE" ] && [ "$(cat "/sys/class/net/$BRIDGE/ifalias")" = "$CLUSTER_DIR" ]; then
        ip link delete "$BRIDGE"
    fi
    if command -v nft >/dev/null && nft list table ip "$NFT_TABLE" 2>/dev/null | grep -F "comment \"$CLUSTER_DIR\"" >/dev/null; then
        # kube-proxy's tables carry no owner; they are ours when our own table is there and no kube-proxy is
        # left. One that was just killed may still be a zombie. Ours goes last, so that a second try knows.
        if ! pgrep -x --runstates D,R,S,T kube-proxy >/dev/null; then
            nft delete table ip kube-proxy 2>/dev/null || true
            nft delete table ip6 kube-proxy 2>/dev/null || true
        fi
        nft delete table ip "$NFT_TABLE"
    fi
    return 0
}

restore_machine() {
    local name value dir
    if [ -f "$RUN_DIR/sysctls" ]; then
        while read -r name value; do
            [ "$(cat "/proc/sys/$name")" = "$value" ] || echo "$value" >"/proc/sys/$name"
        done <"$RUN_DIR/sysctls"
    fi
    # In folders that are not only ours, only what is ours or of no more use to anybody.
    rm -f /var/lib/cni/results/telecom-local-*
    find /var/log/containers -lname "$CLUSTER_DIR/*" -delete 2>/dev/null || true
    remove_dead_sockets
    [ -f "$RUN_DIR/made-outside" ] || return 0
    while read -r dir; do
        [ -d "$dir" ] || continue
        # Nobody's kubelet and nobody's Pods were here before ours.
        case $dir in
            /var/lib/kubelet) rm -f "$dir"/device-plugins/{kubelet.sock,kubelet_internal_checkpoint,DEPRECATION} ;;
            /var/lib/cni) rm -f "$dir"/results/cni-loopback-* ;;
        esac
        find "$dir" -xdev -depth -type d -empty -delete
        [ ! -d "$dir" ] || echo "left $dir: there is something in it that is not ours"
    done <"$RUN_DIR/made-outside"
}

# Sockets of containerd's shims on which nobody listens any more.
remove_dead_sockets() {
    local socket
    for socket in /run/containerd/s/*; do
        if [ -S "$socket" ] && ! grep -qF "$socket" /proc/net/unix; then rm -f "$socket"; fi
    done
}
