from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox import Cell, CellKind, Outcome, Side
from sandbox.engine import Ended, Ran
from sandbox.proof.invariants import Harm
from sandbox.proof.verdict import decide, losing, outcome, settle

RAN = Ran(Ended.EXITED, 0, b"", False, 0.1, {})
FAULT = {"command": "rsync", "call": 1, "does": "cut", "exit": 1}
HIT = Cell(
    "1",
    "loaf",
    ("./bake.sh",),
    Side.BASE,
    CellKind.DECLARED,
    FAULT,
    1,
    Outcome.HIT,
    "gone",
    lost=("s3://shelf/a",),
)
HELD = replace(HIT, side=Side.DRAFT, outcome=Outcome.HELD, lost=())
CONTROL = replace(HIT, kind=CellKind.CONTROL, fault=None, outcome=Outcome.HELD, lost=())
GOOD = [CONTROL, replace(CONTROL, side=Side.DRAFT), HIT, HELD]
NEIGHBOUR = replace(HELD, kind=CellKind.HONEST)


def test_the_good_table_holds() -> None:
    assert decide(GOOD)[0]
    assert decide([*GOOD, NEIGHBOUR])[0]


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param([], id="nothing ran"),
        pytest.param(GOOD[:2], id="no declared fault"),
        pytest.param(GOOD[:3], id="the declared fault was not tried on the draft"),
        pytest.param(GOOD[1:], id="no control on base"),
        pytest.param(
            [replace(CONTROL, outcome=Outcome.BROKEN), *GOOD[1:]], id="control on base broken"
        ),
        pytest.param([*GOOD[:2], replace(HIT, outcome=Outcome.HELD), HELD], id="base holds"),
        pytest.param([*GOOD[:2], replace(HIT, outcome=Outcome.BROKEN), HELD], id="base is broken"),
        pytest.param([*GOOD[:3], replace(HELD, outcome=Outcome.HIT)], id="the draft hits"),
        pytest.param([*GOOD[:3], replace(HELD, outcome=Outcome.BROKEN)], id="the draft is broken"),
        pytest.param([*GOOD, replace(HIT, seed=2)], id="one repeat was not tried on the draft"),
        pytest.param([*GOOD, replace(NEIGHBOUR, outcome=Outcome.HIT)], id="a neighbour hits"),
        pytest.param([*GOOD, replace(NEIGHBOUR, outcome=Outcome.BROKEN)], id="one is broken"),
        pytest.param(
            [*GOOD, replace(HELD, kind=CellKind.RATCHET, outcome=Outcome.HIT)], id="the ratchet"
        ),
        pytest.param([*GOOD, replace(HELD, kind=CellKind.CHECK, outcome=Outcome.HIT)], id="checks"),
        pytest.param(
            [CONTROL, replace(CONTROL, side=Side.DRAFT, outcome=Outcome.HIT), *GOOD[2:]],
            id="the job is not done",
        ),
    ],
)
def test_a_table_with_one_thing_wrong_does_not_hold(cells: list[Cell]) -> None:
    holds, why = decide(cells)
    assert not holds
    assert why


def test_a_loss_is_a_hit_however_the_run_ended() -> None:
    ran = replace(RAN, ended=Ended.TIMEOUT)
    assert outcome(ran, Harm(lost=("/a",)), True, True)[0] is Outcome.HIT


@pytest.mark.parametrize(
    ("ran", "reached"),
    [
        pytest.param(replace(RAN, ended=Ended.TIMEOUT), True, id="timed out"),
        pytest.param(replace(RAN, ended=Ended.OUTPUT_CAP), True, id="endless output"),
        pytest.param(replace(RAN, ended=Ended.ENGINE_ERROR), True, id="the engine failed"),
        pytest.param(replace(RAN, ended=Ended.CANNOT_START), True, id="it can't start"),
        pytest.param(replace(RAN, unknown=("aws made up",)), True, id="an unknown call"),
        pytest.param(replace(RAN, broken="forged record"), True, id="a forged record"),
        pytest.param(RAN, False, id="the fault was never reached"),
    ],
)
def test_what_can_not_be_judged_is_broken_and_never_held(ran: Ran, reached: bool) -> None:
    assert outcome(ran, Harm(), reached, True)[0] is Outcome.BROKEN


