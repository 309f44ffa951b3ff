#!/usr/bin/env bash
# Writes docs/calls.md: every method of the API called with grpcurl on a server of its own, and what it
# answered. Run it after a change of the API. Needs a built server and PostgreSQL's programs.
set -euo pipefail
cd "$(dirname "$0")/.."
TELECOM_CACHE="${TELECOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telecom-operator}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$TELECOM_CACHE/target}"
GRPCURL=v1.9.3
grpcurl=$TELECOM_CACHE/docs/grpcurl-$GRPCURL
if [ ! -x "$grpcurl" ]; then
    (cd / && GOBIN=$TELECOM_CACHE/docs go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$GRPCURL")
    mv "$TELECOM_CACHE/docs/grpcurl" "$grpcurl"
fi
cargo build --quiet --workspace --all-targets
server=$CARGO_TARGET_DIR/debug/telecom-server

# shellcheck source=tests/postgres.sh
source tests/postgres.sh
folder=$(mktemp -d /tmp/telecom-docs-XXXXXX)
served=
finish() {
    [ -z "$served" ] || { kill "$served" && wait "$served"; } 2>/dev/null || true
    postgres_stop
    rm -rf "$folder"
}
trap finish EXIT
postgres_start "$folder"
export TELECOM__DATABASE__URL="postgresql://postgres@localhost/postgres?host=$folder"
TELECOM__AUTH__JWT_SECRET=$(openssl rand -hex 32)
export TELECOM__AUTH__JWT_SECRET TELECOM__GRPC__LISTEN=127.0.0.1:50051 TELECOM__HTTP__LISTEN=127.0.0.1:0
"$server" serve --migrate >"$folder/server.log" &
served=$!
until "$grpcurl" -plaintext localhost:50051 grpc.health.v1.Health/Check 2>/dev/null | grep -q '"SERVING"'; do
    kill -0 "$served" || { cat "$folder/server.log" >&2; exit 1; }
    sleep 0.2
done

admin=$("$server" token --role admin --subject me)
user=0190c6ae-1111-7000-8000-000000000001
collector=$("$server" token --role collector --subject dpi)
subscriber=$("$server" token --role user --subject "$user")
node='' pbx=''
page=docs/calls.md
seen=$folder/seen

# call SERVICE METHOD WHOSE MESSAGE "What it does."
call() {
    local service=$1 method=$2 whose=$3 message=$4 title=$5 token answer
    case $whose in
        ADMIN) token=$admin ;;
        SUBSCRIBER) token=$subscriber ;;
        COLLECTOR) token=$collector ;;
        NODE) token=$node ;;
        PBX) token=$pbx ;;
    esac
    if [ "$method" = WatchAccess ]; then
        # It goes on and on: three seconds are enough, and end with an error of grpcurl's own.
        answer=$("$grpcurl" -max-time 3 -plaintext -H "authorization: Bearer $token" -d "$message" \
            localhost:50051 "telecom.v1.$service/$method" 2>/dev/null) || [ -n "$answer" ]
    elif ! answer=$("$grpcurl" -plaintext -H "authorization: Bearer $token" -d "$message" \
        localhost:50051 "telecom.v1.$service/$method" 2>&1); then
        printf 'grpc-docs: %s/%s:\n%s\n' "$service" "$method" "$answer" >&2
        exit 1
    fi
    echo "$service/$method" >>"$seen"
    last=$answer
    {
        printf '\n### %s\n\n%s\n\n```sh\n' "$method" "$title"
        # The variable is the reader's.
        # shellcheck disable=SC2016
        printf 'grpcurl -plaintext -H "$%s" -d '"'%s'"' \\\n  localhost:50051 telecom.v1.%s/%s\n```\n\n```json\n' \
            "$whose" "$message" "$service" "$method"
        sed -E 's/(tnode|tpbx)_([0-9]+)_[A-Za-z0-9_-]+/\1_\2_…/' <<<"$answer" | awk 'NR <= 40; NR == 41 { print "…" }'
        printf '```\n'
    } >>"$page"
}
section() { printf '\n## %s\n' "$1" >>"$page"; }
etag() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]]["etag"])' "$last" "$1"; }
# An answer longer than what is shown is said to go on.
cat >"$page" <<'INTRO'
# Every method, called

