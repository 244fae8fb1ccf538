"""A shop whose pools are closed again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.store import Store
from tests.unit.service.worker.kit import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    store = Store.open(tmp_path / "home", lambda: datetime(2026, 5, 1, tzinfo=UTC))
    made = Shop(store, tmp_path)
    yield made
    made.prover.go.set()
    for pool in made.pools:
        pool.close(patience=5)
    store.close()
