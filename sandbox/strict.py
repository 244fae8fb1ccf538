"""Strict reading of what people write in `rehearsal.yaml`: one clear sentence for each mistake.

Only shapes are judged here; what the keys mean is the matter of who asks.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox import Argv, BadRehearsal

FILE = "rehearsal.yaml"


def bad(what: str, mend: str) -> BadRehearsal:
    """The error for one mistake: what is wrong, and how to mend it."""
    return BadRehearsal(f"{FILE}: {what}; {mend}.", mend=mend)


def only(found: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse a key of `found` that is not known, and name the one that was meant."""
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise bad(f"{where} has an unknown key {key!r}", mend.rstrip("?"))


def mapping(item: object, where: str) -> Mapping[str, Any]:
    """`item` as a mapping with text for keys."""
    if not isinstance(item, Mapping):
        raise bad(f"{where} is no mapping", "write `key: value` lines")
    for key in item:
        if not isinstance(key, str):
            raise bad(f"{where} has the key {key!r}, not text", "put it in quotes")
    return item


def listed(item: object, where: str) -> list[Any]:
    """`item` as a list."""
    if not isinstance(item, list):
        raise bad(f"{where} is no list", "write [one, two] or lines with `- `")
    return item


def text(item: object, where: str, empty: bool = False) -> str:
    """`item` as a text that says something and holds no control characters."""
    if not isinstance(item, str):
        raise bad(f"{where} is {item!r}, not text", "put it in quotes")
    if not empty and not item.strip():
        raise bad(f"{where} is empty", "say what it is")
    if any((ord(c) < 32 and c not in "\n\t") or ord(c) == 127 for c in item):
        raise bad(f"{where} holds control characters", "remove them")
    return item


def argv(item: object, where: str) -> Argv:
    """`item` as a command: a list of words, the first not empty."""
    if not isinstance(item, list) or not item:
        raise bad(f"{where} is no command", 'write ["./script.sh", "argument"]')
    return tuple(text(word, f"{where}[{i}]", empty=i > 0) for i, word in enumerate(item))


def is_int(item: object) -> bool:
    """Whether `item` is a whole number (true and false are none)."""
    return isinstance(item, int) and not isinstance(item, bool)
