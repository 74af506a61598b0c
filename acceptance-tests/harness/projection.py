"""What one field manager owns of an object, and a readable file of it."""

import json
from typing import Any

import yaml


def project(value: Any, fields: dict[str, Any]) -> Any:
    """The part of a value that a FieldsV1 set names (its format: structured-merge-diff, fieldpath/serialize.go)."""
    if not set(fields) - {"."}:
        # Itself, and nothing below it by name: a leaf, an atomic list or map, or one that was sent empty.
        return value
    if isinstance(value, dict):
        return {
            name[2:]: project(value[name[2:]], below)
            for name, below in fields.items() if name.startswith("f:") and name[2:] in value
        }
    if not isinstance(value, list):
        raise TypeError(f"{value!r} has no fields {list(fields)}")
    found = []
    for item in value:
        for name, below in fields.items():
            if name.startswith("k:") and is_item(item, json.loads(name[2:])):
                # The keys say which item it is, whoever owns them.
                found.append(json.loads(name[2:]) | project(item, below))
            elif name.startswith("v:") and item == json.loads(name[2:]):
                found.append(item)
    return found


def is_item(item: Any, keys: dict[str, Any]) -> bool:
    return isinstance(item, dict) and all(item.get(name) == value for name, value in keys.items())


def minus(fields: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """The set without the leaves of another."""
    left = {}
    for name, below in fields.items():
        if name not in others:
            left[name] = below
        elif set(below) - {"."} and (rest := minus(below, others[name])):
            left[name] = rest
    return left


def applied(object_: dict[str, Any], manager: str) -> dict[str, Any]:
    """The field set that a manager applied and still owns."""
    for entry in object_["metadata"].get("managedFields", ()):
        if entry["manager"] == manager and entry["operation"] == "Apply" and not entry.get("subresource"):
            return entry["fieldsV1"]
    return {}


def owned(object_: dict[str, Any], manager: str, but_not: str = "") -> dict[str, Any]:
    """What `manager` owns, without what `but_not` owns too; {} if it owns nothing."""
    fields = minus(applied(object_, manager), applied(object_, but_not))
    return project(object_, fields) if fields else {}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def documents(objects: list[dict[str, Any]]) -> str:
    return "".join(
        "---\n" + yaml.dump(o, Dumper=_Dumper, sort_keys=True, width=118, allow_unicode=True) for o in objects
    )
