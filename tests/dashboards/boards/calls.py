"""Calls: how many, how they end, how long they are, and the records by which the server knows of them."""

from panels import at_least, at_most, dashboard, graph, quantiles, row, stat, table

ENDED = "rustpbx_calls_total"
PUSH = 'route="/v1/call-records"'

BOARD = dashboard(
    "telecom-calls", "Calls", "How calls end and how long they are, by what PBXs recorded; docs/call-analytics.md has the formulas.",
    [
        row(
            "Is it well?",
            stat("Calls going on", "As PBXs report them. Empty without a PBX that reports.", "max(rustpbx_active_calls{S})"),
            stat("Ended in an hour", "Calls that ended in the last hour.", f"sum(increase({ENDED}{{S}}[1h]))", decimals=0),
            stat("ASR now", "Answered of all calls on a trunk that ended in the last five minutes. Empty without calls, or without the chart's rules.",
                 "telecom:call_asr:ratio_rate5m{S}", unit="percentunit", decimals=1, steps=at_most(0.4, 0.3)),
            stat("ACD now", "Average duration of the answered ones. Empty without calls, or without the chart's rules.",
                 "telecom:call_acd_seconds:ratio_rate5m{S}", unit="s", decimals=0),
            stat("Failed", "Share of the last hour's calls that failed; those that were busy or not answered are missed, not failed. 0 without calls.",
                 f'(sum(increase({ENDED}{{S, result="failed"}}[1h])) / (sum(increase({ENDED}{{S}}[1h])) > 0)) or vector(0)',
                 unit="percentunit", decimals=1, steps=at_least(0.2, 0.1)),
            stat("Records kept aside", "Records of the last hour that could not be stored as they came: rejected, or in conflict with another.",
                 'sum(increase(telecom_call_records_total{S, result=~"rejected|conflict"}[1h]))', decimals=0, steps=at_least(1000, 1)),
        ),
        row(
            "Calls",
            graph("ASR", "Answered of all calls on a trunk that ended in the last five minutes (ITU-T E.411). A gap: no calls. Empty without calls, or without the chart's rules.",
                  [("telecom:call_asr:ratio_rate5m{S}", "ASR")], unit="percentunit", top=1),
            graph("ACD", "Average duration of answered calls on a trunk. A gap: none was answered. Empty without calls, or without the chart's rules.",
                  [("telecom:call_acd_seconds:ratio_rate5m{S}", "ACD")], unit="s"),
            graph("Active calls", "As PBXs report them. A gap: none reports. Empty without a PBX that reports.",
                  [("max(rustpbx_active_calls{S})", "active")]),
            graph("Calls ended per second", "By result; calls as a whole, without their legs. Empty without the chart's rules.",
                  [("sum by (result) (telecom:calls_ended:rate5m{S})", "{{result}}")], unit="cps", stack=True),
            graph("Calls ended by direction", "Each second. Empty without the chart's rules.",
                  [("sum by (direction) (telecom:calls_ended:rate5m{S})", "{{direction}}")], unit="cps", stack=True),
            graph("Seizures and answers", "Calls on a trunk that ended each second, and those that were answered.",
                  [("sum by (direction) (rate(telecom_call_seizures_total{S}[$__rate_interval]))", "seizures {{direction}}"),
                   ("sum by (direction) (rate(telecom_call_answers_total{S}[$__rate_interval]))", "answers {{direction}}")], unit="cps"),
        ),
        row(
            "How long",
            graph("Duration", "From start to end, of calls that ended; buckets to two hours. A gap: no calls. Empty without calls.",
                  quantiles("rustpbx_call_duration_seconds", "S", shares=(0.5, 0.9, 0.99)), unit="s"),
            graph("Talk time", "From answer to end, of answered calls. A gap: none was answered. Empty without calls.",
                  quantiles("rustpbx_call_talk_time_seconds", "S", shares=(0.5, 0.9, 0.99)), unit="s"),
            graph("Minutes talked each minute", "On trunks: how many calls were talking, by what has ended.",
                  [("sum by (direction) (rate(telecom_call_talk_milliseconds_total{S}[$__rate_interval])) / 1000", "{{direction}}")], stack=True),
        ),
        row(
            "Records and PBXs",
            graph("Records", "Records of calls and legs each second, by what became of them. Rejected and conflicting ones are kept aside: docs/call-records.md.",
                  [("sum by (result) (rate(telecom_call_records_total{S}[$__rate_interval]))", "{{result}}")], unit="cps"),
            graph("Pushes by HTTP", "By code; 503 means: send it again. Empty without pushes.",
                  [(f"sum by (code) (rate(telecom_http_requests_total{{S, {PUSH}}}[$__rate_interval])) > 0", "{{code}}")], unit="reqps"),
            graph("Time of a push", "A PBX waits for it. A gap: none came. Empty without pushes.",
                  quantiles("telecom_http_request_duration_seconds", "S", extra=f", {PUSH}"), unit="s"),
            graph("PBXs asked for their health", "Each minute, by what they said. All 0 when every PBX reports by itself, or none has a health URL.",
                  [("sum by (result) (rate(telecom_pbx_polls_total{S}[$__rate_interval])) * 60", "{{result}}")], unit="cpm", width=12),
            table("Versions of PBXs", "Of PBXs that say how they are. Empty without a PBX that reports.", "max by (version) (rustpbx_info{S})",
                  {"version": "version"}, value=None, width=12),
        ),
    ],
)