Written by `tests/grpc-docs.sh` from calls that were made on a new server; an answer longer than 40 lines is cut. Proto's
JSON leaves out what is 0, empty or false, and writes 64-bit numbers as text. What each field means stands in
[`proto/telecom/v1`](../proto/telecom/v1); who may call what in [auth.md](auth.md).

```sh
ADMIN="authorization: Bearer $(telecom-server token --role admin --subject me)"
SUBSCRIBER="authorization: Bearer $(telecom-server token --role user --subject 0190c6ae-1111-7000-8000-000000000001)"
COLLECTOR="authorization: Bearer $(telecom-server token --role collector --subject dpi)"
NODE="authorization: Bearer tnode_1_…"   # as CreateNodeServer has shown it
PBX="authorization: Bearer tpbx_1_…"     # as CreatePbx has shown it
```
INTRO

section NodeServerManage
s=NodeServerManage
call $s CreateNodeServer ADMIN '{"config": {"name": "fra-1", "address": "fra-1.example.net", "country": "DE", "location": "Frankfurt", "route_class": "premium"}, "idempotency_key": "rollout-17"}' 'Registers a node server; the token is shown this once.'
node=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["token"])' "$last")
call $s ListNodeServers ADMIN '{"limit": 50}' 'A page of node servers.'
call $s UpdateNodeServer ADMIN '{"id": 1, "etag": "r1", "config": {"bandwidth_bps": 10000000000}, "update_mask": {"paths": ["bandwidth_bps"]}}' 'Changes what the mask names; the etag is that of the state the change is based on.'
call $s SetMaintenance ADMIN '{"id": 1, "enabled": true, "reason": "new uplink"}' 'Takes it out of service, whatever its heartbeats say.'
call $s SetMaintenance ADMIN '{"id": 1, "enabled": false}' 'And back.'
call $s RotateToken ADMIN '{"id": 1, "grace_period": "3600s"}' 'Gives it a new token; the old one works for another hour.'
node=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["token"])' "$last")

section NodeAgent
call NodeAgent Heartbeat NODE '{"agent_version": "1.0.0", "protocol_version": 1, "boot_id": "0d9c3a52-6a54-4b39-8a3e-6f0b9a2f7c11", "cpu_usage_ratio": 0.2, "memory_used_bytes": 1000000000, "memory_total_bytes": 8000000000, "rx_bps": 1200000, "tx_bps": 4500000, "sessions": 12, "clock": "'"$(date -u +%FT%TZ)"'"}' 'The agent of a node says how it is doing.'
section 'NodeServerManage, once the node has been heard'
call $s ShowNodeServer ADMIN '{"id": 1}' 'One node server in full.'

section NodeClientManage
s=NodeClientManage
call $s CreateNodeClient ADMIN '{"config": {"name": "Frankfurt", "node_server_id": 1, "protocol": "wireguard", "port": 51820, "display_order": 1, "routing": {"routes": ["10.0.0.0/8"]}}, "factor_millionths": 1500000}' 'Adds a way into the network; its traffic counts one and a half times.'
call $s ListNodeClients ADMIN '{"node_server_id": 1}' 'A page of node clients.'
call $s UpdateNodeClient ADMIN '{"id": 1, "etag": "r1", "config": {"speed_limit_bps": 500000000}, "update_mask": {"paths": ["speed_limit_bps"]}}' 'Changes what the mask names.'
call $s SetFactor ADMIN '{"id": 1, "factor_millionths": 1000000, "valid_from": "2030-01-01T00:00:00Z"}' 'What its traffic counts from a moment on.'
call $s ShowNodeClient ADMIN '{"id": 1}' 'One node client in full.'

