-- The status of a node server, worked out in one place.
SET LOCAL lock_timeout = '5s';

-- Maintenance is an administrator's word. Else the last heartbeat decides; one exactly as old as the
-- offline timeout, in microseconds, still counts.
CREATE FUNCTION node_status_now(
    maintenance_since timestamptz, received_at timestamptz, offline_timeout bigint
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN maintenance_since IS NOT NULL THEN 'maintenance'
    WHEN received_at >= now() - offline_timeout * interval '1 microsecond' THEN 'online'
    ELSE 'offline'
END;
