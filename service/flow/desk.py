"""The desk of a planner: what it may use while it works, each use put on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agents import Edit, Reader, Rehearsal, Survey, Trial
from sandbox import BadRehearsal, Mirroring, Outcome, Surroundings
from sandbox import Setting as CellSetting
from sandbox import Trial as SandboxTrial
from service.changes import Agent, Change
from service.flow.parts import Files, Parts
from service.ledger import Judgment, Kind


def surroundings(
    survey: Survey, checks: tuple[tuple[str, ...], ...], entry: tuple[str, ...]
) -> Surroundings:
    """Turn what reading found into what the proof takes; `entry` always comes first."""
    others = [e.argv for e in survey.entry_points if e.argv != entry]
    return Surroundings(
        entry_points=(entry, *dict.fromkeys(others)),
        settings=tuple(CellSetting(s.name, s.file, s.value, s.feeds) for s in survey.settings),
        sources=survey.sources,
        checks=checks,
        mirrors=mirrorings(survey),
    )


def mirrorings(survey: Survey) -> tuple[Mirroring, ...]:
    """What reading found that can empty a live place, as the proof takes it."""
    return tuple(Mirroring(m.entry, m.path, m.line, m.words) for m in survey.mirrors)


def around(
    reader: Reader, parts: Parts, base: Files, rehearsal: Rehearsal, draft: Files | None = None
) -> Surroundings:
    """What the proof of `rehearsal` takes from the repository: read from `base`, not chosen.

    Of `draft` only what it can do to live places is read, as a question that its runs must answer.
    """
    entry = parts.rehearsals.entry(rehearsal.files)
    found = surroundings(
        reader.around(base, entry, rehearsal.failure), parts.trees.checks(base), entry
    )
    if draft is None:
        return found
    return replace(found, draft_mirrors=mirrorings(reader.around(draft, entry, rehearsal.failure)))


@dataclass
class FlowDesk:
    """A `Desk` on one change's base tree. What was tried and dropped collects in `evidence`."""

    parts: Parts
    change: Change
    base: Files
    evidence: list[Judgment] = field(default_factory=list)
    last: SandboxTrial | None = None

    def try_rehearsal(self, rehearsal: Rehearsal) -> Trial:
        parts = self.parts
        try:
            trial = parts.prover.try_rehearsal(
                rehearsal.files,
                self.base,
                around(parts.reader, parts, self.base, rehearsal),
                parts.thread.progress,
                name=rehearsal.name,
            )
        except BadRehearsal as wrong:  # an outcome like any other: its author is told
            why = f"the rehearsal can't be read: {wrong}"
            said = {"rehearsal": rehearsal.name, "hits": False, "control_good": False, "cells": 0}
            self._log(Kind.TRIAL, why, said)
            return Trial(False, False, f"{why} (to mend it: {wrong.mend})" if wrong.mend else why)
        self.last = trial
        hit = next((c for c in trial.cells if c.outcome is Outcome.HIT), None)
        told = hit or next((c for c in trial.cells if c.outcome is Outcome.BROKEN), None)
        self._log(
            Kind.TRIAL,
            trial.why,
            {
                "rehearsal": rehearsal.name,
                "hits": trial.hits,
                "control_good": trial.control_good,
                "cells": len(trial.cells),
            },
        )
        return Trial(
            control_good=trial.control_good,
            hits=trial.hits,
            why=trial.why,
            lost=hit.lost if hit else (),
            log=parts.facts.mask(told.log.decode("utf-8", "replace")) if told else "",
        )

    def try_draft(self, rehearsal: Rehearsal, edits: tuple[Edit, ...]) -> Trial:
        parts = self.parts
        drafted = parts.trees.apply(self.base, [(e.path, e.before, e.after) for e in edits])
        if drafted.files is None:
            return Trial(False, False, f"the edits were refused: {drafted.refused}")
        try:
            trial = parts.prover.try_rehearsal(
                rehearsal.files,
                drafted.files,
                around(parts.reader, parts, self.base, rehearsal),
                parts.thread.progress,
                name=rehearsal.name,
            )
        except BadRehearsal as wrong:
            return Trial(False, False, f"the rehearsal can't be read: {wrong}")
        hit = next((c for c in trial.cells if c.outcome is Outcome.HIT), None)
        said = {"rehearsal": rehearsal.name, "hits": trial.hits, "on": "draft"}
        self._log(
            Kind.TRIAL,
            trial.why,
            {**said, "control_good": trial.control_good, "cells": len(trial.cells)},
        )
        return Trial(trial.control_good, trial.hits, trial.why, hit.lost if hit else ())

    def say(self, text: str) -> None:
        self.parts.thread.say(text)

    def discard(self, candidate: str, why: str) -> None:
        self._log(Kind.CANDIDATE_DISCARDED, why, {"candidate": candidate})

    def _log(self, kind: Kind, why: str, payload: Mapping[str, object]) -> None:
        self.evidence.append(
            Judgment(
                kind=kind,
                actor=planner_actor(self.parts),
                change=self.change.id,
                why=self.parts.facts.mask(why),
                payload=payload,
            )
        )


def planner_actor(parts: Parts) -> Agent:
    """Who judged, when a planner did."""
    return Agent(parts.planner.name)
