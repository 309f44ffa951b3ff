"""Draws a picture of each dashboard from what tests/dashboards/query.py saved, in the manner of Grafana's dark theme.

    draw.py ANSWERS FOLDER

Nothing is shown that was not queried; where there is no data, that is what the picture says.
"""

import datetime
import json
import math
import pathlib
import re
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image
from units import said

# One column and one row of the grid, and what is left free between panels, in pixels.
COLUMN, ROW, GAP = 58, 29, 6
DPI = 100
HEAD = 46
PAGE, CARD, INK, FAINT, LINE = "#111217", "#181b1f", "#ccccdc", "#8e8e9c", "#2c3036"
NAMED = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2"}
LINES = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#fade2a", "#96d98d", "#ff7383", "#c0d8ff", "#dec2f5"]
MOST_LEGENDS = 9


class Page:
    def __init__(self, board, period):
        self.period = period
        self.rows = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in board["panels"])
        self.width, self.height = 24 * COLUMN + GAP, self.rows * ROW + HEAD + GAP
        self.figure = plt.figure(figsize=(self.width / DPI, self.height / DPI), dpi=DPI, facecolor=PAGE)
        start, end = (datetime.datetime.fromtimestamp(period[key], datetime.timezone.utc) for key in ("start", "end"))
        self.text(GAP * 2, HEAD / 2, board["title"], size=15, weight="bold")
        chosen = f"namespace {period['namespace']}   TelecomCluster {period['name']}"
        self.text(self.width - GAP * 2, HEAD / 2, f"{chosen}   {start:%Y-%m-%d %H:%M} to {end:%H:%M} UTC", size=9, color=FAINT, ha="right")

    def text(self, x, y, text, size=9, color=INK, **more):
        self.figure.text(x / self.width, 1 - y / self.height, text, fontsize=size, color=color, va=more.pop("va", "center"), **more)

    def box(self, panel):
        """Where a panel lies, in pixels from the upper left: x, y, width, height."""
        place = panel["gridPos"]
        return place["x"] * COLUMN + GAP, HEAD + place["y"] * ROW, place["w"] * COLUMN - GAP, place["h"] * ROW - GAP

    def axes(self, x, y, width, height, color):
        frame = [x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height]
        axes = self.figure.add_axes(frame, facecolor=color)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
        return axes


def shortened(text, width, size):
    """As much of the text as fits into so many pixels."""
    room = max(int(width / (size * 0.82)), 3)
    return text if len(text) <= room else text[: room - 1] + "…"


def lines(panel):
    """Name and points of each series, in the order of the targets."""
    found = []
    for target, answer in zip(panel["targets"], panel["results"]):
        for one in answer["series"]:
            name = re.sub(r"\{\{(\w+)\}\}", lambda label: one["metric"].get(label[1], ""), target["legendFormat"])
            points = [(float(time), float(value)) for time, value in one["values"]]
            found.append((name or "value", points, one["metric"]))
    return found


def last(points):
    """The last number, as `lastNotNull` takes it."""
    numbers = [value for _, value in points if not math.isnan(value)]
    return numbers[-1] if numbers else None


def color_of(value, defaults):
    color = INK
    for step in defaults.get("thresholds", {}).get("steps", []):
        if step["value"] is None or (value is not None and value >= step["value"]):
            color = NAMED.get(step["color"], step["color"])
    return color


def mapped(value, defaults):
    """What is said instead of a number, and its colour."""
    for mapping in defaults.get("mappings", []):
        found = mapping["options"].get(f"{value:g}" if value is not None else "null")
        if found:
            return found["text"], NAMED[found["color"]]
    return said(value, defaults["unit"], defaults.get("decimals")), color_of(value, defaults)


def nothing(page, panel):
    x, y, width, height = page.box(panel)
    page.text(x + width / 2, y + height / 2 + 8, "No data", size=10, color=FAINT, ha="center")


