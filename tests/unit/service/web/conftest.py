"""A house of people on a real store, with the read models that pages show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from service.app.queue import Queue
from service.app.repositories import Repositories
from service.store import Store
from tests.unit.service.app.kit import House
from tests.unit.service.flow.parts import PlainReader
from tests.unit.service.store.conftest import Clock
from tests.unit.service.web.kit import application


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


@pytest.fixture
def repositories(store: Store, clock: Clock, tmp_path: Path) -> Repositories:
    return Repositories(store, PlainReader(), tmp_path / "mirrors", clock)


@pytest.fixture
def queue(house: House, repositories: Repositories) -> Queue:
    return Queue(house.store, house.people, repositories)


@pytest.fixture
def app(house: House, repositories: Repositories) -> FastAPI:
    return application(house, repositories)
