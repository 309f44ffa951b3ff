"""Checks what Grafana's types do not say of the chart's dashboards: that they are one family, that no panel lies on
another, that each query asks the chosen data source for the chosen cluster, for series that are documented.

    dashboards.py TELEMETRY_PAGE RULES_FOLDER DASHBOARD...
"""

import json
import pathlib
import re
import sys

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Series that others make: Prometheus itself, and the kubelet.
FOREIGN = {"up", "ALERTS", "kubelet_volume_stats_available_bytes"}
# Of a histogram there are these.
PARTS = ("_bucket", "_sum", "_count")
WORDS = {"by", "on", "without", "ignoring", "group_left", "group_right", "bool", "and", "or", "unless", "offset", "inf", "nan"}
# `kubectl apply` writes the whole ConfigMap into an annotation, and all of those may have 256 KiB.
MOST_BYTES = 230_000


def documented(page):
    """Names of the first column of the page's tables; `process_*` stands for all of them."""
    names = set()
    for line in page.splitlines():
        if line.startswith("| `"):
            names.update(re.findall(r"`([a-zA-Z0-9_:*]+)`", line.split(" | ")[0]))
    return names


def metrics(expr):
    """Names of series in an expression: what is no function, no word of PromQL, no label and no text."""
    expr = re.sub(r'"[^"]*"', "", expr)
    expr = re.sub(r"\{[^}]*\}", "", expr)
    expr = re.sub(r"\[[^\]]*\]", "", expr)
    expr = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", "", expr)
    found = re.findall(r"(?<![\w.$])([a-zA-Z_:][\w:]*)(\s*\()?", expr)
    return {name for name, call in found if not call and name not in WORDS}


def is_known(name, known):
    names = {name, *(name.removesuffix(part) for part in PARTS)}
    families = [one[:-1] for one in known if one.endswith("*")]
    return bool(names & known) or any(name.startswith(family) for family in families)


def overlaps(panels):
    taken = {}
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            yield f"{panel['title']} is wider than the page"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                if other != panel["title"]:
                    yield f"{panel['title']} lies on {other}"
                    return


def variables(board):
    """How a query may name the cluster: all of one of these sets."""
    names = {one["name"] for one in board["templating"]["list"]}
    ways = [{"namespace", "name"}]
    if "operator" in names:
        ways.append({"operator"})
    return names, ways


def query(panel, target, board, known):
    where, expr = f"{panel['title']} {target['refId']}", target["expr"]
    names, ways = variables(board)
    if target.get("datasource") != SOURCE:
        yield f"{where} does not ask the chosen data source"
    used = set(re.findall(r"\$(?!__)(\w+)", expr))
    if not any(way <= used for way in ways):
        yield f"{where} does not ask for the chosen cluster: {expr}"
    for name in sorted(used - names):
        yield f"{where} uses ${name}, which the dashboard does not have"
    for selector in re.findall(r"\{[^}]*\}", expr):
        if "$" not in selector:
            yield f"{where} selects {selector} of every cluster"
    for name in sorted(metrics(expr)):
        if not is_known(name, known):
            yield f"{where} uses {name}, which docs/telemetry.md does not have"
        if not re.search(rf"\b{re.escape(name)}\{{", expr):
            yield f"{where} uses {name} of every cluster"


def problems(board, known):
    panels = board["panels"]
    if board["tags"] != ["telecom"] or not board["description"] or not board["links"]:
        yield "has another tag than `telecom`, no description or no links"
    if [one["name"] for one in board["templating"]["list"]][0] != "datasource":
        yield "has no data source to choose"
    if sorted(one["id"] for one in panels) != list(range(1, len(panels) + 1)):
        yield "has ids of panels that are not 1, 2, 3, …"
    titles = [one["title"] for one in panels]
    yield from (f"has two panels `{title}`" for title in sorted({one for one in titles if titles.count(one) > 1}))
    yield from overlaps(panels)
    stats = [one["type"] == "stat" for one in panels if one["type"] != "row"]
    if not all(stats[:4]):
        yield "does not begin with whether it is well"
    for panel in (one for one in panels if one["type"] != "row"):
        if not panel.get("description") or not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{panel['title']} has no description or no unit"
        for target in panel["targets"]:
            yield from query(panel, target, board, known)


def main():
    page, rules, *paths = map(pathlib.Path, sys.argv[1:])
    known = documented(page.read_text(encoding="utf-8")) | FOREIGN
    for file in rules.glob("*.yaml"):
        known.update(re.findall(r"^\s*- record: (\S+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    boards = {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    found = [f"{path.name}: {problem}" for path, board in boards.items() for problem in problems(board, known)]
    for key in ("uid", "title"):
        values = [board[key] for board in boards.values()]
        found += [f"two dashboards have the {key} {value}" for value in sorted({one for one in values if values.count(one) > 1})]
    size = sum(path.stat().st_size for path in paths)
    if size > MOST_BYTES:
        found.append(f"the dashboards have {size} bytes, more than the {MOST_BYTES} that a ConfigMap should hold")
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
