"""People on a real store, and a clock that goes on by a second a look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.app.people import People
from service.people import SignedIn
from service.store import Store
from tests.unit.service.people.kit import URL, first, quick
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
def people(store: Store, clock: Clock) -> People:
    return People(store, clock, URL, hasher=quick())


@pytest.fixture
def ada(people: People) -> SignedIn:
    """The first administrator."""
    return first(people)
