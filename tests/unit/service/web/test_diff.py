"""What a reader of a diff is shown: the right words marked, and nothing that hides."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.web.diff import Rendering, Role, Shown, changed, pairing, show, visible

FILE = 0o100644


def text_of(html: str) -> str:
    """What a browser would show of `html`, tags gone."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def diff(old: str | None, new: str | None, path: str = "notes.txt") -> Shown:
    before = None if old is None else (FILE, old.encode())
    after = None if new is None else (FILE, new.encode())
    return show(path, before, after)


def rows(shown: Shown) -> list[tuple[str, int | None, int | None, str]]:
    lines = [line for hunk in shown.hunks for line in hunk.lines]
    return [(line.kind, line.old, line.new, text_of(line.html)) for line in lines]


def test_a_changed_line_is_there_twice_with_the_numbers_of_both_sides() -> None:
    shown = diff("one\ntwo\nthree\n", "one\nzwei\nthree\n")
    assert rows(shown) == [
        ("", 1, 1, "one"),
        ("d", 2, None, "two"),
        ("a", None, 2, "zwei"),
        ("", 3, 3, "three"),
    ]
    assert (shown.added, shown.removed) == (1, 1)


def test_far_changes_are_hunks_of_their_own_and_the_gap_is_counted() -> None:
    old = [f"line {n}" for n in range(40)]
    new = [*old]
    new[2], new[35] = "second", "last but few"
    shown = diff("\n".join(old) + "\n", "\n".join(new) + "\n")
    assert [hunk.header for hunk in shown.hunks] == ["@@ -1,6 +1,6 @@", "@@ -33,7 +33,7 @@"]
    assert [hunk.skipped for hunk in shown.hunks] == [0, 26]


def test_only_the_words_that_differ_are_marked() -> None:
    shown = diff("copy build to live\n", "copy build to releases\n")
    assert [str(line.html) for line in shown.hunks[0].lines] == [
        "copy build to <b>live</b>",
        "copy build to <b>releases</b>",
    ]


def test_lines_pair_by_likeness_and_not_by_place() -> None:
    old = ["1. pull", "2. count the pages", "3. run publish", "4. open three pages"]
    new = ["1. pull", "2. run publish", "3. open three pages"]
    assert pairing(old, new) == [(0, 0), (2, 1), (3, 2)]


def test_lines_that_are_nothing_alike_get_no_marks() -> None:
    shown = diff("abcdef\n", "uvwxyz 123\n")
    assert all("<b>" not in line.html for hunk in shown.hunks for line in hunk.lines)


@pytest.mark.parametrize(
    ("char", "point"),
    [
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\u200b", "U+200B"),
        ("\u2060", "U+2060"),
        ("\ufeff", "U+FEFF"),
        ("\u00ad", "U+00AD"),
        ("\u00a0", "U+00A0"),
        ("\u3164", "U+3164"),
        ("\u2028", "U+2028"),
        ("\x1b", "U+001B"),
        ("\x85", "U+0085"),
        ("\r", "U+000D"),
        ("\U000e0041", "U+E0041"),
    ],
)
def test_a_character_that_hides_is_its_code_point_in_red(char: str, point: str) -> None:
    shown = diff("", f"rm -rf{char} x\n", "run.sh")
    line = shown.hunks[0].lines[0]
    assert char not in line.html
    assert f">{point}</span>" in line.html
    assert 'class="ux"' in line.html


def test_hidden_characters_are_told_above_the_file() -> None:
    shown = diff("a\n", "a\u202e\u200b\n")
    assert shown.hidden == 2
    assert "2 characters of the new version can't be seen" in shown.notes[0]


def test_umlauts_tabs_and_emoji_are_letters_like_others() -> None:
    assert visible("\tgrün 私 ✓ 😀") == "\tgrün 私 ✓ 😀"


def test_a_byte_that_is_not_utf8_is_shown_as_that_byte() -> None:
    shown = show("x.txt", None, (FILE, b"caf\xe9\n"))
    assert ">\\xE9</span>" in shown.hunks[0].lines[0].html


@pytest.mark.parametrize("path", ["x.txt", "x.html", "x.sh", "x.py", "x.js", "Makefile"])
def test_markup_in_a_file_stays_text(path: str) -> None:
    bad = "<script>alert(1)</script><img src=x onerror='a()'>&amp;\"\n"
    shown = diff("<b>old</b>\n", bad, path)
    for hunk in shown.hunks:
        for line in hunk.lines:
            assert "<script" not in line.html
            assert "<img" not in line.html
    assert rows(shown)[-1][3] == bad.rstrip("\n")


