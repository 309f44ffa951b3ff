"""Numbers as Grafana's units say them, as far as the chart's dashboards use them."""

import math

RATES = {"reqps": " req/s", "cps": " c/s", "cpm": " c/min"}


def scaled(value, base, names, suffix=""):
    place = 0
    while abs(value) >= base and place + 1 < len(names):
        value, place = value / base, place + 1
    return f"{value:.3g}{' ' if names[place] + suffix else ''}{names[place]}{suffix}"


def seconds(value):
    size = abs(value)
    if size == 0:
        return "0 s"
    if size < 1e-3:
        return f"{value * 1e6:.3g} µs"
    if size < 1:
        return f"{value * 1e3:.3g} ms"
    for limit, divisor, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "hours"), (math.inf, 86400, "days")):
        if size < limit:
            return f"{value / divisor:.3g} {name}"
    return ""


def said(value, unit, decimals=None):
    """A value with its unit."""
    if value is None or math.isnan(value):
        return "No data"
    if unit == "s":
        return f"{value:.{decimals}f} s" if decimals is not None and 1 <= abs(value) < 60 else seconds(value)
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f} %"
    if unit == "percent":
        return f"{value:.{1 if decimals is None else decimals}f} %"
    if unit in ("bytes", "Bps"):
        base, names = (1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]) if unit == "bytes" else (1000, ["B", "kB", "MB", "GB", "TB", "PB"])
        return scaled(value, base, names, "/s" if unit == "Bps" else "")
    if decimals is not None and abs(value) < 10000:
        text = f"{value:.{decimals}f}"
    elif abs(value) >= 1000:
        text = scaled(value, 1000, ["", "K", "Mil", "Bil", "Tri"])
    else:
        text = f"{value:.3g}"
    return text + RATES.get(unit, "")
