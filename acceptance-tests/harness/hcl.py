"""Writes configuration from Python values, as a user would write it."""

import json
import re
from typing import Any


class Expression(str):
    """Text that is written as it is: a reference, a function call."""


def value(of: Any, indent: int = 0) -> str:
    """The HCL text of a value. Maps and objects look the same in HCL."""
    inner, outer = "  " * (indent + 1), "  " * indent
    if isinstance(of, Expression):
        return str(of)
    if isinstance(of, str):
        return quoted(of)
    if of is None:
        return "null"
    if isinstance(of, bool):
        return "true" if of else "false"
    if isinstance(of, (int, float)):
        return json.dumps(of)
    if isinstance(of, dict):
        if not of:
            return "{}"
        lines = [f"{inner}{key(k)} = {value(v, indent + 1)}\n" for k, v in of.items()]
        return "{\n" + "".join(lines) + outer + "}"
    if isinstance(of, (list, tuple)):
        return "[" + ", ".join(value(v, indent) for v in of) + "]"
    raise TypeError(f"no HCL for {of!r}")


def quoted(text: str) -> str:
    """A string literal without templates."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) else quoted(name)


def block(header: str, attributes: dict[str, Any], *more: str) -> str:
    """`header { attributes }`; `more` are lines or blocks that follow the attributes."""
    lines = [f"  {key(k)} = {value(v, 1)}\n" for k, v in attributes.items()]
    lines += ["".join(f"  {line}\n" for line in text.strip("\n").split("\n")) for text in more]
    return f"{header} {{\n" + "".join(lines) + "}\n"


def resource(type_: str, name: str, attributes: dict[str, Any], *more: str) -> str:
    return block(f'resource "{type_}" "{name}"', attributes, *more)
