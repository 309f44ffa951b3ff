"""Compares alerts, their tests and their runbooks, and complains of each that lacks another.

    alerts.py RULES_FOLDER TESTS_FOLDER RUNBOOKS_FOLDER TABLE

An alert has a severity, a summary, a description, and a runbook_url that points at its own page. A test of the file of
the same name sees it fire, with each of its severities, and later, in the same test, sees it cleared. Each page
but README.md, the index, and drills.md belongs to an alert. The index and TABLE have a row for each alert with its
severities.
"""

import re
import sys
from pathlib import Path

import yaml

# The mildest first.
SEVERITIES = ("info", "warning", "critical")
# Pages of the runbooks that are of no alert: the index, and what was tried.
NO_ALERT = {"README", "drills"}
# The chart puts the address of the runbooks in its place.
PLACEHOLDER = "RUNBOOKS"
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}

complaints = []


def complain(what):
    complaints.append(what)


def seconds(duration):
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([dhms])", duration))


def alerts(path):
    """The rules of a file that are alerts."""
    for group in yaml.safe_load(path.read_text())["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)


def check_alert(path, rule):
    name, where = rule["alert"], f"{path}: {rule['alert']}"
    if not re.fullmatch(r"Telecom[A-Za-z]+", name):
        complain(f"{where} is not called Telecom…")
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        complain(f"{where} has no severity of {', '.join(SEVERITIES)}")
    annotations = rule.get("annotations", {})
    for field in ("summary", "description", "runbook_url"):
        if not annotations.get(field):
            complain(f"{where} has no {field}")
    if annotations.get("runbook_url") != f"{PLACEHOLDER}/{name}.md":
        complain(f"{where}: its runbook_url is not {PLACEHOLDER}/{name}.md")


def check_tests(path, rules):
    """Each alert fires with each of its severities, and in the same test, later, does not."""
    if not path.exists():
        complain(f"{path} does not exist")
        return
    fired, cleared = {}, set()
    for test in yaml.safe_load(path.read_text())["tests"]:
        first = {}
        for case in sorted(test.get("alert_rule_test", []), key=lambda case: seconds(case["eval_time"])):
            name, found = case["alertname"], case.get("exp_alerts") or []
            if found:
                first.setdefault(name, case["eval_time"])
            elif name in first:
                cleared.add(name)
            fired.setdefault(name, set()).update(alert["exp_labels"].get("severity") for alert in found)
    for rule in rules:
        name, severity = rule["alert"], rule.get("labels", {}).get("severity")
        if severity not in fired.get(name, ()):
            complain(f"{path}: no test sees {name} fire with severity {severity}")
        if name not in cleared:
            complain(f"{path}: no test sees {name} clear after it fired")


def check_pages(folder, names):
    pages = {page.stem for page in folder.glob("*.md")} - NO_ALERT
    for name in sorted(names - pages):
        complain(f"{folder}/{name}.md does not exist")
    for name in sorted(pages - names):
        complain(f"{folder}/{name}.md is of no alert")
    for page in sorted(pages & names):
        title = (folder / f"{page}.md").read_text().split("\n", 1)[0]
        if title != f"# {page}":
            complain(f"{folder}/{page}.md does not begin with its name")


def check_table(path, severities):
    """Rows of alerts begin with the name and the severities, the mildest first."""
    found = {}
    for name, words in re.findall(r"^\| (?:`|\[)(Telecom\w+)(?:`|\]\S+) \| ([^|]*) \|", path.read_text(), re.MULTILINE):
        found[name] = words
    for name in sorted(severities.keys() | found.keys()):
        words = ", ".join(severity for severity in SEVERITIES if severity in severities.get(name, ()))
        if found.get(name) != words:
            complain(f"{path}: {name} should be there as {words or 'nothing'}, not as {found.get(name, 'nothing')}")


def main():
    rules, tests, runbooks, table = map(Path, sys.argv[1:])
    severities = {}
    for path in sorted(rules.glob("*.yaml")):
        found = list(alerts(path))
        for rule in found:
            check_alert(path, rule)
            severities.setdefault(rule["alert"], set()).add(rule.get("labels", {}).get("severity"))
        check_tests(tests / path.name, found)
    check_pages(runbooks, severities.keys())
    check_table(runbooks / "README.md", severities)
    check_table(table, severities)
    print("\n".join(complaints) or f"{len(severities)} alerts, each with its tests and its runbook")
    sys.exit(bool(complaints))


main()
