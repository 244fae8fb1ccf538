"""Files: folders of the machine itself, outside the tree.

Says what a rehearsal may write below `files` and what it starts with. They need no stand-in: a
cell holds them.
"""

from __future__ import annotations

from typing import Any

from sandbox.engine import World
from sandbox.worlds.checks import absolute, mapping_of, names_of
from sandbox.worlds.seeds import seeded

KIND = "files"


def part(spec: Any, seed: int) -> World:
    """`{FOLDER: [file names]}` or `[FOLDER, ..]` as the start of a world.

    A folder without names is made, empty.
    """
    if isinstance(spec, list):
        spec = {name: [] for name in names_of(spec, KIND)}
    content: dict[str, bytes | None] = {}
    empty: list[str] = []
    for folder, names in mapping_of(spec, KIND).items():
        top = absolute(folder, KIND)
        found = seeded(top, names_of([] if names is None else names, f"{KIND}.{folder}"), seed)
        content.update(found)
        if not found:
            empty.append(top.rstrip("/") or "/")
    return World(content=content, empty=tuple(empty))
