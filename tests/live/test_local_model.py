"""The protocol against a real model server: opt-in, `make live`. Says nothing of its plans."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel

from agents import AgentError
from agents.model_planner.asking import Asking, Role
from agents.model_planner.check import check
from agents.model_planner.http import Endpoint
from agents.model_planner.wire import Profile, Rung
from service import wiring
from service.app.calls import Budget, Calls, Price
from service.cli.propose import look, run
from service.settings import Settings, load
from service.store import Store
from tests import shelf
from tests.served import in_memory
from tests.unit.service.store.conftest import Clock
from tests.unit.service.store.kit import ask

pytestmark = [pytest.mark.live, pytest.mark.enable_socket]
ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build/live/bin/python"
ROLE = Role("planner", "local", "You note down deliveries.", "f" * 64, tokens=120)


class Delivery(BaseModel):
    weekday: str
    boxes: int


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [PYTHON, str(ROOT / "tests/live/serve.py"), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server never listened"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait(10)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home", Clock())
    yield opened
    opened.close()


def asking(url: str, store: Store, seconds: float = 120) -> Asking:
    calls = Calls(store, Budget(1_000_000, 1_000_000), Price())
    return Asking(Endpoint(url, seconds=seconds).post, calls, ask(store).id, "n0nce")


def test_the_ladder_is_found(url: str) -> None:
    report = check(Endpoint(url).post, "local")
    assert len(report.findings) == len(Rung)
    assert report.profile == Profile(Rung.JSON_SCHEMA, "max_tokens")
    assert report.usage is not None


def test_a_shape_is_obeyed_usage_is_counted_and_the_answer_replays(url: str, store: Store) -> None:
    talk = asking(url, store)
    question = "A van brings 12 boxes on friday."
    first = talk.value(ROLE, question, Delivery)
    assert isinstance(first, Delivery)
    began = time.monotonic()
    assert talk.value(ROLE, question, Delivery) == first
    assert time.monotonic() - began < 0.5
    with store.reading() as view:
        (row,) = view.calls.of(talk.change)
    assert (row.state, row.estimated) == ("done", False)
    assert row.prompt > 10


def test_a_question_that_is_too_long_has_its_name(url: str, store: Store) -> None:
    with pytest.raises(AgentError) as caught:
        asking(url, store).value(ROLE, "boxes and vans and boxes " * 3000, Delivery)
    assert caught.value.code == "model-too-long"


def test_a_call_is_stopped_in_the_middle(url: str, store: Store) -> None:
    class Halt(Exception):
        """Stop."""

    talk = asking(url, store)
    until = time.monotonic() + 1.5

    def halt() -> None:
        if time.monotonic() > until:
            raise Halt

    talk.check = halt
    long = Role("planner", "local", "You tell stories.", "f" * 64, tokens=2000)
    with pytest.raises(Halt):
        talk.text(long, "Tell a very long story of a van.")
    assert time.monotonic() - until < 2


def test_a_deadline_cuts_an_answer_that_takes_too_long(url: str, store: Store) -> None:
    long = Role("planner", "local", "You tell stories.", "f" * 64, tokens=2000)
    with pytest.raises(AgentError) as caught:
        asking(url, store, seconds=1.0).text(long, "Tell a very long story of a boat.")
    assert caught.value.code == "model-timeout"


def test_the_command_finds_it_and_keeps_it(url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("pawl"), "model", "check", "--json"],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "PAWL_HOME": str(tmp_path / "home"),
            "PAWL_MODEL_URL": url,
            "PAWL_MODEL": "local",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["models"][0]["rung"] == "json_schema"
    assert (tmp_path / "home/model.json").is_file()


def test_a_model_that_is_far_too_small_ends_in_a_clear_state(url: str, tmp_path: Path) -> None:
    shelf.repository(tmp_path / "repo")
    environ = {
        "PAWL_HOME": str(tmp_path / "home"),
        **shelf.environment(url, PAWL_MODEL_SECONDS="30"),
    }
    assert ended(tmp_path / "repo", load(environ)) in (
        "nothing-fits",
        "not-reproduced",
        "not-proven",
        "model-timeout",
        "model-too-long",
    )


def ended(folder: Path, settings: Settings) -> str:
    """The outcome of a proposal, or the code of the error that stopped it."""
    try:
        document, _ = run(
            look(folder),
            shelf.WORDS,
            wiring.Named("model"),
            entry=None,
            settings=settings,
            cells=in_memory,
        )
    except AgentError as wrong:
        sys.stderr.write(f"{wrong.code}: {wrong}\n")
        return wrong.code
    sys.stderr.write(f"{document['outcome']}: {document['why']}\n")
    return str(document["outcome"])