section PackageManage
s=PackageManage
call $s CreatePackageSeries ADMIN '{"config": {"name": "Home", "description": "At home", "node_client_ids": [1]}}' 'Makes a series: what its packages give access to.'
call $s UpdatePackageSeries ADMIN '{"id": 1, "etag": "r1", "config": {"display_order": 10}, "update_mask": {"paths": ["display_order"]}}' 'Changes a series.'
call $s ShowPackageSeries ADMIN '{"id": 1}' 'One series.'
call $s ListPackageSeries ADMIN '{}' 'A page of series.'
call $s CreatePackage ADMIN '{"config": {"series_id": 1, "name": "Home 100", "quota": {"kind": "QUOTA_KIND_TOTAL", "bytes": 100000000000, "monthly_reset": true}, "duration": {"months": 12}, "speed_limit_bps": 50000000}}' 'Makes a package: 100 GB a month for a year.'
call $s UpdatePackage ADMIN '{"id": 1, "etag": "r1", "config": {"description": "For a family"}, "update_mask": {"paths": ["description"]}}' 'Changes a package; what was sold stays as it was sold.'
call $s ShowPackage ADMIN '{"id": 1}' 'One package.'
call $s ListPackages ADMIN '{"series_id": 1}' 'A page of packages.'

section UserManage
s=UserManage
call $s CreateUser ADMIN '{"id": "'$user'", "time_zone": "Asia/Kathmandu", "metadata": {"crm": "4711"}, "idempotency_key": "signup-4711"}' 'Registers a subscriber.'

section PackageQueueManage
s=PackageQueueManage
call $s Enqueue ADMIN '{"user_id": "'$user'", "package_id": 1, "order_id": "order-1"}' 'Sells a package; the first one is active at once.'
call $s Enqueue ADMIN '{"user_id": "'$user'", "package_id": 1, "order_id": "order-2"}' 'The next one waits.'
call $s ListQueuedPackages ADMIN '{"user_id": "'$user'", "status": "QUEUED_PACKAGE_STATUS_QUEUED"}' 'A page of queued packages.'
call $s CountQueuedPackages ADMIN '{}' 'How many there are, by series and status.'
call $s Cancel ADMIN '{"id": 1, "reason": "moved house"}' 'Ends one; the next becomes active.'
call $s ShowQueuedPackage ADMIN '{"id": 2}' 'One queued package.'

section 'NodeAgent, once somebody uses the node'
call NodeAgent ReportUsage NODE '{"boot_id": "0d9c3a52-6a54-4b39-8a3e-6f0b9a2f7c11", "seq": 1, "rows": [{"user_id": "'$user'", "node_client_id": 1, "used_at": "'"$(date -u +%FT%TZ)"'", "upload_bytes": 200000, "download_bytes": 3000000}, {"user_id": "nobody", "node_client_id": 1, "used_at": "2020-01-01T00:00:00Z", "download_bytes": 1}]}' 'The agent of a node says what subscribers used; a row that cannot be is refused, the others are taken.'

call NodeAgent StreamUsage NODE '{"report": {"boot_id": "0d9c3a52-6a54-4b39-8a3e-6f0b9a2f7c11", "seq": 2, "rows": [{"user_id": "'$user'", "node_client_id": 1, "used_at": "'"$(date -u +%FT%TZ)"'", "download_bytes": 500000}]}}' 'The same for report after report, each with its answer.'
call NodeAgent WatchAccess NODE '{}' 'The agent of a node is told who may use it: a snapshot, then each change.'
section 'NodeServerManage, once something was refused'
call NodeServerManage ListRefusedUsage ADMIN '{"node_server_id": 1}' 'Rows of usage that were not taken.'
call NodeServerManage ReadmitUsage ADMIN '{"node_server_id": 1, "ids": ["1"]}' 'Takes them after all, if they are right now; this one is not.'

