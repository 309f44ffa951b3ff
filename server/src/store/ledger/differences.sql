-- Where the ledger does not hold: each key at which two accounts of the same bytes differ.
--
-- Partitions whose time is over are gone, the finer ones first: each pair of accounts is compared
-- from where both begin.
WITH first_day AS (
    SELECT t.name, (SELECT min(to_date(substring(c.relname FROM '_(\d+)$') || t.rest, 'YYYYMMDD'))::timestamp
                    AT TIME ZONE 'UTC'
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass(t.name) AND NOT i.inhdetachpending) AS at
    FROM (VALUES ('traffic_usage', ''), ('usage_quarter', ''), ('usage_hourly', '01'),
        ('usage_daily', '01'), ('user_package_usage', '01')) AS t (name, rest)
), raw AS (
    SELECT user_id, date_bin('15 minutes', used_at, '2000-01-01 00:00:00+00') AS bucket,
        node_client_id, node_server_id, sum(upload) AS upload, sum(download) AS download
    FROM traffic_usage GROUP BY 1, 2, 3, 4
), quarters AS (
    SELECT user_id, bucket, node_client_id, node_server_id,
        raw_upload AS upload, raw_download AS download
    FROM usage_quarter
    WHERE bucket >= (SELECT at FROM first_day WHERE name = 'traffic_usage')
), rolled AS (
    SELECT user_id, date_bin('1 hour', bucket, '2000-01-01 00:00:00+00') AS bucket,
        node_client_id, node_server_id,
        sum(rolled_upload) AS raw_upload, sum(rolled_download) AS raw_download,
        sum(billed_upload) AS billed_upload, sum(billed_download) AS billed_download
    FROM usage_quarter GROUP BY 1, 2, 3, 4
), hours AS (
    SELECT user_id, bucket, node_client_id, node_server_id,
        raw_upload, raw_download, billed_upload, billed_download
    FROM usage_hourly
    WHERE bucket >= (SELECT at FROM first_day WHERE name = 'usage_quarter')
), summed AS (
    SELECT user_id, date_bin('1 day', bucket, '2000-01-01 00:00:00+00') AS bucket,
        node_client_id, node_server_id,
        sum(raw_upload) AS raw_upload, sum(raw_download) AS raw_download,
        sum(billed_upload) AS billed_upload, sum(billed_download) AS billed_download
    FROM usage_hourly GROUP BY 1, 2, 3, 4
), days AS (
    SELECT user_id, bucket, node_client_id, node_server_id,
        raw_upload, raw_download, billed_upload, billed_download
    FROM usage_daily
    WHERE bucket >= (SELECT at FROM first_day WHERE name = 'usage_hourly')
), billed AS (
    SELECT user_id, bucket, node_server_id, sum(billed_upload + billed_download) AS bytes
    FROM usage_hourly GROUP BY 1, 2, 3
), messages AS (
    SELECT payload FROM outbox_event
    WHERE published_at IS NULL AND route = 'telecom.user_usage_billing' AND source = 'telecom'
    UNION ALL
    SELECT payload FROM dead_letter
    WHERE route = 'telecom.user_usage_billing' AND source = 'telecom'
), accounted AS (
    SELECT user_id, bucket, node_server_id, sum(bytes) AS bytes FROM (
        SELECT user_id, bucket, node_server_id,
            charged + overage + uncounted + unassigned - external AS bytes
        FROM user_package_usage
        UNION ALL
        SELECT (payload->>'user')::uuid,
            date_bin('1 hour', to_timestamp((payload->>'time')::bigint), '2000-01-01 00:00:00+00'),
            (payload->>'server_id')::integer,
            (payload->>'billed_upload')::numeric + (payload->>'billed_download')::numeric
        FROM messages
    ) a
    WHERE bucket >= (SELECT at FROM first_day WHERE name = 'usage_hourly')
    GROUP BY 1, 2, 3
    HAVING sum(bytes) <> 0
), packages AS (
    SELECT q.id, q.enqueued_at, q.charged + q.overage::numeric AS has,
        coalesce((SELECT sum(u.charged + u.overage) FROM user_package_usage u
                  WHERE u.user_id = q.user_id AND u.queued_package_id = q.id), 0)
        + coalesce((SELECT sum(a.bytes) FROM usage_adjustment a
                    WHERE a.queued_package_id = q.id), 0) AS should
    FROM queued_package q
), queues AS (
    SELECT user_id, count(*) FILTER (WHERE status = 'active') AS active,
        count(*) FILTER (WHERE status = 'queued') AS queued
    FROM queued_package WHERE status IN ('active', 'queued') GROUP BY user_id
), access AS (
    SELECT s.id AS user_id, f.access, p.package_series_id AS series,
        q.speed_limit_bps AS speed, q.expires_at, coalesce(q.next_reset_at, q.expires_at) AS whole_again
    FROM subscriber s
    LEFT JOIN queued_package q ON q.user_id = s.id AND q.status = 'active' AND s.status = 'active'
    LEFT JOIN package p ON p.id = q.package_id
    CROSS JOIN LATERAL (SELECT CASE WHEN s.status <> 'active' THEN s.status::text
        WHEN q.id IS NULL THEN 'no_package'
        WHEN q.period_charged >= q.quota_bytes THEN 'quota_used_up' ELSE 'granted' END) f (access)
), differences AS (
    SELECT 'raw rows and quarters' AS between,
        concat_ws(' ', user_id, bucket, node_client_id, node_server_id) AS key,
        concat_ws('/', r.upload, r.download) AS one, concat_ws('/', q.upload, q.download) AS other
    FROM raw r FULL JOIN quarters q USING (user_id, bucket, node_client_id, node_server_id)
    WHERE (r.upload, r.download) IS DISTINCT FROM (q.upload, q.download)
    UNION ALL
    SELECT 'quarters and hours',
        concat_ws(' ', user_id, bucket, node_client_id, node_server_id),
        concat_ws('/', r.raw_upload, r.raw_download, r.billed_upload, r.billed_download),
        concat_ws('/', h.raw_upload, h.raw_download, h.billed_upload, h.billed_download)
    FROM rolled r FULL JOIN hours h USING (user_id, bucket, node_client_id, node_server_id)
    WHERE (coalesce(r.raw_upload, 0), coalesce(r.raw_download, 0),
           coalesce(r.billed_upload, 0), coalesce(r.billed_download, 0))
        IS DISTINCT FROM (coalesce(h.raw_upload, 0), coalesce(h.raw_download, 0),
           coalesce(h.billed_upload, 0), coalesce(h.billed_download, 0))
    UNION ALL
    SELECT 'hours and days',
        concat_ws(' ', user_id, bucket, node_client_id, node_server_id),
        concat_ws('/', s.raw_upload, s.raw_download, s.billed_upload, s.billed_download),
        concat_ws('/', d.raw_upload, d.raw_download, d.billed_upload, d.billed_download)
    FROM summed s FULL JOIN days d USING (user_id, bucket, node_client_id, node_server_id)
    WHERE (s.raw_upload, s.raw_download, s.billed_upload, s.billed_download)
        IS DISTINCT FROM (d.raw_upload, d.raw_download, d.billed_upload, d.billed_download)
    UNION ALL
    SELECT 'billed and factored',
        concat_ws(' ', user_id, bucket, node_client_id, node_server_id),
        concat_ws('/', billed_upload, billed_download),
        concat_ws('/', factored_upload, factored_download)
    FROM usage_quarter
    WHERE billed_upload > floor(factored_upload) OR billed_download > floor(factored_download)
        OR rolled_upload > raw_upload OR rolled_download > raw_download
    UNION ALL
    SELECT 'hours and packages', concat_ws(' ', user_id, bucket, node_server_id),
        coalesce(b.bytes, 0)::text, coalesce(a.bytes, 0)::text
    FROM billed b FULL JOIN accounted a USING (user_id, bucket, node_server_id)
    WHERE coalesce(b.bytes, 0) <> coalesce(a.bytes, 0)
    UNION ALL
    SELECT 'package and its usage', id::text, has::text, should::text
    FROM packages
    WHERE has <> should AND (has < should
        -- Of older ones not all of the usage is there any more.
        OR enqueued_at >= (SELECT at FROM first_day WHERE name = 'user_package_usage'))
    UNION ALL
    SELECT 'active and queued packages', user_id::text, active::text, queued::text
    FROM queues WHERE active > 1 OR (queued > 0 AND active = 0)
    UNION ALL
    -- How long access lasts is checked as far as it follows from the active package: with more of its
    -- series to come it lasts longer, by months of the subscriber's calendar.
    SELECT 'queues and access', user_id::text,
        concat_ws('/', f.access, f.series, f.speed,
            CASE f.access WHEN 'granted' THEN f.expires_at WHEN 'quota_used_up' THEN f.whole_again END),
        concat_ws('/', a.access, a.package_series_id, a.speed_limit_bps, a.valid_until)
    FROM access f LEFT JOIN user_access a USING (user_id)
    WHERE (coalesce(a.access, 'no_package'), a.package_series_id, a.speed_limit_bps)
            IS DISTINCT FROM (f.access, f.series, f.speed)
        OR CASE f.access
            WHEN 'granted' THEN a.valid_until < f.expires_at
                OR a.valid_until IS DISTINCT FROM f.expires_at AND NOT EXISTS (SELECT
                    FROM queued_package w JOIN package v ON v.id = w.package_id
                    WHERE w.user_id = f.user_id AND w.status = 'queued'
                        AND v.package_series_id = f.series)
            WHEN 'quota_used_up' THEN a.valid_until IS DISTINCT FROM f.whole_again
            ELSE a.valid_until IS NOT NULL
        END
)
SELECT between, key, one, other FROM differences ORDER BY between, key LIMIT 20
