"""Shapes: the few questions that every kind of world asks of what a rehearsal says.

Each raises `BadRehearsal` with one sentence that names the place. Nothing here knows a kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox import BadRehearsal


def mapping_of(value: Any, where: str) -> Mapping[str, Any]:
    """`value` if it is a mapping with text keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise BadRehearsal(f"world: {where} is not a mapping of names", mend="write `name: ...`")
    return value


def keys_of(value: Any, where: str, *, allowed: Sequence[str]) -> None:
    """Nothing, if `value` is a mapping that has no other keys than `allowed`."""
    unknown = sorted(set(mapping_of(value, where)) - set(allowed))
    if unknown:
        raise BadRehearsal(
            f'world: {where} has no "{unknown[0]}"', mend=f"it knows {', '.join(allowed)}"
        )


def names_of(value: Any, where: str) -> Sequence[str]:
    """`value` if it is a list of plain names: not empty, no `..` part, no control character."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise BadRehearsal(f"world: {where} is not a list of names", mend="write [one, two]")
    for name in value:
        if not name.strip("/") or ".." in name.split("/") or not name.isprintable():
            raise BadRehearsal(
                f"world: {where} holds {name!r}, which can't be a name",
                mend="use plain names without .. parts",
            )
    return value


def absolute(folder: str, where: str) -> str:
    """`folder` if it is an absolute path without `..` parts."""
    if not folder.startswith("/") or ".." in folder.split("/") or not folder.isprintable():
        raise BadRehearsal(
            f"world: {where} holds the folder {folder!r}, which is not an absolute path",
            mend="write the whole path from /",
        )
    return folder
