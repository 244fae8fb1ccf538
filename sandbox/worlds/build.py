"""A whole world: every kind that a rehearsal may name, joined to what a side starts with.

The table of kinds is here and nowhere else. Nothing here knows how a kind is stood in for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox import BadRehearsal
from sandbox.engine import World
from sandbox.worlds import env, files, hosts, object_storage, tools
from sandbox.worlds.checks import mapping_of

KINDS: Mapping[str, Callable[[Any, int], World]] = {
    object_storage.KIND: object_storage.part,
    hosts.KIND: hosts.part,
    hosts.UNREACHABLE: hosts.unreachable,
    files.KIND: files.part,
    tools.KIND: tools.part,
    env.KIND: env.part,
}


def build(spec: Any, seed: int) -> World:
    """The world that `world:` of a rehearsal describes, with contents made from `seed`.

    Raises `BadRehearsal`, one sentence, for a kind without a stand-in or a shape that is wrong.
    """
    parts: list[World] = []
    for kind, value in mapping_of({} if spec is None else spec, "it").items():
        if kind not in KINDS:
            raise BadRehearsal(
                f'world: Pawl has no stand-in for "{kind}"', mend=f"it has {', '.join(KINDS)}"
            )
        parts.append(KINDS[kind](value, seed))
    return World(
        buckets=tuple(name for part in parts for name in part.buckets),
        hosts=tuple(name for part in parts for name in part.hosts),
        unreachable=tuple(name for part in parts for name in part.unreachable),
        tools=tuple(tool for part in parts for tool in part.tools),
        env={name: value for part in parts for name, value in part.env.items()},
        content={at: what for part in parts for at, what in part.content.items()},
        empty=tuple(folder for part in parts for folder in part.empty),
    )


def validate(spec: Any) -> None:
    """Raise `BadRehearsal` where `build` would; make nothing."""
    build(spec, 0)
