"""The evaluation of the proof counts what was told apart rightly, and nothing else as that."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from agents import Brief, Desk, NothingFits, Plan, Planner, Question, Reader, Rehearsal, Survey
from evals.case import Case, Patch
from evals.parts import Parts
from evals.proof import counts, judged
from evals.summary import Summary, table
from sandbox import Proof, Prover
from service.repos import FILE, Files, patches

BASE: Files = {"ring.sh": (FILE, b"ring\n")}
REHEARSAL = b'schema: rehearsal/v1\nstory: s\nfailure: night-bell\nentry: ["./ring.sh"]\n'


@dataclass
class FakeProver:
    """Holds the drafts whose file says so."""

    seen: list[Files] = field(default_factory=list)

    def prove(self, *, base: Files, draft: Files, **_: object) -> Proof:
        self.seen.append(draft)
        if b"crash" in draft["ring.sh"][1]:
            raise RuntimeError("the prover broke")
        return Proof(holds=b"good" in draft["ring.sh"][1], why="because")


class FakeReader:
    def survey(self, tree: Files) -> Survey:
        return Survey((), (), (), ())

    def around(self, tree: Files, entry: tuple[str, ...], failure: str) -> Survey:
        return Survey((), (), (), ())


@dataclass
class FakePlanner:
    answer: Rehearsal | NothingFits
    name: str = "fake"

    def rehearse(self, brief: Brief, desk: Desk) -> Rehearsal | NothingFits:
        return self.answer

    def plan(self, brief: Brief, desk: Desk, rehearsal: Rehearsal) -> Plan | Question | NothingFits:
        raise AssertionError("the proof is judged without any plan")


WRITTEN = Rehearsal("night-bell", {"rehearsal.yaml": (FILE, REHEARSAL)}, "s", "night-bell")


def parts(answer: Rehearsal | NothingFits = WRITTEN) -> Parts:
    return Parts(
        cast(Prover, FakeProver()), cast(Planner, FakePlanner(answer)), cast(Reader, FakeReader())
    )


def case(folder: Path, **drafts: tuple[bytes, bool]) -> Case:
    known = []
    for name, (content, right) in drafts.items():
        file = folder / f"{name}.patch"
        file.write_bytes(patches.write(BASE, {"ring.sh": (FILE, content)}))
        known.append(Patch(file.name, file, right))
    return Case("night-bell", folder, "It rang.", BASE, tuple(known))


@pytest.mark.parametrize(
    ("content", "right", "ok"),
    [
        (b"good\n", True, "as expected"),
        (b"good\n", False, "WRONG ACCEPTED"),
        (b"bad\n", True, "right refused"),
        (b"bad\n", False, "as expected"),
        (b"crash\n", False, "not judged"),
    ],
)
def test_a_patch_is_told_apart_by_what_the_prover_says(
    tmp_path: Path, content: bytes, right: bool, ok: str
) -> None:
    (row,) = judged(parts(), case(tmp_path, one=(content, right)), tmp_path)
    assert row["ok"] == ok


def test_a_patch_that_does_not_apply_counts_as_neither(tmp_path: Path) -> None:
    one = case(tmp_path, one=(b"good\n", True))
    one.patches[0].file.write_bytes(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")
    (row,) = judged(parts(), one, tmp_path)
    assert (row["verdict"], row["ok"]) == ("not-applied", "not judged")
    assert counts([row])["solved"] == counts([row])["right_refused"] == 0


def test_a_case_without_a_rehearsal_is_abstained_and_says_why(tmp_path: Path) -> None:
    answer = NothingFits("no bell is known", (), (), ())
    both = case(tmp_path, a=(b"good\n", True), b=(b"bad\n", False))
    rows = list(judged(parts(answer), both, tmp_path))
    assert {row["why"] for row in rows} == {"no bell is known"}
    assert counts(rows)["abstained"] == 1
    assert counts(rows)["wrong_accepted"] == counts(rows)["solved"] == 0


def test_a_rehearsal_by_hand_goes_before_the_planners(tmp_path: Path) -> None:
    by_hand = tmp_path / "hand" / "night-bell"
    by_hand.mkdir(parents=True)
    (by_hand / "rehearsal.yaml").write_bytes(REHEARSAL)
    nothing = parts(NothingFits("asked in vain", (), (), ()))
    (row,) = judged(nothing, case(tmp_path, a=(b"good\n", True)), tmp_path / "hand")
    assert row["verdict"] == "holds"


def test_the_summary_has_every_key_from_the_first_row_on(tmp_path: Path) -> None:
    summary = Summary("proof", 1, counts, tmp_path / "eval")
    for row in judged(parts(), case(tmp_path, a=(b"good\n", False)), tmp_path):
        summary.add(row)
    document = json.loads((tmp_path / "eval" / "summary.json").read_text())
    assert {key: document[key] for key in document if key not in ("rows", "kind")} == {
        "cases": 1,
        "solved": 0,
        "abstained": 0,
        "false_proofs": 1,
        "wrong_accepted": 1,
        "right_refused": 0,
    }
    assert len(document["rows"]) == 1


def test_a_table_keeps_a_row_on_a_line() -> None:
    shown = table([{"a": "one\ntwo", "b": 1.25}], ("a", "b"))
    assert shown.splitlines() == ["a        b", "one two  1.2"]
