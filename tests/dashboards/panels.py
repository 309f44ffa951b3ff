"""What the chart's dashboards are put together from: panels, rows of panels, a dashboard with its variables and links.

In expressions `{S}`, or `{S, more="…"}`, stands for the labels of a server's series, `{O}` for those of the operator's series that know
their TelecomCluster, `{P}` for those of the operator's own process.
"""

import re

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SERVER = 'namespace="$namespace", telecom_dev_cluster="$name"'
CLUSTER = 'namespace="$namespace", name="$name"'
ANY_CLUSTER = 'namespace=~"$namespace", name=~"$name"'
PROCESS = 'namespace="$operator"'
PLACEHOLDER = re.compile(r"\{([SOP])([,}])")
WIDTH = 24
HEIGHTS = {"stat": 4, "row": 1}
GREEN, ORANGE, RED = "green", "orange", "red"


def at_least(bad, warn=None):
    """Thresholds of a value that is bad when it is high."""
    steps = [{"value": None, "color": GREEN}]
    if warn is not None:
        steps.append({"value": warn, "color": ORANGE})
    return [*steps, {"value": bad, "color": RED}]


def at_most(good, warn=None):
    """Thresholds of a value that is bad when it is low."""
    steps = [{"value": None, "color": RED}]
    if warn is not None:
        steps.append({"value": warn, "color": ORANGE})
    return [*steps, {"value": good, "color": GREEN}]


PLAIN = [{"value": None, "color": "blue"}]


def target(expr, legend, number, **more):
    return {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": expr, "legendFormat": legend, **more}


def panel(kind, title, description, queries, defaults, options, width, height=None, instant=False, overrides=()):
    """Queries are pairs of expression and legend, or one expression."""
    if isinstance(queries, str):
        queries = [(queries, "")]
    how = {"instant": True, "range": False} if instant else {}
    if kind == "table":
        how["format"] = "table"
    return {
        "id": 0, "type": kind, "title": title, "description": description, "datasource": SOURCE,
        "gridPos": {"x": 0, "y": 0, "w": width, "h": height or HEIGHTS.get(kind, 8)},
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
        "targets": [target(expr, legend, number, **how) for number, (expr, legend) in enumerate(queries)],
    }


def stat(title, description, queries, unit="short", steps=None, width=4, decimals=None, names=None):
    """One number, or one for each legend. `names`: what to say instead of a number, with its colour."""
    defaults = {"unit": unit, "color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": steps or PLAIN}}
    if decimals is not None:
        defaults["decimals"] = decimals
    if names:
        results = {str(value): {"text": text, "color": color, "index": place} for place, (value, text, color) in enumerate(names)}
        defaults["mappings"] = [{"type": "value", "options": results}]
    many = not isinstance(queries, str)
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background" if steps else "value", "graphMode": "none" if many else "area", "justifyMode": "center",
        "orientation": "auto", "textMode": "value_and_name" if many else "value", "wideLayout": True,
        "showPercentChange": False, "percentChangeColorMode": "standard",
    }
    return panel("stat", title, description, queries, defaults, options, width)


def graph(title, description, queries, unit="short", width=8, top=None, stack=False, lines=None, decimals=None, dashed=None, low=0):
    """Lines over time. `lines`: thresholds to draw; `dashed`: a pattern of the legends that are what should be."""
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 25 if stack else 8, "showPoints": "never", "spanNulls": False}
    if stack:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    defaults = {"unit": unit, "custom": custom}
    if low is not None:
        defaults["min"] = low
    if top is not None:
        defaults["max"] = top
    if decimals is not None:
        defaults["decimals"] = decimals
    if lines:
        custom["thresholdsStyle"] = {"mode": "dashed"}
        defaults["thresholds"] = {"mode": "absolute", "steps": lines}
    overrides = []
    if dashed:
        dash = {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [6, 6]}}
        overrides = [{"matcher": {"id": "byRegexp", "options": dashed}, "properties": [dash, {"id": "custom.fillOpacity", "value": 0}]}]
    options = {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, queries, defaults, options, width, overrides=overrides)


