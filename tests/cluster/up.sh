#!/usr/bin/env bash
# Brings up a Kubernetes with the operator and an example cluster, from whatever state the last run left.
#   CLUSTER=local|kind   which road (default: kind where Docker and kind are there, else local)
#   UP_ONLY=tools|cluster   stop after the programs are built, or when the bare Kubernetes runs
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/settings.sh"
for part in steps daemons packages tools certificates network control_plane node images addons install kind; do
    # shellcheck source=/dev/null
    source "$CLUSTER_SOURCE/lib/$part.sh"
done
LOCAL_IMAGES=(pause coredns metrics-server)
OUR_IMAGES=(postgres server operator)

up_local_cluster() {
    step "Debian packages" "read the message of apt-get; a package source that is not reachable is the usual cause" install_packages
    step "programs from Go modules" "run again: it goes on where it stopped. Behind a proxy set GOPROXY" build_tools
    link_tools
    [ "${UP_ONLY:-}" != tools ] || exit 0
    step "certificates" "if openssl complains, run down.sh and again" make_certificates
    step "network" "the kernel needs bridge, veth, br_netfilter and nf_tables" start_network
    step "etcd" "down.sh throws the cluster's state away; then again" start_etcd
    step "kube-apiserver" "if the port is taken, see API_PORT in tests/cluster/lib/settings.sh; else down.sh and again" start_apiserver
    step "controller manager, scheduler" "the log above says which one; run again" start_controllers
    step "containerd" "the log above; a containerd of another checkout is in the way, or cgroups are not mounted" start_containerd
    step "images of the cluster" "run again; the log names the program that failed" import_images "${LOCAL_IMAGES[@]}"
    step "kubelet, kube-proxy" "the log above; most often cgroups or nftables that this kernel lacks" start_node
    step "storage" "the log above" start_storage
    step "DNS" "kubectl -n kube-system describe pods; the log above" up_addons
}

start_node() {
    start_kubelet
    start_kube_proxy
    wait_node
}

up_addons() {
    start_addons
    wait_dns
}

main() {
    local road
    case ${UP_ONLY:-all} in all | tools | cluster) ;; *) die "UP_ONLY is tools or cluster, not ${UP_ONLY}" ;; esac
    road=$(choose_road)
    mkdir -p "$CLUSTER_DIR" "$CACHE_DIR/go" "$LOG_DIR"
    [ -z "$CLUSTER_LINK" ] || ln -sfn "$CLUSTER_DIR" "$CLUSTER_LINK"
    exec 9>"$CLUSTER_DIR/lock"
    flock -n 9 || {
        say "another up or down works on this checkout; waiting for it"
        flock 9
    }
    if [ "$road" = kind ]; then
        up_kind_cluster
    else
        check_machine
        check_ownership
        up_local_cluster
    fi
    if [ "${UP_ONLY:-}" != cluster ]; then
        if [ "$road" = kind ]; then
            step "our images" "the compiler's message above" load_kind_images "${OUR_IMAGES[@]}"
        else
            step "our images" "the compiler's message above" import_images "${OUR_IMAGES[@]}"
        fi
        link_plugin
        step "operator (helm)" "the events above; kubectl -n $OPERATOR_NAMESPACE describe pods" install_charts
        step "example cluster Ready" "the conditions above say what is missing" apply_example
    fi
    # It wants two samples, 15 seconds apart, before it is ready: everything else goes on meanwhile.
    [ "$road" = kind ] || step "metrics" "kubectl -n kube-system logs deployment/metrics-server" wait_metrics
    summary
    say "up in $SECONDS s"
}

main "$@"
