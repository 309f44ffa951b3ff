"""The operator: does one lead, do reconciles succeed, what do its clusters say, do jobs start in time?"""

from panels import ANY_CLUSTER, OPERATORS_VARIABLES, at_least, at_most, bars, dashboard, graph, quantiles, row, stat, table

READY = 'max by (namespace, name) (telecom_operator_condition{O, type="Ready", status="True"})'
OWN = "and on (instance) telecom_operator_leader{P}"

BOARD = dashboard(
    "telecom-operator", "Operator",
    "The operator itself, by the namespace that it runs in, and the clusters that it looks after, by theirs.",
    [
        row(
            "Is it well?",
            stat("Leaders", "Pods that lead: one.", "sum(telecom_operator_leader{P})", width=3,
                 names=[(1, "1", "green")], steps=at_least(2)),
            stat("Standing by", "Pods that would take over.", "count(telecom_operator_leader{P}) - sum(telecom_operator_leader{P})", width=3),
            stat("Reconciles failed", "In the last hour.", '(sum(increase(telecom_operator_reconciles_total{P, result="error"}[1h]))) or vector(0)',
                 decimals=0, steps=at_least(20, 1), width=3),
            stat("Watches failed", "In the last hour; they begin anew by themselves. 0 when none ever did.",
                 "(sum(increase(telecom_operator_watch_errors_total{P}[1h]))) or vector(0)", decimals=0, steps=at_least(50, 5), width=3),
            stat("Clusters ready", "TelecomClusters that are.", f"sum({READY})", width=3),
            stat("Not ready", "TelecomClusters that are not.", f"count({READY}) - sum({READY})", steps=at_least(1), width=3),
            stat("Contended", "TelecomClusters whose objects somebody else changes too.",
                 'sum(max by (namespace, name) (telecom_operator_condition{O, type="Contended", status="True"}))', steps=at_least(1), width=3),
            stat("Jobs that fail", "Jobs whose last run failed.",
                 "sum(max by (namespace, name, job) (telecom_operator_job_consecutive_failures{O}) > bool 0)", steps=at_least(5, 1), width=3),
        ),
        row(
            "Work",
            graph("Reconciles", "Each second, by result.",
                  [("sum by (result) (rate(telecom_operator_reconciles_total{P}[$__rate_interval]))", "{{result}}")], unit="cps"),
            graph("Time of a reconcile", "Requests to the apiserver included. A gap: there was none. Empty without reconciles.",
                  quantiles("telecom_operator_reconcile_duration_seconds", "P"), unit="s"),
            graph("Objects sent to the apiserver", "Each minute, by kind. Flat at 0 when nothing changes; rising at rest means a fight.",
                  [("sum by (kind) (rate(telecom_operator_applies_total{P}[$__rate_interval])) * 60", "{{kind}}")], unit="cpm"),
            graph("Failures of watches", "Each minute, by kind.",
                  [("sum by (kind) (rate(telecom_operator_watch_errors_total{P}[$__rate_interval])) * 60", "{{kind}}")], unit="cpm"),
            graph("Leading", "1 on the Pod that leads.", [("telecom_operator_leader{P}", "{{instance}}")], top=1),
            graph("Telemetry dropped", "What never reached the collector, each second. 0 without a collector.",
                  [("sum by (signal) (rate(telecom_operator_otlp_dropped_total{P}[$__rate_interval]))", "{{signal}}")], unit="cps"),
        ),
        row(
            "Clusters",
            table("Conditions", "What holds of each cluster; docs/conditions.md has them all.",
                  "max by (namespace, name, type, status) (telecom_operator_condition{O}) == 1",
                  {"namespace": "namespace", "name": "name", "type": "condition", "status": "status"}, width=12, value=None),
            graph("Ready over time", "1 while a cluster is ready.", [(READY, "{{namespace}}/{{name}}")], width=12, top=1),
        ),
        row(
            "Jobs",
            graph("Late starts", "From a slot to the beginning of its run; 95 of 100 began within, by job. Empty without runs.",
                  [("histogram_quantile(0.95, sum by (le, job) (rate(telecom_operator_job_skew_seconds_bucket{P}[$__rate_interval])))", "{{job}}")], unit="s"),
            graph("Time of a run", "As the operator sees it; 95 of 100 ended within, by job. Empty without runs.",
                  [("histogram_quantile(0.95, sum by (le, job) (rate(telecom_operator_job_duration_seconds_bucket{P}[$__rate_interval])))", "{{job}}")], unit="s"),
            graph("Runs", "Each minute, by job and result. Empty without runs.",
                  [("sum by (job, result) (rate(telecom_operator_job_runs_total{O}[$__rate_interval])) * 60 > 0", "{{job}} {{result}}")], unit="cpm"),
            bars("Since a job succeeded", "The longest of the chosen clusters, by job. Empty before the first run.",
                 "time() - min by (job) (telecom_operator_job_last_success_timestamp_seconds{O})", "{{job}}", unit="s"),
            graph("Failed in a row", "Runs that failed since one succeeded, the most of the chosen clusters.",
                  [("max by (job) (telecom_operator_job_consecutive_failures{O})", "{{job}}")]),
            graph("Slots missed", "Each hour: nobody could start them in time.",
                  [("sum by (job) (increase(telecom_operator_job_missed_total{O}[1h]))", "{{job}}")], decimals=0),
        ),
        row(
            "Processes",
            graph("Memory", "Resident memory of each Pod.", [(f"process_resident_memory_bytes{{P}} {OWN}", "{{instance}}")], unit="bytes"),
            graph("CPU", "Cores that each Pod uses.", [(f"rate(process_cpu_seconds_total{{P}}[$__rate_interval]) {OWN}", "{{instance}}")], decimals=3),
            graph("Files", "Open file descriptors, and how many there may be.",
                  [(f"process_open_fds{{P}} {OWN}", "open {{instance}}"), (f"process_max_fds{{P}} {OWN}", "limit {{instance}}")], dashed="^limit .*"),
        ),
    ],
    variables=OPERATORS_VARIABLES, cluster=ANY_CLUSTER,
)
