"""Writes the chart's Grafana dashboards from tests/dashboards/boards.

    write.py FOLDER
"""

import importlib
import json
import pathlib
import sys

WIDTH = 118
BOARDS = ["overview", "calls", "wholesale", "call_centre", "nodes", "jobs", "operator"]


def written(value, indent=0):
    """JSON in which whatever fits into a line stands on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= WIDTH or not isinstance(value, (dict, list)) or not value:
        return flat
    inner, outer = " " * (indent + 1), " " * indent
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(key)}: {written(item, indent + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{outer}}}"
    return "[\n" + ",\n".join(inner + written(item, indent + 1) for item in value) + f"\n{outer}]"


def main():
    folder = pathlib.Path(sys.argv[1])
    for board in BOARDS:
        built = importlib.import_module(f"boards.{board}").BOARD
        name = board.replace("_", "-")
        (folder / f"{name}.json").write_text(written(built) + "\n", encoding="utf-8")


main()
