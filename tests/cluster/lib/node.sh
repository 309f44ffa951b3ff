# The node: its cgroup, containerd, kubelet and kube-proxy.
# shellcheck shell=bash

# Every Pod lives below one cgroup of ours: that is also how `down` finds the processes of Pods after a crash.
cgroup_roots() {
    local dir
    if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
        echo /sys/fs/cgroup
    else
        for dir in /sys/fs/cgroup/*/; do
            [ -f "$dir/cgroup.procs" ] && echo "${dir%/}"
        done
    fi
}

make_cgroup() {
    local root controller controllers
    while read -r root; do
        mkdir -p "$root/$CGROUP"
        # v2: what the parent does not delegate, kubelet cannot use. v1: an empty cpuset takes no process.
        if [ -f "$root/cgroup.controllers" ]; then
            read -ra controllers <"$root/cgroup.controllers"
            for controller in "${controllers[@]}"; do
                echo "+$controller" 2>/dev/null >"$root/cgroup.subtree_control" || true
            done
        fi
        if [ -f "$root/$CGROUP/cpuset.cpus" ] && [ -f "$root/cgroup.clone_children" ]; then
            cat "$root/cpuset.cpus" >"$root/$CGROUP/cpuset.cpus"
            cat "$root/cpuset.mems" >"$root/$CGROUP/cpuset.mems"
        fi
    done < <(cgroup_roots)
}

# Mounts the v1 hierarchies where nobody has mounted any (a machine whose init does not care for cgroups).
check_cgroups() {
    [ -n "$(cgroup_roots)" ] || die "no cgroup hierarchy is mounted below /sys/fs/cgroup; mount one (mount -t cgroup2 none /sys/fs/cgroup) and run again"
}

write_containerd_config() {
    local snapshotter=overlayfs oom=false cap
    # overlayfs does not stack on itself (a checkout inside a container).
    case $(stat -f -c %T "$CLUSTER_DIR") in overlayfs) snapshotter=native ;; esac
    # Without CAP_SYS_RESOURCE (bit 24) no sandbox could lower its OOM score, and none would start.
    cap=$(sed -n 's/^CapEff:\t*//p' /proc/self/status)
    (((0x$cap >> 24) & 1)) || oom=true
    mkdir -p "$CONTAINERD_DIR" "$CONFIG_DIR"
    write_file "$CONFIG_DIR/containerd.toml" <<TOML
version = 2
root = "$CONTAINERD_DIR/root"
state = "$CONTAINERD_DIR/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[grpc]
  address = "$CONTAINERD_SOCKET"

[plugins."io.containerd.internal.v1.opt"]
  path = "$CONTAINERD_DIR/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$REGISTRY/pause:$PAUSE_VERSION"
  restrict_oom_score_adj = $oom
  # Network namespaces below our own folder, so that nobody's are mistaken for ours.
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$CLUSTER_DIR/cni/net.d"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$snapshotter"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "$CONTAINERD_DIR/runc"
TOML
}

