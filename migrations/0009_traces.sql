-- The traces of what leads from a report to what a node is told: each a `traceparent`
-- (https://www.w3.org/TR/trace-context/), null when its trace is not recorded.
SET LOCAL lock_timeout = '5s';

-- Billing looks for the recorded ones among the latest reports.
CREATE INDEX usage_report_traced ON usage_report (received_at) WHERE traceparent IS NOT NULL;

-- Of the span that told of the event.
ALTER TABLE outbox_event ADD COLUMN traceparent text CHECK (char_length(traceparent) <= 64);

-- Of the span that changed what the subscriber may use.
ALTER TABLE user_access ADD COLUMN traceparent text CHECK (char_length(traceparent) <= 64);
