"""A model plans: everything is the product's but the model, which answers from a script."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service import wiring
from service.cli.propose import look, run
from service.settings import Settings, load
from service.store import Store
from tests import shelf
from tests.fake_model import FakeModel, model
from tests.served import in_memory

pytestmark = pytest.mark.enable_socket


def settings_of(home: Path, url: str, **more: str) -> Settings:
    environ = {"PAWL_HOME": str(home), **shelf.environment(url, **more)}
    return replace(load(environ), docker_url="unix:///nonexistent")


def propose(folder: Path, fake: FakeModel, words: str = shelf.WORDS, **more: str) -> dict[str, Any]:
    """`pawl propose --planner model`, with cells in memory."""
    settings = settings_of(folder / "home", fake.url, **more)
    document, _ = run(
        look(folder / "repo"),
        words,
        wiring.Named("model"),
        entry=None,
        settings=settings,
        cells=in_memory,
    )
    return document


def logged(folder: Path, change: str) -> list[str]:
    store = Store.open(folder / "home", wiring.clock)
    kinds = [e.judgment.kind.value for e in store.events(change)]  # type: ignore[arg-type]
    store.close()
    return kinds


def test_from_words_to_the_queue_by_way_of_what_fails(tmp_path: Path) -> None:
    shelf.repository(tmp_path / "repo")
    script = shelf.Model()
    with model(script) as fake:
        document = propose(tmp_path, fake)
    assert (document["outcome"], script.left) == ("stands", 0), document["why"]
    assert document["attempts"] == 1  # one proof that did not hold
    kinds = logged(tmp_path, document["change"])
    assert kinds.count("model-call") == len(fake.asked) == 14
    prompts = [shelf.said_by(a) for a in fake.asked]
    assert "does not hit" in prompts[4] or "hit" in prompts[4]
