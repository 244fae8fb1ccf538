"""Environment: variables that an entry point is started with.

Says what a rehearsal may write below `env`. Which variables every cell has anyway is the engine's.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox import BadRehearsal
from sandbox.engine import World
from sandbox.worlds.checks import mapping_of

KIND = "env"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def part(spec: Any, seed: int) -> World:
    """`{NAME: value}` as part of a world; numbers count as their text."""
    env: dict[str, str] = {}
    for name, value in mapping_of(spec, KIND).items():
        if not _NAME.fullmatch(name) or isinstance(value, bool) or not isinstance(value, str | int):
            raise BadRehearsal(
                f"world: env has no usable variable in {name!r}: {value!r}",
                mend="write NAME: text, the text in quotes",
            )
        env[name] = str(value)
    return World(env=env)
