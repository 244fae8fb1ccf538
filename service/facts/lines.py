"""Which lines differ between two contents, by number, and how much of them fits.

Text only; what a line means is not known here.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

MOST_LINES = 6_000  # of either side, beyond a common head and tail, that are compared line by line
PIECE, OVERLAP = 1_000, 200  # characters


@dataclass(frozen=True)
class Line:
    n: int  # from 1
    text: str


@dataclass(frozen=True)
class Difference:
    added: tuple[Line, ...]
    removed: tuple[Line, ...]


def split(content: bytes) -> list[str]:
    """Lines by LF alone: other separators would hide text in the middle of a line."""
    text = content.decode("utf-8", "replace")
    lines = text.split("\n")
    return lines[:-1] if lines and lines[-1] == "" else lines


def differ(before: bytes, after: bytes) -> Difference:
    """Lines that only one side has, in order. Unlike git's diff it can't be told to look away."""
    old, new = split(before), split(after)
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    old_end, new_end = len(old) - tail, len(new) - tail
    gone, come = range(head, old_end), range(head, new_end)
    if max(len(gone), len(come)) <= MOST_LINES:
        matcher = difflib.SequenceMatcher(None, old[head:old_end], new[head:new_end], False)
        blocks = [code for code in matcher.get_opcodes() if code[0] != "equal"]
        removed = [i + head for _, first, last, _, _ in blocks for i in range(first, last)]
        added = [i + head for _, _, _, first, last in blocks for i in range(first, last)]
    else:  # everything in between counts as different: more to look at, never less
        removed, added = list(gone), list(come)
    return Difference(
        tuple(Line(i + 1, new[i]) for i in added), tuple(Line(i + 1, old[i]) for i in removed)
    )


def pieces(line: Line) -> list[dict[str, object]]:
    """A line as facts: a long one in pieces that overlap, so that no pattern falls between."""
    if len(line.text) <= PIECE:
        return [{"n": line.n, "text": line.text}]
    step = PIECE - OVERLAP
    return [
        {"n": line.n, "text": line.text[start : start + PIECE]}
        for start in range(0, max(1, len(line.text) - OVERLAP), step)
    ]
