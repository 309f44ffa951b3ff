-- Node servers, their tokens and heartbeats, the audit log, and what older servers may still do.
--
-- Migrations only go forward, and each must leave the previous version of the server working.
SET LOCAL lock_timeout = '5s';

-- One row: the oldest schema version whose server may still serve on this schema. A migration that
-- ends an expand/contract cycle raises it; all others leave it alone.
CREATE TABLE schema_compatibility (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    serves_from  bigint  NOT NULL
);
INSERT INTO schema_compatibility (serves_from) VALUES (1);

CREATE TABLE node_server (
    id                  integer     PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name                text        NOT NULL UNIQUE CHECK (char_length(name) BETWEEN 1 AND 100),
    address             text        NOT NULL CHECK (char_length(address) BETWEEN 1 AND 253),
    country             text        NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    location            text        NOT NULL CHECK (char_length(location) <= 100),
    route_class         text        NOT NULL CHECK (char_length(route_class) <= 32),
    bandwidth_bps       bigint      NOT NULL CHECK (bandwidth_bps >= 0),
    max_sessions        integer     NOT NULL CHECK (max_sessions >= 0),
    metadata            jsonb       NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
    -- Counts an administrator's writes; the etag is made of it. Heartbeats do not touch this table.
    revision            bigint      NOT NULL DEFAULT 1,
    maintenance_since   timestamptz,
    maintenance_reason  text        NOT NULL DEFAULT '' CHECK (char_length(maintenance_reason) <= 200),
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);

-- Only the SHA-256 digest of a token is kept. The current one has no expiry; the one it replaced
-- keeps working until its own.
CREATE TABLE node_token (
    id              bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    node_server_id  integer     NOT NULL REFERENCES node_server (id) ON DELETE CASCADE,
    digest          bytea       NOT NULL CHECK (octet_length(digest) = 32),
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz
);
CREATE INDEX node_token_by_server ON node_token (node_server_id);
CREATE UNIQUE INDEX node_token_one_current ON node_token (node_server_id) WHERE expires_at IS NULL;

-- The last heartbeat of each node. A table of its own, with room on each page, so that the one row
-- per node that changes all the time is updated in place (heap-only tuples need free space and no
-- changed index).
CREATE TABLE node_heartbeat (
    node_server_id      integer          PRIMARY KEY REFERENCES node_server (id) ON DELETE CASCADE,
    received_at         timestamptz      NOT NULL,
    boot_id             text             NOT NULL,
    agent_version       text             NOT NULL,
    protocol_version    integer          NOT NULL,
    config_hash         text             NOT NULL,
    cpu_usage_ratio     double precision NOT NULL,
    memory_used_bytes   bigint           NOT NULL,
    memory_total_bytes  bigint           NOT NULL,
    load_1m             double precision NOT NULL,
    load_5m             double precision NOT NULL,
    load_15m            double precision NOT NULL,
    rx_bps              bigint           NOT NULL,
    tx_bps              bigint           NOT NULL,
    sessions            integer          NOT NULL,
    clock_skew_micros   bigint           NOT NULL
) WITH (fillfactor = 50);

-- One row per write by an administrator, in the transaction of the write itself.
CREATE TABLE audit_log (
    id        bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at        timestamptz NOT NULL DEFAULT now(),
    actor     text        NOT NULL,
    method    text        NOT NULL,
    target    text        NOT NULL,
    before    jsonb,
    after     jsonb,
    trace_id  text        NOT NULL
);
CREATE INDEX audit_log_by_target ON audit_log (target, id);

-- The log is only ever appended to. A trigger holds for the owner of the table too, whom
-- privileges would not stop.
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM PUBLIC;
