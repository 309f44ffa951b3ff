-- Reports of usage, what was billed of it, the events between, and what each subscriber may use.
SET LOCAL lock_timeout = '5s';

-- Reports that were taken. A repetition meets the key and is answered as the first one was.
CREATE TABLE usage_report (
    node_server_id  integer     NOT NULL,
    -- Of the node's boot, which begins to count anew.
    boot_id         text        NOT NULL CHECK (char_length(boot_id) BETWEEN 1 AND 64),
    seq             bigint      NOT NULL CHECK (seq >= 0),
    body_hash       bytea       NOT NULL CHECK (octet_length(body_hash) = 32),
    -- Rows taken; refused ones are in usage_refused.
    accepted        integer     NOT NULL CHECK (accepted >= 0),
    -- Null: the trace of the report is not sampled.
    traceparent     text        CHECK (char_length(traceparent) <= 64),
    received_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_server_id, boot_id, seq)
);
CREATE INDEX usage_report_by_age ON usage_report (received_at);

-- Rows of reports that were not taken, as the node sent them, so that they can be taken later.
CREATE TABLE usage_refused (
    id              bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    node_server_id  integer     NOT NULL,
    boot_id         text        NOT NULL,
    seq             bigint      NOT NULL,
    -- Its place in the report, from 0.
    place           integer     NOT NULL CHECK (place >= 0),
    reason          text        NOT NULL CHECK (reason IN ('negative', 'too_large', 'node_client_unknown',
        'user_unknown', 'user_erased', 'too_old', 'too_new', 'time_invalid', 'user_invalid')),
    user_id         text        NOT NULL CHECK (char_length(user_id) <= 64),
    node_client_id  integer     NOT NULL,
    -- Null: none that there is.
    used_at         timestamptz,
    upload          bigint      NOT NULL,
    download        bigint      NOT NULL,
    refused_at      timestamptz NOT NULL DEFAULT now(),
    -- When it was taken after all.
    readmitted_at   timestamptz,
    CONSTRAINT usage_refused_place_key UNIQUE (node_server_id, boot_id, seq, place)
);
CREATE INDEX usage_refused_by_age ON usage_refused (refused_at);
CREATE INDEX usage_refused_by_user ON usage_refused (user_id);

-- What has gone on to usage_hourly and usage_daily; and whether anything of the row has still to go
-- on or to be billed. The index below changes only when that does, so that most updates stay HOT.
ALTER TABLE usage_quarter
    ADD COLUMN rolled_upload numeric(30, 0) NOT NULL DEFAULT 0,
    ADD COLUMN rolled_download numeric(30, 0) NOT NULL DEFAULT 0,
    ADD COLUMN pending boolean NOT NULL GENERATED ALWAYS AS (
        raw_upload > rolled_upload OR raw_download > rolled_download
        OR floor(factored_upload) > billed_upload OR floor(factored_download) > billed_download
    ) STORED;
DROP INDEX usage_quarter_unbilled;
CREATE INDEX usage_quarter_pending ON usage_quarter (user_id, bucket, node_client_id, node_server_id)
    WHERE pending;

-- What became of billed bytes, by the UTC hour in which they were used. Written by the billing hook alone.
CREATE TABLE user_package_usage (
    user_id            uuid           NOT NULL,
    bucket             timestamptz    NOT NULL
        CHECK (bucket = date_bin('1 hour', bucket, '2000-01-01 00:00:00+00')),
    -- Null: no package was active then.
    queued_package_id  bigint,
    node_server_id     integer        NOT NULL,
    -- Within the quota.
    charged            numeric(30, 0) NOT NULL CHECK (charged >= 0),
    -- Beyond it.
    overage            numeric(30, 0) NOT NULL CHECK (overage >= 0),
    -- Through a package for which they do not count: uploads, when only downloads do.
    uncounted          numeric(30, 0) NOT NULL CHECK (uncounted >= 0),
    -- Without a package.
    unassigned         numeric(30, 0) NOT NULL CHECK (unassigned >= 0),
    -- How many of all these came with events of others.
    external           numeric(30, 0) NOT NULL CHECK (external >= 0),
    CONSTRAINT user_package_usage_key
        UNIQUE NULLS NOT DISTINCT (user_id, bucket, node_server_id, queued_package_id),
    CHECK (queued_package_id IS NOT NULL OR charged + overage + uncounted = 0),
    CHECK (queued_package_id IS NULL OR unassigned = 0),
    CHECK (external <= charged + overage + uncounted + unassigned)
) PARTITION BY RANGE (bucket);

