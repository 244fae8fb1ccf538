"""From judged cells to an answer: what counts against a draft, and whether the proof holds.

Pure. Base is the measure: what base loses as well, of another class, is a residual and no refusal;
what is altered only on the draft is shown to the approver. Nothing that broke is ever held.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace

from sandbox import Cell, CellKind, Outcome, Side
from sandbox.engine import Ended, Ran
from sandbox.proof.invariants import Harm
from sandbox.proof.states import count, few, kind

_EVIDENCE = (Ended.EXITED, Ended.SIGNALLED, Ended.OOM)


def outcome(ran: Ran, harm: Harm, reached: bool, must_reach: bool) -> tuple[Outcome, str]:
    """Judge one run by its end and its harm: outcome and one sentence.

    A loss that can be seen is a hit however the run ended; a run that did not end by itself, was
    asked something unknown or never met the fault that it is about is broken, never held.
    """
    if ran.ended in (Ended.ENGINE_ERROR, Ended.CANNOT_START):
        return Outcome.BROKEN, f"The run could not be judged: {ran.ended.value} {ran.error}".strip()
    if ran.broken:
        return Outcome.BROKEN, f"The run can't be judged: {ran.broken}"
    if ran.unknown:
        return Outcome.BROKEN, f"A stand-in was asked what it does not know: {few(ran.unknown)}"
    if must_reach and not reached:
        return Outcome.BROKEN, "The fault was never reached, so nothing was tried."
    if harm.lost:
        return Outcome.HIT, f"{count(harm.lost, 'are')} gone: {few(harm.lost)}"
    if ran.ended not in _EVIDENCE:
        return Outcome.BROKEN, f"The run {ran.ended.value}; that says nothing about what it does."
    if harm.altered:
        return (
            Outcome.HIT,
            f"{count(harm.altered, 'are')} neither old nor new: {few(harm.altered)}",
        )
    ending = f"code {ran.code}" if ran.ended is Ended.EXITED else ran.ended.value
    return Outcome.HELD, f"Every object is as before or as control leaves it ({ending})."


@dataclass(frozen=True)
class Settled:
    """A draft's cell after it was measured by base's, and what people must be told of it."""

    cell: Cell
    residual: str = ""
    degrades: str = ""
    unjudged: str = ""


def settle(draft: Cell, base: Cell | None, losing: Set[str]) -> Settled:
    """Measure a draft's cell by base's cell of the same fault (None: base was not run).

    `losing` are the classes of objects that the declared failure loses.
    """
    if draft.outcome is Outcome.BROKEN:
        if base is not None and base.outcome is Outcome.BROKEN:
            text = f"could not be judged on either side: {name(draft)} ({draft.why})"
            return Settled(draft, unjudged=text)
        return Settled(draft)
    if draft.lost:
        had = set(base.lost) if base is not None and base.outcome is Outcome.HIT else set()
        counted = [a for a in draft.lost if a not in had or kind(a) in losing]
        if counted:
            return Settled(draft)
        why = f"Base loses the same here, and it is not what this change is about: {draft.why}"
        held = replace(draft, outcome=Outcome.HELD, why=why)
        return Settled(held, residual=f"{name(draft)}: {draft.why}")
    if draft.undone:
        had = set(base.undone) if base is not None and base.outcome is Outcome.HIT else set()
        if set(draft.undone) - had:
            return Settled(draft)
        why = f"Base does not get over it either: {draft.why}"
        held = replace(draft, outcome=Outcome.HELD, why=why)
        return Settled(held, residual=f"{name(draft)}: {draft.why}")
    if draft.outcome is Outcome.HIT and draft.altered:
        had = {kind(a) for a in base.altered} if base is not None else set()
        if base is not None and any(kind(a) in had for a in draft.altered):
            return Settled(draft)
        if base is not None and base.outcome is Outcome.BROKEN:
            return Settled(draft)
        text = f"degrades: {count(draft.altered)} at {name(draft)}: {few(draft.altered)}"
        held = replace(draft, outcome=Outcome.HELD, why=f"Nothing is lost; {draft.why}")
        return Settled(held, degrades=text)
    return Settled(draft)


def losing(cells: Iterable[Cell]) -> frozenset[str]:
    """The classes of objects that the declared failure loses (or spoils) on base."""
    return frozenset(
        kind(address)
        for cell in cells
        if cell.side is Side.BASE and cell.kind is CellKind.DECLARED
        for address in (*cell.lost, *cell.altered)
    )


def name(cell: Cell) -> str:
    """A cell's fault in few words, for people."""
    entry = " ".join(cell.entry)
    fault = cell.fault
    if not fault:
        return f"{cell.kind.value} of `{entry}`"
    if "limit" in fault:
        return f"files limited to {fault['limit']} bytes in `{entry}`"
    if "input" in fault:
        then = "".join(f" then {' '.join(argv)}" for argv in fault.get("then", ()))
        return f"{fault['input']} = {fault['value']!r} in `{entry}`{then}"
    does = fault["does"] + (" just before its end" if fault.get("lacks") else "")
    stays = " and every later one" if fault.get("persistent") else ""
    then = "".join(f", then `{' '.join(argv)}` without a fault" for argv in fault.get("then", ()))
    return f"{does} at {fault['command']}, call {fault.get('call', 1)}{stays}, in `{entry}`{then}"


def decide(cells: Sequence[Cell]) -> tuple[bool, str]:
    """Whether the proof holds, and why: the reason, or the first reason that it does not.

    Draft cells must have been settled before. What is missing counts as a no.
    """

    def of(side: Side, *kinds: CellKind) -> list[Cell]:
        return [cell for cell in cells if cell.side is side and cell.kind in kinds]

    neighbours = (CellKind.HONEST, CellKind.LYING, CellKind.INPUT)
    declared = of(Side.BASE, CellKind.DECLARED)
    for cell in of(Side.BASE, CellKind.CONTROL):
        if cell.outcome is not Outcome.HELD:
            return False, f"Can't judge: control on base is not good. {cell.why}"
    if not of(Side.BASE, CellKind.CONTROL) or not declared:
        return False, "Can't judge: no declared fault was tried on base."
    for cell in declared:
        if cell.outcome is not Outcome.HIT:
            return False, f"Not reproduced: {name(cell)} {_verb(cell)} on base. {cell.why}"
    groups: tuple[tuple[str, tuple[CellKind, ...]], ...] = (
        ("Normal work", (CellKind.CONTROL,)),
        ("The failure", (CellKind.DECLARED,)),
        ("A neighbour", neighbours),
        ("An old rehearsal", (CellKind.RATCHET,)),
        ("The repository's own check", (CellKind.CHECK,)),
    )
    for title, kinds in groups:
        for cell in of(Side.DRAFT, *kinds):
            if cell.outcome is not Outcome.HELD:
                return False, f"{title}: {name(cell)} {_verb(cell)} on the draft. {cell.why}"
    tried = {(cell.rehearsal, cell.entry, str(cell.fault), cell.seed) for cell in declared}
    held = of(Side.DRAFT, CellKind.DECLARED)
    if {(c.rehearsal, c.entry, str(c.fault), c.seed) for c in held} != tried:
        return False, "Can't judge: not every declared fault was tried on the draft."
    return True, (
        f"{len(declared)} declared cells hit on base and held on the draft; control does the "
        f"normal job; {len(of(Side.DRAFT, *neighbours))} neighbours lose nothing."
    )


def _verb(cell: Cell) -> str:
    return {Outcome.HIT: "hits", Outcome.HELD: "holds", Outcome.BROKEN: "is broken"}[cell.outcome]
