"""Nodes and traffic: are they there, are their clocks right, what do they report, and do they know who may use them?"""

from panels import at_least, bars, dashboard, graph, quantiles, row, stat

REFUSED = 'result="refused"'

BOARD = dashboard(
    "telecom-nodes", "Nodes and traffic", "Node servers, what they report of subscribers' use, and how soon they hear of access.",
    [
        row(
            "Is it well?",
            stat("Online", "Node servers whose last heartbeat is fresh.", 'max(telecom_nodes{S, status="online"})', width=3),
            stat("Offline", "Node servers whose heartbeats stay away.", 'max(telecom_nodes{S, status="offline"})', steps=at_least(5, 1), width=3),
            stat("In maintenance", "An administrator said so.", 'max(telecom_nodes{S, status="maintenance"})', width=3),
            stat("Traffic", "Reported now, both directions, as it was used.",
                 'sum(rate(telecom_usage_bytes_total{S, kind="raw"}[5m]))', unit="Bps", width=3),
            stat("Rows refused", "Rows of reports of the last hour that were not taken: docs/usage.md says why.",
                 f"sum(increase(telecom_usage_rows_total{{S, {REFUSED}}}[1h]))", decimals=0, steps=at_least(1000, 1), width=3),
            stat("Numbers used twice", "Reports of the last hour with the number of another one: two agents with one name, or one that lost its memory.",
                 'sum(increase(telecom_usage_reports_total{S, result="seq_reused"}[1h]))', decimals=0, steps=at_least(1), width=3),
            stat("Access, 95 %", "95 of 100 changes of access of the last hour were sent to nodes within. Empty while nothing was sent.",
                 "histogram_quantile(0.95, sum by (le) (rate(telecom_access_lag_seconds_bucket{S}[1h])))", unit="s", steps=at_least(30, 5), width=3),
            stat("Clocks, 95 %", "95 of 100 heartbeats of the last 15 minutes came from a clock that was off by no more. Empty without nodes.",
                 "histogram_quantile(0.95, sum by (le) (rate(telecom_node_clock_skew_seconds_bucket{S}[15m])))", unit="s", steps=at_least(30, 2), width=3),
        ),
        row(
            "Nodes",
            graph("Nodes by status", "Node servers; every answer works the status out anew, this is what the last job stored.",
                  [("max by (status) (telecom_nodes{S})", "{{status}}")], stack=True),
            graph("Heartbeats", "Answered each second, by code. Empty without nodes.",
                  [('sum by (code) (rate(telecom_grpc_requests_total{S, method="Heartbeat"}[$__rate_interval])) > 0', "{{code}}")], unit="reqps"),
            graph("Age of the last heartbeat", "When the next one came. Near the offline timeout, nodes are about to be lost. Empty without nodes.",
                  quantiles("telecom_node_heartbeat_age_seconds", "S"), unit="s"),
            graph("Clocks", "How far nodes' clocks are off the database's, either way. Empty without nodes.",
                  quantiles("telecom_node_clock_skew_seconds", "S", shares=(0.5, 0.95)), unit="s"),
            graph("Access", "From a change of access until it was sent to a node that watches. A gap: nothing was sent. Empty while nothing was sent.",
                  quantiles("telecom_access_lag_seconds", "S"), unit="s"),
            graph("Time of agents' requests", "99 of 100 were answered within, by method. A gap: none came. Empty without nodes.",
                  [('histogram_quantile(0.99, sum by (le, method) (rate(telecom_grpc_request_duration_seconds_bucket{S, method=~"Heartbeat|ReportUsage"}[$__rate_interval])))',
                    "{{method}}")], unit="s"),
        ),
        row(
            "What they report",
            graph("Traffic as it was used", "Bytes that nodes reported, each second.",
                  [('sum by (direction) (rate(telecom_usage_bytes_total{S, kind="raw"}[$__rate_interval]))', "{{direction}}")], unit="Bps", stack=True),
            graph("Traffic as it counts", "The same bytes times the factors of their node clients.",
                  [('sum by (direction) (rate(telecom_usage_bytes_total{S, kind="factored"}[$__rate_interval]))', "{{direction}}")], unit="Bps", stack=True),
            graph("Reports", "Each second. Replayed: it came twice and counted once. seq_reused: another report had its number.",
                  [("sum by (result) (rate(telecom_usage_reports_total{S}[$__rate_interval]))", "{{result}}")], unit="cps"),
            graph("Rows", "Of new reports, each second.",
                  [("sum by (result) (rate(telecom_usage_rows_total{S}[$__rate_interval]))", "{{result}}")], unit="cps"),
            graph("Rows refused by reason", "Each second; what is 0 is left out. Empty while all rows are taken.",
                  [(f"sum by (reason) (rate(telecom_usage_rows_total{{S, {REFUSED}}}[$__rate_interval])) > 0", "{{reason}}")], unit="cps"),
            graph("Bytes refused", "Each second, by reason. Such a row may claim any number.",
                  [("sum by (reason) (rate(telecom_usage_refused_bytes_total{S}[$__rate_interval]))", "{{reason}}")], unit="Bps"),
        ),
        row(
            "Packages",
            bars("Packages in queues", "Active ones and those that wait, by series. Empty while there are none.",
                 "max by (series, status) (telecom_queued_packages{S})", "{{series}} {{status}}", width=12),
            graph("Active packages", "By series: who may use something. Empty while there are none.",
                  [('max by (series) (telecom_queued_packages{S, status="active"})', "{{series}}")], width=12, stack=True),
        ),
    ],
)
