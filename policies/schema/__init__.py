"""The schema of the facts, and the check that a document fits it.

`facts-v1.json` is the promise to rule authors. Nothing here reads a repository or judges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

Check = Callable[[Any, str], str]
"""Takes a value and its place; answers place and what is wrong there, or nothing."""

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "array": (list,),
    "object": (dict,),
}
_HANDLED = {
    "$ref", "$defs", "$schema", "$id", "title", "description", "type", "const", "enum", "pattern",
    "minLength", "maxLength", "minimum", "items", "properties", "required", "additionalProperties",
}  # fmt: skip


@lru_cache(maxsize=1)
def facts_schema() -> Mapping[str, Any]:
    """The JSON Schema of facts/v1. Read only: it is shared."""
    text = (Path(__file__).parent / "facts-v1.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@lru_cache(maxsize=1)
def _facts_check() -> Check:
    return compile_check(facts_schema())


def misfit(facts: Any) -> str:
    """Where and how `facts` do not fit facts/v1; empty if they do. Takes milliseconds."""
    return _facts_check()(facts, "facts")


def compile_check(schema: Mapping[str, Any]) -> Check:
    """A check of the part of JSON Schema that our schemas use.

    Compiled, since a generic validator takes longer than a verdict may. Raises `ValueError` for a
    keyword that it does not know, so that none is ever passed over in silence.
    """
    definitions = schema.get("$defs", {})
    made: dict[str, Check] = {}

    def make(node: Mapping[str, Any]) -> Check:
        unknown = set(node) - _HANDLED
        if unknown:
            raise ValueError(f"keywords that this check does not know: {sorted(unknown)}")
        if "$ref" in node:
            name = str(node["$ref"]).removeprefix("#/$defs/")
            if name not in made:
                made[name] = make(definitions[name])
            return made[name]
        if "const" in node:
            return _one_of([node["const"]])
        if "enum" in node:
            return _one_of(node["enum"])
        kind = node["type"]
        if kind == "string":
            return _string(node)
        if kind == "object":
            if node.get("additionalProperties") is not False:
                raise ValueError("an object must say that it has no further properties")
            parts = {name: make(part) for name, part in node["properties"].items()}
            return _object(parts, frozenset(node["required"]))
        if kind == "array":
            return _array(make(node["items"]))
        return _plain(kind, node.get("minimum"))

    return make(schema)


def _one_of(values: list[Any]) -> Check:
    allowed = frozenset(values)

    def check(value: Any, place: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            return f"{place} is none of {sorted(allowed)}"
        return ""

    return check


def _string(node: Mapping[str, Any]) -> Check:
    least, most = node.get("minLength", 0), node.get("maxLength", 1 << 20)
    pattern = re.compile(node["pattern"]) if "pattern" in node else None

    def check(value: Any, place: str) -> str:
        if not isinstance(value, str):
            return f"{place} is no string"
        if not least <= len(value) <= most:
            return f"{place} is {len(value)} characters long"
        if pattern is not None and not pattern.search(value):
            return f"{place} does not look as it must"
        return ""

    return check


def _plain(kind: str, minimum: int | None) -> Check:
    types = _TYPES[kind]

    def check(value: Any, place: str) -> str:
        if not isinstance(value, types) or (kind == "integer" and isinstance(value, bool)):
            return f"{place} is no {kind}"
        if minimum is not None and isinstance(value, int) and value < minimum:
            return f"{place} is less than {minimum}"
        return ""

    return check


def _array(item: Check) -> Check:
    def check(value: Any, place: str) -> str:
        if not isinstance(value, list):
            return f"{place} is no array"
        for index, part in enumerate(value):
            wrong = item(part, "")
            if wrong:
                return f"{place}[{index}]{wrong}"
        return ""

    return check


def _object(parts: Mapping[str, Check], required: frozenset[str]) -> Check:
    def check(value: Any, place: str) -> str:
        if not isinstance(value, dict):
            return f"{place} is no object"
        if value.keys() != parts.keys():
            missing = sorted(required - value.keys())
            if missing:
                return f"{place}.{missing[0]} is missing"
            extra = sorted(str(key) for key in value.keys() - parts.keys())
            if extra:
                return f"{place}.{extra[0]} is no fact"
        for name, part in value.items():
            wrong = parts[name](part, "")
            if wrong:
                return f"{place}.{name}{wrong}"
        return ""

    return check