def bars(title, description, expr, legend, unit="short", width=8, steps=None, top=None):
    """A bar for each series, as it is now."""
    defaults = {"unit": unit, "min": 0, "color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": steps or PLAIN}}
    if top is not None:
        defaults["max"] = top
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "orientation": "horizontal",
        "displayMode": "basic", "valueMode": "color", "showUnfilled": True, "namePlacement": "left", "sizing": "auto",
        "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
    }
    return panel("bargauge", title, description, [(expr, legend)], defaults, options, width, instant=True)


def table(title, description, expr, columns, unit="short", width=8, value="value"):
    """The labels of each series, named by `columns`, and its value, unless that has no name."""
    shown = {**columns, **({"Value": value} if value else {})}
    hidden = {"Time": True, **({} if value else {"Value": True})}
    order = {label: place for place, label in enumerate(shown)}
    built = panel(
        "table", title, description, expr, {"unit": unit}, {"showHeader": True, "cellHeight": "sm", "frameIndex": 0}, width, instant=True,
    )
    organize = {"excludeByName": hidden, "indexByName": order, "renameByName": shown}
    built["transformations"] = [{"id": "organize", "options": organize}]
    return built


def quantiles(metric, labels, extra="", shares=(0.5, 0.95, 0.99)):
    """Lines of a histogram's quantiles."""
    rate = f"sum by (le) (rate({metric}_bucket{{{labels}{extra}}}[$__rate_interval]))"
    return [(f"histogram_quantile({share}, {rate})", f"{share * 100:g} %") for share in shares]


def row(title, *panels):
    heading = {"id": 0, "type": "row", "title": title, "collapsed": False, "gridPos": {"x": 0, "y": 0, "w": WIDTH, "h": 1}, "panels": []}
    return [heading, *panels]


def laid_out(rows):
    """Panels from left to right, and below when a line is full; ids in that order."""
    x = y = tallest = 0
    panels = []
    for one in [one for group in rows for one in group]:
        place = one["gridPos"]
        if x + place["w"] > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        place["x"], place["y"] = x, y
        x, tallest = x + place["w"], max(tallest, place["h"])
        panels.append({**one, "id": len(panels) + 1})
    return panels


def variable(name, label, query, everything=False):
    built = {
        "name": name, "label": label, "type": "query", "datasource": SOURCE, "query": {"query": query, "refId": name},
        "refresh": 2, "sort": 1, "includeAll": everything, "multi": False,
    }
    if everything:
        built["allValue"] = ".*"
        built["current"] = {"text": "All", "value": "$__all"}
    return built


# Of a server: where there is one, its version is told.
VARIABLES = [
    variable("namespace", "Namespace", "label_values(telecom_build_info, namespace)"),
    variable("name", "TelecomCluster", 'label_values(telecom_build_info{namespace="$namespace"}, telecom_dev_cluster)'),
]
OPERATORS_VARIABLES = [
    variable("operator", "Operator's namespace", "label_values(telecom_operator_leader, namespace)"),
    variable("namespace", "Namespace", "label_values(telecom_operator_condition, namespace)", everything=True),
    variable("name", "TelecomCluster", 'label_values(telecom_operator_condition{namespace=~"$namespace"}, name)', everything=True),
]


def dashboard(uid, title, description, rows, variables=VARIABLES, cluster=CLUSTER):
    panels, labels = laid_out(rows), {"S": SERVER, "O": cluster, "P": PROCESS}
    for one in panels:
        for query in one.get("targets", []):
            query["expr"] = PLACEHOLDER.sub(lambda found: "{" + labels[found[1]] + found[2], query["expr"])
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1}
    return {
        "uid": uid, "title": f"Telecom / {title}", "description": description, "tags": ["telecom"], "editable": True,
        "graphTooltip": 1, "schemaVersion": 39, "version": 1, "time": {"from": "now-6h", "to": "now"}, "refresh": "30s",
        "timezone": "browser",
        "links": [{"title": "Telecom", "type": "dashboards", "icon": "external link", "tags": ["telecom"], "url": "", "tooltip": "",
                   "asDropdown": True, "targetBlank": False, "includeVars": True, "keepTime": True}],
        "templating": {"list": [source, *variables]}, "annotations": {"list": []}, "panels": panels,
    }