def stat(page, panel):
    x, y, width, height = page.box(panel)
    defaults, options = panel["fieldConfig"]["defaults"], panel["options"]
    values = [(name, last(points), points) for name, points, _ in lines(panel)]
    values = [one for one in values if one[1] is not None]
    if not values:
        return nothing(page, panel)
    filled = options["colorMode"] == "background"
    part = (width - 2) / len(values)
    for place, (name, value, points) in enumerate(values):
        text, color = mapped(value, defaults)
        left = x + 1 + place * part
        axes = page.axes(left + 2, y + 27, part - 4, height - 31, color if filled else CARD)
        points = [one for one in points if math.isfinite(one[1])]
        if options["graphMode"] == "area" and len(points) > 1:
            xs, ys = zip(*points)
            bottom = min(ys) - (max(ys) - min(ys)) * 1.6 - 1e-9
            axes.fill_between(xs, ys, bottom, color="white" if filled else color, alpha=0.18, linewidth=0)
            axes.set_xlim(xs[0], xs[-1])
            axes.set_ylim(bottom, max(ys) + (max(ys) - min(ys)) * 0.6 + 1e-9)
        size = min(20, part / max(len(text), 4) * 1.05)
        middle = y + 27 + (height - 31) / 2
        named = options["textMode"] == "value_and_name"
        page.text(left + part / 2, middle - (8 if named else 0), text, size=size, color="white" if filled else color, weight="bold", ha="center")
        if named:
            page.text(left + part / 2, middle + 17, shortened(name, part, 8), size=8, color="white" if filled else INK, ha="center")
    return None


def timeseries(page, panel):
    x, y, width, height = page.box(panel)
    defaults = panel["fieldConfig"]["defaults"]
    found = [one for one in lines(panel) if last(one[1]) is not None]
    if not found:
        return nothing(page, panel)
    legend_rows = legend(page, panel, found)
    axes = page.axes(x + 70, y + 30, width - 88, height - 56 - 15 * legend_rows, CARD)
    axes.grid(color=LINE, linewidth=0.6)
    patterns = [one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]]
    stacked = "stacking" in defaults["custom"]
    below = {}
    for place, (name, points, _) in enumerate(found):
        color = LINES[place % len(LINES)]
        points = with_gaps(points, page.period["step"])
        times = [datetime.datetime.fromtimestamp(time, datetime.timezone.utc) for time, _ in points]
        values = [value for _, value in points]
        base = [below.get(time, 0.0) for time, _ in points] if stacked else [0.0] * len(points)
        tops = [low + value for low, value in zip(base, values)]
        if stacked:
            below.update((time, top) for (time, _), top in zip(points, tops) if not math.isnan(top))
        dashed = any(re.search(pattern, name) for pattern in patterns)
        axes.plot(times, tops, color=color, linewidth=1.2, linestyle=(0, (5, 4)) if dashed else "solid", solid_capstyle="round")
        if not dashed:
            axes.fill_between(times, base, tops, color=color, alpha=0.28 if stacked else 0.09, linewidth=0)
    scales(page, axes, defaults)
    return None


def with_gaps(points, step):
    """Where samples are missing a line is broken."""
    whole = []
    for time, value in points:
        if whole and time - whole[-1][0] > 1.5 * step:
            whole.append((whole[-1][0] + step, math.nan))
        whole.append((time, value))
    return whole


def scales(page, axes, defaults):
    start, end = (datetime.datetime.fromtimestamp(page.period[key], datetime.timezone.utc) for key in ("start", "end"))
    axes.set_xlim(start, end)
    low, high = axes.get_ylim()
    if "min" in defaults:
        low = defaults["min"]
    if "max" in defaults:
        high = defaults["max"]
    elif axes.dataLim.y1 <= low:
        high = low + 1
    axes.set_ylim(low, high)
    axes.xaxis.set_major_locator(matplotlib.dates.AutoDateLocator(minticks=3, maxticks=6))
    axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M"))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: said(value, defaults["unit"])))
    axes.tick_params(colors=FAINT, labelsize=7.5, length=0, pad=3)


