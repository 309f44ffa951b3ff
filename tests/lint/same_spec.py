"""Fails when the two files' objects differ in anything but labels and annotations."""

import sys

import yaml


def read(path):
    with open(path) as file:
        (document,) = [document for document in yaml.safe_load_all(file) if document]
    metadata = document["metadata"]
    return document | {"metadata": {k: v for k, v in metadata.items() if k not in ("labels", "annotations")}}


left, right = map(read, sys.argv[1:])
if left != right:
    sys.exit(f"{sys.argv[1]} and {sys.argv[2]} hold different objects")
