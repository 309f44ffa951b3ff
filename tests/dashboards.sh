#!/usr/bin/env bash
# Runs every expression of every dashboard of the chart on a real Prometheus, and draws what came of it.
#
#   tests/dashboards.sh --prometheus URL --namespace N --name M [--operator NAMESPACE] [--minutes 30]
#                       [--require-data LIST|all|none] [--pictures FOLDER]
#
# Exit code 1 when an expression fails, or when a panel of a dashboard in LIST (overview,jobs,…) has no data although
# its description does not say when it is empty. PROMETHEUS_TOKEN: a bearer token for that Prometheus.
# Pictures are drawn by matplotlib, of the queried data alone: they show what Grafana would, not how.
set -euo pipefail
cd "$(dirname "$0")/.."

pictures=
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        --pictures) pictures=$2; shift 2 ;;
        --prometheus | --namespace | --name | --operator | --minutes | --require-data) arguments+=("$1" "$2"); shift 2 ;;
        *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
    esac
done

# matplotlib is Debian's, so it is for Debian's Python.
python=/usr/bin/python3
install_matplotlib() {
    "$python" -c 'import matplotlib' 2>/dev/null && return
    [ "$(id -u)" = 0 ] || { echo "the Debian package python3-matplotlib is missing, and only root can install it" >&2; exit 1; }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-matplotlib >/dev/null
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
python3 -B tests/dashboards/query.py "${arguments[@]}" --save "$work/answers.json" \
    charts/telecom-operator/files/dashboards/*.json || status=$?
if [ -n "$pictures" ] && [ -e "$work/answers.json" ]; then
    install_matplotlib
    mkdir -p "$pictures"
    "$python" -B tests/dashboards/draw.py "$work/answers.json" "$pictures"
fi
exit "$status"
