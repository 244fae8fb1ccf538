"""Whoever plans, what was rejected in a repository does not come back there; scripted parts."""

from __future__ import annotations

import pytest

from service.changes import Change, Move, Stage, System
from service.ledger import Judgment, Kind
from tests.unit.service.flow.parts import REHEARSAL, plan_with
from tests.unit.service.flow.test_flow import GOOD, Desk
from tests.unit.service.flow.test_flow import desk as desk


def rejected(desk: Desk, typed: str) -> Change:
    first = desk.run(desk.asked("k1"))
    said = Judgment(
        kind=Kind.DECISION,
        actor=System("tests"),
        change=first.id,
        why="rejects the change",
        payload={"verdict": "reject", "typed": typed},
    )
    return desk.store.record(first.id, Move(Stage.REJECTED, {"why": "we need the list"}), said)


def again(desk: Desk, title: str) -> Change:
    desk.planner.rehearsals.append(REHEARSAL)
    desk.planner.plans.append(plan_with(GOOD, title))
    return desk.run(desk.asked("k1"))


def test_a_planner_that_repeats_what_was_rejected_ends_with_the_rejection_cited(desk: Desk) -> None:
    first = rejected(desk, "too-much-at-once")
    second = again(desk, "Stop before publishing")
    assert second.stage is Stage.NOTHING_FITS
    assert f"{first.id}" in second.why
    assert "because too much at once: we need the list" in second.why


@pytest.mark.parametrize(
    ("typed", "title", "stage"),
    [
        ("too-much-at-once", "Copy first", Stage.WAITING),
        ("duplicate", "Stop before publishing", Stage.WAITING),
        ("wrong-problem", "Copy first", Stage.NOTHING_FITS),
    ],
)
def test_what_a_rejection_speaks_against_goes_by_its_typed_reason(
    desk: Desk, typed: str, title: str, stage: Stage
) -> None:
    rejected(desk, typed)
    assert again(desk, title).stage is stage
