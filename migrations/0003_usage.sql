-- What subscribers used: as it was reported, by the quarter of an hour, the hour and the day.
--
-- Partitions are made ahead and dropped past their time by the maintenance of the server. Rows name
-- node servers and node clients by number without a foreign key: usage outlives them, and a key
-- would have to be looked up for each row that comes in.
SET LOCAL lock_timeout = '5s';

-- One row for each that a node reported; never changed.
CREATE TABLE traffic_usage (
    user_id         uuid        NOT NULL,
    used_at         timestamptz NOT NULL,
    node_client_id  integer     NOT NULL,
    node_server_id  integer     NOT NULL,
    -- Bytes.
    upload          bigint      NOT NULL CHECK (upload BETWEEN 0 AND 1::bigint << 50),
    download        bigint      NOT NULL CHECK (download BETWEEN 0 AND 1::bigint << 50),
    -- The node's clock was ahead, and the time is the database's.
    clock_ahead     boolean     NOT NULL DEFAULT false,
    reported_at     timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (used_at);
CREATE INDEX traffic_usage_by_user ON traffic_usage (user_id, used_at);

-- What is billed is worked out here: the whole bytes of the factored sum of each key.
CREATE TABLE usage_quarter (
    user_id            uuid           NOT NULL,
    bucket             timestamptz    NOT NULL
        CHECK (bucket = date_bin('15 minutes', bucket, '2000-01-01 00:00:00+00')),
    node_client_id     integer        NOT NULL,
    node_server_id     integer        NOT NULL,
    raw_upload         numeric(30, 0) NOT NULL,
    raw_download       numeric(30, 0) NOT NULL,
    -- Times the factor at the moment of use, in millionths: exact to a millionth of a byte.
    factored_upload    numeric(36, 6) NOT NULL,
    factored_download  numeric(36, 6) NOT NULL,
    billed_upload      numeric(30, 0) NOT NULL DEFAULT 0,
    billed_download    numeric(30, 0) NOT NULL DEFAULT 0,
    last_used_at       timestamptz    NOT NULL,
    PRIMARY KEY (user_id, bucket, node_client_id, node_server_id)
) PARTITION BY RANGE (bucket);
CREATE INDEX usage_quarter_unbilled ON usage_quarter (user_id, bucket, node_client_id, node_server_id)
    WHERE floor(factored_upload) > billed_upload OR floor(factored_download) > billed_download;

CREATE TABLE usage_hourly (
    user_id          uuid           NOT NULL,
    bucket           timestamptz    NOT NULL
        CHECK (bucket = date_bin('1 hour', bucket, '2000-01-01 00:00:00+00')),
    node_client_id   integer        NOT NULL,
    node_server_id   integer        NOT NULL,
    raw_upload       numeric(30, 0) NOT NULL,
    raw_download     numeric(30, 0) NOT NULL,
    billed_upload    numeric(30, 0) NOT NULL DEFAULT 0,
    billed_download  numeric(30, 0) NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, bucket, node_client_id, node_server_id)
) PARTITION BY RANGE (bucket);

-- Days of UTC.
CREATE TABLE usage_daily (
    user_id          uuid           NOT NULL,
    bucket           timestamptz    NOT NULL
        CHECK (bucket = date_bin('1 day', bucket, '2000-01-01 00:00:00+00')),
    node_client_id   integer        NOT NULL,
    node_server_id   integer        NOT NULL,
    raw_upload       numeric(30, 0) NOT NULL,
    raw_download     numeric(30, 0) NOT NULL,
    billed_upload    numeric(30, 0) NOT NULL DEFAULT 0,
    billed_download  numeric(30, 0) NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, bucket, node_client_id, node_server_id)
) PARTITION BY RANGE (bucket);
