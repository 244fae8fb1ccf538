"""Edits by byte range: small replacements in files of a tree, joined into whole-file edits.

Pure. Nothing here knows why a line changes; it keeps every byte outside the given ranges, and says
whether shell text that was well-formed still is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agents import Edit, Files
from agents.reading.syntax import error_nodes, error_signature, looks_like_shell, parse_shell
from agents.reading.values import Place


@dataclass(frozen=True)
class Change:
    """Put `text` where `place` is; an empty range inserts."""

    place: Place
    text: bytes
    why: str


def apply(tree: Files, changes: Iterable[Change]) -> tuple[Edit, ...]:
    """The edits that the changes make, one a file, in the order of paths.

    The same change twice counts once; of two that overlap, the one with the longer range stays.
    A file that would not change gives no edit. Places outside a file raise `ValueError`.
    """
    by_path: dict[str, list[Change]] = {}
    for change in dict.fromkeys(changes):
        by_path.setdefault(change.place.path, []).append(change)
    edits: list[Edit] = []
    for path in sorted(by_path):
        if path not in tree:
            raise ValueError(f"{path} is not in the tree")
        mode, content = tree[path]
        kept = _apart(by_path[path])
        if any(not 0 <= c.place.start <= c.place.end <= len(content) for c in kept):
            raise ValueError(f"a change lies outside {path}")
        after = replace_ranges(content, kept)
        if after != content:
            reasons = dict.fromkeys(c.why for c in sorted(kept, key=lambda c: c.place.start))
            edits.append(Edit(path, (mode, content), (mode, after), "; ".join(reasons)))
    return tuple(edits)


def _apart(changes: list[Change]) -> list[Change]:
    kept: list[Change] = []
    for change in sorted(changes, key=lambda c: (c.place.start - c.place.end, c.place.start)):
        if any(_overlap(change.place, other.place) for other in kept):
            continue
        if any((change.place, change.text) == (o.place, o.text) for o in kept):
            continue
        kept.append(change)
    return kept


def _overlap(one: Place, other: Place) -> bool:
    if one.start == one.end or other.start == other.end:
        inner, outer = (one, other) if one.start == one.end else (other, one)
        return outer.start < inner.start < outer.end
    return one.start < other.end and other.start < one.end


def replace_ranges(content: bytes, changes: Iterable[Change]) -> bytes:
    """The content with each range replaced, last first, so that earlier places stay true."""
    for change in sorted(changes, key=lambda c: (c.place.start, c.place.end), reverse=True):
        content = content[: change.place.start] + change.text + content[change.place.end :]
    return content


def broken(edits: Iterable[Edit]) -> tuple[str, ...]:
    """The shell files that are less well-formed after their edit than before."""
    found: list[str] = []
    for edit in edits:
        if edit.before is None or edit.after is None:
            continue
        if not looks_like_shell(edit.path, edit.before[1]):
            continue
        if error_signature(edit.after[1]) > error_signature(edit.before[1]):
            found.append(edit.path)
    return tuple(found)


def touches_error(content: bytes, place: Place) -> bool:
    """Whether a range lies in, or on a line next to, text that could not be parsed."""
    first = content.count(b"\n", 0, place.start) - 1
    last = content.count(b"\n", 0, place.end) + 1
    for node in error_nodes(parse_shell(content)):
        if node.start_point[0] <= last and node.end_point[0] >= first:
            return True
    return False


# --- ranges --------------------------------------------------------------------------------------


def line_range(content: bytes, start: int, end: int) -> tuple[int, int]:
    """The range of the whole lines that a range touches, with the last line's end."""
    first = content.rfind(b"\n", 0, start) + 1
    stop = content.find(b"\n", max(end, start))
    return first, len(content) if stop < 0 else stop + 1


def word_range(content: bytes, start: int, end: int) -> tuple[int, int]:
    """The range to take out so that a word goes and its neighbours stay apart as they were.

    Takes quotes around the word, the blanks before it, and the whole line where it stands alone.
    """
    if (
        start > 0
        and content[start - 1 : start] in (b'"', b"'")
        and (content[start - 1 : start] == content[end : end + 1])
    ):
        start, end = start - 1, end + 1
    first, stop = line_range(content, start, end)
    before = content[first:start]
    after = content[end:stop]
    alone = not before.strip() and (after.strip() in (b"", b"\\") or after.strip().startswith(b"#"))
    if alone:
        previous = content[:first].rstrip(b"\n")
        goes_on = after.strip() == b"\\"
        if not goes_on and previous.endswith(b"\\"):
            # the last of a continued command: the line before must not go on any more
            cut = len(previous) - 1
            while cut > 0 and content[cut - 1 : cut] in (b" ", b"\t"):
                cut -= 1
            return cut, end
        return first, stop
    if before.strip():
        tight = start
        while start > first and content[start - 1 : start] in (b" ", b"\t"):
            start -= 1
        if start == tight:
            # first in its list or string: the blank behind it goes instead
            while content[end : end + 1] in (b" ", b"\t"):
                end += 1
    else:
        while content[end : end + 1] in (b" ", b"\t"):
            end += 1
    return start, end


def indent_at(content: bytes, offset: int) -> bytes:
    """The blanks at the start of the line of an offset."""
    first = content.rfind(b"\n", 0, offset) + 1
    line = content[first : content.find(b"\n", first) if b"\n" in content[first:] else None]
    return line[: len(line) - len(line.lstrip())]
