"""Writes a chart's README.md: the text of README.tmpl with the table of values in values.yaml.

The table has a row for each value with a `# -- ` comment; a value without one is an error, so that
none stays undocumented. Reads the plain style that these files keep to (nested maps, each default
on its key's line), so that no YAML library is needed.
"""

import re
import sys
from pathlib import Path

ENTRY = re.compile(r"^( *)([A-Za-z]\w*):(?: (.*))?$")


def fail(path, number, reason):
    sys.exit(f"{path}:{number}: {reason}")


def rows(path):
    lines = path.read_text().splitlines()
    parents, comment = [], []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if not text:
            comment = []
            continue
        if text.startswith("#"):
            if text.startswith("# -- "):
                comment = [text[5:]]
            elif comment:
                comment.append(text[1:].strip())
            continue
        entry = ENTRY.match(line)
        if not entry:
            fail(path, number, "not a `key: value` line")
        parents = [(depth, key) for depth, key in parents if depth < indent]
        name = ".".join([key for _, key in parents] + [entry[2]])
        if comment and entry[3]:
            yield name, entry[3], " ".join(comment)
        elif comment:
            fail(path, number, f"`{name}` needs its default on the same line")
        elif entry[3]:
            fail(path, number, f"`{name}` has no `# -- ` comment")
        else:
            parents.append((indent, entry[2]))
        comment = []


def main(chart):
    table = ["| value | default | meaning |", "|---|---|---|"]
    for name, value, meaning in rows(chart / "values.yaml"):
        table.append(f"| `{name}` | `{value}` | {meaning.replace('|', chr(92) + '|')} |")
    template = (chart / "README.tmpl").read_text()
    if "@VALUES@" not in template:
        sys.exit(f"{chart / 'README.tmpl'}: no @VALUES@ line")
    (chart / "README.md").write_text(template.replace("@VALUES@", "\n".join(table)))


main(Path(sys.argv[1]))
