#!/usr/bin/env bash
# Renders everything that an installation needs into the one file OUT: the namespace, the CRD and
# the operator with the charts' defaults, for `kubectl apply -f`.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:?usage: tests/lint/manifests.sh OUT}
cache=${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}
PATH=.cluster/bin:$cache/lint/bin:$PATH
command -v helm >/dev/null || tests/lint/tools.sh

part=$(mktemp)
trap 'rm -f "$part"' EXIT
{
    cat <<EOF
# Telecom Operator: its namespace, the definition of TelecomCluster, the operator. Rendered from
# the charts with their defaults.
#   kubectl apply -f ${out##*/}
apiVersion: v1
kind: Namespace
metadata:
  name: telecom-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
EOF
    # Nothing here is installed by helm: the marks that say so would let a later `helm install` fail.
    for chart in telecom-operator-crds telecom-operator; do
        helm template "$chart" "charts/$chart" --namespace telecom-system |
            sed -E '/^ +helm\.sh\//d; /^ +app\.kubernetes\.io\/managed-by: Helm$/d; /^# Source: /d'
    done
} >"$part"
mkdir -p "$(dirname "$out")"
install -m 644 "$part" "$out"
echo "$out: $(grep -c '^kind: ' "$out") objects, $(wc -c <"$out") bytes"
