"""One engine for all tests that start containers, and short ways to open grounds on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from sandbox import Files
from sandbox.engine import Engine, Ground, World
from sandbox.engine.docker import open_engine

Open = Callable[..., Ground]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    made = open_engine("pawl-tests", f"t{time.time_ns()}", say=print)
    made.reap()
    yield made
    made.close()


@pytest.fixture
def opened(engine: Engine) -> Iterator[Open]:
    """Opens grounds that are closed at the end: `opened({"path": "text"}, World(...))`."""
    grounds: list[Ground] = []

    def open_one(scripts: dict[str, str] | None = None, world: World | None = None) -> Ground:
        tree: Files = {
            path: (0o100755 if text.startswith("#!") else 0o100644, text.encode())
            for path, text in (scripts or {}).items()
        }
        ground = engine.open(tree, world or World())
        grounds.append(ground)
        return ground

    yield open_one
    for ground in grounds:
        ground.close()