def test_a_missing_newline_at_the_end_is_said() -> None:
    assert diff("a\n", "a").notes == ("The new version has no newline at its end.",)
    assert diff("a", "a\n").notes == ("The old version had no newline at its end.",)
    assert diff("a\n", "b\n").notes == ()


def test_what_is_not_text_is_told_by_its_size() -> None:
    shown = show("logo.png", (FILE, b"\x89PNG\0"), (FILE, b"\x89PNG\0\0"))
    assert shown.hunks == ()
    assert shown.notes == ("Not text: 5 bytes before, 6 bytes after. Look at it elsewhere.",)


def test_a_mode_that_changes_is_said() -> None:
    shown = show("run", (FILE, b"x\n"), (0o100755, b"x\n"))
    assert shown.notes[0] == "Its mode goes from 100644 to 100755: it may be run now."
    assert shown.hunks == ()


def test_a_file_that_becomes_a_link_says_where_it_leads() -> None:
    shown = show("conf", (FILE, b"x\n"), (0o120000, b"/etc/passwd"))
    assert shown.notes[0] == "A file became a link to /etc/passwd."


def test_a_renamed_file_is_shown_under_both_names() -> None:
    entry = (FILE, b"same\n")
    found = changed({"old.sh": entry}, {"new.sh": entry})
    assert [(path, old, new) for path, old, new in found] == [
        ("new.sh", None, entry),
        ("old.sh", entry, None),
    ]


def test_a_very_long_file_is_not_shown_and_says_so() -> None:
    shown = diff("", "line\n" * 20_001)
    assert not shown.whole
    assert shown.hunks == ()


def test_two_long_versions_that_have_nothing_in_common_are_shown_in_time() -> None:
    old = "".join(f"a{n}\n" for n in range(9_000))
    new = "".join(f"b{n}\n" for n in range(9_000))
    shown = diff(old, new)
    assert (shown.added, shown.removed) == (9_000, 9_000)


def test_a_role_covers_the_lines_of_its_hunk_on_either_side() -> None:
    role = Role("carries", "", "@@ -5,2 +7,3 @@")
    assert [role.covers(n, None) for n in (4, 5, 6, 7)] == [False, True, True, False]
    assert [role.covers(None, n) for n in (6, 7, 9, 10)] == [False, True, True, False]


def test_the_same_versions_are_rendered_once() -> None:
    rendering = Rendering()
    first = rendering.file("a.py", None, (FILE, b"x = 1\n"))
    assert rendering.file("a.py", None, (FILE, b"x = 1\n")) is first
    assert rendering.file("a.py", None, (FILE, b"x = 2\n")) is not first


def test_what_is_kept_is_bounded() -> None:
    rendering = Rendering(most_rows=10)
    first = rendering.file("a", None, (FILE, b"1\n" * 8))
    rendering.file("b", None, (FILE, b"2\n" * 8))
    assert rendering.file("a", None, (FILE, b"1\n" * 8)) is not first


LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), max_size=12))


@settings(max_examples=150, deadline=None)
@given(old=LINES, new=LINES, path=st.sampled_from(["x.txt", "x.sh", "x.yaml", "x.py", "x.tf"]))
def test_the_new_side_can_be_read_back_from_the_diff(
    old: list[str], new: list[str], path: str
) -> None:
    """Lines that are not shown are equal on both sides; the rest says what the new file is."""
    before = "".join(f"{line}\n" for line in old)
    after = "".join(f"{line}\n" for line in new)
    shown = diff(before, after, path)
    removed = {line.old for hunk in shown.hunks for line in hunk.lines if line.new is None}
    added = {line.new: line for hunk in shown.hunks for line in hunk.lines if line.old is None}
    rest = iter([line for n, line in enumerate(old, 1) if n not in removed])
    rebuilt: list[str] = []
    for number in range(1, len(new) + 1):
        line = added.get(number)
        if line is None:
            rebuilt.append(next(rest))
        else:
            assert text_of(line.html) == text_of(visible(new[number - 1]))
            rebuilt.append(new[number - 1])
    assert rebuilt == new
    assert next(rest, None) is None
