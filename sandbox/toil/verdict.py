"""From the cells of toil to an answer: whether the proof holds, and what is shown of it.

Pure. What is missing counts as a no, and nothing that broke is ever held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox import Cell, CellKind, Outcome, Proof, Side


@dataclass
class Told:
    """What people must be told beside the cells."""

    degrades: list[str] = field(default_factory=list)
    residuals: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)


def verdict(cells: Sequence[Cell]) -> tuple[bool, str]:
    """Whether the proof holds, and why: the reason, or the first reason that it does not."""
    base = [cell for cell in cells if cell.side is Side.BASE]
    draft = [cell for cell in cells if cell.side is Side.DRAFT]
    for cell in base:
        if cell.kind is CellKind.CONTROL and cell.outcome is not Outcome.HELD:
            return False, f"Can't judge: by hand is not good on base. {cell.why}"
    declared = [cell for cell in base if cell.kind is CellKind.DECLARED]
    if not declared:
        return False, "Can't judge: nothing was left out on base."
    for cell in declared:
        if cell.outcome is not Outcome.HIT:
            return False, f"Not reproduced: {cell.why}"
    for cell in sorted(draft, key=lambda one: one.kind is CellKind.DECLARED):
        if cell.outcome is not Outcome.HELD:
            said = "can't be judged" if cell.outcome is Outcome.BROKEN else "does not hold"
            return False, f"{_title(cell)} ({named(cell)}) {said} on the draft. {cell.why}"
    tried = {cell.seed for cell in draft if cell.kind is CellKind.DECLARED}
    if tried != {cell.seed for cell in declared}:
        return False, "Can't judge: not every repeat was tried on the draft."
    operated = sum(1 for cell in draft if cell.kind is CellKind.OPERATION)
    drifted = sum(1 for cell in draft if cell.kind is CellKind.DRIFT)
    if not operated:
        return True, f"A place that is left out is noticed; so are {drifted} edits out of step."
    return True, (
        f"Leaving a place out is silent on base; on the draft {operated} cells of the operation "
        f"make every place right or refuse, and {drifted} edits out of step are noticed."
    )


def evidence(cells: Sequence[Cell]) -> dict[str, Any]:
    """The first difference: what leaving out does on base, and what counts against the draft."""
    shown: dict[str, Any] = {"cells": len(cells)}
    pick = {
        "hit": next((c for c in cells if c.outcome is Outcome.HIT and c.side is Side.BASE), None),
        "refused": next(
            (c for c in cells if c.side is Side.DRAFT and c.outcome is not Outcome.HELD), None
        ),
    }
    for key, cell in pick.items():
        if cell is not None:
            shown[key] = {
                "cell": cell.id,
                "what": named(cell),
                "side": cell.side.value,
                "why": cell.why,
                "lost": [],
                "altered": [],
                "log": cell.log[-2000:].decode("utf-8", "replace"),
            }
    return shown


def table(cells: Sequence[Cell], told: Told) -> Proof:
    """The table as a proof. Which edits carry it is not looked for, and that is said."""
    holds, why = verdict(cells)
    unjudged = [*told.unjudged, "toil: which edits carry the proof was not tried"]
    return Proof(
        holds=holds,
        why=why,
        cells=tuple(cells),
        residuals=tuple(dict.fromkeys(told.residuals)),
        degrades=tuple(dict.fromkeys(told.degrades)),
        not_covered=tuple(dict.fromkeys(unjudged)),
        evidence=evidence(cells),
    )


def with_old(
    proof: Proof, cells: Sequence[Cell], residuals: Sequence[str], unjudged: Sequence[str]
) -> Proof:
    """A proof that holds, with the cells of old rehearsals: each of them has to hold as well."""
    every = (*proof.cells, *cells)
    bad = next((cell for cell in cells if cell.outcome is not Outcome.HELD), None)
    why = f"An old rehearsal, {bad.rehearsal} ({named(bad)}): {bad.why}" if bad else proof.why
    return replace(
        proof,
        holds=proof.holds and bad is None,
        why=why,
        cells=every,
        residuals=tuple(dict.fromkeys((*proof.residuals, *residuals))),
        not_covered=tuple(dict.fromkeys((*proof.not_covered, *unjudged))),
        evidence=proof.evidence if bad is None else {**proof.evidence, **evidence(every)},
    )


def named(cell: Cell) -> str:
    """A cell's fault in few words, for people."""
    if not cell.fault:
        return f"{cell.kind.value} of `{' '.join(cell.entry)}`"
    return ", ".join(f"{key} {value}" for key, value in cell.fault.items())


_TITLES = {
    CellKind.CONTROL: "Normal work",
    CellKind.DECLARED: "The failure",
    CellKind.OPERATION: "The operation",
    CellKind.DRIFT: "Drift",
    CellKind.OMISSION: "Leaving a step out",
    CellKind.CHECK: "The repository's own check",
    CellKind.RATCHET: "An old rehearsal",
}


def _title(cell: Cell) -> str:
    return _TITLES.get(cell.kind, cell.kind.value)
