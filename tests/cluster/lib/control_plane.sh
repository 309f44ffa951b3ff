# etcd, kube-apiserver, kube-controller-manager and kube-scheduler as plain processes of this machine.
# shellcheck shell=bash

start_etcd() {
    daemon etcd "$PKI_DIR/etcd.crt" etcd \
        --name local --data-dir "$CLUSTER_DIR/etcd" --unsafe-no-fsync --logger zap --log-level warn \
        --listen-client-urls "https://127.0.0.1:$ETCD_PORT" --advertise-client-urls "https://127.0.0.1:$ETCD_PORT" \
        --listen-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" --initial-advertise-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" \
        --initial-cluster "local=http://127.0.0.1:$ETCD_PEER_PORT" \
        --client-cert-auth --trusted-ca-file "$PKI_DIR/etcd-ca.crt" --cert-file "$PKI_DIR/etcd.crt" --key-file "$PKI_DIR/etcd.key" \
        --auto-compaction-mode periodic --auto-compaction-retention 10m
    wait_daemon etcd 30 curl -fsS --cacert "$PKI_DIR/etcd-ca.crt" --cert "$PKI_DIR/etcd.crt" --key "$PKI_DIR/etcd.key" \
        "https://127.0.0.1:$ETCD_PORT/health"
}

# Who asked for what, but not the bodies. Tests read it: it is the only place that counts requests by user agent.
write_audit_policy() {
    write_file "$CONFIG_DIR/audit-policy.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
YAML
}

start_apiserver() {
    write_audit_policy
    daemon kube-apiserver "$PKI_DIR/apiserver.crt $CONFIG_DIR/audit-policy.yaml" kube-apiserver \
        --bind-address "$NODE_IP" --advertise-address "$NODE_IP" --secure-port "$API_PORT" \
        --etcd-servers "https://127.0.0.1:$ETCD_PORT" --etcd-cafile "$PKI_DIR/etcd-ca.crt" \
        --etcd-certfile "$PKI_DIR/etcd.crt" --etcd-keyfile "$PKI_DIR/etcd.key" \
        --service-cluster-ip-range "$SERVICE_CIDR" --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
        --client-ca-file "$PKI_DIR/ca.crt" --tls-cert-file "$PKI_DIR/apiserver.crt" --tls-private-key-file "$PKI_DIR/apiserver.key" \
        --kubelet-client-certificate "$PKI_DIR/apiserver-kubelet-client.crt" --kubelet-client-key "$PKI_DIR/apiserver-kubelet-client.key" \
        --kubelet-certificate-authority "$PKI_DIR/ca.crt" --kubelet-preferred-address-types InternalIP \
        --service-account-issuer "https://kubernetes.default.svc.$CLUSTER_DOMAIN" \
        --service-account-key-file "$PKI_DIR/service-account.key" --service-account-signing-key-file "$PKI_DIR/service-account.key" \
        --requestheader-client-ca-file "$PKI_DIR/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client \
        --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
        --requestheader-extra-headers-prefix X-Remote-Extra- \
        --proxy-client-cert-file "$PKI_DIR/front-proxy-client.crt" --proxy-client-key-file "$PKI_DIR/front-proxy-client.key" \
        --enable-aggregator-routing --allow-privileged --profiling=false \
        --audit-policy-file "$CONFIG_DIR/audit-policy.yaml" --audit-log-path "$LOG_DIR/audit.log" \
        --audit-log-maxsize 200 --audit-log-maxbackup 1
    wait_daemon kube-apiserver 60 kubectl get --raw /readyz
}

start_controllers() {
    daemon kube-controller-manager "$CONFIG_DIR/controller-manager.kubeconfig" kube-controller-manager \
        --kubeconfig "$CONFIG_DIR/controller-manager.kubeconfig" \
        --bind-address 127.0.0.1 --secure-port "$CONTROLLER_MANAGER_PORT" --cert-dir "$PKI_DIR/controller-manager" --leader-elect=false \
        --authentication-kubeconfig "$CONFIG_DIR/controller-manager.kubeconfig" --authorization-kubeconfig "$CONFIG_DIR/controller-manager.kubeconfig" \
        --service-account-private-key-file "$PKI_DIR/service-account.key" --root-ca-file "$PKI_DIR/ca.crt" \
        --flex-volume-plugin-dir "$CLUSTER_DIR/kubelet/volume-plugins" \
        --use-service-account-credentials --kube-api-qps 100 --kube-api-burst 200 --profiling=false
    daemon kube-scheduler "$CONFIG_DIR/scheduler.kubeconfig" kube-scheduler \
        --kubeconfig "$CONFIG_DIR/scheduler.kubeconfig" \
        --bind-address 127.0.0.1 --secure-port "$SCHEDULER_PORT" --cert-dir "$PKI_DIR/scheduler" --leader-elect=false \
        --authentication-kubeconfig "$CONFIG_DIR/scheduler.kubeconfig" --authorization-kubeconfig "$CONFIG_DIR/scheduler.kubeconfig" \
        --profiling=false
    wait_daemon kube-controller-manager 60 curl -fsSk "https://127.0.0.1:$CONTROLLER_MANAGER_PORT/healthz"
    wait_daemon kube-scheduler 60 curl -fsSk "https://127.0.0.1:$SCHEDULER_PORT/healthz"
}
