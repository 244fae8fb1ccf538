"""`python -m evals.proof`: right and wrong changes against the proof alone.

For each case a rehearsal is written by the planner under test (or taken from `evals/rehearsals`),
and each patch of the case is proven by the real prover. Wrong ones must be refused, right ones
accepted; whatever comes out is a figure, never an error.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from agents import Brief, NothingFits, NotReproduced, Question, Rehearsal
from evals import case as cases
from evals.case import Case, Patch
from evals.parts import EvalDesk, Parts, end_by_closing, real, teller
from evals.summary import Row, Summary, table
from sandbox import Outcome, Proof, SandboxError, Side
from service.errors import PawlError
from service.repos import Files, Refused, edits, patches, ratchet, trees

BY_HAND = Path(__file__).parent / "rehearsals"
COLUMNS = ("case", "patch", "expected", "verdict", "ok", "seconds", "cells", "why")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the evaluation; exit code 0 whatever the figures, 1 or 2 when it could not run."""
    parser = argparse.ArgumentParser(prog="python -m evals.proof", description=__doc__)
    parser.add_argument("--cases", type=Path, default=Path(__file__).parent / "cases")
    parser.add_argument("--only", default="", metavar="NAME", help="one case, or CASE/PATCH")
    parser.add_argument("--planner", default="recipes")
    parser.add_argument("--by-hand", type=Path, default=BY_HAND, metavar="DIR")
    given = parser.parse_args(arguments)
    end_by_closing()
    one, _, patch = given.only.partition("/")
    try:
        found = cases.load(given.cases, one)
        summary = Summary("proof", len(found), counts)
        with real(summary.folder / "home", say, given.planner) as parts:
            for case in found:
                for row in judged(parts, case, given.by_hand, patch):
                    summary.add(row)
                    say(
                        f"{row['case']} {row['patch']}: {row['verdict']}, {row['ok']}: {row['why']}"
                    )
    except (PawlError, SandboxError) as wrong:
        say(f"could not run: {wrong} {wrong.mend}".rstrip())
        return 2 if getattr(wrong, "exit_code", 1) == 2 else 1
    summary.write()
    print(table(summary.rows, COLUMNS))
    document = summary.document()
    print(
        f"{document['cases']} cases: {document['wrong_accepted']} wrong accepted, "
        f"{document['right_refused']} right refused, {document['abstained']} without a rehearsal"
    )
    return 0


def say(text: str) -> None:
    """One line of progress, at once."""
    print(text, file=sys.stderr, flush=True)


def judged(parts: Parts, case: Case, by_hand: Path, only: str = "") -> Iterator[Row]:
    """Give a row for each patch of `case` whose name holds `only`, as soon as it is judged."""
    chosen = [patch for patch in case.patches if only in patch.name]
    rehearsal = written(parts, case, by_hand)
    if isinstance(rehearsal, str):
        yield from (_row(case, patch, "no-rehearsal", rehearsal) for patch in chosen)
        return
    name, files, failure = rehearsal
    for patch in chosen:
        yield _proven(parts, case, patch, name, files, failure)


def written(parts: Parts, case: Case, by_hand: Path) -> tuple[str, Files, str] | str:
    """Give the rehearsal of `case` as (name, files, class), or why there is none."""
    folder = by_hand / case.name
    if folder.is_dir():
        files = trees.snapshot(folder).files
        say(f"{case.name}: rehearsal by hand")
        return case.name, files, _failure(files)
    say(f"{case.name}: asking {parts.planner.name} for a rehearsal")
    base = case.base
    brief = Brief(request=case.request, tree=base, survey=parts.reader.survey(base))

    def told(text: str) -> None:
        say(f"{case.name}: {text}")

    try:
        answer = parts.planner.rehearse(brief, EvalDesk(parts, base, told, teller(case.name, say)))
    except Exception as wrong:  # noqa: BLE001 (a planner that breaks is a figure, not an end)
        return f"the planner broke: {type(wrong).__name__}: {wrong}"
    match answer:
        case Rehearsal():
            return answer.name, answer.files, answer.failure
        case NothingFits() | NotReproduced():
            return answer.why
        case Question():
            return f"asked: {answer.asks[0][0]}"


def _failure(files: Files) -> str:
    return str(yaml.safe_load(files["rehearsal.yaml"][1])["failure"])


def _proven(
    parts: Parts, case: Case, patch: Patch, name: str, rehearsal: Files, failure: str
) -> Row:
    began = time.monotonic()
    changes = patches.parse(case.base, patch.file.read_bytes())
    drafted = changes if isinstance(changes, Refused) else edits.apply(case.base, changes)
    if isinstance(drafted, Refused):
        return _row(case, patch, "not-applied", str(drafted))
    try:
        proof = parts.prover.prove(
            base=case.base,
            draft=drafted.files,
            rehearsal=rehearsal,
            name=name,
            ratchet=ratchet.rehearsals(case.base),
            around=parts.around(case.base, rehearsal, failure, drafted.files),
            watch=teller(f"{case.name} {patch.name}", say),
        )
    except Exception as wrong:  # noqa: BLE001 (one proof that breaks is a figure, not an end)
        return _row(case, patch, "error", f"{type(wrong).__name__}: {wrong}")
    row = _row(case, patch, "holds" if proof.holds else "refused", proof.why)
    return {**row, "seconds": round(time.monotonic() - began, 1), **_figures(proof)}


def _figures(proof: Proof) -> dict[str, Any]:
    draft_hits = [c for c in proof.cells if c.side is Side.DRAFT and c.outcome is Outcome.HIT]
    return {
        "cells": len(proof.cells),
        "broken": sum(1 for cell in proof.cells if cell.outcome is Outcome.BROKEN),
        "hit_by": sorted({_fault(cell.fault) for cell in draft_hits})[:20],
        "residuals": list(proof.residuals),
        "degrades": list(proof.degrades),
        "not_covered": list(proof.not_covered),
        "idle_hunks": sum(1 for hunk in proof.load_bearing if hunk.role == "idle"),
    }


def _fault(fault: Mapping[str, Any] | None) -> str:
    if fault is None:
        return "control"
    return " ".join(f"{key}={value}" for key, value in sorted(fault.items()))


def _row(case: Case, patch: Patch, verdict: str, why: str) -> dict[str, Any]:
    expected = "right" if patch.right else "wrong"
    if verdict == "holds":
        ok = "as expected" if patch.right else "WRONG ACCEPTED"
    elif verdict == "refused":
        ok = "right refused" if patch.right else "as expected"
    else:
        ok = "not judged"
    return {
        "case": case.name,
        "patch": patch.name,
        "expected": expected,
        "verdict": verdict,
        "ok": ok,
        "seconds": 0.0,
        "cells": 0,
        "why": why,
    }


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """Add up: a case is solved when all its patches were told apart rightly."""
    by_case: dict[str, list[Row]] = {}
    for row in rows:
        by_case.setdefault(row["case"], []).append(row)
    wrong_accepted = sum(1 for row in rows if row["ok"] == "WRONG ACCEPTED")
    return {
        "solved": sum(
            1 for group in by_case.values() if all(r["ok"] == "as expected" for r in group)
        ),
        "abstained": sum(
            1 for group in by_case.values() if all(r["verdict"] == "no-rehearsal" for r in group)
        ),
        "false_proofs": wrong_accepted,
        "wrong_accepted": wrong_accepted,
        "right_refused": sum(1 for row in rows if row["ok"] == "right refused"),
    }


if __name__ == "__main__":
    sys.exit(main())
