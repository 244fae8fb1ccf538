from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import worlds
from sandbox.proof.assignments import assigned, reassigned
from sandbox.rehearsal import Rehearsal, Stimulus
from sandbox.stage import ignored, stimulus


def about(change: str) -> Rehearsal:
    return Rehearsal("s", "f", ("./bake.sh",), stimulus=Stimulus(change=(change,)))


def test_a_stimulus_never_has_the_size_of_what_was_there() -> None:
    # a mirror that looks at sizes would take it for the same file
    made = worlds.later(("oven:/srv/a.txt",), 7)["oven:/srv/a.txt"]
    content = stimulus(about("oven:/srv/a.txt"), lambda _: b"x" * len(made), 7)
    assert len(content["oven:/srv/a.txt"] or b"") != len(made)


def test_another_seed_is_another_stimulus() -> None:
    one, two = (stimulus(about("/srv/a.txt"), lambda _: None, seed) for seed in (1, 2))
    assert one != two


@pytest.mark.parametrize(
    ("address", "old", "starts"),
    [
        ("/repo/recipe.md", b"# Rye\n\nBake it.\n", b"# Rye\n\nBake it.\n\nseen "),
        ("/repo/bake.sh", b"#!/bin/sh\necho\n", b"#!/bin/sh\necho\n# seen "),
        ("/repo/oven.json", b'{"heat": 220}', b'{"heat": 220}\n '),
    ],
    ids=["prose", "a script", "json"],
)
def test_a_text_of_the_tree_stays_readable(address: str, old: bytes, starts: bytes) -> None:
    content = stimulus(about(address), lambda _: old, 1)[address]
    assert content is not None
    assert content.startswith(starts)


def test_patterns_of_inner_folders_hold_there_only() -> None:
    tree = {
        ".gitignore": (0o100644, b"# built\nout/\n\n*.log\n"),
        "site/.gitignore": (0o100644, b"cache\n!keep\ngen/x\n"),
    }
    assert ignored(tree) == ("out/", "*.log", "/site/**/cache", "!/site/**/keep", "/site/gen/x")


@pytest.mark.parametrize(
    ("content", "value", "after"),
    [
        (b"A=1\nSHELF=/srv\nB=2\n", "", b"A=1\nSHELF=\nB=2\n"),
        (b"A=1\nSHELF=/srv\nB=2\n", None, b"A=1\nB=2\n"),
        (b"export SHELF='/srv'\n", "/", b"export SHELF=/\n"),
        (b"shelf: x\nSHELF: /srv\n", "/old", b"shelf: x\nSHELF: /old\n"),
        (b"SHELF=/srv\n", "/a /b", b"SHELF='/a /b'\n"),
        (b"MY_SHELF=/srv\n", "", None),
    ],
    ids=["emptied", "left out", "exported", "yaml", "with a blank", "another name"],
)
def test_an_assignment_is_changed_and_nothing_else(
    content: bytes, value: str | None, after: bytes | None
) -> None:
    assert reassigned(content, "SHELF", value) == after


@given(st.text(st.characters(categories=["L", "N"], max_codepoint=127), max_size=12))
def test_what_is_assigned_is_read_back(value: str) -> None:
    changed = reassigned(b"A=1\nSHELF=/srv\n", "SHELF", value)
    assert changed is not None
    assert assigned(changed, "SHELF") == value
