"""From a table of toil cells to an answer: what counts, what is missing, and what old ones add."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox import Cell, CellKind, Outcome, Side
from sandbox.toil.verdict import Told, table, verdict, with_old


def _cell(side: Side, kind: CellKind, outcome: Outcome, seed: int = 1, why: str = "said.") -> Cell:
    fault = {"kind": kind.value}
    return Cell("x", "berths", ("bin/berth",), side, kind, fault, seed, outcome, why)


HELD, HIT, BROKEN = Outcome.HELD, Outcome.HIT, Outcome.BROKEN
GOOD = (
    _cell(Side.BASE, CellKind.CONTROL, HELD),
    _cell(Side.BASE, CellKind.OMISSION, HIT),
    _cell(Side.BASE, CellKind.DECLARED, HIT),
    _cell(Side.DRAFT, CellKind.CONTROL, HELD),
    _cell(Side.DRAFT, CellKind.OPERATION, HELD),
    _cell(Side.DRAFT, CellKind.DRIFT, HELD),
    _cell(Side.DRAFT, CellKind.DECLARED, HELD),
)


def test_a_whole_table_holds() -> None:
    holds, why = verdict(GOOD)
    assert holds
    assert "1 cells of the operation" in why


@pytest.mark.parametrize("outcome", [HIT, BROKEN], ids=str)
@pytest.mark.parametrize("at", [3, 4, 5, 6])
def test_anything_on_the_draft_that_is_not_held_refuses(at: int, outcome: Outcome) -> None:
    cells = [*GOOD[:at], replace(GOOD[at], outcome=outcome, why="This one."), *GOOD[at + 1 :]]
    holds, why = verdict(cells)
    assert not holds
    assert why.endswith("This one.")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([replace(GOOD[0], outcome=BROKEN), *GOOD[1:]], "by hand is not good on base"),
        ([*GOOD[:2], *GOOD[3:]], "nothing was left out on base"),
        ([*GOOD[:2], replace(GOOD[2], outcome=HELD), *GOOD[3:]], "Not reproduced"),
        (GOOD[:-1], "not every repeat was tried"),
        ([*GOOD, replace(GOOD[2], seed=2)], "not every repeat was tried"),
        ([], "nothing was left out on base"),
    ],
    ids=["by hand", "no omission", "noticed", "no draft", "half of the repeats", "nothing"],
)
def test_what_is_missing_counts_as_a_no(cells: list[Cell], said: str) -> None:
    holds, why = verdict(cells)
    assert not holds
    assert said in why


def test_a_proof_of_toil_says_that_no_hunk_was_tried() -> None:
    proof = table(GOOD, Told(degrades=["a", "a"]))
    assert proof.holds
    assert proof.load_bearing == ()
    assert proof.degrades == ("a",)
    assert any("which edits carry" in text for text in proof.not_covered)


def test_an_old_rehearsal_that_hits_ends_a_proof_that_held() -> None:
    proof = table(GOOD, Told())
    old = replace(GOOD[5], kind=CellKind.RATCHET, rehearsal="old", outcome=HIT, why="It is back.")
    kept = with_old(proof, [replace(old, outcome=HELD)], ["r"], ["u"])
    ended = with_old(proof, [old], [], [])
    assert kept.holds
    assert (kept.residuals, kept.not_covered[-1]) == (("r",), "u")
    assert not ended.holds
    assert "old" in ended.why
    assert ended.evidence["refused"]["why"] == "It is back."
