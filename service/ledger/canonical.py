"""Canonical JSON (RFC 8785) for entries: one value, one sequence of bytes.

Entries hold text, whole numbers below 2^53, booleans, lists and objects. Floats are refused, since
no two readers need agree on what they say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from service.ledger.errors import BadEntry

_BIGGEST = 2**53 - 1
_DEEPEST = 64
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)

Plain = dict[str, Any] | list[Any] | str | int | bool | None


def canonical(value: object) -> bytes:
    """`value` as canonical JSON. Raises `BadEntry`, naming the place of what does not fit."""
    ascii_keys = [True]
    plain = _plain(value, "entry", ascii_keys, 0)
    try:
        if ascii_keys[0]:
            # The same bytes as RFC 8785 asks for (a property test holds it to that): its key order
            # differs from Python's outside ASCII only, and this is four times as fast.
            return _ENCODER.encode(plain).encode()
        return rfc8785.dumps(plain)
    except (UnicodeEncodeError, rfc8785.CanonicalizationError) as error:
        raise BadEntry(
            "an entry holds text with half of a surrogate pair",
            mend="write bytes that are not text as hexadecimal digits",
        ) from error


def _plain(value: object, place: str, ascii_keys: list[bool], depth: int) -> Plain:
    """`value` in JSON's own types; floats, big numbers and strange types are refused."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value  # type: ignore[return-value]
    if kind is int:
        return _whole(value, place)  # type: ignore[arg-type]
    if depth > _DEEPEST:
        raise BadEntry(f"{place} is nested more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        fields: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise BadEntry(f"{place} has the key {key!r}, which is no text")
            if not key.isascii():
                ascii_keys[0] = False
            fields[str(key)] = _plain(item, f"{place}.{key}", ascii_keys, depth + 1)
        return fields
    if isinstance(value, list | tuple):
        return [
            _plain(item, f"{place}[{at}]", ascii_keys, depth + 1) for at, item in enumerate(value)
        ]
    if isinstance(value, str):  # a StrEnum
        return str(value)
    if isinstance(value, float):
        raise BadEntry(
            f"{place} is {value!r}, a float; entries hold none",
            mend="write a whole number of a smaller unit, or text",
        )
    if isinstance(value, int):  # an IntEnum
        return _whole(int(value), place)
    raise BadEntry(f"{place} is a {kind.__name__}, which JSON does not know")


def _whole(value: int, place: str) -> int:
    if not -_BIGGEST <= value <= _BIGGEST:
        raise BadEntry(
            f"{place} is {value}, too big for a number that every reader reads alike",
            mend="write it as text",
        )
    return value
