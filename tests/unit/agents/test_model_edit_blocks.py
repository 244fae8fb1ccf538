"""Blocks become exact edits, or words that say what to write instead."""

from __future__ import annotations

import pytest

from agents import Edit, Files
from agents.edit_blocks import Mistakes, edits, parse

TREE: Files = {
    "mail.sh": (0o100755, b"#!/bin/sh\nfetch letters\nsort letters\nrm -r old\nfetch letters\n"),
    "tabs.mk": (0o100644, b"all:\n\tmake it\n\tsend it\n"),
    "dos.bat": (0o100644, b"one\r\ntwo\r\nthree\r\n"),
    "mixed.txt": (0o100644, b"one\r\ntwo\n"),
    "bare.txt": (0o100644, b"first\nlast"),
    "raw.txt": (0o100644, b"caf\xe9\nplain\n"),
    "box.yml": (0o100644, b"a: 1\n"),
    "link": (0o120000, b"mail.sh"),
    "keys.env": (0o100644, b"TOKEN=tops3cret\nMODE=fast\n"),
}
HIDDEN = {"keys.env": {"<secret:api-key:0123abcd>": "tops3cret"}}


def swap(path: str, search: str, replace: str, why: str = "because") -> str:
    middle = f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"
    return f"=== EDIT {path}\nwhy: {why}\n{middle}=== END\n"


def made(text: str) -> tuple[Edit, ...] | Mistakes:
    blocks = parse(text)
    return blocks if isinstance(blocks, Mistakes) else edits(TREE, blocks, HIDDEN)


def after(text: str) -> bytes:
    found = made(text)
    assert not isinstance(found, Mistakes), str(found)
    (edit,) = found
    assert edit.after is not None
    assert edit.before is None or edit.after[0] == edit.before[0]
    return edit.after[1]


def complaint(text: str) -> str:
    found = made(text)
    assert isinstance(found, Mistakes)
    return str(found)


def test_lines_are_replaced_and_all_else_stays() -> None:
    assert after("Sure!\n" + swap("mail.sh", "rm -r old\n", "mv old older\n") + "Done.") == (
        b"#!/bin/sh\nfetch letters\nsort letters\nmv old older\nfetch letters\n"
    )


@pytest.mark.parametrize(
    ("path", "search", "replace", "result"),
    [
        ("tabs.mk", "\tsend it\n", "\tsend it twice\n", b"all:\n\tmake it\n\tsend it twice\n"),
        ("dos.bat", "two\n", "2\nzwei\n", b"one\r\n2\r\nzwei\r\nthree\r\n"),
        ("bare.txt", "last\n", "end\n", b"first\nend"),
        ("bare.txt", "first\nlast\n", "end\n", b"end"),
        ("raw.txt", "plain\n", "simple\n", b"caf\xe9\nsimple\n"),
        ("mail.sh", "rm -r old\n", "", b"#!/bin/sh\nfetch letters\nsort letters\nfetch letters\n"),
    ],
    ids=["tabs", "crlf", "no-final-newline", "all-of-it", "not-utf-8", "taken-out"],
)
def test_bytes_around_an_edit_stay_as_they_are(
    path: str, search: str, replace: str, result: bytes
) -> None:
    assert after(swap(path, search, replace)) == result


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (swap("mail.sh", "fetch letters\n", "x\n"), "matches 2 times (lines 2, 5)"),
        (swap("mail.sh", "sort  letters\n", "x\n"), "3: sort letters"),
        (swap("mail.sh", "letters\n", "x\n"), "not in the file"),
        (swap("tabs.mk", "    send it\n", "x\n"), "not in the file"),
        (swap("mixed.txt", "one\n", "x\n"), "not in the file"),
        (swap("mail.sh", "gone\n", "sort letters\n"), "there already"),
        (swap("mial.sh", "a\n", "b\n"), "mail.sh is"),
        (swap("link", "mail.sh\n", "b\n"), "a link"),
        (swap("mail.sh", "\n", "b\n"), "SEARCH part is empty"),
        (swap("mail.sh", "rm -r old\n", "if true; then\n"), "can't parse"),
        (swap("box.yml", "a: 1\n", "a: [\n"), "not YAML"),
        ("=== NEW mail.sh\nwhy: x\nhi\n=== END\n", "is there already"),
        ("=== NEW .pawl/config.yaml\nwhy: x\nhi\n=== END\n", "nothing below .pawl"),
        ("=== NEW a.txt\nhi\n=== END\n", "must be `why: `"),
        ("=== NEW a.txt\nwhy: x\nhi\n", "is not ended"),
        ("=== EDIT mail.sh\nwhy: x\nhi\n=== END\n", "<<<<<<< SEARCH"),
        (swap("mail.sh", "rm -r old\n", "") + swap("mail.sh", "sort letters\n", ""), "more than"),
        ("I would rather talk about it.", "there is no block"),
        ("=== NEW a.txt\nwhy: x\n<secret:api-key:0123abcd>\n=== END\n", "a secret of another file"),
    ],
)
def test_what_does_not_fit_is_said_so_that_it_can_be_mended(text: str, says: str) -> None:
    assert says in complaint(text)


def test_one_wrong_block_stops_all() -> None:
    text = swap("mail.sh", "rm -r old\n", "") + swap("tabs.mk", "nothing\n", "")
    assert isinstance(made(text), Mistakes)


def test_new_files_are_whole_and_may_run_and_old_ones_can_go() -> None:
    text = (
        "=== NEW tools/tidy [executable]\nwhy: one place\n#!/bin/sh\n\ttrue\n=== END\n"
        "=== REMOVE tabs.mk\nwhy: nobody calls it\n=== END\n"
    )
    found = made(text)
    assert not isinstance(found, Mistakes)
    new, gone = found
    assert (new.before, new.after) == (None, (0o100755, b"#!/bin/sh\n\ttrue\n"))
    assert (gone.path, gone.after) == ("tabs.mk", None)


def test_a_secret_stays_in_the_file_it_came_from() -> None:
    text = swap(
        "keys.env",
        "TOKEN=<secret:api-key:0123abcd>\nMODE=fast\n",
        "TOKEN=<secret:api-key:0123abcd>\nMODE=slow\n",
    )
    assert after(text) == b"TOKEN=tops3cret\nMODE=slow\n"
