-- Runs of jobs, and whose the database is.
SET LOCAL lock_timeout = '5s';

-- A run of a job. What it is known by, its slot or the id of a request, has one run; a job has one at a time.
--
-- While it runs it belongs to the attempt that holds its fence, until lease_until by the clock of this database. Each
-- transaction of the attempt ends with an update of this row by id and fence. Whoever goes on with a run whose lease is
-- over raises the fence, so that the attempt before can commit nothing more.
CREATE TABLE job_run (
    id            bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    job           text        NOT NULL CHECK (job IN ('refreshServerStatus', 'packageExpiring', 'billTraffic',
        'recordNodeStatusHistory', 'refreshNodeStatusView')),
    scheduled_at  timestamptz CHECK (scheduled_at = date_trunc('second', scheduled_at)),
    request_id    text        CHECK (request_id ~ '^[!-~]{1,64}$'),
    state         text        NOT NULL CHECK (state IN ('running', 'succeeded', 'failed')),
    -- How often it was begun, and how many of these times its server was told to stop.
    attempt       integer     NOT NULL CHECK (attempt >= 1),
    handed_over   integer     NOT NULL DEFAULT 0 CHECK (handed_over BETWEEN 0 AND attempt),
    fence         bigint      NOT NULL,
    lease_until   timestamptz NOT NULL,
    -- When it is given up.
    deadline      timestamptz NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    -- Rows that it added, changed or removed so far.
    changed       bigint      NOT NULL DEFAULT 0 CHECK (changed >= 0),
    -- Of the last attempt that failed; empty once it has succeeded.
    error         text        NOT NULL DEFAULT '' CHECK (char_length(error) <= 500),
    -- Of the last attempt.
    trace_id      text        NOT NULL,
    CONSTRAINT job_run_slot UNIQUE (job, scheduled_at),
    CONSTRAINT job_run_request UNIQUE (job, request_id),
    CONSTRAINT job_run_key CHECK (num_nonnulls(scheduled_at, request_id) = 1),
    CONSTRAINT job_run_ended CHECK ((state = 'running') = (ended_at IS NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX job_run_active ON job_run (job) WHERE state = 'running';
CREATE INDEX job_run_by_job ON job_run (job, id);
CREATE INDEX job_run_by_state ON job_run (state, id);
CREATE INDEX job_run_by_job_and_state ON job_run (job, state, id);
CREATE INDEX job_run_by_age ON job_run (started_at);

-- The cluster that the database belongs to. Without a row: none was told.
CREATE TABLE database_owner (
    one          boolean     PRIMARY KEY DEFAULT true CHECK (one),
    cluster_uid  text        NOT NULL CHECK (cluster_uid ~ '^[!-~]{1,64}$'),
    since        timestamptz NOT NULL DEFAULT now()
);
