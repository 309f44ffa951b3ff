#!/usr/bin/env bash
# Shows on the running cluster that it does what a cluster does: DNS, Services, storage, rolling updates, logs, exec,
# port-forward, metrics. Leaves nothing behind.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/settings.sh"
for part in steps node images addons kind; do
    # shellcheck source=/dev/null
    source "$CLUSTER_SOURCE/lib/$part.sh"
done
FORWARD=""

in_db() { kubectl -n smoke exec deploy/db -- "$@"; }

prepare() {
    if [ -e "$CONTAINERD_SOCKET" ]; then import_images postgres; else load_kind_images postgres; fi
    clean # what an interrupted run left
    kubectl create namespace smoke
    kubectl label --overwrite namespace smoke pod-security.kubernetes.io/enforce=restricted
    apply "$CLUSTER_SOURCE/manifests/smoke.yaml"
    kubectl -n smoke rollout status deploy/db --timeout=180s || {
        kubectl -n smoke describe pods
        kubectl -n smoke logs deploy/db --tail=20
        return 1
    }
    kubectl -n smoke rollout status deploy/roll --timeout=180s
}

storage() {
    [ "$(in_db stat -c %g /data)" = 999 ] || { echo "fsGroup was not honoured: /data has the group $(in_db stat -c %g /data)" && return 1; }
    in_db psql -h 127.0.0.1 -U postgres -c 'create table kept (n int)' -c 'insert into kept values (42)'
    kubectl -n smoke patch pvc data --type merge -p '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}'
    wait_for 30 "the larger claim" claim_is 2Gi
    kubectl -n smoke delete pod -l app=db --wait
    kubectl -n smoke rollout status deploy/db --timeout=180s
    [ "$(in_db psql -h 127.0.0.1 -U postgres -Atc 'select n from kept')" = 42 ]
}

claim_is() { [ "$(kubectl -n smoke get pvc data -o 'jsonpath={.status.capacity.storage}')" = "$1" ]; }

dns_and_service() {
    local pod
    pod=$(kubectl -n smoke get pods -l app=roll -o 'jsonpath={.items[0].metadata.name}')
    kubectl -n smoke exec "$pod" -- getent hosts kubernetes.default.svc.cluster.local
    # The database has just come back: its new address has to reach the node's rules first.
    wait_for 30 "the Service's address" kubectl -n smoke exec "$pod" -- pg_isready -U postgres -h db
    kubectl -n smoke exec "$pod" -- pg_isready -U postgres -h db.smoke.svc.cluster.local
    # A Pod that reaches itself through its own Service needs the hairpin.
    in_db pg_isready -U postgres -h db
}

unknown_uid() {
    kubectl -n smoke exec deploy/roll -- sh -ec 'initdb -D /tmp/pg -A trust -U postgres >/dev/null && ls /tmp/pg/PG_VERSION'
}

rolling_update() {
    kubectl -n smoke set env deploy/roll "ROLLED=$(date +%s%N)"
    kubectl -n smoke rollout status deploy/roll --timeout=180s
    kubectl -n smoke rollout undo deploy/roll
    kubectl -n smoke rollout status deploy/roll --timeout=180s
}

logs() { kubectl -n smoke logs deploy/roll | grep -x started; }

port_forward() {
    kubectl -n kube-system port-forward svc/kube-dns 28053:dns-tcp &
    FORWARD=$!
    trap 'kill "$FORWARD"' EXIT
    wait_for 20 "the forwarded port" bash -c 'exec 3<>/dev/tcp/127.0.0.1/28053'
}

metrics() { wait_for 60 "kubectl top" bash -c 'kubectl -n smoke top pods | grep -q ^db-'; }

clean() { kubectl delete namespace smoke --ignore-not-found --timeout=180s; }

hint="the message above; kubectl -n smoke get all,events shows more"
mkdir -p "$LOG_DIR"
step "two workloads run" "$hint" prepare
step "storage: fsGroup, growth, kept over a restart" "$hint" storage
step "DNS and Services" "$hint" dns_and_service
step "initdb as a uid without a name" "$hint" unknown_uid
step "rolling update and back" "$hint" rolling_update
step "logs" "$hint" logs
step "port-forward" "$hint" port_forward
[ -e "$CONTAINERD_SOCKET" ] && step "metrics" "$hint" metrics
step "clean up" "$hint" clean
say "smoke test passed in $SECONDS s"
