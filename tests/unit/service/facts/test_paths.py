from __future__ import annotations

import pytest

from service.facts.paths import problems, shown

PROBLEMS = {
    "plain": ("ops/backup.sh", []),
    "two dots in a name": ("docs/v1..v2.md", []),
    "letters of another alphabet": ("docs/gr\u00f6\u00dfe.md", []),
    "blank inside": ("docs/a b.md", []),
    "nothing": ("", ["empty"]),
    "parent": ("../outside", ["parent"]),
    "parent inside": ("ops/../../outside", ["parent"]),
    "absolute": ("/etc/cron.d/x", ["absolute", "not-canonical"]),
    "drive": ("C:/Windows/x", ["drive"]),
    "backslash": ("..\\outside", ["backslash"]),
    "dot": (".", ["not-canonical"]),
    "double slash": ("ops//a", ["not-canonical"]),
    "trailing slash": ("ops/", ["not-canonical"]),
    "newline": ("ops/a\nb", ["control"]),
    "escape": ("ops/\x1b[2Ka", ["control"]),
    "right to left": ("ops/\u202egnp.hs", ["invisible"]),
    "zero width": ("ops/back\u200bup", ["invisible"]),
    "hard blank": ("ops/a\u00a0b", ["invisible"]),
    "full width dots": ("\uff0e\uff0e/outside", ["look-alike"]),
    "full width slash": ("a\uff0f..\uff0fb", ["look-alike"]),
    "git": (".git/config", ["git-folder"]),
    "git in capitals": (".GIT/config", ["git-folder"]),
    "git nested": ("a/b/.git/hooks/x", ["git-folder"]),
    "git in short": ("GIT~1/config", ["git-folder"]),
    "git as a stream": (".git::$INDEX_ALLOCATION/config", ["git-folder"]),
    "git with a dot": (".git./config", ["git-folder"]),
    "git with a joiner": (".g\u200cit/config", ["git-folder", "invisible"]),
    "git in full width": ("\uff0egit/config", ["git-folder"]),
    "a name that only begins so": (".github/x", []),
    "long name": ("a" * 256, ["too-long"]),
    "long path": ("a/" * 600 + "b", ["too-long"]),
    "no UTF-8": ("a\udcff", ["not-utf-8"]),
}


@pytest.mark.parametrize(("path", "found"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_what_is_wrong_with_a_path_is_named(path: str, found: list[str]) -> None:
    assert problems(path.encode("utf-8", "surrogateescape")) == found


@pytest.mark.parametrize("path", [path for path, _ in PROBLEMS.values()], ids=PROBLEMS.keys())
def test_a_path_is_shown_without_anything_that_hides(path: str) -> None:
    assert shown(path.encode("utf-8", "surrogateescape")).isprintable()


def test_two_paths_that_differ_in_what_hides_are_shown_differently() -> None:
    assert shown("a\u200bb".encode()) != shown(b"ab") != shown(b"a\xffb")
