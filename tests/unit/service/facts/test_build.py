from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from policies.schema import misfit
from service.facts import FactsError
from service.facts.build import GitFacts, build_facts
from service.facts.trees import flatten, tree_id

Files = dict[str, tuple[int, bytes]]
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
FILE, PROGRAM, LINK = 0o100644, 0o100755, 0o120000

BASE: Files = {
    "bin/close-day.sh": (PROGRAM, b"#!/bin/bash\nset -eu\n./total > out.csv\ncp out.csv /books/\n"),
    "docs/closing.md": (FILE, b"# Closing\nRun bin/close-day.sh.\n"),
    ".pawl/rehearsals/torn-page/rehearsal.yaml": (FILE, b"schema: rehearsal/v1\n"),
    ".pawl/rehearsals/torn-page/harm.sh": (PROGRAM, b"#!/bin/sh\nexit 0\n"),
}


def facts(
    changes: Mapping[str, tuple[int, bytes] | None],
    *,
    base: Files = BASE,
    proof: Mapping[str, Any] | None = None,
    claimed: Mapping[str, Any] | None = None,
    actors: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Facts of `base` with `changes` (None removes)."""
    draft = {path: entry for path, entry in (base | dict(changes)).items() if entry is not None}
    made = GitFacts().build(
        base=base,
        draft=draft,
        proof=proof,
        claimed=claimed or {},
        actors=actors or {},
        reach=(),
        now=NOW,
    )
    assert misfit(made) == ""
    assert misfit(json.loads(json.dumps(made))) == ""
    return made


def one(changes: Mapping[str, tuple[int, bytes] | None], **more: Any) -> dict[str, Any]:
    """The facts of the only file that differs."""
    (file,) = facts(changes, **more)["files"]
    found: dict[str, Any] = file
    return found


def test_an_edit_is_told_by_lines_and_commands() -> None:
    script = BASE["bin/close-day.sh"][1].replace(
        b"cp out.csv", b"[ -s out.csv ] || exit 1\ncp  -n  out.csv"
    )
    file = one({"bin/close-day.sh": (PROGRAM, script)})
    assert (file["kind"], file["status"]) == ("shell", "changed")
    assert file["added"] == [
        {"n": 4, "text": "[ -s out.csv ] || exit 1"},
        {"n": 5, "text": "cp  -n  out.csv /books/"},
    ]
    assert file["removed"] == [{"n": 4, "text": "cp out.csv /books/"}]
    assert file["commands_added"] == ["[ -s out.csv ]", "exit 1", "cp -n out.csv /books/"]
    assert file["commands_removed"] == ["cp out.csv /books/"]


def test_the_same_command_twice_counts_as_one_more() -> None:
    script = BASE["bin/close-day.sh"][1] + b"cp out.csv /books/\n"
    assert one({"bin/close-day.sh": (PROGRAM, script)})["commands_added"] == ["cp out.csv /books/"]


def test_a_mode_alone_is_a_change() -> None:
    file = one({"docs/closing.md": (PROGRAM, BASE["docs/closing.md"][1])})
    assert (file["status"], file["old_mode"], file["new_mode"]) == ("mode", "100644", "100755")


def test_a_rename_is_a_removal_and_an_addition() -> None:
    found = facts({"bin/close-day.sh": None, "bin/close.sh": BASE["bin/close-day.sh"]})["files"]
    assert [(f["path"], f["status"]) for f in found] == [
        ("bin/close-day.sh", "removed"),
        ("bin/close.sh", "added"),
    ]


def test_a_name_that_is_no_utf8_hides_nothing() -> None:
    found = facts({"aaa\udcff.txt": (FILE, b"x\n"), "bin/close-day.sh": (PROGRAM, b"#!/bin/sh\n")})
    assert [f["path"] for f in found["files"]] == ["aaa\\xff.txt", "bin/close-day.sh"]
    assert found["files"][0]["problems"] == ["not-utf-8"]


def test_attributes_of_the_tree_make_no_script_binary() -> None:
    found = facts({".gitattributes": (FILE, b"*.sh -diff\n"), "bin/b.sh": (FILE, b"rm -r /x\n")})
    assert [(f["kind"], f["binary"]) for f in found["files"]] == [("git", False), ("shell", False)]
    assert found["files"][1]["commands_added"] == ["rm -r /x"]


def test_line_separators_other_than_lf_hide_no_line() -> None:
    file = one({"a.sh": (FILE, b"echo a\r\x0crm -rf /books\n")})
    assert [line["n"] for line in file["added"]] == [1]
    assert "rm -rf /books" in file["added"][0]["text"]


def test_a_long_line_comes_whole_in_pieces_that_overlap() -> None:
    text = "".join(f"{n:07d};" for n in range(500))
    file = one({"a.csv": (FILE, text.encode() + b"\n")})
    whole = file["added"][0]["text"]
    for piece in file["added"][1:]:
        assert piece["n"] == 1
        assert whole.endswith(piece["text"][:200])
        whole += piece["text"][200:]
    assert whole == text
    assert file["added_lines"] == 1


def test_what_does_not_fit_is_said() -> None:
    large = b"".join(b"echo line %d\n" % n for n in range(9_000))
    found = facts({"bin/close-day.sh": (PROGRAM, large)})
    assert found["truncated"] == {
        "files": False,
        "added": True,
        "removed": False,
        "commands": True,
        "other": False,
    }
    assert found["totals"]["added"] == 9_000
    assert len(json.dumps(found)) < 200_000


def test_removing_much_cuts_what_is_removed_alone() -> None:
    large = {"old.csv": (FILE, b"".join(b"row %d\n" % n for n in range(9_000)))}
    cut = facts({"old.csv": None}, base=BASE | large)["truncated"]
    assert (cut["removed"], cut["added"]) == (True, False)


def test_too_many_files_are_said() -> None:
    found = facts({f"many/{n}.txt": (FILE, b"x\n") for n in range(300)})
    assert found["truncated"]["files"]
    assert found["totals"]["files"] == 300
    assert len(json.dumps(found)) < 200_000


def test_the_worst_change_that_fits_stays_small() -> None:
    found = facts({f"many/{n:03}{'x' * 150}.txt": (FILE, b"\x01" * 900) for n in range(120)})
    assert len(json.dumps(found)) < 250_000
    assert any(found["truncated"].values())


def test_a_script_too_large_to_parse_is_said() -> None:
    large = b"#!/bin/sh\n" + b"#" * (600 << 10) + b"\nrm -rf /books\n"
    assert facts({"bin/a.sh": (FILE, large)})["truncated"]["commands"]


# --- links, twins, places -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "target", "leaves"),
    [
        ("bin/latest", b"close-day.sh", False),
        ("bin/latest", b"../docs/closing.md", False),
        ("latest", b"bin/../docs", False),
        ("bin/latest", b"../../etc/passwd", True),
        ("bin/latest", b"/etc/passwd", True),
        ("bin/latest", b"../.git/hooks", True),
        ("bin/latest", b"..", False),
        ("latest", b"..", True),
        ("latest", b"", True),
    ],
)
def test_a_link_tells_whether_it_leaves_the_tree(path: str, target: bytes, leaves: bool) -> None:
    file = one({path: (LINK, target)})
    assert (file["new_mode"], file["link"], file["link_leaves"]) == (
        "120000",
        target.decode(),
        leaves,
    )
    assert file["added"] == []


@pytest.mark.parametrize(
    ("path", "twin"),
    [
        ("Bin/close-day.sh", "bin/close-day.sh"),
        ("Bin/open-day.sh", "bin"),
        ("docs/Closing.md", "docs/closing.md"),
        (".Pawl/config.yaml", ".pawl"),
        (".GitHub/workflows/x.yml", ".github"),
        ("docs/\ufb01.md", "docs/fi.md"),
        ("docs/other.md", ""),
    ],
)
def test_a_path_has_a_twin_where_some_disk_takes_it_for_another(path: str, twin: str) -> None:
    base = BASE | {"docs/fi.md": (FILE, b"x\n")}
    changes = {path: (FILE, b"x\n")}
    assert one(changes, base=base)["twin"] == twin


def test_twins_that_base_has_and_nobody_touches_are_no_fact() -> None:
    base = BASE | {"a/X": (FILE, b"1"), "a/x": (FILE, b"2")}
    assert one({"docs/closing.md": (FILE, b"new\n")}, base=base)["twin"] == ""


@pytest.mark.parametrize(
    ("path", "content", "mode", "kind"),
    [
        ("ops/run", b"#!/usr/bin/env bash\n", FILE, "shell"),
        ("ops/run", b"#!/usr/bin/env python3\n", FILE, "program"),
        ("notes.txt", b"words\n", FILE, "docs"),
        ("notes.txt", b"#!/bin/sh\n", FILE, "shell"),
        ("notes.txt", b"words\n", PROGRAM, "other"),
        ("net/main.tf", b"", FILE, "terraform"),
        (".github/workflows/ci.yaml", b"", FILE, "workflow"),
        (".github/workflows/sub/ci.yaml", b"", FILE, "config"),
        (".gitlab-ci.yml", b"", FILE, "ci"),
        (".github/CODEOWNERS", b"", FILE, "owners"),
        ("CODEOWNERS", b"", FILE, "owners"),
        ("deep/er/CODEOWNERS", b"", FILE, "other"),
        (".pawl/policies/a.rego", b"", FILE, "policy"),
        (".pawl/config.yaml", b"", FILE, "settings"),
        (".pawl/rehearsals/x/works.sh", b"", FILE, "rehearsal"),
        (".pawl/rehearsals/loose.md", b"", FILE, "settings"),
        ("tests/close.bats", b"", FILE, "test"),
        (".gitmodules", b"", FILE, "git"),
    ],
)
def test_a_path_has_a_kind(path: str, content: bytes, mode: int, kind: str) -> None:
    assert one({path: (mode, content + b"x\n")})["kind"] == kind


def test_a_script_that_is_made_a_document_is_judged_as_a_script() -> None:
    base = BASE | {"ops/run.txt": (FILE, b"#!/bin/sh\necho\n")}
    file = one({"ops/run.txt": (FILE, b"rm -rf /books\n")}, base=base)
    assert (file["kind"], file["commands_added"]) == ("shell", ["rm -rf /books"])


# --- the ratchet, comments, CI ------------------------------------------------------------------


def test_rehearsals_that_come_change_and_go_are_told_apart() -> None:
    base = BASE | {
        ".pawl/rehearsals/lost-stamp/rehearsal.yaml": (FILE, b"schema: rehearsal/v1\n"),
        ".pawl/rehearsals/no-yaml/notes": (FILE, b"x\n"),
    }
    found = facts(
        {
            ".pawl/rehearsals/new/rehearsal.yaml": (FILE, b"schema: rehearsal/v1\n"),
            ".pawl/rehearsals/torn-page/harm.sh": (PROGRAM, b"#!/bin/sh\nexit 10\n"),
            ".pawl/rehearsals/lost-stamp/rehearsal.yaml": None,
        },
        base=base,
    )
    assert found["ratchet"] == {
        "names": ["lost-stamp", "torn-page"],
        "added": ["new", "no-yaml"],
        "edited": ["torn-page"],
        "removed": ["lost-stamp"],
    }
    old = {f["path"]: f["old_rehearsal"] for f in found["files"]}
    assert list(old.values()) == [True, False, True]


@pytest.mark.parametrize(
    ("line", "words"),
    [(b"# why", True), (b"", True), (b"   # why", True), (b"echo # why", False), (b"#!/x", False)],
)
def test_only_comments_are_words(line: bytes, words: bool) -> None:
    content = BASE["bin/close-day.sh"][1] + line + b"\n"
    assert one({"bin/close-day.sh": (PROGRAM, content)})["words_only"] is words


def test_files_that_workflows_call_are_part_of_ci_also_through_others() -> None:
    base = BASE | {
        ".github/workflows/n.yml": (
            FILE,
            b"on: push\njobs:\n  a:\n    steps:\n      - run: make -C ops nightly; ./bin/all\n",
        ),
        "bin/all": (PROGRAM, b'#!/bin/sh\n. "$(dirname "$0")"/close-day.sh\n'),
        "bin/other.sh": (PROGRAM, b"#!/bin/sh\n"),
    }
    changed = ("bin/all", "bin/close-day.sh", "bin/other.sh")
    changes = dict.fromkeys(changed, (PROGRAM, b"#!/bin/sh\nexit 0\n"))
    found = facts(changes, base=base)["files"]
    assert {f["path"]: f["ci_runs"] for f in found} == {
        "bin/all": True,
        "bin/close-day.sh": True,
        "bin/other.sh": False,
    }


# --- records --------------------------------------------------------------------------------------


def test_no_proof_is_no_proof() -> None:
    found = facts({"docs/closing.md": None})["proof"]
    assert (found["present"], found["holds"], found["base"], found["draft"]) == (
        False,
        False,
        "",
        "",
    )


def test_a_proof_is_bound_to_gits_own_tree_ids() -> None:
    draft = BASE | {"docs/closing.md": (FILE, b"new\n")}
    cells = [
        {"rehearsal": "r", "side": "base", "kind": "declared", "outcome": "hit"},
        {"rehearsal": "r", "side": "base", "kind": "declared", "outcome": "hit"},
        {"rehearsal": "r", "side": "draft", "kind": "unheard-of", "outcome": "maybe"},
    ]
    found = facts(
        {"docs/closing.md": draft["docs/closing.md"]},
        proof={
            "holds": True,
            "why": "gone",
            "base_tree": tree_id(flatten(BASE).tree),
            "draft_tree": tree_id(flatten(draft).tree),
            "cells": cells,
        },
    )
    assert found["proof"]["base"] == found["trees"]["base"] != ""
    assert found["proof"]["draft"] == found["trees"]["draft"] != found["trees"]["base"]
    assert found["proof"]["rehearsal"] == "r"
    assert found["proof"]["cells"] == [
        {"rehearsal": "r", "side": "base", "kind": "declared", "outcome": "hit", "count": 2},
        {"rehearsal": "r", "side": "draft", "kind": "other", "outcome": "broken", "count": 1},
    ]


@pytest.mark.parametrize("holds", ["yes", 1, None, "true"])
def test_only_true_holds(holds: object) -> None:
    assert facts({"docs/closing.md": None}, proof={"holds": holds})["proof"]["holds"] is False


def test_idle_hunks_of_comments_are_marked() -> None:
    content = BASE["bin/close-day.sh"][1].replace(b"set -eu\n", b"set -eu\n# note\n") + b"echo z\n"
    hunks = [
        {"path": "bin/close-day.sh", "header": "@@ -2,0 +3 @@", "role": "idle"},
        {"path": "bin/close-day.sh", "header": "@@ -4,0 +6 @@", "role": "idle"},
        {"path": "bin/close-day.sh", "header": "whole file", "role": "carries"},
    ]
    found = facts(
        {"bin/close-day.sh": (PROGRAM, content)}, proof={"holds": True, "load_bearing": hunks}
    )["proof"]
    assert [hunk["words_only"] for hunk in found["idle"]] == [True, False]
    assert found["carries"] == 1


def test_a_planner_is_an_agent_and_a_given_fix_is_the_requesters() -> None:
    requester = {"kind": "person", "id": "p-ines"}
    planned = facts({}, actors={"requester": requester, "planner": "recipes"})["actors"]
    given = facts({}, actors={"requester": requester, "planner": "given"})["actors"]
    assert planned["author"] == {"id": "recipes", "kind": "agent"}
    assert given["author"] == requester


def test_words_of_a_plan_stay_claims() -> None:
    found = facts(
        {},
        claimed={
            "kind": "guard",
            "proof": {"holds": True},
            "alternatives": [{"title": "a lock", "why_not": "slow"}, 7],
            "unsolved": "not a list",
            "prediction": {"readout": "open failures", "before": -1, "after": True},
            "reasons": ["x" * 5_000] * 90,
        },
    )
    assert found["claimed"]["alternatives"] == ["a lock: slow", ""]
    assert found["claimed"]["unsolved"] == []
    assert found["claimed"]["prediction"] == {"readout": "open failures", "before": 0, "after": 0}
    assert found["claimed"]["reasons"][-1] == "and 50 more"
    assert found["proof"]["present"] is False


def test_a_blob_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FactsError) as caught:
        build_facts(
            base={},
            draft={b"a": (FILE, "0" * 40)},
            read=lambda blob: _missing(blob),
            proof=None,
            claimed={},
            actors={},
            ratchet=(),
            workflows_call=(),
            precedents=(),
            now=NOW,
        )
    assert caught.value.code == "no-blob"


def _missing(blob: str) -> bytes:
    raise FactsError(f"there is no blob {blob}", code="no-blob")
