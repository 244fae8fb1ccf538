"""Hand edits without knowing the format: a new entity is written the way an existing one is.

Pure: text in, text out, or None where the place does not show the entity in one piece. What an edit
does is read back, so that an edit which does anything else is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from sandbox.toil.form import Json, Place
from sandbox.toil.places import Entity, Row, Unread, projected, rows

_NOTE = re.compile(r"\s*#.*")


def added(text: str, place: Place, like: Entity, new: Entity) -> str | None:
    """`text` with `new` written beside `like`; as it is where it says all of `new` already."""
    want = projected(new, place)
    if want in _read(text, place):
        return text
    span = _span(text, place, like)
    if span is None:
        return None
    copy = _swapped(text[span[0] : span[1]], like, new)
    made = _beside(text, span, copy, isinstance(place.read, Json))
    return made if _read(made, place) == _read(text, place) | {want} else None


def removed(text: str, place: Place, entity: Entity) -> str | None:
    """`text` without the piece that shows `entity`."""
    span = _span(text, place, entity)
    if span is None:
        return None
    start, end = span
    if isinstance(place.read, Json):
        spans = _elements(text)
        at = spans.index(span)
        if at + 1 < len(spans):
            end = spans[at + 1][0]
        elif at:
            start = spans[at - 1][1]
        made = text[:start] + text[end:]
    else:
        made = text[:start] + text[end:]
        if not _has_comma(text[start:end]) and _has_comma(text[:start].rsplit("\n", 2)[-2:][0]):
            head = text[:start].rstrip("\n")
            made = head.rstrip(",") + "\n" + text[end:]
    left = _read(text, place) - {projected(entity, place)}
    return made if _read(made, place) == left else None


def changed(text: str, place: Place, entity: Entity, name: str, value: str) -> str | None:
    """`text` with another value in one field of `entity`."""
    span = _span(text, place, entity)
    if span is None:
        return None
    piece = _swapped(text[span[0] : span[1]], {name: entity[name]}, {name: value})
    made = text[: span[0]] + piece + text[span[1] :]
    want = projected({**entity, name: value}, place)
    left = _read(text, place) - {projected(entity, place)}
    return made if made != text and _read(made, place) == left | {want} else None


def _read(text: str, place: Place) -> frozenset[Row]:
    found = rows(text, place.read)
    if isinstance(found, Unread):
        return frozenset()
    return frozenset(projected(row, place) for row in found)


def _span(text: str, place: Place, entity: Entity) -> tuple[int, int] | None:
    """Where the piece lies that shows `entity` and nothing else: a line, or an element."""
    want = frozenset([projected(entity, place)])
    if isinstance(place.read, Json):
        for start, end in _elements(text):
            if _read(f"[{text[start:end]}]", place) == want:
                return start, end
        return None
    at = 0
    for line in text.splitlines(keepends=True):
        if _read(line, place) == want:
            return at, at + len(line)
        at += len(line)
    return None


def _elements(text: str) -> list[tuple[int, int]]:
    """Where the elements of a JSON list lie."""
    decoder = json.JSONDecoder()
    spans: list[tuple[int, int]] = []
    at = text.find("[") + 1
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at >= len(text) or text[at] == "]":
            return spans
        try:
            _, end = decoder.raw_decode(text, at)
        except ValueError:
            return spans
        spans.append((at, end))
        at = end


def _beside(text: str, span: tuple[int, int], copy: str, is_json: bool) -> str:
    start, end = span
    if is_json:
        spans = _elements(text)
        at = spans.index(span)
        if at + 1 < len(spans):
            joint = text[end : spans[at + 1][0]]
        elif at:
            joint = text[spans[at - 1][1] : start]
        else:
            joint = "," + text[text.find("[") + 1 : start]
        return text[:end] + joint + copy + text[end:]
    before = text[:start].rstrip("\n").rsplit("\n", 1)[-1]
    if not _has_comma(text[start:end]) and _has_comma(before):
        # the last element of a list has no comma: go before it
        return text[:start] + copy.rstrip("\n") + ",\n" + text[start:]
    if not copy.endswith("\n"):
        return text[:end] + "\n" + copy
    return text[:end] + copy + text[end:]


def _has_comma(line: str) -> bool:
    return _NOTE.sub("", line.rstrip("\n")).rstrip().endswith(",")


def token(value: str) -> str:
    """A pattern for a value that stands by itself."""
    return r"(?<![\w.-])" + re.escape(value) + r"(?![\w-]|\.\d)"


def _swapped(piece: str, old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """`piece` with old values replaced at word borders, all at once."""
    marks: dict[str, str] = {}
    for i, (name, value) in enumerate(sorted(old.items(), key=lambda one: -len(one[1]))):
        if not value:
            continue
        mark = f"\0{i}\0"
        piece = re.sub(token(value), mark, piece)
        marks[mark] = new.get(name, value)
    for mark, value in marks.items():
        piece = piece.replace(mark, value)
    return piece