def test_a_quiet_end_with_nothing_lost_is_held() -> None:
    assert outcome(replace(RAN, code=1), Harm(), True, True)[0] is Outcome.HELD


def neighbour(side: Side, lost: tuple[str, ...] = (), altered: tuple[str, ...] = ()) -> Cell:
    said = Outcome.HIT if lost or altered else Outcome.HELD
    return replace(NEIGHBOUR, side=side, outcome=said, lost=lost, altered=altered)


OBJECTS = frozenset({"object-storage"})


def test_a_loss_that_base_has_too_of_another_class_is_a_residual() -> None:
    settled = settle(
        neighbour(Side.DRAFT, ("/srv/a",)), neighbour(Side.BASE, ("/srv/a", "/srv/b")), OBJECTS
    )
    assert settled.cell.outcome is Outcome.HELD
    assert settled.residual


@pytest.mark.parametrize(
    ("lost", "had"),
    [
        pytest.param("/srv/a", (), id="base does not lose it"),
        pytest.param("/srv/a", ("/srv/b",), id="base loses another one"),
        pytest.param("s3://shelf/a", ("s3://shelf/a",), id="the class of the failure"),
    ],
)
def test_a_loss_counts_unless_base_has_it_and_its_class_is_another(
    lost: str, had: tuple[str, ...]
) -> None:
    settled = settle(neighbour(Side.DRAFT, (lost,)), neighbour(Side.BASE, had), OBJECTS)
    assert settled.cell.outcome is Outcome.HIT
    assert not settled.residual


def test_altered_only_on_the_draft_degrades() -> None:
    settled = settle(
        neighbour(Side.DRAFT, altered=("s3://shelf/a",)),
        neighbour(Side.BASE, lost=("s3://shelf/a",)),
        OBJECTS,
    )
    assert settled.cell.outcome is Outcome.HELD
    assert settled.degrades.startswith("degrades: 1 object")


def test_altered_where_base_alters_the_same_class_counts() -> None:
    settled = settle(
        neighbour(Side.DRAFT, altered=("s3://shelf/a",)),
        neighbour(Side.BASE, altered=("s3://shelf/b",)),
        OBJECTS,
    )
    assert settled.cell.outcome is Outcome.HIT


def unfinished(side: Side, undone: tuple[str, ...]) -> Cell:
    said = Outcome.HIT if undone else Outcome.HELD
    return replace(NEIGHBOUR, side=side, outcome=said, undone=undone)


@pytest.mark.parametrize(
    ("undone", "outcome"),
    [
        pytest.param((), Outcome.HIT, id="base gets over it"),
        pytest.param(("s3://shelf/b",), Outcome.HIT, id="base leaves another one undone"),
        pytest.param(("s3://shelf/a",), Outcome.HELD, id="base leaves the same undone"),
    ],
)
def test_work_left_undone_counts_unless_base_leaves_it_undone_too(
    undone: tuple[str, ...], outcome: Outcome
) -> None:
    settled = settle(
        unfinished(Side.DRAFT, ("s3://shelf/a",)), unfinished(Side.BASE, undone), OBJECTS
    )
    assert settled.cell.outcome is outcome
    assert bool(settled.residual) == (outcome is Outcome.HELD)


def test_broken_on_both_sides_is_said_and_on_the_draft_alone_counts() -> None:
    broken = replace(NEIGHBOUR, outcome=Outcome.BROKEN)
    assert settle(broken, replace(broken, side=Side.BASE), OBJECTS).unjudged
    alone = settle(broken, neighbour(Side.BASE), OBJECTS)
    assert not alone.unjudged
    assert alone.cell.outcome is Outcome.BROKEN


def test_the_failure_loses_the_classes_that_base_lost() -> None:
    assert losing([HIT, HELD, neighbour(Side.BASE, ("/srv/a",))]) == OBJECTS