section Telecom
call Telecom ListNodes SUBSCRIBER '{}' "What a subscriber's app shows."
call Telecom ListNodeStatusHistory SUBSCRIBER '{"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T02:00:00Z"}' 'How the nodes were, hour by hour.'
call Telecom GetRecentTrafficUsage SUBSCRIBER '{"range": "RECENT_RANGE_WEEK", "time_zone": "Asia/Kathmandu"}' 'Seven days of traffic, by the clocks of Kathmandu; nothing of it has been billed yet.'
call Telecom ListUsuallyUsedNodes SUBSCRIBER '{}' 'The nodes used most in 30 days, of what has been billed.'

section 'UserManage, once there is something to see'
s=UserManage
call $s ShowUser ADMIN '{"id": "'$user'"}' 'One subscriber, with the package in use.'
call $s ListUsers ADMIN '{"status": "USER_STATUS_ACTIVE"}' 'A page of subscribers.'
call $s SuspendUser ADMIN '{"id": "'$user'", "reason": "unpaid"}' "Stops a subscriber's use."
call $s ResumeUser ADMIN '{"id": "'$user'"}' 'And lets it go on.'
call $s AdjustUsage ADMIN '{"user_id": "'$user'", "bytes": 5000000, "reason": "complaint 17, see ticket 4712"}' 'Corrects what was charged: here by 5 MB more.'
call $s ExportUser ADMIN '{"id": "'$user'"}' 'Everything that is kept about a subscriber, record by record.'
call $s EraseUser ADMIN '{"id": "'$user'", "reason": "request 17"}' 'Erases what is personal, for good.'

section Audit
call Audit ListAudit ADMIN '{"target": "package/1", "limit": 2}' 'What was done to a package, the newest first.'

section 'EventIngest and EventManage'
stranger=0190c6ae-9999-7000-8000-000000000009
call EventIngest Publish COLLECTOR '{"events": [{"id": "1", "source": "https://dpi.example.net", "type": "telecom.user_usage_billing", "data": "{\"server_id\": 1, \"user\": \"'$stranger'\", \"billed_download\": 5, \"billed_upload\": 6, \"time\": '"$(date +%s)"'}"}, {"id": "2", "source": "telecom"}]}' 'Usage that others bill; one event cannot be.'
call EventManage ListEvents ADMIN '{"route": "telecom.user_usage_billing", "limit": 1}' 'Events on their way, the newest first.'
# dead: until the server has given the event up; its number.
dead() {
    until id=$("$grpcurl" -plaintext -H "authorization: Bearer $admin" localhost:50051 telecom.v1.EventManage/ListDeadLetters |
        grep -m1 -oE '"id": "[0-9]+"' | grep -oE '[0-9]+'); do sleep 0.2; done
}
dead
call EventManage ListDeadLetters ADMIN '{}' 'What could not be taken up: there is no such subscriber.'
call EventManage Redrive ADMIN '{"ids": ['"$id"']}' 'Tries once more.'
dead
call EventManage Discard ADMIN '{"id": '"$id"', "reason": "no subscriber of ours"}' 'Gives it up.'

section JobManage
s=JobManage
call $s RunJob ADMIN '{"job": "JOB_REFRESH_SERVER_STATUS", "request_id": "by-hand-1", "wait": "2s"}' 'Has a job done, and waits for its end for two seconds.'
call $s RunJob ADMIN '{"job": "JOB_REFRESH_SERVER_STATUS", "request_id": "by-hand-1"}' 'The same request once more is the same run.'
call $s RunJob ADMIN '{"job": "JOB_BILL_TRAFFIC", "scheduled_at": "'"$(date -u +%FT%TZ)"'", "wait": "2s"}' 'The run of a slot.'
call $s GetJobStates ADMIN '{}' 'How each job stands.'
call $s ListJobRuns ADMIN '{"job": "JOB_REFRESH_SERVER_STATUS", "limit": 1}' 'What has run, the newest first.'