def legend(page, panel, found):
    """The names under a graph; how many lines they take."""
    x, y, width, height = page.box(panel)
    rows, left = [[]], 0
    shown = found[:MOST_LEGENDS]
    for place, (name, _, _) in enumerate(shown):
        name = shortened(name, width * 0.6, 7.5)
        room = 22 + len(name) * 6
        if rows[-1] and left + room > width - 16:
            rows.append([])
            left = 0
        rows[-1].append((left, name, LINES[place % len(LINES)]))
        left += room
    if len(found) > len(shown):
        left = 0 if left + 80 > width - 16 else left
        if left == 0:
            rows.append([])
        rows[-1].append((left, f"… {len(found) - len(shown)} more", FAINT))
    for number, row in enumerate(rows):
        line = y + height - 11 - 15 * (len(rows) - 1 - number)
        for left, name, color in row:
            page.text(x + 10 + left, line, "—", size=9, color=color, weight="bold")
            page.text(x + 24 + left, line, name, size=7.5)
    return len(rows)


def bargauge(page, panel):
    x, y, width, height = page.box(panel)
    defaults = panel["fieldConfig"]["defaults"]
    values = [(name, last(points)) for name, points, _ in lines(panel)]
    values = sorted((one for one in values if one[1] is not None), key=lambda one: one[0])
    if not values:
        return nothing(page, panel)
    most = defaults.get("max") or max(value for _, value in values) or 1
    part = min((height - 40) / len(values), 40)
    label = min(max(len(name) for name, _ in values) * 6.4 + 18, width * 0.45)
    for place, (name, value) in enumerate(values):
        top, long = y + 32 + place * part, width - label - 84
        page.text(x + 10, top + part / 2 - 2, shortened(name, label, 7.5), size=8)
        page.axes(x + label, top, long, part - 6, "#22252b")
        text, color = mapped(value, defaults)
        page.axes(x + label, top, max(long * min(value / most, 1), 1), part - 6, color)
        page.text(x + width - 10, top + part / 2 - 2, text, size=9, color=color, ha="right")
    return None


def table(page, panel):
    x, y, width, height = page.box(panel)
    organize = panel["transformations"][0]["options"]
    columns = [label for label in organize["renameByName"] if not organize["excludeByName"].get(label)]
    found = sorted((metric, last(points)) for _, points, metric in lines(panel) for metric in [tuple(metric.items())])
    if not found:
        return nothing(page, panel)
    step = (width - 20) / len(columns)
    room = int((height - 56) / 18)
    for place, label in enumerate(columns):
        page.text(x + 10 + place * step, y + 36, organize["renameByName"][label], size=8, color="#6e9fff", weight="bold")
    for number, (metric, value) in enumerate(found[:room]):
        for place, label in enumerate(columns):
            text = said(value, panel["fieldConfig"]["defaults"]["unit"]) if label == "Value" else dict(metric).get(label, "")
            page.text(x + 10 + place * step, y + 54 + number * 18, shortened(text, step, 8), size=8)
    if len(found) > room:
        page.text(x + width - 10, y + 36, f"{room} of {len(found)}", size=8, color=FAINT, ha="right")
    return None


KINDS = {"stat": stat, "timeseries": timeseries, "bargauge": bargauge, "table": table}


def draw(board, period, folder):
    page = Page(board, period)
    for panel in board["panels"]:
        x, y, width, height = page.box(panel)
        if panel["type"] == "row":
            page.text(x + 4, y + height / 2 + 2, panel["title"], size=10.5, weight="bold")
            continue
        page.axes(x, y, width, height, CARD)
        page.text(x + 10, y + 14, shortened(panel["title"], width - 12, 8.5), size=8.5, weight="medium")
        KINDS[panel["type"]](page, panel)
    name = board["uid"].removeprefix("telecom-")
    path = folder / f"{name}.png"
    page.figure.savefig(path, dpi=DPI, facecolor=PAGE)
    plt.close(page.figure)
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1024} KiB")


def main():
    answers = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    for board in answers["boards"]:
        draw(board, answers["period"], pathlib.Path(sys.argv[2]))


main()
