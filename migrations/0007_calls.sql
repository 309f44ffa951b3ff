-- PBXs, the calls that they record, and what they say of the moment.
SET LOCAL lock_timeout = '5s';

CREATE TABLE pbx (
    id          integer     PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name        text        NOT NULL UNIQUE CHECK (char_length(name) BETWEEN 1 AND 100),
    -- Where its health is asked for; empty: nowhere.
    health_url  text        NOT NULL CHECK (char_length(health_url) <= 500),
    metadata    jsonb       NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
    -- Counts an administrator's writes; the etag is made of it.
    revision    bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- As node_token.
CREATE TABLE pbx_token (
    id          bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    pbx_id      integer     NOT NULL REFERENCES pbx (id) ON DELETE CASCADE,
    digest      bytea       NOT NULL CHECK (octet_length(digest) = 32),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz
);
CREATE INDEX pbx_token_by_pbx ON pbx_token (pbx_id);
CREATE UNIQUE INDEX pbx_token_one_current ON pbx_token (pbx_id) WHERE expires_at IS NULL;

-- One row for each record of a call or of a leg of one. Never changed, but for what erasing removes and what rating
-- says of it. Rows name PBXs by number without a foreign key: calls outlive them.
CREATE TABLE call_record (
    start_time              timestamptz NOT NULL,
    pbx_id                  integer     NOT NULL,
    call_id                 text        NOT NULL CHECK (char_length(call_id) BETWEEN 1 AND 256),
    -- Of the root; the call id of a root itself.
    session_id              text        NOT NULL CHECK (char_length(session_id) BETWEEN 1 AND 256),
    root                    boolean     NOT NULL GENERATED ALWAYS AS (session_id = call_id) STORED,
    ring_time               timestamptz,
    answer_time             timestamptz,
    end_time                timestamptz NOT NULL CHECK (end_time >= start_time),
    -- Milliseconds from the answer to the end, from the start to the end; cut off, not rounded.
    talk_ms                 bigint      NOT NULL CHECK (talk_ms >= 0),
    duration_ms             bigint      NOT NULL CHECK (duration_ms >= talk_ms),
    direction               text        NOT NULL CHECK (direction IN ('inbound', 'outbound', 'internal')),
    result                  text        NOT NULL CHECK (result IN ('completed', 'missed', 'failed')),
    -- RFC 3261; 0: none was said.
    status_code             integer     NOT NULL CHECK (status_code BETWEEN 0 AND 999),
    hangup_reason           text        NOT NULL CHECK (char_length(hangup_reason) <= 256),
    -- Who and to whom: URIs and numbers as the PBX has them. Empty: not said, or erased.
    caller                  text        NOT NULL CHECK (char_length(caller) <= 512),
    callee                  text        NOT NULL CHECK (char_length(callee) <= 512),
    from_number             text        NOT NULL CHECK (char_length(from_number) <= 256),
    to_number               text        NOT NULL CHECK (char_length(to_number) <= 256),
    caller_name             text        NOT NULL CHECK (char_length(caller_name) <= 256),
    agent_name              text        NOT NULL CHECK (char_length(agent_name) <= 256),
    queue                   text        NOT NULL CHECK (char_length(queue) <= 256),
    -- The trunk that it came in by, and the one that it went out by; empty: none.
    sip_trunk_id            text        NOT NULL CHECK (char_length(sip_trunk_id) <= 64),
    outbound_sip_trunk_id   text        NOT NULL CHECK (char_length(outbound_sip_trunk_id) <= 64),
    -- What else the PBX said.
    extra                   jsonb       NOT NULL CHECK (jsonb_typeof(extra) = 'object'),
    -- SHA-256 of the record: the same key with another digest is a conflict.
    digest                  bytea       NOT NULL CHECK (octet_length(digest) = 32),
    -- Why a side that has a trunk has no charge; null: nothing is missing.
    unrated_sell            text,
    unrated_buy             text,
    erased                  boolean     NOT NULL DEFAULT false,
    stored_at               timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (start_time, pbx_id, call_id),
    CHECK (answer_time IS NULL OR answer_time BETWEEN start_time AND end_time),
    CHECK ((answer_time IS NOT NULL) = (result = 'completed'))
) PARTITION BY RANGE (start_time);
-- What ended lately in the queues of the call centre.
CREATE INDEX call_record_of_queues ON call_record (end_time) WHERE queue <> '';
-- Rows lie in the order in which they were stored.
CREATE INDEX call_record_by_storing ON call_record USING brin (stored_at) WITH (autosummarize = on);
CREATE INDEX call_record_by_from ON call_record (from_number, start_time) WHERE from_number <> '';
CREATE INDEX call_record_by_to ON call_record (to_number, start_time) WHERE to_number <> '';
CREATE INDEX call_record_unrated ON call_record (start_time)
    WHERE unrated_sell IS NOT NULL OR unrated_buy IS NOT NULL;

-- Records that were not stored: for each a reason, and what came, as far as it was text.
CREATE TABLE call_record_rejected (
    id           bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    pbx_id       integer     NOT NULL,
    -- What kept it out: `conflict` when another record has its key.
    reason       text        NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 64),
    -- The field at fault, and what is wrong with it.
    field        text        NOT NULL CHECK (char_length(field) <= 200),
    description  text        NOT NULL CHECK (char_length(description) <= 500),
    -- The key, as far as it is known.
    start_time   timestamptz,
    call_id      text        NOT NULL CHECK (char_length(call_id) <= 256),
    -- Cut off after 64 KiB; empty when erased.
    body         text        NOT NULL,
    digest       bytea       NOT NULL CHECK (octet_length(digest) = 32),
    -- A repetition only counts.
    times        bigint      NOT NULL DEFAULT 1,
    received_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT call_record_rejected_once UNIQUE (pbx_id, digest, reason)
);
CREATE INDEX call_record_rejected_by_age ON call_record_rejected (received_at);

-- What a PBX said last of the moment, and until when that holds.
CREATE TABLE pbx_state (
    pbx_id        integer     PRIMARY KEY REFERENCES pbx (id) ON DELETE CASCADE,
    -- Whether the PBX reported it, or its health endpoint was asked.
    source        text        NOT NULL CHECK (source IN ('report', 'poll')),
    active_calls  integer     NOT NULL CHECK (active_calls >= 0),
    version       text        NOT NULL CHECK (char_length(version) <= 100),
    -- [{"queue": text, "length": integer, "agents_available": integer}]
    queues        jsonb       NOT NULL CHECK (jsonb_typeof(queues) = 'array'),
    reported_at   timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL
) WITH (fillfactor = 50);
