# The cluster's certificate authorities, certificates and kubeconfigs; made once and kept with the cluster.
# shellcheck shell=bash

# authority NAME: a self-signed CA.
authority() {
    [ ! -s "$PKI_DIR/$1.crt" ] || return 0
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=telecom-local-$1" \
        -addext "keyUsage=critical,digitalSignature,keyCertSign,cRLSign" \
        -keyout "$PKI_DIR/$1.key" -out "$PKI_DIR/$1.crt.part"
    mv "$PKI_DIR/$1.crt.part" "$PKI_DIR/$1.crt"
}

# certificate NAME AUTHORITY SUBJECT [ALTERNATIVE NAMES]: for both ends of TLS, signed by AUTHORITY.
certificate() {
    local name=$1 authority=$2 subject=$3 names=${4:-}
    [ ! -s "$PKI_DIR/$name.crt" ] || return 0
    {
        echo "basicConstraints=CA:FALSE"
        echo "keyUsage=critical,digitalSignature,keyEncipherment"
        echo "extendedKeyUsage=serverAuth,clientAuth"
        [ -z "$names" ] || echo "subjectAltName=$names"
    } >"$PKI_DIR/$name.ext"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "$subject" \
        -keyout "$PKI_DIR/$name.key" -out "$PKI_DIR/$name.csr"
    openssl x509 -req -in "$PKI_DIR/$name.csr" -CA "$PKI_DIR/$authority.crt" -CAkey "$PKI_DIR/$authority.key" \
        -set_serial "0x$(openssl rand -hex 8)" -days 3650 -extfile "$PKI_DIR/$name.ext" -out "$PKI_DIR/$name.crt.part"
    mv "$PKI_DIR/$name.crt.part" "$PKI_DIR/$name.crt"
    rm -f "$PKI_DIR/$name.csr" "$PKI_DIR/$name.ext"
}

# kubeconfig FILE CERTIFICATE: one with everything inside, so that the file can be used from anywhere.
kubeconfig() {
    (umask 077 && write_file "$1") <<YAML
apiVersion: v1
kind: Config
clusters:
- name: telecom-local
  cluster:
    server: https://$NODE_IP:$API_PORT
    certificate-authority-data: $(base64 -w0 <"$PKI_DIR/ca.crt")
users:
- name: $2
  user:
    client-certificate-data: $(base64 -w0 <"$PKI_DIR/$2.crt")
    client-key-data: $(base64 -w0 <"$PKI_DIR/$2.key")
contexts:
- name: telecom-local
  context: {cluster: telecom-local, user: $2}
current-context: telecom-local
YAML
}

make_certificates() {
    mkdir -p "$PKI_DIR" "$CONFIG_DIR"
    chmod 700 "$PKI_DIR"
    authority ca
    authority front-proxy-ca
    authority etcd-ca
    certificate etcd etcd-ca /CN=etcd "IP:127.0.0.1,DNS:localhost"
    certificate apiserver ca /CN=kube-apiserver "IP:$NODE_IP,IP:$API_SERVICE_IP,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.$CLUSTER_DOMAIN"
    certificate apiserver-kubelet-client ca /O=system:masters/CN=kube-apiserver-kubelet-client
    certificate front-proxy-client front-proxy-ca /CN=front-proxy-client
    certificate admin ca /O=system:masters/CN=admin
    certificate controller-manager ca /CN=system:kube-controller-manager
    certificate scheduler ca /CN=system:kube-scheduler
    certificate kube-proxy ca /CN=system:kube-proxy
    certificate storage-provisioner ca /CN=telecom-local:storage-provisioner
    certificate kubelet ca "/O=system:nodes/CN=system:node:$NODE_NAME" "IP:$NODE_IP,DNS:$NODE_NAME"
    if [ ! -s "$PKI_DIR/service-account.key" ]; then
        openssl genrsa -out "$PKI_DIR/service-account.key.part" 2048
        mv "$PKI_DIR/service-account.key.part" "$PKI_DIR/service-account.key"
    fi
    kubeconfig "$KUBECONFIG_FILE" admin
    local name
    for name in controller-manager scheduler kube-proxy kubelet storage-provisioner; do
        kubeconfig "$CONFIG_DIR/$name.kubeconfig" "$name"
    done
}
