-- A provider of a realistic size: 200 node servers with 93 days of history, 100 000 subscribers, 300 000
-- queued packages, some weeks of usage.
INSERT INTO node_server (name, address, country, location, route_class, bandwidth_bps, max_sessions, metadata)
SELECT 'node-' || n, 'node-' || n || '.example.net', 'DE', 'Frankfurt', 'premium', 1e10, 5000, '{}'
FROM generate_series(1, 200) n;
INSERT INTO node_token (node_server_id, digest) SELECT id, sha256(id::text::bytea) FROM node_server;
INSERT INTO node_heartbeat SELECT id, now(), 'b', 'v', 1, 'h', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM node_server;
INSERT INTO node_status SELECT id, 'online', now() FROM node_server;
INSERT INTO node_client (node_server_id, name, display_order, protocol, port, country, location, route_class, routes, metadata)
SELECT s.id, 'client-' || s.id || '-' || n, n, 'wireguard', 51820, '', '', '', '{}', '{}'
FROM node_server s, generate_series(1, 2) n;
INSERT INTO node_client_factor SELECT id, now() - interval '400 days', 1000000 FROM node_client;
INSERT INTO package_series (name, description, display_order) SELECT 'series-' || n, '', n FROM generate_series(1, 10) n;
INSERT INTO package_series_node_client SELECT s.id, c.id FROM package_series s, node_client c WHERE c.id % 10 = s.id % 10;
INSERT INTO package (package_series_id, name, description, quota_kind, quota_bytes, duration_months, monthly_reset)
SELECT s.id, 'package-' || n, '', 'total', 1e11, 1, false FROM package_series s, generate_series(1, 5) n;

INSERT INTO subscriber (id, status, time_zone, metadata, created_at)
SELECT md5(n::text)::uuid, CASE WHEN n % 50 = 0 THEN 'suspended' ELSE 'active' END::subscriber_status,
    'Europe/Berlin', '{}', now() - n * interval '5 minutes'
FROM generate_series(1, 100000) n;
-- Of each three one has ended, one is active, one waits.
INSERT INTO queued_package (user_id, package_id, order_id, line, quota_kind, quota_bytes, duration_months,
    monthly_reset, priority, status, enqueued_at, active_from, expires_at, ended_at)
SELECT md5(n::text)::uuid, 1 + n % 50, 'order-' || n, line, 'total', 1e11, 1, false, 0,
    (ARRAY['expired', 'active', 'queued'])[line]::queued_package_status, now() - interval '60 days',
    CASE line WHEN 1 THEN now() - interval '50 days' WHEN 2 THEN now() - interval '20 days' END,
    CASE line WHEN 1 THEN now() - interval '20 days' WHEN 2 THEN now() + n * interval '30 seconds' END,
    CASE line WHEN 1 THEN now() - interval '20 days' END
FROM generate_series(1, 100000) n, generate_series(1, 3) line;

INSERT INTO node_status_history (node_server_id, slot, status)
SELECT s.id, slot, 'online' FROM node_server s,
    generate_series(date_trunc('hour', now()) - interval '93 days', now(), '1 hour') slot;
REFRESH MATERIALIZED VIEW node_status_hourly_mv;

INSERT INTO audit_log (at, actor, method, target, trace_id)
SELECT now() - n * interval '1 minute', 'admin-' || n % 20, 'UserManage/Suspend', 'user/' || md5((n % 100000)::text)::uuid, ''
FROM generate_series(1, 150000) n;
INSERT INTO outbox_event (event_id, route, payload, trace_id, published_at)
SELECT gen_random_uuid(), 'telecom.package_expiring', '{}', '', CASE WHEN n % 500 > 0 THEN now() END
FROM generate_series(1, 50000) n;
INSERT INTO consumed_event SELECT 'https://example.net/' || n % 5, n::text, now() - n * interval '1 minute'
FROM generate_series(1, 20000) n;
INSERT INTO dead_letter (event_id, source, route, payload, trace_id, reason, detail, attempts, created_at, died_at)
SELECT gen_random_uuid(), 'telecom', 'telecom.user_usage_billing', '{}', '', 'user_unknown', '', 1,
    now() - n * interval '1 minute', now() - n * interval '1 minute'
FROM generate_series(1, 20000) n;
INSERT INTO user_access
SELECT md5(n::text)::uuid, 'granted', 1 + n % 10, NULL, now() + interval '10 days', now(),
    CASE WHEN n % 1000 > 0 THEN nextval('user_access_version') END
FROM generate_series(1, 100000) n;
INSERT INTO usage_adjustment (user_id, queued_package_id, bytes, charged, overage, reason, actor, at)
SELECT user_id, id, -1000, -1000, 0, 'complaint', 'admin-1', now() FROM queued_package WHERE id % 10 = 0;
INSERT INTO usage_report
SELECT 1 + n % 200, 'boot', n, sha256('x'), 1000, NULL, now() - n * interval '10 seconds'
FROM generate_series(1, 100000) n;
INSERT INTO usage_refused (node_server_id, boot_id, seq, place, reason, user_id, node_client_id, upload, download, refused_at)
SELECT 1 + n % 200, 'boot', n, 0, 'user_unknown', md5(n::text)::uuid::text, 1, 0, 0, now() - n * interval '10 seconds'
FROM generate_series(1, 20000) n;
INSERT INTO idempotency_key SELECT 'admin-' || n % 20, 'UserManage/Create', n::text, sha256('x'), 'user/x', now() - n * interval '3 seconds'
FROM generate_series(1, 20000) n;
INSERT INTO job_run (job, scheduled_at, state, attempt, fence, lease_until, deadline, started_at, ended_at, error, trace_id)
SELECT (ARRAY['billTraffic', 'packageExpiring', 'refreshServerStatus', 'recordNodeStatusHistory', 'refreshNodeStatusView'])[1 + n % 5],
    t, CASE WHEN n % 100 > 0 THEN 'succeeded' ELSE 'failed' END, 1, 1, t, t, t, t, '', md5(n::text)
