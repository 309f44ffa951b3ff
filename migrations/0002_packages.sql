-- Node clients with their factors, packages, subscribers and their queues, the history of node
-- status, events to publish, idempotency keys.
SET LOCAL lock_timeout = '5s';

-- A way into the network on a node server, as subscribers see it.
CREATE TABLE node_client (
    id               integer     PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    node_server_id   integer     NOT NULL REFERENCES node_server (id),
    name             text        NOT NULL UNIQUE CHECK (char_length(name) BETWEEN 1 AND 100),
    display_order    integer     NOT NULL,
    -- Null: no limit.
    speed_limit_bps  bigint      CHECK (speed_limit_bps > 0),
    protocol         text        NOT NULL CHECK (char_length(protocol) BETWEEN 1 AND 32),
    port             integer     NOT NULL CHECK (port BETWEEN 1 AND 65535),
    -- Empty: those of the node server.
    country          text        NOT NULL CHECK (country ~ '^([A-Z]{2})?$'),
    location         text        NOT NULL CHECK (char_length(location) <= 100),
    route_class      text        NOT NULL CHECK (char_length(route_class) <= 32),
    -- What it leads to; none: everything.
    routes           cidr[]      NOT NULL CHECK (cardinality(routes) <= 64),
    metadata         jsonb       NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
    revision         bigint      NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX node_client_by_server ON node_client (node_server_id, id);

-- The factor valid at a moment is the row with the latest valid_from not after it. Rows are only
-- added, and never for the past, so that what was billed stays explained.
CREATE TABLE node_client_factor (
    node_client_id     integer     NOT NULL REFERENCES node_client (id) ON DELETE CASCADE,
    valid_from         timestamptz NOT NULL,
    -- Millionths: 1 000 000 counts every byte once. 0 to 1000 times.
    factor_millionths  bigint      NOT NULL CHECK (factor_millionths BETWEEN 0 AND 1000000000),
    PRIMARY KEY (node_client_id, valid_from)
);

-- A family of packages that give access to the same node clients.
CREATE TABLE package_series (
    id             integer     PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name           text        NOT NULL UNIQUE CHECK (char_length(name) BETWEEN 1 AND 100),
    description    text        NOT NULL CHECK (char_length(description) <= 1000),
    display_order  integer     NOT NULL,
    retired_at     timestamptz,
    revision       bigint      NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);

-- A node client in use by a series cannot be deleted.
CREATE TABLE package_series_node_client (
    package_series_id  integer NOT NULL REFERENCES package_series (id) ON DELETE CASCADE,
    node_client_id     integer NOT NULL REFERENCES node_client (id),
    PRIMARY KEY (package_series_id, node_client_id)
);
CREATE INDEX package_series_by_node_client ON package_series_node_client (node_client_id);

CREATE TYPE quota_kind AS ENUM ('total', 'download', 'unlimited');

CREATE TABLE package (
    id                 integer     PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    package_series_id  integer     NOT NULL REFERENCES package_series (id),
    name               text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    description        text        NOT NULL CHECK (char_length(description) <= 1000),
    quota_kind         quota_kind  NOT NULL,
    quota_bytes        bigint      CHECK (quota_bytes > 0),
    -- One of the two.
    duration_seconds   bigint      CHECK (duration_seconds > 0),
    duration_months    integer     CHECK (duration_months > 0),
    -- The quota is whole again each calendar month after activation.
    monthly_reset      boolean     NOT NULL,
    -- Null: no limit.
    speed_limit_bps    bigint      CHECK (speed_limit_bps > 0),
    retired_at         timestamptz,
    revision           bigint      NOT NULL DEFAULT 1,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT package_name_key UNIQUE (package_series_id, name),
    CONSTRAINT package_quota CHECK ((quota_kind = 'unlimited') = (quota_bytes IS NULL)),
    CONSTRAINT package_duration CHECK (num_nonnulls(duration_seconds, duration_months) = 1),
    CONSTRAINT package_reset CHECK (NOT monthly_reset OR quota_bytes IS NOT NULL)
);

CREATE TYPE subscriber_status AS ENUM ('active', 'suspended', 'erased');

CREATE TABLE subscriber (
    id              uuid              PRIMARY KEY,
    status          subscriber_status NOT NULL DEFAULT 'active',
    status_reason   text              NOT NULL DEFAULT '' CHECK (char_length(status_reason) <= 200),
    -- IANA name; calendar months are counted in it.
    time_zone       text              NOT NULL CHECK (char_length(time_zone) BETWEEN 1 AND 64),
    -- The provider's own words about the user: personal, gone after an erasure.
    metadata        jsonb             NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
    revision        bigint            NOT NULL DEFAULT 1,
    created_at      timestamptz       NOT NULL DEFAULT now(),
    updated_at      timestamptz       NOT NULL DEFAULT now()
);
CREATE INDEX subscriber_by_creation ON subscriber (created_at, id);
CREATE INDEX subscriber_by_status ON subscriber (status, created_at, id);

CREATE TYPE queued_package_status AS ENUM ('queued', 'active', 'exhausted', 'expired', 'cancelled');

-- A package a subscriber has bought. What it promises is copied, so that a later change to the
-- package changes nothing that was sold.
CREATE TABLE queued_package (
    id                 bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    user_id            uuid        NOT NULL REFERENCES subscriber (id),
    package_id         integer     NOT NULL REFERENCES package (id),
    -- The provider's order; a retried one meets this key.
    order_id           text        NOT NULL CHECK (char_length(order_id) BETWEEN 1 AND 64),
    line               integer     NOT NULL CHECK (line >= 0),
    quota_kind         quota_kind  NOT NULL,
    quota_bytes        bigint      CHECK (quota_bytes > 0),
    duration_seconds   bigint      CHECK (duration_seconds > 0),
    duration_months    integer     CHECK (duration_months > 0),
    monthly_reset      boolean     NOT NULL,
    speed_limit_bps    bigint      CHECK (speed_limit_bps > 0),
    -- Higher goes first; then the earlier enqueued.
    priority           integer     NOT NULL,
    status             queued_package_status NOT NULL,
    enqueued_at        timestamptz NOT NULL,
    active_from        timestamptz,
    expires_at         timestamptz,
    ended_at           timestamptz,
    end_reason         text        NOT NULL DEFAULT '' CHECK (char_length(end_reason) <= 200),
    -- Bytes over its whole life: within the quota, and used beyond it.
    charged            bigint      NOT NULL DEFAULT 0 CHECK (charged >= 0),
    overage            bigint      NOT NULL DEFAULT 0 CHECK (overage >= 0),
    -- Of `charged`, those since the quota was last whole; and when it will be next.
    period_charged     bigint      NOT NULL DEFAULT 0 CHECK (period_charged BETWEEN 0 AND charged),
    next_reset_at      timestamptz,
    -- Warnings given: 80, 95, 100 percent of the quota in this period; and before expiry.
    warned_percent     smallint    NOT NULL DEFAULT 0 CHECK (warned_percent IN (0, 80, 95, 100)),
    warned_expiry      boolean     NOT NULL DEFAULT false,
    revision           bigint      NOT NULL DEFAULT 1,
    CONSTRAINT queued_package_order_key UNIQUE (order_id, line),
    CONSTRAINT queued_package_life CHECK (
        (status = 'queued') = (active_from IS NULL AND ended_at IS NULL)
        AND (status = 'active') = (active_from IS NOT NULL AND ended_at IS NULL)
        AND (active_from IS NULL) = (expires_at IS NULL)),
    CONSTRAINT queued_package_quota CHECK ((quota_kind = 'unlimited') = (quota_bytes IS NULL)),
    CONSTRAINT queued_package_duration CHECK (num_nonnulls(duration_seconds, duration_months) = 1)
);
CREATE UNIQUE INDEX queued_package_one_active ON queued_package (user_id) WHERE status = 'active';
CREATE INDEX queued_package_waiting ON queued_package (user_id, priority DESC, enqueued_at, id)
    WHERE status = 'queued';
CREATE INDEX queued_package_by_user ON queued_package (user_id, id);
CREATE INDEX queued_package_by_package ON queued_package (package_id, status);
CREATE INDEX queued_package_by_status ON queued_package (status, id);
-- What the expiry job looks for.
CREATE INDEX queued_package_expiring ON queued_package (expires_at) WHERE status = 'active';
CREATE INDEX queued_package_resetting ON queued_package (next_reset_at) WHERE status = 'active';

-- What RefreshServerStatus last found, and since when.
CREATE TABLE node_status (
    node_server_id  integer     PRIMARY KEY REFERENCES node_server (id) ON DELETE CASCADE,
    status          text        NOT NULL CHECK (status IN ('online', 'offline', 'maintenance')),
    since           timestamptz NOT NULL
) WITH (fillfactor = 50);

-- One row per node server and hour. It outlives the node server: history is not edited.
CREATE TABLE node_status_history (
    id              bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    node_server_id  integer     NOT NULL,
    slot            timestamptz NOT NULL,
    status          text        NOT NULL CHECK (status IN ('online', 'offline', 'maintenance')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT node_status_history_slot_key UNIQUE (slot, node_server_id)
);

-- The last 93 days of it, as ListNodeStatusHistory reads them.
CREATE MATERIALIZED VIEW node_status_hourly_mv AS
    SELECT slot AS bucket_start, node_server_id, status
    FROM node_status_history
    WHERE slot >= now() - interval '93 days';
CREATE UNIQUE INDEX node_status_hourly_mv_key ON node_status_hourly_mv (bucket_start, node_server_id);

CREATE TABLE view_refresh (
    name          text        PRIMARY KEY,
    refreshed_at  timestamptz NOT NULL
);
INSERT INTO view_refresh (name, refreshed_at) VALUES ('node_status_hourly_mv', now());

-- Events, written in the transaction of what they tell of; a relay publishes them.
CREATE TABLE outbox_event (
    id            bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    event_id      uuid        NOT NULL UNIQUE,
    route         text        NOT NULL,
    payload       jsonb       NOT NULL,
    trace_id      text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    published_at  timestamptz
);
CREATE INDEX outbox_event_pending ON outbox_event (id) WHERE published_at IS NULL;

-- A create that is repeated with its key finds what it made before.
CREATE TABLE idempotency_key (
    actor        text        NOT NULL,
    method       text        NOT NULL,
    key          text        NOT NULL CHECK (char_length(key) BETWEEN 1 AND 64),
    fingerprint  bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
    target       text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor, method, key)
);
CREATE INDEX idempotency_key_by_age ON idempotency_key (created_at);

CREATE INDEX audit_log_by_actor ON audit_log (actor, id);
CREATE INDEX audit_log_by_method ON audit_log (method, id);
CREATE INDEX audit_log_by_time ON audit_log (at, id);
