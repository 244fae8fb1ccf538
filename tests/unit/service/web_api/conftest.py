"""A site in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store import Store
from tests.unit.service.store.conftest import Clock
from tests.unit.service.web_api.kit import Site
from tests.unit.service.web_api.kit import site as fresh


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Iterator[Site]:
    store = Store.open(tmp_path / "home", clock)
    yield fresh(tmp_path, store, clock)
    store.close()
