"""Custom resources against the structural schema of their definition, stricter than the API server.

The server drops fields that a schema does not know; a typing error would be silent. Here they are errors. The rules written
in CEL (x-kubernetes-validations) are not run: test_rules.py holds those that matter.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

_OBJECT_META: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]([-a-z0-9]{0,45}[a-z0-9])?$"},
        "namespace": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def errors(resource: Mapping[str, Any], definition: Mapping[str, Any]) -> list[str]:
    """What is wrong with a resource, as `path: message`."""
    group, _, version = resource["apiVersion"].partition("/")
    spec = definition["spec"]
    served = [each for each in spec["versions"] if each["name"] == version and each["served"]]
    if group != spec["group"] or resource["kind"] != spec["names"]["kind"] or not served:
        return [f"apiVersion: {resource['apiVersion']} {resource['kind']} is not served"]
    schema = strict(served[0]["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = _OBJECT_META
    found = jsonschema.Draft202012Validator(schema).iter_errors(resource)
    return [f"{each.json_path}: {each.message}" for each in found] + [*_doubles(resource, schema, "$")]


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of a structural schema: Kubernetes' own keywords translated, unknown fields refused."""
    result: dict[str, Any] = dict(schema)
    if schema.get("x-kubernetes-int-or-string"):
        result["type"] = ["integer", "string"]
    if schema.get("nullable") and "type" in result:
        result["type"] = [result["type"], "null"]
    if "properties" in schema:
        result["properties"] = {key: strict(value) for key, value in schema["properties"].items()}
    if "items" in schema:
        result["items"] = strict(schema["items"])
    if isinstance(schema.get("additionalProperties"), Mapping):
        result["additionalProperties"] = strict(schema["additionalProperties"])
    elif schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result


def _doubles(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    """Items of a list with keys (x-kubernetes-list-map-keys) that have the same keys."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            below = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
            if isinstance(below, Mapping):
                yield from _doubles(inner, below, f"{path}.{key}")
    elif isinstance(value, list):
        if names := schema.get("x-kubernetes-list-map-keys"):
            keys = [tuple(item.get(name) for name in names) for item in value]
            yield from (f"{path}: {key} is there twice" for key in dict.fromkeys(keys) if keys.count(key) > 1)
        for index, item in enumerate(value):
            yield from _doubles(item, schema.get("items", {}), f"{path}[{index}]")
