"""Scripted planner, prover and gate for flow tests; store, trees and rehearsal format are real."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agents import (
    Alternative,
    Brief,
    Desk,
    Edit,
    NothingFits,
    NotReproduced,
    Plan,
    Prediction,
    Question,
    Rehearsal,
    ReshapeKind,
    Survey,
)
from policies import Finding, Level, Verdict
from sandbox import Cell, CellKind, Files, Outcome, Progress, Proof, Side, Surroundings, Trial
from service.changes import Change

ENTRY = ("bin/publish",)
TREE: dict[str, tuple[int, bytes]] = {
    "bin/publish": (0o100755, b"#!/bin/sh\nmake-it\nmirror --delete\n"),
    "README.md": (0o100644, b"publish\n"),
}
YAML = b"""schema: rehearsal/v1
story: A build that stops half way must not delete live files.
failure: destructive-publish
entry: [bin/publish]
world:
  object-storage: {buckets: [live]}
prime: [entry]
faults:
- {command: mirror, call: 1, does: cut}
invariants:
- old-or-new: [object-storage]
"""
REHEARSAL = Rehearsal(
    "half-a-build", {"rehearsal.yaml": (0o100644, YAML)}, "A half build deletes.", "publish"
)


def plan_with(text: bytes, title: str = "Stop before publishing") -> Plan:
    """A plan that replaces the publish script."""
    return Plan(
        title=title,
        kind=ReshapeKind.ELIMINATE,
        edits=(
            Edit("bin/publish", TREE["bin/publish"], (0o100755, text), "nothing deletes any more"),
        ),
        reasons=("a failing build can't reach the mirror",),
        alternatives=(Alternative("retries", "a retry fails too"),),
        unsolved=(),
        price=("old files stay",),
        prediction=Prediction("open failures", 1, 0),
    )


def cell(side: Side, outcome: Outcome, kind: CellKind = CellKind.DECLARED) -> Cell:
    return Cell(
        id=f"{side}-{kind}",
        rehearsal="half-a-build",
        entry=ENTRY,
        side=side,
        kind=kind,
        fault={"command": "mirror", "call": 1, "does": "cut"},
        seed=1,
        outcome=outcome,
        why="2 objects are gone" if outcome is Outcome.HIT else "nothing is gone",
        lost=("s3://live/a",) if outcome is Outcome.HIT else (),
        log=b"token=hunter2 mirror: cut\n",
    )


@dataclass
class ScriptedPlanner:
    """Answers from a script; remembers what it was told."""

    rehearsals: list[Rehearsal | Question | NothingFits | NotReproduced]
    plans: list[Plan | Question | NothingFits] = field(default_factory=list)
    name: str = "scripted"
    told: list[tuple[str, ...]] = field(default_factory=list)

    def rehearse(
        self, brief: Brief, desk: Desk
    ) -> Rehearsal | Question | NothingFits | NotReproduced:
        answer = self.rehearsals.pop(0)
        if isinstance(answer, Rehearsal):
            desk.discard("fail at mirror", "does not hit")
            desk.try_rehearsal(answer)
        return answer

    def plan(self, brief: Brief, desk: Desk, rehearsal: Rehearsal) -> Plan | Question | NothingFits:
        self.told.append(brief.told)
        return self.plans.pop(0)


@dataclass
class ScriptedProver:
    """Hits on base; holds on a draft exactly when `holds` says so of its publish script."""

    holds: Callable[[bytes], bool] = lambda text: b"--delete" not in text
    hits: bool = True
    proofs: int = 0
    ratchets: int = 0

    def try_rehearsal(
        self,
        rehearsal: Files,
        tree: Files,
        around: Surroundings,
        watch: Callable[[Progress], None],
        *,
        name: str,
    ) -> Trial:
        outcome = Outcome.HIT if self.hits else Outcome.HELD
        one = cell(Side.BASE, outcome)
        watch(Progress("tried", 1, 1, one))
        return Trial(True, self.hits, (one,), ("mirror",), one.why)

    def prove(
        self,
        *,
        base: Files,
        draft: Files,
        rehearsal: Files,
        name: str,
        ratchet: Mapping[str, Files],
        around: Surroundings,
        watch: Callable[[Progress], None],
    ) -> Proof:
        self.proofs += 1
        good = self.holds(draft["bin/publish"][1])
        cells = (
            cell(Side.BASE, Outcome.HIT),
            cell(Side.DRAFT, Outcome.HELD if good else Outcome.HIT),
        )
        return Proof(
            holds=good,
            why="hit on base, held on the draft" if good else "the draft still loses 2 objects",
            cells=cells,
            decisive=(
                {"entry": list(ENTRY), "fault": {"command": "mirror", "call": 1, "does": "kill"}},
            ),
            image="pawl-sandbox:test",
        )

    def rehearse(
        self,
        rehearsals: Mapping[str, Files],
        tree: Files,
        base: Files | None,
        watch: Callable[[Progress], None],
    ) -> tuple[Cell, ...]:
        """The ratchet holds on a tree exactly when `holds` says so of its publish script."""
        self.ratchets += 1
        good = self.holds(tree["bin/publish"][1])
        return tuple(
            replace(cell(Side.DRAFT, Outcome.HELD if good else Outcome.HIT), rehearsal=name)
            for name in rehearsals
        )


@dataclass
class ScriptedGate:
    """Gives one verdict after the other, the last one again and again."""

    verdicts: list[Verdict]
    facts: list[Mapping[str, Any]] = field(default_factory=list)

    def judge(self, facts: Mapping[str, Any], repository_rules: Mapping[str, bytes]) -> Verdict:
        self.facts.append(facts)
        return self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]

    def selftest(self) -> None:
        """Scripted: nothing to test."""


def finding(level: Level) -> Finding:
    return Finding(
        "test.rule",
        level,
        "A rule",
        "bin/publish:1",
        "it says so",
        "do it otherwise",
        role="policy-owner" if level is Level.ASK else "",
    )


def verdict(*findings: Finding, broke: str = "") -> Verdict:
    return Verdict(findings, "r" * 64, "scripted engine", 1, broke)


@dataclass
class PlainReader:
    """Finds one entry point, whatever the tree; it reaches one more file."""

    def survey(self, tree: Files) -> Survey:
        from agents import EntryPoint

        return Survey(
            (EntryPoint(ENTRY, "people"),),
            (),
            (),
            ("bin/publish:3 mirror --delete",),
            reach={ENTRY: ("bin/publish", "lib/common.sh")},
        )

    def around(self, tree: Files, entry: tuple[str, ...], failure: str) -> Survey:
        return self.survey(tree)


@dataclass
class Listener:
    """Remembers what a person would have seen."""

    lines: list[str] = field(default_factory=list)

    def stage(self, change: Change, text: str) -> None:
        self.lines.append(f"{change.stage.value}: {text}")

    def say(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, progress: Progress) -> None:
        self.lines.append(progress.text)


@dataclass
class PlainFacts:
    """Facts with what the tests look at; masks one secret."""

    def build(self, **given: Any) -> dict[str, Any]:
        return {"schema": "facts/v1", "proof": given["proof"], "claimed": given["claimed"]}

    def mask(self, text: str) -> str:
        return text.replace("hunter2", "****")