FROM generate_series(1, 100000) n, date_trunc('second', now() - n * interval '5 seconds') t;

DO $$
DECLARE
    first timestamptz := date_trunc('day', now(), 'UTC') - 34 * interval '24 hours';
    month timestamptz := date_trunc('month', now() - interval '12 months', 'UTC');
    next timestamptz;
BEGIN
    FOR n IN 0..35 LOOP
        next := first + interval '24 hours';
        EXECUTE format('CREATE TABLE usage_quarter_%s PARTITION OF usage_quarter FOR VALUES FROM (%L) TO (%L)', n, first, next);
        EXECUTE format('CREATE TABLE traffic_usage_%s PARTITION OF traffic_usage FOR VALUES FROM (%L) TO (%L)', n, first, next);
        EXECUTE format('CREATE TABLE call_record_%s PARTITION OF call_record FOR VALUES FROM (%L) TO (%L)', n, first, next);
        first := next;
    END LOOP;
    FOR n IN 0..14 LOOP
        next := (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
        EXECUTE format('CREATE TABLE usage_hourly_%s PARTITION OF usage_hourly FOR VALUES FROM (%L) TO (%L)', n, month, next);
        EXECUTE format('CREATE TABLE user_package_usage_%s PARTITION OF user_package_usage FOR VALUES FROM (%L) TO (%L)', n, month, next);
        EXECUTE format('CREATE TABLE usage_daily_%s PARTITION OF usage_daily FOR VALUES FROM (%L) TO (%L)', n, month, next);
        EXECUTE format('CREATE TABLE call_charge_%s PARTITION OF call_charge FOR VALUES FROM (%L) TO (%L)', n, month, next);
        month := next;
    END LOOP;
END $$;
INSERT INTO usage_quarter
SELECT md5(n::text)::uuid, date_trunc('day', now(), 'UTC') - day * interval '24 hours', 1 + n % 400, 1 + n % 200, 1000, 1000, 1000, 1000,
    CASE WHEN day = 0 AND n % 100 = 0 THEN 0 ELSE 1000 END, 1000, now(), 1000, 1000
FROM generate_series(1, 2000) n, generate_series(0, 34) day;
INSERT INTO traffic_usage SELECT user_id, bucket, node_client_id, node_server_id, 1000, 1000 FROM usage_quarter
WHERE bucket > now() - interval '14 days';
INSERT INTO usage_hourly SELECT user_id, bucket - n * interval '35 days', node_client_id, node_server_id, 1000, 1000
FROM usage_quarter, generate_series(0, 2) n;
INSERT INTO user_package_usage
SELECT user_id, bucket, 1 + (abs(hashtext(user_id::text)) % 300000), node_server_id, 1000, 0, 0, 0, 0 FROM usage_hourly;
INSERT INTO usage_daily SELECT user_id, bucket, node_client_id, node_server_id, 1000, 1000 FROM usage_hourly;
INSERT INTO pbx (name, health_url, metadata) SELECT 'pbx-' || n, '', '{}' FROM generate_series(1, 20) n;
INSERT INTO pbx_token (pbx_id, digest) SELECT id, sha256(id::text::bytea) FROM pbx;
INSERT INTO pbx_state SELECT id, 'poll', 10, '', '[]', now(), now() + interval '1 minute' FROM pbx;
INSERT INTO call_record (start_time, pbx_id, call_id, session_id, answer_time, end_time, talk_ms, duration_ms, direction,
    result, status_code, hangup_reason, caller, callee, from_number, to_number, caller_name, agent_name, queue, sip_trunk_id,
    outbound_sip_trunk_id, extra, digest, unrated_sell, stored_at)
SELECT t, 1 + n % 20, 'call-' || n, 'call-' || n, t, t + interval '1 minute', 60000, 60000, 'outbound', 'completed', 200,
    'byCaller', '', '', '4930' || n, '1555' || n, '', '', CASE WHEN n % 20 = 0 THEN 'support' ELSE '' END, '1', '2', '{}',
    sha256('x'), CASE WHEN n % 1000 = 0 THEN 'no_rate' END, t + interval '1 minute'
FROM generate_series(1, 70000) n, LATERAL (SELECT now() - n * interval '40 seconds' AS t) s;
INSERT INTO call_record_rejected (pbx_id, reason, field, description, call_id, body, digest, received_at)
SELECT 1 + n % 20, 'too_old', 'startTime', 'x', '', '{}', sha256(n::text::bytea), now() - n * interval '1 minute'
FROM generate_series(1, 20000) n;
INSERT INTO wholesale_deck (name, currency) SELECT 'deck-' || n, 'EUR' FROM generate_series(1, 20) n;
INSERT INTO wholesale_rate (deck_id, prefix, valid_from, rate_nano, minimum_seconds, increment_seconds)
SELECT d.id, n::text, now() - interval '90 days', 30000000, 6, 6 FROM wholesale_deck d, generate_series(1, 2000) n;
INSERT INTO wholesale_trunk (pbx_id, trunk_id, role, deck_id)
SELECT p.id, t.trunk_id, t.role, p.id FROM pbx p, (VALUES ('1', 'customer'), ('2', 'carrier')) t (trunk_id, role);
INSERT INTO call_charge SELECT start_time, pbx_id, call_id, side, 0, 'charge', '1', pbx_id, '1', 30000000, 6, 6, 60, 30000, 'EUR',
    stored_at
FROM call_record, (VALUES ('sell'), ('buy')) s (side);
ANALYZE;
