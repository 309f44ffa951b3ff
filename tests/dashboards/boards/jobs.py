"""Jobs and events: is usage billed, do jobs run, do events get through, are partitions made?"""

from panels import at_least, bars, dashboard, graph, row, stat

LAST = "telecom_job_last_success_timestamp_seconds"

BOARD = dashboard(
    "telecom-jobs", "Jobs and events",
    "Billing, runs of jobs, events and dead letters, partitions. The label `job` of the servers' metrics arrives as `exported_job`: `job` is Prometheus' own.",
    [
        row(
            "Is it well?",
            stat("Billing lag", "Age of the oldest usage that is not billed; 0 when all is.",
                 "max(telecom_billing_lag_seconds{S})", unit="s", steps=at_least(300, 60)),
            stat("Since billing succeeded", "Time since billTraffic last succeeded. Empty before its first run.",
                 f'time() - max({LAST}{{S, exported_job="billTraffic"}})', unit="s", steps=at_least(300, 60)),
            stat("Runs failed", "Runs of jobs that failed in the last hour.",
                 'sum(increase(telecom_job_runs_total{S, result="failed"}[1h]))', decimals=0, steps=at_least(5, 1)),
            stat("Events waiting", "Events that are not published yet.",
                 "sum(max by (route) (telecom_outbox_pending{S}))", steps=at_least(10000, 1000)),
            stat("Dead letters", "Events of the last day that could not be taken up; docs/billing.md says what to do.",
                 "sum(increase(telecom_events_dead_total{S}[1d]))", decimals=0, steps=at_least(1)),
            stat("Partitions overdue", "Past their retention, and could not be dropped.", "max(telecom_partitions_overdue{S})", steps=at_least(5, 1)),
        ),
        row(
            "Billing",
            graph("Billing lag over time", "Age of the oldest usage that is not billed.", [("max(telecom_billing_lag_seconds{S})", "lag")], unit="s"),
            graph("Billed to nobody", "Billed bytes of users without an active package, each second.",
                  [("sum(rate(telecom_billing_unassigned_bytes_total{S}[$__rate_interval]))", "unassigned")], unit="Bps"),
            graph("Reported traffic", "What there is to bill: factored bytes, each second.",
                  [('sum(rate(telecom_usage_bytes_total{S, kind="factored"}[$__rate_interval]))', "factored")], unit="Bps"),
        ),
        row(
            "Jobs",
            graph("Runs that succeeded", "Each minute, by job.",
                  [('sum by (exported_job) (rate(telecom_job_runs_total{S, result="succeeded"}[$__rate_interval])) * 60', "{{exported_job}}")], unit="cpm"),
            graph("Runs that failed", "Each minute, by job.",
                  [('sum by (exported_job) (rate(telecom_job_runs_total{S, result="failed"}[$__rate_interval])) * 60', "{{exported_job}}")], unit="cpm"),
            graph("Time of a run", "95 of 100 runs ended within, by job. A gap: none ended. Empty before the first run.",
                  [("histogram_quantile(0.95, sum by (le, exported_job) (rate(telecom_job_duration_seconds_bucket{S}[$__rate_interval])))", "{{exported_job}}")],
                  unit="s"),
            bars("Since a job succeeded", "Time since each job last succeeded; the job's schedule says how much is too much. Empty before the first run.",
                 f"time() - max by (exported_job) ({LAST}{{S}})", "{{exported_job}}", unit="s"),
            graph("Failed in a row", "As the operator counts them, by job. Empty without an operator.",
                  [("max by (job) (telecom_operator_job_consecutive_failures{O})", "{{job}}")]),
            graph("Slots missed", "Each hour: nobody could start them in time. Empty without an operator.",
                  [("sum by (job) (increase(telecom_operator_job_missed_total{O}[1h]))", "{{job}}")], decimals=0),
        ),
        row(
            "Events",
            graph("Events waiting by route", "Not published yet; counted up to 100 000.",
                  [("max by (route) (telecom_outbox_pending{S})", "{{route}}")]),
            graph("Events published", "Let go each second, by route.",
                  [("sum by (route) (rate(telecom_events_published_total{S}[$__rate_interval]))", "{{route}}")], unit="cps"),
            graph("Events taken up, dead letters", "Each second, by route.",
                  [("sum by (route) (rate(telecom_events_consumed_total{S}[$__rate_interval]))", "{{route}}"),
                   ("sum by (route) (rate(telecom_events_dead_total{S}[$__rate_interval]))", "dead {{route}}")], unit="cps"),
        ),
        row(
            "Maintenance of partitions",
            graph("Runs", "Each hour. Postponed: something was in use. Busy: another server was at it.",
                  [("sum by (result) (increase(telecom_maintenance_runs_total{S}[1h]))", "{{result}}")], decimals=0),
            graph("Partitions made and dropped", "In a day, by table; what is 0 is left out. Empty on days without any.",
                  [("sum by (table) (increase(telecom_partitions_created_total{S}[1d])) > 0", "made {{table}}"),
                   ("sum by (table) (increase(telecom_partitions_dropped_total{S}[1d])) > 0", "dropped {{table}}")], decimals=0),
            graph("Partitions overdue over time", "Of each server's last run.", [("max(telecom_partitions_overdue{S})", "overdue")]),
        ),
    ],
)
