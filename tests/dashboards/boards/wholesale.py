"""Wholesale: what calls were sold and bought for, and what could not be rated."""

from panels import at_least, at_most, dashboard, graph, row, stat

REVENUE = "sum by (currency) (increase(wholesale_revenue_microcurrency_total{S}[1h])) / 1e6"
COST = "sum by (currency) (increase(wholesale_cost_microcurrency_total{S}[1h])) / 1e6"
DECKS = "Empty before the first deck."

BOARD = dashboard(
    "telecom-wholesale", "Wholesale",
    "Money of calls as servers counted it when they stored them. Corrections are not in it: the truth is in the ledger, by SumCharges and ExportCharges.",
    [
        row(
            "Is it well?",
            stat("Revenue of an hour", f"What calls of the last hour were sold for. {DECKS}", [(REVENUE, "{{currency}}")], decimals=2),
            stat("Cost of an hour", f"What they were bought for. {DECKS}", [(COST, "{{currency}}")], decimals=2),
            stat("Left of an hour", f"Revenue less cost of the last hour. {DECKS}", [(f"{REVENUE} - {COST}", "{{currency}}")],
                 decimals=2, steps=at_most(0)),
            stat("Margin", "Share of the last hour's revenue that is left, where there is any. Empty without revenue.",
                 [(f"1 - ({COST}) / ({REVENUE} > 0)", "{{currency}}")], unit="percentunit", decimals=1, steps=at_most(0.1, 0)),
            stat("Sides without a charge", "Of calls of the last hour: a trunk, but no price. docs/wholesale.md says what helps.",
                 "sum(increase(telecom_calls_unrated_total{S}[1h]))", decimals=0, steps=at_least(1000, 1)),
            stat("In two currencies", "Calls of the last hour that were sold in one currency and bought in another: they have no profit.",
                 "sum(increase(telecom_calls_currency_mismatch_total{S}[1h]))", decimals=0),
        ),
        row(
            "Money",
            graph("Revenue, cost and margin per hour", f"What calls of the last hour were sold and bought for. {DECKS}",
                  [(REVENUE, "revenue {{currency}}"), (COST, "cost {{currency}}"), (f"{REVENUE} - {COST}", "margin {{currency}}")],
                  decimals=2, width=12, low=None),
            graph("Money each minute", f"As it comes in and goes out at this moment. {DECKS}",
                  [("sum by (currency) (rate(wholesale_revenue_microcurrency_total{S}[$__rate_interval])) * 60 / 1e6", "revenue {{currency}}"),
                   ("sum by (currency) (rate(wholesale_cost_microcurrency_total{S}[$__rate_interval])) * 60 / 1e6", "cost {{currency}}")],
                  decimals=2, width=12),
            graph("Margin over time", "Share of an hour's revenue that is left. Empty without revenue.",
                  [(f"1 - ({COST}) / ({REVENUE} > 0)", "{{currency}}")], unit="percentunit", top=1, low=None),
            graph("Profit since the servers began", f"Of calls that were sold and bought in one currency; it falls with a call that lost, and begins at 0 with each process. {DECKS}",
                  [("sum by (currency) (wholesale_profit_microcurrency_total{S}) / 1e6", "{{currency}}")], decimals=2, low=None),
            graph("Price of an answered minute", "Revenue and cost of all calls of the last hour by their talk time, per minute. Empty without revenue.",
                  [("sum by (currency) (increase(wholesale_revenue_microcurrency_total{S}[1h])) / 1e6 / on () group_left () "
                    "(sum(increase(telecom_call_talk_milliseconds_total{S}[1h])) / 60000 > 0)", "revenue {{currency}}"),
                   ("sum by (currency) (increase(wholesale_cost_microcurrency_total{S}[1h])) / 1e6 / on () group_left () "
                    "(sum(increase(telecom_call_talk_milliseconds_total{S}[1h])) / 60000 > 0)", "cost {{currency}}")], decimals=4),
        ),
        row(
            "What is missing",
            graph("Sides without a charge by reason", "Each minute; what is 0 is left out. Empty while all is rated.",
                  [("sum by (side, reason) (rate(telecom_calls_unrated_total{S}[$__rate_interval])) * 60 > 0", "{{side}} {{reason}}")], unit="cpm"),
            graph("Sold and bought in two currencies", "Calls each minute.",
                  [("sum(rate(telecom_calls_currency_mismatch_total{S}[$__rate_interval])) * 60", "calls")], unit="cpm"),
            graph("Calls on trunks", "That ended, each second, by direction: those that money comes from.",
                  [("sum by (direction) (rate(telecom_call_seizures_total{S}[$__rate_interval]))", "{{direction}}")], unit="cps"),
        ),
    ],
)
