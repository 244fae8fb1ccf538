"""An edit lands inside the tree, at exactly its path, or nothing of the change does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.repos import (
    FILE,
    GITLINK,
    LINK,
    PROGRAM,
    Draft,
    Edits,
    FileEdit,
    Files,
    RefusalCode,
    Refused,
    edits,
    paths,
    shown,
)
from service.repos.trees import blob_id, tree_id

DESK: Files = {
    "README.md": (FILE, b"# lending desk\n"),
    "desk/remind.sh": (PROGRAM, b"#!/bin/sh\nmail overdue\n"),
    "latest": (LINK, b"desk/remind.sh"),
}

ASSETS = Path(__file__).parents[3] / "assets" / "adversarial" / "path-traversal-edits"


def write(path: str, content: bytes = b"x\n") -> FileEdit:
    return path, DESK.get(path), (FILE, content)


def refused(answer: Draft | Refused) -> Refused:
    assert isinstance(answer, Refused)
    return answer


def draft(answer: Draft | Refused) -> Draft:
    assert isinstance(answer, Draft), str(answer)
    return answer


# -- the fixtures that try to get round Pawl -------------------------------------------------------

_SPECIAL = {"mknod": 0o060600, "mkfifo": 0o010644, "hardlink": 0o100000, "gitlink": GITLINK}


def _adversarial() -> Iterator[Any]:
    for case in json.loads((ASSETS / "edits.json").read_text()):
        yield pytest.param(case["edit"], case["must"], id=case["id"])


def _base(edit: dict[str, Any]) -> dict[str, tuple[int, bytes]]:
    setup = edit.get("setup", {})
    files: dict[str, tuple[int, bytes]] = {
        "README.md": (FILE, b"# readme\n"),
        "ops/backup.sh": (FILE, b"old\n"),
    }
    files |= {path: (LINK, to.encode()) for path, to in setup.get("symlink", {}).items()}
    files |= dict.fromkeys(setup.get("exists", []), (FILE, b"there\n"))
    return files


def _edits(files: Files, edit: dict[str, Any]) -> list[FileEdit]:
    """Say the fixture's edit in Pawl's words."""
    path, op, content = edit["path"], edit["op"], edit["content"].encode()
    there = files.get(path)
    if earlier := edit.get("setup", {}).get("earlier_edit"):
        return [*_edits(files, earlier), (path, there, (FILE, content))]
    make = edit.get("generate", {})
    if "files" in make:
        return [(f"{path}{n}", None, (FILE, content)) for n in range(make["files"])]
    if "bytes" in make:
        return [(path, there, (FILE, bytes(make["bytes"])))]
    if op == "symlink":
        return [(path, there, (LINK, content))]
    if op == "delete":
        return [(path, there, None)]
    if op == "rename":
        return [(path, there, None), (edit["to"], None, there)]
    mode = int(edit["mode"], 8) | 0o100000 if "mode" in edit else _SPECIAL.get(op, FILE)
    return [(path, there, (mode, content))]


@pytest.mark.parametrize(("edit", "must"), list(_adversarial()))
def test_an_adversarial_edit_ends_as_its_fixture_says(edit: dict[str, Any], must: str) -> None:
    files = _base(edit)
    before = dict(files)
    answer = edits.apply(files, _edits(files, edit))
    assert files == before
    if isinstance(answer, Refused):
        assert must in ("refuse", "refuse-or-literal")
        assert answer.why
        assert str(answer).isprintable()
        if "generate" not in edit:
            named = {shown(edit["path"]), shown(edit.get("to", edit["path"]))}
            named |= {shown(edit.get("setup", {}).get("earlier_edit", {}).get("path", ""))}
            assert answer.path in named
    else:
        assert must != "refuse"
        written = [touched.path.decode() for touched in answer.touched]
        assert written == [edit["path"]]
        assert answer.files[edit["path"]] == (FILE, edit["content"].encode())


# -- what is taken ---------------------------------------------------------------------------------


def test_a_draft_is_the_tree_with_the_edits_and_says_what_they_touch() -> None:
    made = draft(edits.apply(DESK, [write("desk/new.sh"), ("README.md", DESK["README.md"], None)]))
    assert made.files == {
        "desk/remind.sh": DESK["desk/remind.sh"],
        "latest": DESK["latest"],
        "desk/new.sh": (FILE, b"x\n"),
    }
    assert made.tree == tree_id(made.files)
    assert [(t.path, t.old_mode, t.old_blob, t.new_mode, t.new_blob) for t in made.touched] == [
        (b"README.md", FILE, blob_id(b"# lending desk\n"), 0, ""),
        (b"desk/new.sh", 0, "", FILE, blob_id(b"x\n")),
    ]


def test_a_change_of_mode_alone_is_a_change() -> None:
    entry = DESK["README.md"]
    made = draft(edits.apply(DESK, [("README.md", entry, (PROGRAM, entry[1]))]))
    assert [(t.old_mode, t.new_mode) for t in made.touched] == [(FILE, PROGRAM)]


def test_an_edit_that_changes_nothing_is_not_shown_as_one() -> None:
    same = ("README.md", DESK["README.md"], DESK["README.md"])
    assert draft(edits.apply(DESK, [same])).touched == ()


def test_a_name_may_change_its_letters_case_when_the_old_one_goes() -> None:
    entry = DESK["README.md"]
    renamed: Edits = [("README.md", entry, None), ("Readme.md", None, entry)]
    assert "Readme.md" in draft(edits.apply(DESK, renamed)).files


def test_a_file_may_take_the_place_of_a_folder_that_is_emptied() -> None:
    moved: Edits = [("desk/remind.sh", DESK["desk/remind.sh"], None), write("desk")]
    assert draft(edits.apply(DESK, moved)).files["desk"] == (FILE, b"x\n")


def test_a_link_that_stays_inside_comes_only_when_it_is_asked_for() -> None:
    link: Edits = [("desk/now", None, (LINK, b"../README.md"))]
    assert refused(edits.apply(DESK, link)).code is RefusalCode.LINK
    assert draft(edits.apply(DESK, link, inner_links=True)).files["desk/now"][0] == LINK


# -- what is refused: each differs from something taken in one thing -------------------------------


@pytest.mark.parametrize(
    ("made", "code"),
    [
        pytest.param([write("latest")], RefusalCode.THROUGH_LINK, id="onto a link"),
        pytest.param([write("latest/x")], RefusalCode.THROUGH_LINK, id="through a link"),
        pytest.param([write("desk")], RefusalCode.IN_THE_WAY, id="onto a folder"),
        pytest.param([write("README.md/x")], RefusalCode.IN_THE_WAY, id="below a file"),
        pytest.param([write("Desk/x")], RefusalCode.TWIN, id="twin of a folder"),
        pytest.param([write("a"), write("A")], RefusalCode.TWIN, id="two twins"),
        pytest.param([write("stra\u00dfe"), write("STRASSE")], RefusalCode.TWIN, id="folded twin"),
        pytest.param([write("u\u0308"), write("\u00fc")], RefusalCode.TWIN, id="composed twin"),
        pytest.param([write("a"), write("a")], RefusalCode.TWICE, id="one path twice"),
        pytest.param(
            [("README.md", (FILE, b"other"), (FILE, b"x"))],
            RefusalCode.BEFORE_DIFFERS,
            id="other content before",
        ),
        pytest.param(
            [("README.md", (PROGRAM, b"# lending desk\n"), None)],
            RefusalCode.BEFORE_DIFFERS,
            id="other mode before",
        ),
        pytest.param(
            [("README.md", None, (FILE, b"x"))], RefusalCode.BEFORE_DIFFERS, id="new, but there"
        ),
        pytest.param([("gone", None, None)], RefusalCode.BEFORE_DIFFERS, id="nothing to nothing"),
        pytest.param([("x", None, (0o100664, b""))], RefusalCode.MODE, id="odd mode"),
        pytest.param([("x", None, (LINK, b"/etc"))], RefusalCode.LINK, id="link to a far place"),
        pytest.param([("x", None, (LINK, b".git/config"))], RefusalCode.LINK, id="link into git"),
        pytest.param([("x", None, (LINK, b""))], RefusalCode.LINK, id="link to nothing"),
        pytest.param([write("lib/x")], RefusalCode.SUBMODULE, id="into a submodule"),
        pytest.param([write("lib")], RefusalCode.SUBMODULE, id="onto a submodule"),
        pytest.param([write("a\u00a0b")], RefusalCode.CHARACTER, id="odd blank"),
        pytest.param([write("a /b")], RefusalCode.NOT_CANONICAL, id="blank at the end"),
    ],
)
def test_nothing_is_applied_when_one_edit_must_not_be(made: list[FileEdit], code: str) -> None:
    good = write("desk/also.sh")
    answer = refused(edits.apply(DESK, [good, *made], blocked={"lib"}, inner_links=True))
    assert answer.code == code


def test_a_refusal_holds_no_character_that_a_terminal_obeys() -> None:
    answer = refused(edits.apply(DESK, [write("a\x1b[2K\u202eb")]))
    assert answer.path == "a\\x1b[2K\\u202eb"
    assert str(answer).isprintable()


@given(st.text(min_size=1, max_size=12))
def test_what_is_shown_is_printable_and_tells_names_apart(name: str) -> None:
    assert shown(name).isprintable()
    assert shown(name) != shown(name + "\u200b")


@given(st.text(alphabet="ab./\\ ~:.GITgit\u200c\u0130\uff0e\u2024", max_size=10))
def test_a_path_that_is_taken_is_plain_and_stays_out_of_git(path: str) -> None:
    if paths.check(path) is None:
        parts = path.split("/")
        assert not {"", ".", "..", ".git"} & {part.lower() for part in parts}
        assert not path.startswith("/")


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c/d"]), st.binary(max_size=3)),
    st.dictionaries(st.sampled_from(["a", "b", "c/d"]), st.binary(max_size=3)),
)
def test_the_edits_between_two_trees_lead_from_one_to_the_other(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    base = {path: (FILE, data) for path, data in one.items()}
    wanted = {path: (FILE, data) for path, data in other.items()}
    assert draft(edits.apply(base, edits.between(base, wanted))).files == wanted
