"""Writes the JSON schemas by which kubeconform checks manifests, so that it needs no network.

    schemas.py OUT SWAGGER CRD...

SWAGGER is Kubernetes' own api/openapi-spec/swagger.json, each CRD a CustomResourceDefinition file.
Objects are closed: a misspelt field is an error, as under `kubectl apply --validate=strict`.
"""

import json
import sys
from pathlib import Path

import yaml

# Types whose JSON is not what the OpenAPI document says of them.
STRING_OR_NUMBER = {"oneOf": [{"type": "string"}, {"type": "number"}]}
OVERRIDES = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": STRING_OR_NUMBER,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": STRING_OR_NUMBER,
}
# Kubernetes writes a plain `=` in enums; YAML 1.1's rare "value" type, which PyYAML cannot construct.
yaml.SafeLoader.yaml_implicit_resolvers.pop("=")
KEPT = {
    "type", "required", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength",
    "minItems", "maxItems", "minProperties", "maxProperties", "$ref",
}


def closed(schema):
    """The same schema with only JSON Schema's own words and no room for unknown fields."""
    if schema.get("x-kubernetes-int-or-string"):
        return STRING_OR_NUMBER
    out = {word: value for word, value in schema.items() if word in KEPT}
    if schema.get("nullable") and "type" in out:
        out["type"] = [out["type"], "null"]
    if "properties" in schema:
        out["properties"] = {name: closed(value) for name, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            out["additionalProperties"] = False
    if isinstance(schema.get("additionalProperties"), dict):
        out["additionalProperties"] = closed(schema["additionalProperties"])
    if "items" in schema:
        out["items"] = closed(schema["items"])
    for word in ("allOf", "anyOf", "oneOf"):
        if word in schema:
            out[word] = [closed(value) for value in schema[word]]
    return out


def used(schema, definitions, seen):
    """Adds to `seen` the name of every definition that `schema` needs."""
    if isinstance(schema, dict):
        target = schema.get("$ref")
        # A dict is a property's own name where a definition has a property called `$ref`.
        if isinstance(target, str):
            name = target.removeprefix("#/definitions/")
            if name not in seen:
                seen.add(name)
                used(definitions[name], definitions, seen)
        for value in schema.values():
            used(value, definitions, seen)
    elif isinstance(schema, list):
        for value in schema:
            used(value, definitions, seen)


def write(out, group, version, kind, schema):
    parts = [kind, group.split(".")[0], version] if group else [kind, version]
    (out / ("-".join(parts).lower() + ".json")).write_text(json.dumps(schema))


def kubernetes(out, swagger):
    raw = json.loads(swagger.read_text())["definitions"]
    definitions = {name: OVERRIDES.get(name) or closed(schema) for name, schema in raw.items()}
    for name, schema in raw.items():
        for gvk in schema.get("x-kubernetes-group-version-kind", []):
            needed = set()
            used(definitions[name], definitions, needed)
            root = definitions[name] | {"definitions": {n: definitions[n] for n in sorted(needed)}}
            write(out, gvk["group"], gvk["version"], gvk["kind"], root)


def custom(out, path):
    spec = yaml.safe_load(path.read_text())["spec"]
    for version in spec["versions"]:
        schema = closed(version["schema"]["openAPIV3Schema"])
        # The definition leaves these three to the apiserver.
        for name, kind in (("apiVersion", "string"), ("kind", "string"), ("metadata", "object")):
            schema["properties"][name] = {"type": kind}
        write(out, spec["group"], version["name"], spec["names"]["kind"], schema)


def main():
    out, swagger, *crds = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    kubernetes(out, swagger)
    for path in crds:
        custom(out, path)


main()
