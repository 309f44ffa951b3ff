# Paths, addresses and ports of the local cluster: the one place where they are chosen.
# shellcheck shell=bash disable=SC2034

CLUSTER_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROJECT=$(cd "$CLUSTER_SOURCE/../.." && pwd)
# shellcheck source=../versions.env
source "$CLUSTER_SOURCE/versions.env"

# Everything that belongs to the running cluster lies in CLUSTER_DIR, everything worth keeping in CACHE_DIR.
# containerd's and kubelet's sockets lie below it, and a socket's path has at most 107 characters (unix(7)): a
# checkout that lies deep gets a short folder elsewhere, and .cluster leads there.
LONGEST_CLUSTER_DIR=60
CLUSTER_LINK=
if [ -z "${CLUSTER_DIR:-}" ]; then
    CLUSTER_DIR=$PROJECT/.cluster
    if [ ${#CLUSTER_DIR} -gt "$LONGEST_CLUSTER_DIR" ]; then
        CLUSTER_LINK=$CLUSTER_DIR
        CLUSTER_DIR=/var/tmp/telecom-cluster-$(printf %s "$PROJECT" | sha256sum | cut -c1-12)
    fi
fi
CACHE_DIR=${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}
RUN_DIR=$CLUSTER_DIR/run
LOG_DIR=$CLUSTER_DIR/log
PKI_DIR=$CLUSTER_DIR/pki
CONFIG_DIR=$CLUSTER_DIR/config
BIN_DIR=$CLUSTER_DIR/bin
IMAGE_CACHE=$CACHE_DIR/images
KUBECONFIG_FILE=$CLUSTER_DIR/kubeconfig

# RFC 2544 benchmark range: it is routed nowhere, so it cannot hide a real network.
BRIDGE=telecom0
NODE_NAME=telecom-local
NODE_IP=198.18.0.1
POD_CIDR=198.18.0.0/24
SERVICE_CIDR=198.18.128.0/17
API_SERVICE_IP=198.18.128.1
DNS_SERVICE_IP=198.18.128.10
CLUSTER_DOMAIN=cluster.local
NFT_TABLE=telecom-local
CGROUP=${CLUSTER_CGROUP:-telecom-local}

# Ten thousand above Kubernetes' usual ports, so that another Kubernetes on the machine is not in the way.
API_PORT=16443
ETCD_PORT=12379
ETCD_PEER_PORT=12380
KUBELET_PORT=20250
KUBELET_HEALTH_PORT=20248
PROXY_METRICS_PORT=20249
PROXY_HEALTH_PORT=20256
CONTROLLER_MANAGER_PORT=20257
SCHEDULER_PORT=20259

CONTAINERD_DIR=$CLUSTER_DIR/containerd
CONTAINERD_SOCKET=$CONTAINERD_DIR/containerd.sock
VOLUME_DIR=$CLUSTER_DIR/volumes

REGISTRY=docker.io/telecom-operator
OPERATOR_NAMESPACE=telecom-system
CLUSTER_KIND_NAME=telecom

export KUBECONFIG=$KUBECONFIG_FILE
export PATH=$BIN_DIR:$PATH:/usr/sbin:/sbin
