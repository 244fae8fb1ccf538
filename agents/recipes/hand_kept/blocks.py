"""Where rendered entries stand in a file and how they are written, for the recipe and its tool.

Pure. A block lies between lines written by hand; what is outside of it stays byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.reading.lists import Form
from agents.recipes.hand_kept.facts import Entity, Shown, Slot, Unclear

MAX_ANCHOR = 6


@dataclass(frozen=True)
class Block:
    """The entries of one file as a tool renders them."""

    file: str
    entry: str  # with {field}, or {field:width} where it is filled up with blanks
    comma: str
    before: tuple[str, ...]  # lines by hand right before the entries
    after: tuple[str, ...]
    remark: str = ""  # the field that comments behind the entries name
    sign: str = "#"
    gap: str = " "
    at: int = 0
    stray: str = ""  # what an entry looks like, for entries outside of the block


def block(place: Shown, text: str) -> Block | Unclear:
    """How a place is rendered, or why it can't be."""
    one = place.listing
    if place.remark == "?":
        return Unclear(f"{one.path}: comments behind its entries say things of their own")
    if one.trouble and one.form is not Form.JSON:
        return Unclear(f"{one.path}: {one.trouble}")
    if one.form is Form.JSON and "differ" in one.trouble:
        return Unclear(f"{one.path}: {one.trouble}")
    if "\r" in text:
        return Unclear(f"{one.path}: its lines end with CR LF")
    entry = ""
    names = "|".join(place.fields)
    for part in place.shape:
        if isinstance(part, Slot):
            fill = f"{part.closer}:{part.width}" if part.width else ""
            entry += f"{{{part.field}{fill}}}"
        elif re.search(rf"\{{({names})\W*(:\d+)?\}}", part):
            return Unclear(f"{one.path}: its entries hold braces around a field's name")
        else:
            entry += part
    if one.form is Form.JSON:
        return Block(one.path, entry, "between", ("[",), ("]",))
    lines = text.splitlines()
    before, after = _before(lines, one.start), _after(lines, one.start, one.end)
    if before is None or after is None:
        return Unclear(
            f"{one.path}: the lines around its entries are not the only ones of their kind"
        )
    stray = _looks(place)
    outside = [*lines[: one.start], *lines[one.end :]]
    if any(re.search(stray, line) for line in outside):
        stray = ""
    sign = one.remark_sign or "#"
    return Block(
        one.path,
        entry,
        one.comma,
        before,
        after,
        place.remark,
        sign,
        one.remark_gap,
        one.remark_at,
        stray,
    )


def _looks(place: Shown) -> str:
    """A pattern that awk and Python read alike: the code of an entry, whatever its values."""
    out = "^"
    for part in place.shape:
        if isinstance(part, Slot):
            out += "[A-Za-z0-9_.:/-]+" + _plain(part.closer)
        else:
            for piece in re.split(r"([ \t]+)", part):
                blank = piece.strip(" \t") == ""
                out += ("[ \t]*" if piece else "") if blank else _plain(piece)
    return out + "[ \t]*,?[ \t]*((#|//|;).*)?$"


def _plain(text: str) -> str:
    return "".join(f"[{c}]" if c in ".*+?()[{}|$" else f"\\{c}" if c in "\\^]" else c for c in text)


def _before(lines: Sequence[str], start: int) -> tuple[str, ...] | None:
    if start == 0:
        return ()
    for count in range(1, min(start, MAX_ANCHOR) + 1):
        part = tuple(lines[start - count : start])
        if part[0].strip() and found(lines, part, 0) == start - count:
            return part
    return None


def _after(lines: Sequence[str], start: int, end: int) -> tuple[str, ...] | None:
    for count in range(1, min(len(lines) - end, MAX_ANCHOR) + 1):
        part = tuple(lines[end : end + count])
        if found(lines, part, start) == end:
            return part
    return () if end == len(lines) else None


def found(lines: Sequence[str], part: Sequence[str], start: int) -> int:
    """Where a part stands first, from `start` on; -1: nowhere."""
    for i in range(start, len(lines) - len(part) + 1):
        if tuple(lines[i : i + len(part)]) == tuple(part):
            return i
    return -1


def entries(one: Block, rows: Sequence[Entity]) -> list[str]:
    """The entries of a block, as lines (JSON: some lines each)."""
    made: dict[str, list[str]] = {}
    for row in rows:
        named = made.setdefault(_filled(one.entry, row), [])
        if one.remark and row[one.remark] not in named:
            named.append(row[one.remark])
    out: list[str] = []
    for i, (code, names) in enumerate(made.items()):
        comma = "," if one.comma == "all" or (one.comma == "between" and i + 1 < len(made)) else ""
        line = code + comma
        if one.remark:
            line = f"{line + one.gap:<{one.at}}{one.sign} {', '.join(names)}"
        out.append(line)
    return out


def _filled(entry: str, row: Mapping[str, str]) -> str:
    def value(m: re.Match[str]) -> str:
        return (row[m[1]] + (m[2] or "")).ljust(int(m[3] or 0)) if m[1] in row else m[0]

    return re.sub(r"\{(\w+)(?:([^\w:{}]*):(\d+))?\}", value, entry)


def placed(one: Block, lines: Sequence[str]) -> tuple[int, int] | None:
    """From which line to which the entries stand; None when the lines around them are gone."""
    start = 0
    if one.before:
        first = found(lines, one.before, 0)
        if first < 0:
            return None
        start = first + len(one.before)
    end = found(lines, one.after, start) if one.after else len(lines)
    return None if end < 0 else (start, end)


def rendered(one: Block, text: str, rows: Sequence[Entity]) -> str | None:
    """The whole file with its entries written anew; None when it has no place for them."""
    lines = text.splitlines()
    spot = placed(one, lines)
    if spot is None:
        return None
    return "\n".join([*lines[: spot[0]], *entries(one, rows), *lines[spot[1] :]]) + "\n"
