"""The call centre: who waits, who could answer, and whether calls are answered in time."""

from panels import at_least, at_most, bars, dashboard, graph, row, stat

QUEUES = "Empty without queues in the configuration."
REPORTS = "Empty without a PBX that reports its queues."
OFFERED = "sum by (queue) (increase(cc_calls_offered_total{S}[%s]))"
IN_TIME = "sum by (queue) (increase(cc_calls_answered_in_sla_total{S}[%s]))"
MEASURED = "Calls answered within the queue's threshold, of those that ended in the last 30 minutes."

BOARD = dashboard(
    "telecom-call-centre", "Call centre", "Queues of the configuration; docs/call-centre.md says what is counted.",
    [
        row(
            "Is it well?",
            stat("Queues under their target", f"Queues whose service level is lower than it should be. {QUEUES}",
                 "sum(max by (queue) (cc_sla_percentage{S}) < bool max by (queue) (cc_sla_target_percentage{S})) "
                 "or (0 * count(cc_sla_target_percentage{S}))", steps=at_least(1)),
            stat("Service level", f"{MEASURED} Empty without queued calls.",
                 [("max by (queue) (cc_sla_percentage{S})", "{{queue}}")], unit="percent", decimals=0, width=5),
            stat("Waiting", f"Callers who wait. {REPORTS}", [("max by (queue) (cc_queue_length{S})", "{{queue}}")], steps=at_least(10, 5), width=5),
            stat("Agents", f"Who could take a call. {REPORTS}", [("max by (queue) (cc_agents_available{S})", "{{queue}}")], steps=at_most(1), width=5),
            stat("Offered in an hour", f"Calls through the queue that ended in the last hour. {QUEUES}", [(OFFERED % "1h", "{{queue}}")], decimals=0, width=5),
        ),
        row(
            "In time",
            graph("SLA by queue", f"{MEASURED} Dashed: what it should be. A gap: no calls. {QUEUES}",
                  [("max by (queue) (cc_sla_percentage{S})", "{{queue}}"), ("max by (queue) (cc_sla_target_percentage{S})", "target {{queue}}")],
                  unit="percent", top=100, width=12, dashed="^target .*"),
            graph("SLA of the moment", "Of calls that ended in the last five minutes, by the counters. A gap: no calls. Empty without queued calls.",
                  [("sum by (queue) (rate(cc_calls_answered_in_sla_total{S}[5m])) / (sum by (queue) (rate(cc_calls_offered_total{S}[5m])) > 0)", "{{queue}}")],
                  unit="percentunit", top=1, width=12),
            bars("Answered in time, whole period", "Share of all calls of the time that the dashboard shows. Empty without queued calls.",
                 f"{IN_TIME} / ({OFFERED} > 0)" % ("$__range", "$__range"), "{{queue}}", unit="percentunit", steps=at_most(0.8, 0.6), top=1),
            graph("Calls offered", f"Each minute. {QUEUES}",
                  [("sum by (queue) (rate(cc_calls_offered_total{S}[$__rate_interval])) * 60", "{{queue}}")], unit="cpm"),
            graph("Not answered in time", f"Each minute: answered late, or not at all. {QUEUES}",
                  [("(sum by (queue) (rate(cc_calls_offered_total{S}[$__rate_interval])) "
                    "- sum by (queue) (rate(cc_calls_answered_in_sla_total{S}[$__rate_interval]))) * 60", "{{queue}}")], unit="cpm"),
        ),
        row(
            "This moment",
            graph("Callers who wait", f"As PBXs report them. A gap: none reports. {REPORTS}",
                  [("max by (queue) (cc_queue_length{S})", "{{queue}}")]),
            graph("Agents who could take a call", f"As PBXs report them. A gap: none reports. {REPORTS}",
                  [("max by (queue) (cc_agents_available{S})", "{{queue}}")]),
            graph("Calls going on", "Over all PBXs, with or without a queue. Empty without a PBX that reports.",
                  [("max(rustpbx_active_calls{S})", "calls")]),
        ),
    ],
)
