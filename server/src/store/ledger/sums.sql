-- The accounts of the ledger, in bytes, as text: sums need not fit any integer.
SELECT t.name, t.bytes::text FROM (
    SELECT 1 AS place, 'raw' AS name, coalesce(sum(upload + download::numeric), 0) AS bytes
    FROM traffic_usage
    UNION ALL
    SELECT 2, 'factored', coalesce(sum(floor(factored_upload) + floor(factored_download)), 0)
    FROM usage_quarter
    UNION ALL
    SELECT 3, 'unbilled', coalesce(sum(greatest(floor(factored_upload) - billed_upload, 0)
        + greatest(floor(factored_download) - billed_download, 0)), 0)
    FROM usage_quarter
    UNION ALL
    SELECT 4, 'billed', coalesce(sum(billed_upload + billed_download), 0) FROM usage_hourly
    UNION ALL
    SELECT 5, 'in_flight', coalesce(sum((payload->>'billed_upload')::numeric
        + (payload->>'billed_download')::numeric), 0)
    FROM outbox_event
    WHERE published_at IS NULL AND route = 'telecom.user_usage_billing' AND source = 'telecom'
    UNION ALL
    SELECT 6, 'dead', coalesce(sum((payload->>'billed_upload')::numeric
        + (payload->>'billed_download')::numeric), 0)
    FROM dead_letter WHERE route = 'telecom.user_usage_billing' AND source = 'telecom'
    UNION ALL
    SELECT 7, 'charged', coalesce(sum(charged), 0) FROM user_package_usage
    UNION ALL
    SELECT 8, 'overage', coalesce(sum(overage), 0) FROM user_package_usage
    UNION ALL
    SELECT 9, 'uncounted', coalesce(sum(uncounted), 0) FROM user_package_usage
    UNION ALL
    SELECT 10, 'unassigned', coalesce(sum(unassigned), 0) FROM user_package_usage
    UNION ALL
    SELECT 11, 'external', coalesce(sum(external), 0) FROM user_package_usage
    UNION ALL
    SELECT 12, 'adjusted', coalesce(sum(bytes), 0) FROM usage_adjustment
) t ORDER BY t.place