section PbxManage
s=PbxManage
call $s CreatePbx ADMIN '{"config": {"name": "berlin"}}' 'Registers a PBX; its token is shown once.'
call $s RotatePbxToken ADMIN '{"id": 1}' 'Gives it a new token.'
pbx=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["token"])' "$last")
call $s UpdatePbx ADMIN '{"id": 1, "etag": "'"$(etag pbx)"'", "config": {"metadata": {"site": "b7"}}, "update_mask": {"paths": ["metadata"]}}' 'Changes what is said about it.'
call $s ListPbxs ADMIN '{}' 'A page of PBXs.'

section WholesaleManage
s=WholesaleManage
call $s CreateDeck ADMIN '{"name": "retail", "currency": "EUR"}' 'A deck of rates.'
call $s CreateDeck ADMIN '{"name": "carrier b", "currency": "EUR"}' 'And another one.'
csv=$(printf 'prefix,rate,minimum_seconds,increment_seconds,valid_from\n1555,0.03,6,6,2026-01-01\n' | base64 -w0)
call $s ImportRates ADMIN '{"deck_id": 1, "csv": "'"$csv"'", "mode": "IMPORT_MODE_ADD"}' 'Takes rates from CSV, which is base64 in JSON as all bytes are.'
csv=$(printf 'prefix,rate,minimum_seconds,increment_seconds,valid_from\n1555,0.01,1,1,2026-01-01\n' | base64 -w0)
call $s ImportRates ADMIN '{"deck_id": 2, "csv": "'"$csv"'", "mode": "IMPORT_MODE_ADD"}' 'What the carrier takes.'
call $s ShowDeck ADMIN '{"id": 1}' 'One deck.'
call $s UpdateDeck ADMIN '{"id": 1, "etag": "'"$(etag deck)"'", "name": "retail 2026"}' 'Gives it another name.'
call $s ListDecks ADMIN '{}' 'A page of decks.'
call $s ListRates ADMIN '{"deck_id": 1}' 'Its rates.'
call $s SetTrunk ADMIN '{"pbx_id": 1, "trunk_id": "11", "role": "TRUNK_ROLE_CUSTOMER", "deck_id": 1}' 'What calls that come in by a trunk are sold for.'
call $s SetTrunk ADMIN '{"pbx_id": 1, "trunk_id": "22", "role": "TRUNK_ROLE_CARRIER", "deck_id": 2}' 'What calls that go out by a trunk are bought for.'
call $s ListTrunks ADMIN '{}' 'What trunks are rated by.'
call $s RateCall ADMIN '{"number": "+15550100", "talk": "60.001s", "trunks": {"pbx_id": 1, "sip_trunk_id": "11", "outbound_sip_trunk_id": "22"}}' 'What a call would cost; nothing is stored.'

section CallIngest
s=CallIngest
at() { date -u -d "-$1 seconds" +%FT%TZ; }
call $s IngestCallRecords PBX '{"records": [{"call_id": "call-1@pbx", "start_time": "'"$(at 70)"'", "ring_time": "'"$(at 65)"'", "answer_time": "'"$(at 60)"'", "end_time": "'"$(at 0)"'", "direction": "CALL_DIRECTION_OUTBOUND", "status_code": 200, "from_number": "4930123456", "to_number": "15550100", "sip_trunk_id": "11", "outbound_sip_trunk_id": "22"}, {"call_id": "call-2@pbx", "start_time": "1970-01-01T00:00:00Z"}]}' 'A call, and a record that cannot be stored.'
call $s ReportPbxState PBX '{"active_calls": 42, "queues": [{"queue": "support", "length": 3, "agents_available": 2}], "ttl": "30s"}' 'How the PBX is.'
call PbxManage ShowPbx ADMIN '{"id": 1}' 'The PBX, and what it said last.'
call PbxManage ListRejectedCallRecords ADMIN '{}' 'What was not stored, and why.'

