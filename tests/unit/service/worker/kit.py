"""A pool over a real store and the real graph; planner, prover and gate are scripted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import Files, Progress, Proof, SandboxError
from service.app import records
from service.app.live import Following
from service.changes import Change, ChangeId, Request, Source, Stage, System
from service.flow.parts import Parts, Thread
from service.store import Store
from service.wiring import RehearsalFormat, RepositoryTrees
from service.worker.inline import Inline
from service.worker.pool import Pool, Rhythm
from service.worker.thread import Steps
from tests.unit.service.flow.parts import (
    REHEARSAL,
    TREE,
    PlainFacts,
    PlainReader,
    ScriptedGate,
    ScriptedPlanner,
    ScriptedProver,
    plan_with,
    verdict,
)

GOOD = b"#!/bin/sh\nset -e\nmake-it\nmirror\n"
QUICK = Rhythm(tick=0.02, reap=0.02, checkpoint=0.02, reopen=0.02, pauses=(0.01, 0.01, 0.01))


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for `true`; fails where it does not come true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


@dataclass
class GatedProver(ScriptedProver):
    """Proves only while `go` is set; counts how many prove at once."""

    go: threading.Event = field(default_factory=threading.Event)
    at_work: int = 0
    most: int = 0
    errors: list[Exception] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def prove(self, **given: Any) -> Proof:
        with self.lock:
            if self.errors:
                raise self.errors.pop(0)
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        try:
            assert self.go.wait(20)
            return super().prove(**given)
        finally:
            with self.lock:
                self.at_work -= 1


@dataclass
class ScriptedBench:
    """The real graph over scripted parts. `missing` is what `open` raises, while it is set."""

    store: Store
    home: Path
    prover: GatedProver
    missing: SandboxError | None = None
    closed: bool = False
    reaped: int = 0

    def open(self, say: Callable[[str], None]) -> None:
        if self.missing is not None:
            raise self.missing

    def inline(self, change: Change, thread: Thread, stop: Callable[[], bool]) -> Inline:
        parts = Parts(
            changes=self.store,
            planner=ScriptedPlanner([REHEARSAL], [plan_with(GOOD)]),
            reader=PlainReader(),
            prover=self.prover,
            gate=ScriptedGate([verdict()]),
            trees=RepositoryTrees(),
            rehearsals=RehearsalFormat(),
            facts=PlainFacts(),
            clock=lambda: datetime(2026, 5, 1, tzinfo=UTC),
            thread=thread,
            stop=stop,
        )
        return Inline(parts, self.store, self.home / "flow.sqlite", "pool")

    def reap(self) -> None:
        self.reaped += 1

    def state(self) -> dict[str, Any]:
        return {"image": "test", "slots": 2, "disk": {"free": 1, "total": 2}, "policy": "test"}

    def close(self) -> None:
        self.closed = True


@dataclass
class NoPeople:
    """Nobody decides; `frozen` freezes agents, `moved` voids what waits."""

    frozen: bool = False
    expired: int = 0

    def agents_frozen(self) -> bool:
        return self.frozen

    def may_merge(self, change: Change) -> bool:
        return False

    def expire(self) -> int:
        self.expired += 1
        return self.expired

    def watch(self, change: Change) -> bool:
        return False


@dataclass
class Shop:
    """A store, a bench and pools over them, one after the other."""

    store: Store
    home: Path
    prover: GatedProver = field(default_factory=GatedProver)
    people: NoPeople = field(default_factory=NoPeople)
    pools: list[Pool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.following = Following(self.store)
        self.bench = ScriptedBench(self.store, self.home, self.prover)

    def pool(
        self,
        at_once: int = 2,
        here: Callable[[Change], bool] = lambda _: True,
        rhythm: Rhythm = QUICK,
    ) -> Pool:
        steps = Steps(self.following, PlainFacts().mask)
        pool = Pool(
            self.store,
            self.bench,
            steps,
            self.people,
            at_once=at_once,
            here=here,
            rhythm=rhythm,
        )
        self.pools.append(pool)
        pool.start()
        return pool

    def ask(self, key: str = "k1") -> Change:
        tree = self.store.artifacts.put(records.pack(TREE))
        return self.store.open_change(
            Request("the deploy wiped files, token=hunter2", System("cli:ana"), Source.CLI),
            repository="site",
            base="b" * 40,
            branch="main",
            key=key,
            tree=tree,
        )

    def stage(self, change: ChangeId) -> Stage:
        return self.store.get(change).stage

    def texts(self, change: ChangeId) -> list[str]:
        return [str(s.body["text"]) for s in self.following.steps(change)]


__all__ = ["Files", "GatedProver", "Progress", "Shop", "until"]