-- An administrator's word on what was charged to a package. Rows are only added.
CREATE TABLE usage_adjustment (
    id                 bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    user_id            uuid        NOT NULL REFERENCES subscriber (id),
    queued_package_id  bigint      NOT NULL REFERENCES queued_package (id),
    -- Bytes; below zero: given back.
    bytes              bigint      NOT NULL CHECK (bytes <> 0),
    -- How they changed the package: the sum of both is `bytes`.
    charged            bigint      NOT NULL,
    overage            bigint      NOT NULL,
    reason             text        NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 200),
    actor              text        NOT NULL,
    at                 timestamptz NOT NULL,
    CHECK (charged + overage = bytes)
);
CREATE INDEX usage_adjustment_by_user ON usage_adjustment (user_id, id);
CREATE INDEX usage_adjustment_by_package ON usage_adjustment (queued_package_id);

-- Each charge changes numbers of the active package that are in no index: with room on the page for
-- the new version of the row, none of the ten indexes is written.
ALTER TABLE queued_package SET (fillfactor = 70);
-- Late usage is charged to the package of its time.
CREATE INDEX queued_package_ended ON queued_package (user_id, ended_at) WHERE ended_at IS NOT NULL;

-- Events of others as well: their own id under their own name. How often taking one up has failed.
ALTER TABLE outbox_event
    ADD COLUMN source text NOT NULL DEFAULT 'telecom' CHECK (char_length(source) BETWEEN 1 AND 200),
    ADD COLUMN source_id text CHECK (char_length(source_id) BETWEEN 1 AND 200),
    ADD COLUMN attempts smallint NOT NULL DEFAULT 0,
    ADD COLUMN retry_at timestamptz,
    ADD CONSTRAINT outbox_event_source CHECK ((source = 'telecom') = (source_id IS NULL));
DROP INDEX outbox_event_pending;
CREATE INDEX outbox_event_pending ON outbox_event (route, id) WHERE published_at IS NULL;
CREATE INDEX outbox_event_by_publication ON outbox_event (published_at) WHERE published_at IS NOT NULL;

-- Events of others that were taken up; a repetition meets the key.
CREATE TABLE consumed_event (
    source       text        NOT NULL,
    source_id    text        NOT NULL,
    consumed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, source_id)
);
CREATE INDEX consumed_event_by_age ON consumed_event (consumed_at);

-- Events that could not be taken up, and why.
CREATE TABLE dead_letter (
    id          bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    event_id    uuid        NOT NULL UNIQUE,
    source      text        NOT NULL,
    source_id   text,
    route       text        NOT NULL,
    payload     jsonb       NOT NULL,
    trace_id    text        NOT NULL,
    reason      text        NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 64),
    detail      text        NOT NULL CHECK (char_length(detail) <= 1000),
    attempts    smallint    NOT NULL,
    created_at  timestamptz NOT NULL,
    died_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dead_letter_by_route ON dead_letter (route, id);
CREATE INDEX dead_letter_by_age ON dead_letter (died_at);

-- What each subscriber may use, kept in the transactions of what it follows from. Without a row:
-- nothing, for want of a package.
--
-- A change has no version until one statement at a time gives versions to all that are committed:
-- so a node that has seen a version has seen all before it.
CREATE TABLE user_access (
    user_id            uuid        PRIMARY KEY REFERENCES subscriber (id),
    access             text        NOT NULL CHECK (access IN
        ('granted', 'no_package', 'quota_used_up', 'suspended', 'erased')),
    -- The series of the active package; null when there is none, or when it gives nothing for want of
    -- a subscriber in good standing.
    package_series_id  integer     REFERENCES package_series (id),
    -- Null: no limit.
    speed_limit_bps    bigint      CHECK (speed_limit_bps > 0),
    -- Until when it stays so if nothing happens; null: for ever.
    valid_until        timestamptz,
    changed_at         timestamptz NOT NULL,
    version            bigint,
    CHECK (access <> 'granted' OR package_series_id IS NOT NULL)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX user_access_by_version ON user_access (version);
CREATE INDEX user_access_denied ON user_access (version) WHERE access <> 'granted';
CREATE INDEX user_access_unversioned ON user_access (user_id) WHERE version IS NULL;
CREATE INDEX user_access_by_series ON user_access (package_series_id, user_id) WHERE access = 'granted';
CREATE SEQUENCE user_access_version;

INSERT INTO user_access (user_id, access, package_series_id, speed_limit_bps, valid_until, changed_at)
SELECT s.id, a.access,
    CASE s.status WHEN 'active' THEN p.package_series_id END,
    CASE s.status WHEN 'active' THEN q.speed_limit_bps END,
    CASE a.access WHEN 'granted' THEN q.expires_at WHEN 'quota_used_up' THEN q.next_reset_at END, now()
FROM subscriber s
LEFT JOIN queued_package q ON q.user_id = s.id AND q.status = 'active'
LEFT JOIN package p ON p.id = q.package_id
CROSS JOIN LATERAL (SELECT CASE
    WHEN s.status <> 'active' THEN s.status::text
    WHEN q.id IS NULL THEN 'no_package'
    WHEN q.period_charged = q.quota_bytes THEN 'quota_used_up'
    ELSE 'granted'
END) AS a (access)
WHERE a.access <> 'no_package';