section 'What calls came to'
s=WholesaleManage
call $s SumCharges ADMIN '{"start": "'"$(at 86400)"'", "end": "'"$(date -u -d '+1 day' +%FT%TZ)"'", "group_by": ["CHARGE_GROUP_TRUNK"]}' 'What the ledger sums up to, for each trunk.'
call $s SetRateEnd ADMIN '{"deck_id": 2, "prefix": "1555", "valid_from": "2026-01-01T00:00:00Z", "valid_to": "2026-02-01T00:00:00Z"}' 'Ends a price.'
call $s Rerate ADMIN '{"start": "'"$(at 86400)"'", "end": "'"$(date -u -d '+1 day' +%FT%TZ)"'", "dry_run": true}' 'What would change if all were rated again; nothing is written.'
call $s ExportCharges ADMIN '{"first_day": "'"$(date -u -d '-2 days' +%F)"'", "last_day": "'"$(date -u -d '-2 days' +%F)"'", "format": "EXPORT_FORMAT_CSV"}' 'What was booked on a closed day.'

section 'CallAnalytics and exports'
s=CallAnalytics
call $s ListCallRecords ADMIN '{"limit": 2}' 'The calls of the last 24 hours, the latest first.'
call $s GetCallStatistics ADMIN '{"group_by": "CALL_GROUPING_DIRECTION"}' 'How they went.'
call $s ExportCallRecords ADMIN '{"first_day": "'"$(date -u -d '-2 days' +%F)"'", "last_day": "'"$(date -u -d '-2 days' +%F)"'", "format": "EXPORT_FORMAT_CSV"}' 'What was stored on a closed day; the data is CSV, in base64 as all bytes in JSON.'
call UserManage ExportUsage ADMIN '{"first_day": "'"$(date -u -d '-10 days' +%F)"'", "last_day": "'"$(date -u -d '-10 days' +%F)"'", "format": "EXPORT_FORMAT_CSV"}' 'What was used on a day that is billed to the end.'

section 'The end of things'
call WholesaleManage DeleteTrunk ADMIN '{"pbx_id": 1, "trunk_id": "11", "role": "TRUNK_ROLE_CUSTOMER"}' 'A trunk is rated by nothing any more.'
call WholesaleManage DeleteDeck ADMIN '{"id": 1}' 'Removes a deck that no trunk is rated by.'
call PbxManage DeletePbx ADMIN '{"id": 1}' 'Removes a PBX; its calls stay.'
call PackageManage RetirePackage ADMIN '{"id": 1}' 'Takes a package from sale.'
call PackageManage RetirePackageSeries ADMIN '{"id": 1}' 'Takes a series from sale.'
call PackageManage UpdatePackageSeries ADMIN '{"id": 1, "etag": "'"$(etag series)"'", "config": {"node_client_ids": []}, "update_mask": {"paths": ["node_client_ids"]}}' 'Takes the node client out of it.'
call NodeClientManage DeleteNodeClient ADMIN '{"id": 1}' 'Removes a node client that no series names.'
call NodeServerManage DeleteNodeServer ADMIN '{"id": 1}' 'Removes a node server that has no node clients.'

# A method that is not shown is a gap in the page.
for service in $("$grpcurl" -plaintext localhost:50051 list | grep '^telecom\.v1\.'); do
    for method in $("$grpcurl" -plaintext localhost:50051 list "$service"); do
        name=${method#telecom.v1.}
        grep -qx "${name/.//}" "$seen" || { echo "grpc-docs: $name is not called" >&2; exit 1; }
    done
done
echo "grpc-docs: $(sort -u "$seen" | wc -l) methods are in $page"