ctr_local() { ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"; }

# kubelet gives up when it starts before the CRI plugin has loaded.
cri_loaded() { ctr_local plugins ls | grep -E 'io.containerd.grpc.v1 +cri .* ok'; }

start_containerd() {
    check_cgroups
    make_cgroup
    write_containerd_config
    daemon containerd "$CONFIG_DIR/containerd.toml" containerd --config "$CONFIG_DIR/containerd.toml" --log-level warn
    wait_daemon containerd 30 cri_loaded
}

write_kubelet_config() {
    local resolv=/etc/resolv.conf
    # systemd-resolved's stub answers on 127.0.0.53, which is the Pod's own loopback inside a Pod.
    [ ! -f /run/systemd/resolve/resolv.conf ] || resolv=/run/systemd/resolve/resolv.conf
    write_file "$CONFIG_DIR/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
port: $KUBELET_PORT
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
healthzPort: $KUBELET_HEALTH_PORT
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI_DIR/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI_DIR/kubelet.crt
tlsPrivateKeyFile: $PKI_DIR/kubelet.key
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
podLogsDir: $LOG_DIR/pods
resolvConf: $resolv
clusterDNS: [$DNS_SERVICE_IP]
clusterDomain: $CLUSTER_DOMAIN
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
# kube-proxy uses nftables: nobody needs kubelet's iptables chains, so there is nothing to take back.
makeIPTablesUtilChains: false
# Our images cannot be pulled again: never collect one.
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
maxPods: 200
registryPullQPS: 0
volumePluginDir: $CLUSTER_DIR/kubelet/volume-plugins
YAML
}

start_kubelet() {
    write_kubelet_config
    daemon kubelet "$CONFIG_DIR/kubelet.yaml $CONFIG_DIR/kubelet.kubeconfig" kubelet \
        --config "$CONFIG_DIR/kubelet.yaml" --kubeconfig "$CONFIG_DIR/kubelet.kubeconfig" \
        --root-dir "$CLUSTER_DIR/kubelet" --hostname-override "$NODE_NAME" --node-ip "$NODE_IP"
    wait_daemon kubelet 60 curl -fsS "http://127.0.0.1:$KUBELET_HEALTH_PORT/healthz"
}

start_kube_proxy() {
    write_file "$CONFIG_DIR/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
# One table that goes away whole, and no rules among the machine's own.
mode: nftables
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE_NAME
bindAddress: $NODE_IP
healthzBindAddress: 127.0.0.1:$PROXY_HEALTH_PORT
metricsBindAddress: 127.0.0.1:$PROXY_METRICS_PORT
clientConnection: {kubeconfig: $CONFIG_DIR/kube-proxy.kubeconfig}
# 0 leaves the machine's connection tracking settings alone.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
    daemon kube-proxy "$CONFIG_DIR/kube-proxy.yaml $CONFIG_DIR/kube-proxy.kubeconfig" kube-proxy --config "$CONFIG_DIR/kube-proxy.yaml"
    wait_daemon kube-proxy 60 curl -fsS "http://127.0.0.1:$PROXY_HEALTH_PORT/livez"
}

wait_node() {
    wait_daemon kubelet 60 kubectl wait --for=condition=Ready "node/$NODE_NAME" --timeout=1s
}

# Ends every process in our cgroup: Pods outlive kubelet, containerd and their shims.
kill_pods() {
    local root round
    for round in 1 2 3; do
        while read -r root; do
            [ -d "$root/$CGROUP" ] || continue
            find "$root/$CGROUP" -name cgroup.procs -exec cat {} + 2>/dev/null
        done < <(cgroup_roots) | sed '/^0$/d' | sort -u >"$RUN_DIR/pod-pids"
        [ -s "$RUN_DIR/pod-pids" ] || return 0
        echo "round $round: ending $(wc -l <"$RUN_DIR/pod-pids") processes of Pods"
        xargs -r kill -KILL <"$RUN_DIR/pod-pids" 2>/dev/null || true
        sleep 0.3
    done
}

remove_cgroup() {
    local root round
    for round in 1 2 3 4 5; do
        while read -r root; do
            [ ! -d "$root/$CGROUP" ] || find "$root/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
        done < <(cgroup_roots)
        [ -n "$(cgroup_roots | sed "s|\$|/$CGROUP|" | xargs ls -d 2>/dev/null)" ] || return 0
        sleep 0.3
    done
    echo "some cgroups named $CGROUP could not be removed (round $round)"
    return 1
}

# Everything that kubelet and containerd mounted below the cluster's folder, the deepest first.
unmount_all() {
    local round mounts
    for round in 1 2 3; do
        mounts=$(awk -v dir="$CLUSTER_DIR/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
        [ -n "$mounts" ] || return 0
        echo "round $round: unmounting $(wc -l <<<"$mounts") mounts"
        while read -r mount; do umount "$mount" 2>/dev/null || umount -l "$mount" || true; done <<<"$mounts"
    done
    ! awk '{ print $5 }' /proc/self/mountinfo | grep -F "$CLUSTER_DIR/" >/dev/null
}
