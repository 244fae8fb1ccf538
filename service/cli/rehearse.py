"""`pawl rehearse`: a repository's ratchet on one tree, or on base and head; for laptops and CI."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import click
from rich.console import Console

from sandbox import Cell, CellKind, Outcome
from service import settings as environment
from service import wiring
from service.app import records
from service.app.live import fault_words
from service.cli.terminal import MARK, Terminal
from service.errors import UsageError


def rehearse(
    directory: Path,
    names: tuple[str, ...],
    *,
    base: str | None,
    head: str | None,
    as_json: bool,
    junit: Path | None,
) -> None:
    """Run the ratchet and exit 0 (all hold), 5 (one hits) or 1 (one can't be judged)."""
    from service.repos.ratchet import rehearsals
    from service.repos.trees import at, enclosing, snapshot

    # A ratchet is a repository's: asked for in a folder of it, the whole is meant.
    directory = enclosing(directory) or directory
    tree = at(directory, head).files if head else snapshot(directory).files
    ground = at(directory, base).files if base else None
    found = rehearsals(ground if ground is not None else tree)
    unknown = [name for name in names if name not in found]
    if unknown:
        known = ", ".join(sorted(found)) or "none"
        raise UsageError(f"there is no rehearsal called {unknown[0]!r} here; there are: {known}")
    chosen = {name: files for name, files in found.items() if not names or name in names}
    terminal = Terminal()
    cells: tuple[Cell, ...] = ()
    if chosen:
        engine = wiring.engine(environment.load(), terminal.say)
        try:
            cells = wiring.prover(engine).rehearse(chosen, tree, ground, terminal.progress)
        finally:
            terminal.close()
            engine.close()
    if junit is not None:
        junit.write_bytes(junit_xml(cells))
    outcomes = {name: judged([c for c in cells if c.rehearsal == name]) for name in chosen}
    if as_json:
        click.echo(
            json.dumps(
                {
                    "outcome": worst(outcomes.values()).value if outcomes else "held",
                    "rehearsals": {name: o.value for name, o in outcomes.items()},
                    "cells": [{**records.cell(c, lambda log: ""), "log": _text(c)} for c in cells],
                },
                indent=2,
                sort_keys=True,
            )
        )
    else:
        _print(outcomes, cells)
    worst_of_all = worst(outcomes.values()) if outcomes else Outcome.HELD
    sys.exit({Outcome.HELD: 0, Outcome.HIT: 5, Outcome.BROKEN: 1}[worst_of_all])


def judged(cells: Sequence[Cell]) -> Outcome:
    """One rehearsal's outcome. No cell at all is not held: nothing was seen."""
    return worst(c.outcome for c in cells) if cells else Outcome.BROKEN


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """A hit outweighs what can't be judged, and that outweighs held."""
    seen = set(outcomes)
    for outcome in (Outcome.HIT, Outcome.BROKEN):
        if outcome in seen:
            return outcome
    return Outcome.HELD


def junit_xml(cells: Sequence[Cell]) -> bytes:
    """The cells as JUnit XML: hit is a failure, broken an error."""
    suite = ElementTree.Element(
        "testsuite",
        name="pawl rehearse",
        tests=str(len(cells)),
        failures=str(sum(c.outcome is Outcome.HIT for c in cells)),
        errors=str(sum(c.outcome is Outcome.BROKEN for c in cells)),
    )
    for cell in cells:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=cell.rehearsal,
            name=f"{' '.join(cell.entry)}: {fault_words(cell.fault)}",
            time=f"{cell.seconds:.3f}",
        )
        if cell.outcome is not Outcome.HELD:
            kind = "failure" if cell.outcome is Outcome.HIT else "error"
            ElementTree.SubElement(case, kind, message=cell.why).text = _text(cell)
    written: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return written


def _text(cell: Cell) -> str:
    """A cell's log as text that XML and JSON can hold."""
    text = cell.log.decode("utf-8", "replace")
    return "".join(c if c in "\n\t" or c >= " " else "�" for c in text)


def _print(outcomes: dict[str, Outcome], cells: Sequence[Cell]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not outcomes:
        console.print("no rehearsals here: nothing to hold (see .pawl/rehearsals/)")
    for name, outcome in outcomes.items():
        mark, colour = MARK[outcome]
        mine = [c for c in cells if c.rehearsal == name]
        console.print(f"[{colour}]{mark} {outcome.value:<6}[/] {name}  ({len(mine)} cells)")
        for cell in mine:
            if cell.outcome is not Outcome.HELD:
                kind = "control" if cell.kind is CellKind.CONTROL else fault_words(cell.fault)
                console.print(f"    {' '.join(cell.entry)}, {kind}: {cell.why}", markup=False)
