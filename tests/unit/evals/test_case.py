"""Any folder of the case format is a case, and its oracle is asked about exactly one tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.case import Verdict, judge, load
from service.errors import UsageError
from service.repos import FILE, PROGRAM


def make(folder: Path, oracle: str = "exit 0") -> Path:
    (folder / "repo" / "bin").mkdir(parents=True)
    (folder / "repo" / "bin" / "ring.sh").write_text("#!/bin/sh\necho ring\n")
    (folder / "repo" / "bin" / "ring.sh").chmod(0o755)
    (folder / "request.md").write_text("The bell rang at night.\n")
    (folder / "oracle").mkdir()
    (folder / "oracle" / "run").write_text(f"#!/bin/sh\n{oracle}\n")
    (folder / "oracle" / "run").chmod(0o755)
    (folder / "tries").mkdir()
    for name in ("ref-fix", "patch-only", "tries/right-a", "tries/wrong-b", "tries/notes"):
        (folder / f"{name}.patch").write_text("")
    return folder


def test_a_case_is_its_request_its_tree_and_its_known_patches(tmp_path: Path) -> None:
    (case,) = load(make(tmp_path / "night-bell").parent)
    assert (case.name, case.request) == ("night-bell", "The bell rang at night.\n")
    assert case.base == {"bin/ring.sh": (PROGRAM, b"#!/bin/sh\necho ring\n")}
    assert [(patch.name, patch.right) for patch in case.patches] == [
        ("ref-fix.patch", True),
        ("patch-only.patch", False),
        ("tries/right-a.patch", True),
        ("tries/wrong-b.patch", False),
    ]


def test_one_case_folder_alone_can_be_named(tmp_path: Path) -> None:
    assert [case.name for case in load(make(tmp_path / "night-bell"))] == ["night-bell"]


def test_other_folders_beside_cases_are_none(tmp_path: Path) -> None:
    make(tmp_path / "night-bell")
    (tmp_path / "notes").mkdir()
    assert [case.name for case in load(tmp_path)] == ["night-bell"]


@pytest.mark.parametrize("only", ["day-bell", ""])
def test_no_case_is_an_error_that_says_where_it_looked(tmp_path: Path, only: str) -> None:
    folder = make(tmp_path / "night-bell").parent if only else tmp_path
    with pytest.raises(UsageError, match=str(folder)):
        load(folder, only)


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(0, Verdict.HOLDS), (1, Verdict.FAILS), (2, Verdict.CANNOT_JUDGE), (7, Verdict.CANNOT_JUDGE)],
)
def test_the_oracles_exit_code_is_the_verdict(tmp_path: Path, code: int, verdict: Verdict) -> None:
    (case,) = load(make(tmp_path / "night-bell", f"exit {code}"))
    assert judge(case, case.base, print) is verdict


def test_the_oracle_sees_the_tree_that_is_asked_about(tmp_path: Path) -> None:
    oracle = 'test -x "$1/bin/ring.sh" || { echo "FAIL  the bell is gone"; exit 1; }'
    (case,) = load(make(tmp_path / "night-bell", oracle))
    said: list[str] = []
    assert judge(case, case.base, said.append) is Verdict.HOLDS
    assert judge(case, {"README": (FILE, b"")}, said.append) is Verdict.FAILS
    assert said == ["FAIL  the bell is gone"]
