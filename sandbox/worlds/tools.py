"""Tools: stand-ins for programs that the image does not have.

Says what a rehearsal may write below `tools`. The stand-in itself is
`sandbox/image/inside/bin/tool.py`.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox import BadRehearsal
from sandbox.engine import Tool, World
from sandbox.worlds.checks import keys_of, mapping_of

KIND = "tools"
KINDS = ("converter", "builder", "sink")
MOST_FILES = 200
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


def part(spec: Any, seed: int) -> World:
    """`{NAME: {kind, output, count}}` as part of a world."""
    return World(tools=tuple(_tool(name, tool) for name, tool in mapping_of(spec, KIND).items()))


def _tool(name: str, spec: Any) -> Tool:
    where = f"{KIND}.{name}"
    keys_of(spec, where, allowed=("kind", "output", "count"))
    kind, output, count = spec.get("kind"), spec.get("output", ""), spec.get("count", 6)
    if not _NAME.fullmatch(name):
        raise BadRehearsal(
            f'world: "{name}" can\'t be the name of a tool',
            mend="use the command's bare name, without a folder",
        )
    if kind not in KINDS:
        raise BadRehearsal(
            f"world: {where} has the kind {kind!r}, which Pawl doesn't know",
            mend=f"use one of {', '.join(KINDS)}",
        )
    if not isinstance(output, str) or (kind == "builder" and not output):
        raise BadRehearsal(
            f"world: {where} doesn't say where its output goes",
            mend='write output: an option such as "-o", a folder, or "last"',
        )
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_FILES:
        raise BadRehearsal(
            f"world: {where} can't make {count!r} files",
            mend=f"use a number from 1 to {MOST_FILES}",
        )
    return Tool(name=name, kind=kind, output=output, count=count)
