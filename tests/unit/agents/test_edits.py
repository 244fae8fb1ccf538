"""Edits by byte range: what is outside a range stays, what was well-formed stays so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.edits import Change, apply, broken, touches_error, word_range
from agents.reading.values import Place
from tests.unit.agents.trees import made


def without(text: str, word: str) -> str:
    content = text.encode()
    at = content.index(word.encode())
    start, end = word_range(content, at, at + len(word))
    return (content[:start] + content[end:]).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sync a b -X --y", "sync a b --y"),
        ('sync a "b" -X', 'sync a "b"'),
        ('O="-X -r"', 'O="-r"'),
        ('O="-r -X"', 'O="-r"'),
        ('O="-X"', "O="),
        ("o=(-X -r)", "o=(-r)"),
        ("o=(-r '-X' -v)", "o=(-r -v)"),
        ("o=(\n  -r\n  -X\n  -v\n)", "o=(\n  -r\n  -v\n)"),
        ("o=(\n  -r\n  -X  # why\n  -v\n)", "o=(\n  -r\n  -v\n)"),
        ("sync \\\n  -X \\\n  a b\n", "sync \\\n  a b\n"),
        ("sync a b \\\n  -X\nnext\n", "sync a b\nnext\n"),
        ("sync a b \\\n  -X --y\n", "sync a b \\\n  --y\n"),
    ],
)
def test_a_word_goes_and_its_neighbours_stay_apart(before: str, after: str) -> None:
    assert without(before, "-X") == after


def test_the_same_change_twice_counts_once_and_the_longer_of_two_stays() -> None:
    files = made({"a": "one two three\n"})
    changes = [
        Change(Place("a", 4, 7), b"2", "x"),
        Change(Place("a", 4, 7), b"2", "x"),
        Change(Place("a", 0, 7), b"1-2", "y"),
    ]
    (edit,) = apply(files, changes)
    assert edit.after == (0o100644, b"1-2 three\n")


def test_a_change_that_changes_nothing_is_no_edit() -> None:
    assert apply(made({"a": "one\n"}), [Change(Place("a", 0, 3), b"one", "x")]) == ()


def test_a_place_outside_the_file_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="outside a"):
        apply(made({"a": "one\n"}), [Change(Place("a", 0, 99), b"", "x")])


def test_an_edit_that_breaks_shell_is_told() -> None:
    files = made({"a.sh": "#!/bin/sh\nif a; then b; fi\n"})
    assert broken(apply(files, [Change(Place("a.sh", 24, 27), b"", "x")])) == ("a.sh",)
    assert broken(apply(files, [Change(Place("a.sh", 10, 10), b"set -e\n", "x")])) == ()


def test_a_range_beside_what_could_not_be_parsed_is_told() -> None:
    content = b"a\nb\nc\nif then (( \n"
    assert touches_error(content, Place("x", content.index(b"if"), len(content)))
    assert not touches_error(b"a\nb\n", Place("x", 0, 1))


@given(st.binary(max_size=80), st.data())
def test_bytes_outside_the_ranges_stay(content: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=8)))
    pairs = [(cuts[i], cuts[i + 1]) for i in range(0, len(cuts) - 1, 2)]
    pairs = [p for i, p in enumerate(pairs) if i == 0 or pairs[i - 1][1] < p[0]]
    changes = [Change(Place("f", s, e), b"<%d>" % i, "x") for i, (s, e) in enumerate(pairs)]
    edits = apply({"f": (0o100644, content)}, changes)
    after = edits[0].after[1] if edits and edits[0].after else content
    expected, at = b"", 0
    for i, (start, end) in enumerate(pairs):
        expected += content[at:start] + b"<%d>" % i
        at = end
    assert after == expected + content[at:]
