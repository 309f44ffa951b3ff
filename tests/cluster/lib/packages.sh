# Debian packages that the local cluster needs; only what is missing is installed.
# shellcheck shell=bash

# command:package, for everything that a step calls.
NEEDED=(
    containerd:containerd runc:runc nft:nftables ip:iproute2 openssl:openssl curl:curl debootstrap:debootstrap
    cc:build-essential cmake:cmake git:git modprobe:kmod mount:mount flock:util-linux pgrep:procps tar:tar gzip:gzip
)

missing_packages() {
    local entry
    for entry in "${NEEDED[@]}"; do
        command -v "${entry%%:*}" >/dev/null || echo "${entry##*:}"
    done
    [ -x /usr/lib/cni/bridge ] || echo containernetworking-plugins
    [ -s /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -eq 0 ]; then
        note "nothing missing"
        return 0
    fi
    [ "$(id -u)" = 0 ] || die "these Debian packages are missing, and only root can install them: ${missing[*]}"
    command -v apt-get >/dev/null || die "this machine has no apt-get; install by hand: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -q -y --no-install-recommends "${missing[@]}"
    note "installed ${missing[*]}"
}

check_machine() {
    [ "$(id -u)" = 0 ] || die "a local cluster needs root (network namespaces, mounts, cgroups); with Docker and kind use CLUSTER=kind"
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || [ "$(uname -s)-$(uname -m)" = Linux-aarch64 ] ||
        die "the local cluster runs on Linux; elsewhere use Docker and kind: CLUSTER=kind"
    local name
    for name in go cargo; do
        command -v "$name" >/dev/null || die "$name is not installed; the README names the versions to install"
    done
    [ ${#CLUSTER_DIR} -le "$LONGEST_CLUSTER_DIR" ] || die "the path $CLUSTER_DIR is too long for unix sockets ($LONGEST_CLUSTER_DIR characters at most); set CLUSTER_DIR to a shorter one"
}
