"""kill -9 of the service at each step of a run and of merging, and at a hundred random moments.

Cells are in memory (the engine in memory passes the engine's contract suite); store, git, gate,
pages and worker are the product's, in a process of their own.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from service import wiring
from service.store import Store
from tests import house
from tests.served import PASSWORD, Visit, served

pytestmark = [pytest.mark.soak, pytest.mark.enable_socket]

ROOT = Path(__file__).parents[2]
PATIENCE = 300
"""Seconds after which a change that has not come to an end never will."""
MOST_STEPS = 60
"""More things than one change says on its way from words to merged."""


@dataclass
class Mortal:
    """A service in a process that is killed and started again over the same home."""

    folder: Path
    port: int
    repository: str
    child: subprocess.Popen[bytes] | None = None
    visits: dict[str, Visit] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self, die_at: int = 0) -> None:
        home = str(self.folder / "home")
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.served", home, str(self.port), str(die_at)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.child.poll() is None:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            time.sleep(0.05)

    def kill(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()

    def end(self) -> None:
        """Let it end what it is at, and go."""
        if self.child is not None:
            self.child.terminate()
            self.child.wait(60)

    @property
    def dead(self) -> bool:
        return self.child is None or self.child.poll() is not None

    def as_(self, login: str) -> Visit:
        if login not in self.visits:
            visit = Visit(self.url)
            if visit.sign_in(login).status_code != 303:
                visit.close()
                raise AssertionError(f"{login} can't sign in")
            self.visits[login] = visit
        return self.visits[login]

    def ask(self, text: str) -> str | None:
        """The id of the change that was asked for; None where the service died meanwhile."""
        with suppress(httpx.HTTPError, AssertionError):
            visit = self.as_("rita")
            answer = visit.http.post(
                "/api/v1/requests",
                json={"repository": self.repository, "text": text},
                headers={
                    "Origin": self.url,
                    "Sec-Fetch-Site": "same-origin",
                    "X-Pawl-CSRF": visit.csrf("/account"),
                },
            )
            if answer.status_code < 300:
                return str(answer.json()["id"])
        return None

    def stage(self, change: str) -> tuple[str, str]:
        """Stage and binding, as the API says; ("", "") where nobody answers."""
        with suppress(httpx.HTTPError, AssertionError, KeyError):
            told = self.as_("rita").get(f"/api/v1/changes/{change}").json()["change"]
            return str(told["stage"]), str(told.get("binding") or "")
        return "", ""

    def approve(self, change: str, binding: str) -> None:
        with suppress(httpx.HTTPError, AssertionError):
            self.as_("aron").post(
                f"/changes/{change}/decision",
                {
                    "binding": binding,
                    "verdict": "approve",
                    "reason": f"I read {change} and its logs; nothing is lost any more.",
                    "question": "Yes, a runbook line goes.",
                    "password": PASSWORD,
                },
                page="/account",
            )


@contextmanager
def mortal(folder: Path) -> Iterator[Mortal]:
    with served(folder) as first:
        port, repository = int(first.url.rpartition(":")[2]), first.repository.id
    one = Mortal(folder, port, repository)
    try:
        yield one
    finally:
        one.kill()
        for visit in one.visits.values():
            visit.close()


def merged_by(bare: Path, change: str) -> int:
    """How many commits on main say that they are `change`."""
    return len(
        re.findall(rf"^Pawl-Change: {change}$", house.git(bare, "log", "--format=%B", "main"), re.M)
    )


def check_nothing_is_left(folder: Path, changes: list[str]) -> None:
    """Each change is on main once; the log fits the tables; no lease, no lock, no odd ref."""
    bare = folder / "gallery.git"
    for change in changes:
        assert merged_by(bare, change) == 1, change
    store = Store.open(folder / "home", wiring.clock)
    try:
        assert store.audit() == ()
        with store.reading() as view:
            assert view.connection.exec_driver_sql("SELECT count(*) FROM lease").scalar() == 0
        for change in changes:
            kinds = [e.judgment.kind.value for e in store.events(change)]  # type: ignore[arg-type]
            assert kinds.count("merged") == 1, kinds
        assert store.warnings == ()
    finally:
        store.close()
    refs = house.git(bare, "for-each-ref", "--format=%(refname)").splitlines()
    odd = [r for r in refs if r not in ("refs/heads/main", "refs/pawl/checkpoint")]
    assert odd == []
    assert not list(bare.rglob("*.lock"))


def test_killed_at_each_step_a_change_is_merged_once_and_nothing_is_left(tmp_path: Path) -> None:
    reached = 0
    for step in range(1, MOST_STEPS):
        folder = tmp_path / str(step)
        folder.mkdir()
        with mortal(folder) as one:
            one.start(die_at=step)
            change = None
            died = False
            deadline = time.monotonic() + PATIENCE
            stage = ""
            while stage != "merged" and time.monotonic() < deadline:
                if one.dead:
                    died = True
                    one.start()
                change = change or one.ask(house.WORDS)
                if change is not None:
                    stage, binding = one.stage(change)
                    if stage == "waiting":
                        one.approve(change, binding)
                    assert stage not in {"failed", "refused"}
                time.sleep(0.05)
            assert stage == "merged", (step, stage)
            assert change is not None
            one.end()
            check_nothing_is_left(folder, [change])
        if not died:
            break  # the run has fewer steps than that
        reached = step
    assert reached > 15  # it really was killed, at many steps


def test_a_hundred_random_kills_lose_no_change_and_merge_none_twice(tmp_path: Path) -> None:
    chance = random.Random(20261124)  # noqa: S311 (moments to kill at)
    with mortal(tmp_path) as one:
        wanted = [f"{house.WORDS} (night {night})" for night in range(4)]
        changes: dict[str, str] = {}
        for _ in range(100):
            one.start()
            until = time.monotonic() + chance.uniform(0.05, 2.5)
            while time.monotonic() < until and not one.dead:
                deeds(one, wanted, changes)
                time.sleep(chance.uniform(0.0, 0.1))
            one.kill()
        one.start()
        deadline = time.monotonic() + 180
        ended: dict[str, str] = {}
        while time.monotonic() < deadline and len(ended) < len(wanted):
            deeds(one, wanted, changes)
            for text, change in changes.items():
                stage, _ = one.stage(change)
                if stage in ("merged", "not-reproduced", "not-proven", "nothing-fits"):
                    ended[text] = stage
            time.sleep(0.1)
        one.end()
        assert set(ended) == set(wanted), ended
        # All ask for the same: the first that is merged mends it, the others find nothing to mend.
        merged = [changes[text] for text, stage in ended.items() if stage == "merged"]
        assert merged
        check_nothing_is_left(tmp_path, merged)


def deeds(one: Mortal, wanted: list[str], changes: dict[str, str]) -> None:
    """Ask for what was not asked yet, approve what waits."""
    for text in wanted:
        if text not in changes:
            asked = one.ask(text)
            if asked is not None:
                changes[text] = asked
    for change in changes.values():
        stage, binding = one.stage(change)
        if stage == "waiting":
            one.approve(change, binding)
