"""The way of a change through the graph: real store, trees and rehearsal format, scripted parts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents import NothingFits, NotReproduced, Question
from policies import Level
from service.app import records
from service.app.outcome import EXIT, outcome
from service.changes import Change, Request, Source, Stage, System
from service.flow.parts import Parts
from service.ledger import Kind
from service.store import Store
from service.wiring import RehearsalFormat, RepositoryTrees
from service.worker.inline import Inline
from tests.unit.service.flow.parts import (
    REHEARSAL,
    TREE,
    Listener,
    PlainFacts,
    PlainReader,
    ScriptedGate,
    ScriptedPlanner,
    ScriptedProver,
    finding,
    plan_with,
    verdict,
)

GOOD = b"#!/bin/sh\nset -e\nmake-it\nmirror\n"
BAD = b"#!/bin/sh\nset -e\nmake-it\nmirror --delete\n"


@dataclass
class Desk:
    """One change and what works on it."""

    store: Store
    home: Path
    planner: ScriptedPlanner
    prover: ScriptedProver
    gate: ScriptedGate
    listener: Listener
    parts: Parts

    def asked(self, key: str = "k1") -> Change:
        tree = self.store.artifacts.put(records.pack(TREE))
        return self.store.open_change(
            Request("the deploy wiped files, token=hunter2", System("cli:ana"), Source.CLI),
            repository="/srv/site",
            base="b" * 40,
            branch="main",
            key=key,
            tree=tree,
        )

    def run(self, change: Change) -> Change:
        inline = Inline(self.parts, self.store, self.home / "flow.sqlite", "test")
        return inline.run(change.id)

    def kinds(self, change: Change) -> list[Kind]:
        return [e.judgment.kind for e in self.store.events(change.id)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = Store.open(tmp_path / "home", lambda: datetime(2026, 5, 1, tzinfo=UTC))
    planner = ScriptedPlanner([REHEARSAL], [plan_with(GOOD)])
    prover, gate, listener = ScriptedProver(), ScriptedGate([verdict()]), Listener()
    parts = Parts(
        changes=store,
        planner=planner,
        reader=PlainReader(),
        prover=prover,
        gate=gate,
        trees=RepositoryTrees(),
        rehearsals=RehearsalFormat(),
        facts=PlainFacts(),
        clock=lambda: datetime(2026, 5, 1, tzinfo=UTC),
        thread=listener,
    )
    yield Desk(store, tmp_path, planner, prover, gate, listener, parts)
    store.close()


def test_a_plan_that_holds_ends_up_waiting_for_people(desk: Desk) -> None:
    change = desk.run(desk.asked())
    assert change.stage is Stage.WAITING
    assert change.binding is not None
    assert outcome(change, desk.store.artifacts)["outcome"] == "stands"


def test_every_node_leaves_a_judgment(desk: Desk) -> None:
    change = desk.run(desk.asked())
    assert desk.kinds(change) == [
        Kind.CHANGE_ASKED,
        Kind.SURVEYED,
        Kind.CANDIDATE_DISCARDED,
        Kind.TRIAL,
        Kind.REHEARSAL_WRITTEN,
        Kind.PLAN_MADE,
        Kind.PROOF_RUN,
        Kind.GATE_VERDICT,
        Kind.WAITING,
    ]


def test_the_decisive_neighbour_is_frozen_into_the_draft(desk: Desk) -> None:
    change = desk.run(desk.asked())
    assert change.draft is not None
    draft = records.unpack(desk.store.artifacts.get(change.draft))
    kept = draft[".pawl/rehearsals/half-a-build/rehearsal.yaml"][1].decode()
    assert "frozen:" in kept
    assert "kill" in kept


def test_a_proof_that_does_not_hold_goes_back_to_plan_with_its_evidence(desk: Desk) -> None:
    desk.planner.plans = [plan_with(BAD), plan_with(GOOD)]
    change = desk.run(desk.asked())
    assert change.stage is Stage.WAITING
    assert desk.planner.told[0] == ()
    assert "still loses 2 objects" in desk.planner.told[1][0]


def test_a_proof_goes_back_three_times_and_then_it_is_not_proven(desk: Desk) -> None:
    desk.planner.plans = [plan_with(BAD + b"#%d\n" % n) for n in range(5)]
    change = desk.run(desk.asked())
    assert change.stage is Stage.NOT_PROVEN
    assert desk.prover.proofs == 4
    assert EXIT[outcome(change, desk.store.artifacts)["outcome"]] == 5


def test_a_fix_that_somebody_gave_is_tried_once(desk: Desk) -> None:
    desk.planner.plans = [plan_with(BAD)]
    desk.parts = replace(desk.parts, replans=False)
    change = desk.run(desk.asked())
    assert change.stage is Stage.NOT_PROVEN
    assert EXIT[outcome(change, desk.store.artifacts)["outcome"]] == 5


def test_a_denial_goes_back_once_with_its_remedy(desk: Desk) -> None:
    desk.planner.plans = [plan_with(GOOD), plan_with(GOOD + b"# narrower\n")]
    desk.gate.verdicts = [verdict(finding(Level.DENY)), verdict()]
    change = desk.run(desk.asked())
    assert change.stage is Stage.WAITING
    assert "do it otherwise" in desk.planner.told[1][-1]


@pytest.mark.parametrize(
    "no", [verdict(finding(Level.DENY)), verdict(broke="the engine hung")], ids=["deny", "broke"]
)
def test_a_gate_that_says_no_in_the_end_refuses(desk: Desk, no: Any) -> None:
    desk.planner.plans = [plan_with(GOOD), plan_with(GOOD + b"# again\n")]
    desk.gate.verdicts = [no]
    change = desk.run(desk.asked())
    assert change.stage is Stage.REFUSED
    assert change.binding is None
    assert EXIT[outcome(change, desk.store.artifacts)["outcome"]] == 6


@pytest.mark.parametrize(
    ("answer", "stage"),
    [
        (NotReproduced("nothing hits", ("cut at mirror",)), Stage.NOT_REPRODUCED),
        (NothingFits("no recipe", ("publishes",), ("rclone",), ()), Stage.NOTHING_FITS),
        (Question((("which script?", "bin/publish"),)), Stage.NEEDS_ANSWER),
    ],
    ids=["not-reproduced", "nothing-fits", "question"],
)
def test_an_honest_end_of_the_rehearser_ends_the_change(
    desk: Desk, answer: Any, stage: Stage
) -> None:
    desk.planner.rehearsals = [answer]
    change = desk.run(desk.asked())
    assert change.stage is stage
    assert desk.planner.told == []
    assert outcome(change, desk.store.artifacts)["ending"]


def test_a_rehearsal_that_does_not_hit_on_base_is_no_rehearsal(desk: Desk) -> None:
    desk.prover.hits = False
    assert desk.run(desk.asked()).stage is Stage.NOT_REPRODUCED


def test_a_planner_that_gives_up_hands_the_rehearsal_over(desk: Desk) -> None:
    desk.planner.plans = [NothingFits("no edit known", (), ("a string for eval",), ())]
    change = desk.run(desk.asked())
    document = outcome(change, desk.store.artifacts)
    assert document["outcome"] == "nothing-fits"
    assert document["rehearsal"]["name"] == "half-a-build"


def test_edits_that_leave_the_tree_are_refused_and_nothing_is_proven(desk: Desk) -> None:
    good = plan_with(GOOD)
    outside = replace(good.edits[0], path="../outside", before=None)
    desk.planner.plans = [replace(good, edits=(outside,))]
    change = desk.run(desk.asked())
    assert change.stage is Stage.REFUSED
    assert desk.prover.proofs == 0


def test_no_secret_of_a_log_is_stored(desk: Desk) -> None:
    change = desk.run(desk.asked())
    proof = outcome(change, desk.store.artifacts)["proof"]
    log = desk.store.artifacts.get(proof["cells"][0]["log"])
    assert b"hunter2" not in log
    assert b"****" in log


def test_a_change_that_waits_is_left_alone_by_a_second_run(desk: Desk) -> None:
    change = desk.run(desk.asked())
    entries = desk.store.size
    assert desk.run(change) == change
    assert desk.store.size == entries


@pytest.mark.parametrize("how", ["gone", "garbage", "other version"])
def test_a_lost_checkpoint_file_loses_nothing(desk: Desk, how: str) -> None:
    change = desk.run(desk.asked())
    file = desk.home / "flow.sqlite"
    match how:
        case "gone":
            file.unlink()
        case "garbage":
            for beside in (file.with_name("flow.sqlite-wal"), file.with_name("flow.sqlite-shm")):
                beside.unlink(missing_ok=True)
            file.write_bytes(b"no database" * 1000)
        case _:
            with sqlite3.connect(file) as db:
                db.execute("update checkpoints set checkpoint = x'00'")
    assert desk.run(change) == change
    assert desk.prover.proofs == 1


def test_asking_the_same_again_is_the_same_change(desk: Desk) -> None:
    assert desk.asked("same").id == desk.asked("same").id


class Killed(BaseException):
    """Stands for kill -9: no handler may catch it."""


@dataclass
class DyingStore:
    """The real store that dies right before or right after its n-th record."""

    inner: Store
    at: int
    after: bool
    seen: int = 0

    def record(self, *given: Any, **named: Any) -> Change:
        self.seen += 1
        if self.seen == self.at and not self.after:
            raise Killed
        change = self.inner.record(*given, **named)
        if self.seen == self.at:
            raise Killed
        return change

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.mark.parametrize("after", [False, True], ids=["before-its-record", "after-its-record"])
@pytest.mark.parametrize("at", range(1, 7))
def test_a_death_at_any_node_is_gone_on_from_and_ends_once(
    desk: Desk, at: int, after: bool
) -> None:
    desk.planner.rehearsals = [REHEARSAL, REHEARSAL]
    desk.planner.plans = [plan_with(GOOD), plan_with(GOOD)]
    change = desk.asked()
    dying = replace(desk.parts, changes=DyingStore(desk.store, at, after))
    with pytest.raises(Killed):
        Inline(dying, desk.store, desk.home / "flow.sqlite", "test").run(change.id)
    done = desk.run(change)
    assert done.stage is Stage.WAITING
    kinds = desk.kinds(done)
    for once in (
        Kind.SURVEYED,
        Kind.REHEARSAL_WRITTEN,
        Kind.PLAN_MADE,
        Kind.PROOF_RUN,
        Kind.GATE_VERDICT,
        Kind.WAITING,
    ):
        assert kinds.count(once) == 1
