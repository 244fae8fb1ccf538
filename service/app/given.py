"""Somebody's own fix in the planner's place: the same flow, the same proof, the same gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from agents import (
    Brief,
    Desk,
    Edit,
    NothingFits,
    NotReproduced,
    Plan,
    Planner,
    Prediction,
    Question,
    Rehearsal,
    ReshapeKind,
)

Entry = tuple[int, bytes]


@dataclass(frozen=True)
class GivenPlanner:
    """Plans exactly `edits`; the rehearsal is the given one, or `inner`'s for the request."""

    inner: Planner
    edits: tuple[tuple[str, Entry | None, Entry | None], ...]
    rehearsal: Mapping[str, Entry] | None = None
    name_hint: str = ""
    name: str = "given"

    def rehearse(
        self, brief: Brief, desk: Desk
    ) -> Rehearsal | Question | NothingFits | NotReproduced:
        """Answer the given rehearsal, or let the inner planner write one from the words."""
        if self.rehearsal is None:
            return self.inner.rehearse(brief, desk)
        story, failure = _told(self.rehearsal)
        return Rehearsal(self.name_hint or "given", self.rehearsal, story, failure)

    def plan(self, brief: Brief, desk: Desk, rehearsal: Rehearsal) -> Plan | Question | NothingFits:
        """Answer the given edits, whatever the rehearsal."""
        return Plan(
            title="the given change",
            kind=ReshapeKind.ELIMINATE,
            edits=tuple(Edit(path, before, after, "given") for path, before, after in self.edits),
            reasons=("somebody's own fix, as it was given",),
            alternatives=(),
            unsolved=(),
            price=(),
            prediction=Prediction("open failures", 1, 0),
        )


def _told(files: Mapping[str, Entry]) -> tuple[str, str]:
    """Story and class of a rehearsal folder; what can't be read is said by who runs it."""
    try:
        document = yaml.safe_load(files["rehearsal.yaml"][1])
        return str(document["story"]), str(document["failure"])
    except (KeyError, TypeError, yaml.YAMLError):
        return "a given rehearsal", "unknown"
