-- Wholesale: at what price calls are bought and sold, and what each call came to.
SET LOCAL lock_timeout = '5s';

-- A list of prices in one currency.
CREATE TABLE wholesale_deck (
    id          integer     PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name        text        NOT NULL UNIQUE CHECK (char_length(name) BETWEEN 1 AND 100),
    -- ISO 4217.
    currency    text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- Counts an administrator's writes to it or to its rates; the etag is made of it.
    revision    bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- The price of the numbers that begin with a prefix, from a moment to another. Times of one prefix do not overlap:
-- whoever writes holds the deck and has looked.
CREATE TABLE wholesale_rate (
    deck_id            integer     NOT NULL REFERENCES wholesale_deck (id) ON DELETE CASCADE,
    -- Empty: any number.
    prefix             text        COLLATE "C" NOT NULL CHECK (prefix ~ '^[0-9]{0,15}$'),
    valid_from         timestamptz NOT NULL,
    -- No longer part of its time; null: it goes on.
    valid_to           timestamptz CHECK (valid_to > valid_from),
    -- Nano-currency for a minute.
    rate_nano          bigint      NOT NULL CHECK (rate_nano >= 0),
    minimum_seconds    integer     NOT NULL CHECK (minimum_seconds >= 0),
    increment_seconds  integer     NOT NULL CHECK (increment_seconds >= 1),
    PRIMARY KEY (deck_id, prefix, valid_from)
);

-- By which deck calls over a trunk are sold to its customer, or bought from its carrier.
CREATE TABLE wholesale_trunk (
    pbx_id      integer     NOT NULL REFERENCES pbx (id) ON DELETE CASCADE,
    -- The PBX's own name for it.
    trunk_id    text        NOT NULL CHECK (char_length(trunk_id) BETWEEN 1 AND 64),
    role        text        NOT NULL CHECK (role IN ('customer', 'carrier')),
    -- Null: its calls are not rated, and nothing is missing.
    deck_id     integer     REFERENCES wholesale_deck (id),
    revision    bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (pbx_id, trunk_id, role)
);
CREATE INDEX wholesale_trunk_by_deck ON wholesale_trunk (deck_id);

-- What each side of a call came to: a ledger, whose sum is the money. A correction takes back the charge before it
-- and adds a new one. Rows name PBXs and decks by number without a foreign key: charges outlive them.
CREATE TABLE call_charge (
    -- Of the call record.
    start_time         timestamptz NOT NULL,
    pbx_id             integer     NOT NULL,
    call_id            text        NOT NULL CHECK (char_length(call_id) BETWEEN 1 AND 256),
    -- Sold to the customer, or bought from the carrier.
    side               text        NOT NULL CHECK (side IN ('sell', 'buy')),
    -- Counts the rows of one side of a call.
    seq                integer     NOT NULL CHECK (seq >= 0),
    kind               text        NOT NULL CHECK (kind IN ('charge', 'reversal')),
    trunk_id           text        NOT NULL CHECK (char_length(trunk_id) BETWEEN 1 AND 64),
    deck_id            integer     NOT NULL,
    -- What it was reckoned by; of a call that nobody answered: nothing.
    prefix             text        NOT NULL CHECK (char_length(prefix) <= 15),
    rate_nano          bigint      NOT NULL CHECK (rate_nano >= 0),
    minimum_seconds    integer     NOT NULL CHECK (minimum_seconds >= 0),
    increment_seconds  integer     NOT NULL CHECK (increment_seconds >= 1),
    -- Both of a reversal: those of the charge that it takes back, with a minus.
    billable_seconds   bigint      NOT NULL,
    -- Micro-currency.
    amount_micro       bigint      NOT NULL,
    currency           text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    booked_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (start_time, pbx_id, call_id, side, seq),
    CHECK (CASE kind WHEN 'charge' THEN billable_seconds >= 0 AND amount_micro >= 0
        ELSE billable_seconds <= 0 AND amount_micro <= 0 END)
) PARTITION BY RANGE (start_time);
CREATE INDEX call_charge_by_booking ON call_charge (booked_at);

-- As audit_log. A trigger for each row, since one for each statement is not handed on to the partitions; it comes with
-- the attaching and goes with the detaching, so that a partition can still be dropped.
CREATE FUNCTION call_charge_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'call_charge is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER call_charge_append_only
    BEFORE UPDATE OR DELETE ON call_charge
    FOR EACH ROW EXECUTE FUNCTION call_charge_is_append_only();
CREATE TRIGGER call_charge_not_truncated
    BEFORE TRUNCATE ON call_charge
    FOR EACH STATEMENT EXECUTE FUNCTION call_charge_is_append_only();
REVOKE UPDATE, DELETE, TRUNCATE ON call_charge FROM PUBLIC;
