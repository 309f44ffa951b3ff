"""Runs every expression of the chart's dashboards on a Prometheus, as Grafana would, and tells what has no data.

    query.py --prometheus URL --namespace N --name M [--operator N] [--minutes 30] [--require-data LIST|none]
             [--save FILE] DASHBOARD...
"""

import argparse
import json
import os
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

POINTS = 240
# How often a Prometheus is taken to scrape, unless it is told: Grafana's own default is 15 s.
SCRAPE = 15


class Prometheus:
    def __init__(self, url, token):
        self.url, self.token = url.rstrip("/"), token

    def ask(self, path, **parameters):
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", urllib.parse.urlencode(parameters).encode())
        if self.token:
            request.add_header("authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as refusal:
            body = refusal.read().decode(errors="replace")
            try:
                raise ValueError(json.loads(body)["error"]) from None
            except (KeyError, json.JSONDecodeError):
                raise ValueError(f"{refusal.code} {body[:200]}") from None


def substituted(expr, values, step, span):
    """With the variables of the dashboard and those that Grafana sets itself."""
    own = {"__rate_interval": f"{max(4 * SCRAPE, step + SCRAPE)}s", "__interval": f"{step}s", "__range": f"{span}s"}
    return re.sub(r"\$(\w+)", lambda found: {**values, **own}[found[1]], expr)


def result(prometheus, target, values, start, end, step):
    expr = substituted(target["expr"], values, step, end - start)
    if target.get("instant"):
        series = prometheus.ask("query", query=expr, time=end)
        return expr, [{"metric": one["metric"], "values": [one["value"]]} for one in series]
    return expr, prometheus.ask("query_range", query=expr, start=start, end=end, step=step)


def has_data(series):
    return any(value[1] != "NaN" for one in series for value in one["values"])


def run(options, prometheus):
    """Each dashboard with what its queries came to; expressions that failed; panels without data."""
    end = int(time.time())
    span = options.minutes * 60
    step = max(span // POINTS, 1)
    answers, failed, empty, expressions, panels = [], [], [], 0, 0
    for path in options.dashboards:
        board = json.loads(path.read_text(encoding="utf-8"))
        # The operator's dashboard shows all clusters until one is chosen; here one is.
        values = {"namespace": options.namespace, "name": options.name, "operator": options.operator}
        for panel in (one for one in board["panels"] if one["type"] != "row"):
            panels += 1
            panel["results"] = []
            for target in panel["targets"]:
                expressions += 1
                try:
                    expr, series = result(prometheus, target, values, end - span, end, step)
                except (ValueError, OSError, KeyError) as problem:
                    failed.append(f"{board['uid']} / {panel['title']}: {problem}: {target['expr']}")
                    continue
                panel["results"].append({"refId": target["refId"], "expr": expr, "series": series})
            if not any(has_data(one["series"]) for one in panel["results"]):
                empty.append((path.stem, panel))
        answers.append(board)
    period = {"start": end - span, "end": end, "step": step, **vars(options)}
    return {"period": period, "boards": answers}, failed, empty, expressions, panels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--operator", default="telecom-system")
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--require-data", default="none")
    parser.add_argument("--save", type=pathlib.Path)
    parser.add_argument("dashboards", nargs="+", type=pathlib.Path)
    options = parser.parse_args()

    names = [path.stem for path in options.dashboards]
    required = {"none": [], "all": names}.get(options.require_data, options.require_data.split(","))
    unknown = sorted(set(required) - set(names))
    if unknown:
        sys.exit(f"--require-data: there is no dashboard {', '.join(unknown)}; there are {', '.join(names)}, and the words all, none")

    prometheus = Prometheus(options.prometheus, os.environ.get("PROMETHEUS_TOKEN"))
    answers, failed, empty, expressions, panels = run(options, prometheus)
    for problem in failed:
        print(f"failed: {problem}")
    missing = 0
    for name, panel in empty:
        excuse = re.search(r"\bEmpty [^.]*\.", panel["description"])
        bad = not excuse and name in required
        missing += bad
        reason = excuse[0] if excuse else "its description does not say that it may be"
        print(f"{'no data, but it should have' if bad else 'no data'}: {name} / {panel['title']} ({reason})")
    print(f"{expressions} expressions of {panels} panels run, {len(failed)} failed; {len(empty)} panels without data, {missing} of them wrongly")
    if options.save:
        options.save.write_text(json.dumps(answers, default=str), encoding="utf-8")
    sys.exit(1 if failed or missing else 0)


main()
