"""A house of people on a real store, and a clock that goes on by a second a look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store import Store
from tests.unit.service.app.kit import House
from tests.unit.service.store.conftest import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home", clock)
    yield opened
    opened.close()


@pytest.fixture
def house(store: Store, clock: Clock) -> House:
    return House(store, clock)
