"""Writes the expressions of dashboards as a file of rules, so that promtool can tell whether they are PromQL.

    dashboard_rules.py DASHBOARD...
"""

import json
import sys


def expressions(panels):
    for panel in panels:
        yield from expressions(panel.get("panels", []))
        for target in panel.get("targets", []):
            yield target["expr"]


def main():
    rules = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            dashboard = json.load(file)
        for number, expr in enumerate(expressions(dashboard["panels"])):
            expr = expr.replace("$__rate_interval", "5m").replace("$__range", "1h")
            rules.append({"record": f"expression:{number}", "expr": expr, "labels": {"dashboard": path}})
    # JSON is YAML.
    print(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}))


main()
