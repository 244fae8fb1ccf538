"""Places read as rows, and what is right about them.

Pure: texts in, sets of rows out. Order, comments and layout stay free; what counts is which rows a
place has of the fields that it shows.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sandbox import Files
from sandbox.toil.form import Json, Lines, Place, Reading, Table, Toil

Entity = Mapping[str, str]
Row = tuple[tuple[str, str], ...]
"""Fields with their values, sorted by field."""

_COMMENT = re.compile(r"(^|\s)#.*")


@dataclass(frozen=True)
class Unread:
    """A place that could not be read, and why."""

    why: str


def rows(text: str, reading: Reading) -> tuple[Row, ...] | Unread:
    """The rows of a place's text, in order."""
    match reading:
        case Lines():
            bare = "\n".join(_COMMENT.sub(r"\1", line) for line in text.split("\n"))
            return tuple(
                _row({k: v for k, v in found.groupdict().items() if v is not None})
                for found in reading.pattern.finditer(bare)
            )
        case Table():
            return tuple(_table(text, reading.columns))
        case Json():
            try:
                return tuple(_row(_element(e, reading)) for e in _elements(text))
            except (ValueError, KeyError, IndexError, TypeError):
                return Unread("it is no JSON list whose elements all have these fields")


def _row(found: Mapping[str, str]) -> Row:
    return tuple(sorted(found.items()))


def _table(text: str, columns: Sequence[str]) -> Iterable[Row]:
    for line in text.splitlines():
        if not line.lstrip().startswith("|"):
            continue
        cells = [cell.strip(" `*") for cell in line.strip().strip("|").split("|")]
        is_head = [cell.lower() for cell in cells] == [column.lower() for column in columns]
        is_rule = set("".join(cells)) <= set("-: ")
        if len(cells) == len(columns) and not is_head and not is_rule:
            yield _row(dict(zip(columns, cells, strict=True)))


def _elements(text: str) -> list[object]:
    data = json.loads(text)
    if not isinstance(data, list):
        raise TypeError("no list")
    return data


def _element(element: object, reading: Json) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, path in reading.paths.items():
        value: object = element
        for step in path:
            if isinstance(value, list):
                value = value[int(step)]
            elif isinstance(value, dict):
                value = value[step]
            else:
                raise TypeError(step)
        if name in reading.split:
            parts = str(value).rsplit(":", len(reading.split[name]) - 1)
            if len(parts) != len(reading.split[name]):
                raise ValueError(name)
            found.update(zip(reading.split[name], parts, strict=True))
        else:
            found[name] = str(value)
    return found


def projected(row: Row | Entity, place: Place) -> Row:
    """A row cut to the fields that a place shows."""
    values = dict(row) if isinstance(row, tuple) else row
    return _row({name: values[name] for name in place.fields if name in values})


Outputs = Mapping[str, str]
"""What the commands of places said, by the place's name."""


def text_of(place: Place, tree: Files, outputs: Outputs) -> str | None:
    """What a consumer of the place gets, or None."""
    if not place.file:
        return outputs.get(place.name)
    found = tree.get(place.file)
    return None if found is None else found[1].decode("utf-8", "replace")


def shown(place: Place, tree: Files, outputs: Outputs) -> tuple[Row, ...] | Unread:
    """The rows that a place shows."""
    text = text_of(place, tree, outputs)
    if text is None:
        return Unread("it is not there")
    found = rows(text, place.read)
    if isinstance(found, Unread):
        return found
    return tuple(projected(row, place) for row in found)


@dataclass(frozen=True)
class Measure:
    """What every place has to show."""

    toil: Toil
    entities: tuple[Entity, ...]
    doubled: frozenset[str] = frozenset()  # places in which base has a row more than once

    def with_(self, entity: Entity) -> Measure:
        """The same with one entity more."""
        return Measure(self.toil, (*self.entities, entity), self.doubled)

    def without(self, entity: Entity) -> Measure:
        """The same with one entity less."""
        left = tuple(one for one in self.entities if one != entity)
        return Measure(self.toil, left, self.doubled)

    def wrong(self, tree: Files, outputs: Outputs) -> tuple[str, ...]:
        """What is wrong, a sentence for each place; nothing where all is right."""
        found = (self._wrong(place, tree, outputs) for place in self.toil.places)
        return tuple(sentence for sentence in found if sentence)

    def _wrong(self, place: Place, tree: Files, outputs: Outputs) -> str:
        got = shown(place, tree, outputs)
        if isinstance(got, Unread):
            return f"{place.name}: {got.why}"
        want = {projected(entity, place) for entity in self.entities}
        missing, extra = want - set(got), set(got) - want
        said = [f"lacks {_words(row)}" for row in sorted(missing)[:2]]
        said += [f"still says {_words(row)}" for row in sorted(extra)[:2]]
        if not said and place.name not in self.doubled:
            twice = [row for row, times in Counter(got).items() if times > 1]
            said += [f"says {_words(row)} twice" for row in sorted(twice)[:1]]
        text = text_of(place, tree, outputs) or ""
        said += [f"lost {kept!r}" for kept in place.keeps if kept not in text]
        return f"{place.name} {' and '.join(said)}" if said else ""


def _words(row: Row) -> str:
    return " ".join(value for _, value in row) or "(nothing)"


def agree(toil: Toil, tree: Files, outputs: Outputs, new: Entity) -> bool:
    """Whether all places say the same, whatever that is, and `new` is part of it.

    So it is where the edited place is what the others are made from.
    """
    found = measure(replace(toil, truth=""), tree, outputs)
    return isinstance(found, Measure) and new in found.entities


@dataclass(frozen=True)
class Question:
    """Base can't be read as one truth: what somebody has to say first."""

    why: str


def measure(toil: Toil, tree: Files, outputs: Outputs) -> Measure | Question:
    """The merged truth of a tree: where it disagrees with itself, `truth` is right."""
    views: dict[str, tuple[Row, ...]] = {}
    for place in toil.places:
        got = shown(place, tree, outputs)
        if isinstance(got, Unread):
            return Question(f"{place.name} can't be read: {got.why}.")
        if not got:
            return Question(f"{place.name} shows no row at all, so its reader is wrong.")
        views[place.name] = got
    right = next((p for p in toil.places if p.name == toil.truth), None)
    merged = _merged(toil, views, right)
    if isinstance(merged, Question):
        return merged
    doubled = frozenset(name for name, got in views.items() if len(set(got)) < len(got))
    return Measure(toil, merged, doubled)


def _merged(
    toil: Toil, views: Mapping[str, tuple[Row, ...]], right: Place | None
) -> tuple[Entity, ...] | Question:
    keyed = [place for place in toil.places if toil.key in place.fields]
    if right in keyed:
        keyed = [place for place in keyed if place is right] + [p for p in keyed if p is not right]
    said: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for place in keyed:
        for row in views[place.name]:
            values = dict(row)
            entity = said.setdefault(values[toil.key], {})
            for name, value in values.items():
                entity.setdefault(name, []).append((value, place.name))
    if right is not None and toil.key in right.fields:
        known = {dict(row)[toil.key] for row in views[right.name]}
        said = {key: entity for key, entity in said.items() if key in known}
    entities: list[dict[str, str]] = []
    unsure: dict[tuple[str, str], str] = {}
    for key, fields in said.items():
        values = {}
        for name, options in fields.items():
            mine = [value for value, where in options if right and where == right.name]
            values[name] = (mine or [options[0][0]])[0]
            if not mine and len({value for value, _ in options}) > 1:
                shows = ", ".join(f"{value} in {where}" for value, where in options)
                unsure[key, name] = f"{name} of {key} is {shows}"
        entities.append(values)
    if right is not None and toil.key not in right.fields:
        trouble = _adopt(entities, {projected(r, right) for r in views[right.name]}, right, unsure)
        if trouble:
            return trouble
    return _agreed(toil, entities, unsure, views, right)


def _adopt(
    entities: list[dict[str, str]],
    rows_: set[Row],
    right: Place,
    unsure: dict[tuple[str, str], str],
) -> Question | None:
    """Correct the entities by a place that is right and does not name them: the nearest row."""
    claimed = {projected(entity, right) for entity in entities} & rows_
    free = rows_ - claimed
    for entity in list(entities):
        mine = projected(entity, right)
        if mine not in rows_:
            near = sorted(free, key=lambda row: -len(set(row) & set(mine)))
            near = [row for row in near if set(row) & set(mine)]
            if not near:
                entities.remove(entity)
                continue
            free.discard(near[0])
            entity.update(dict(near[0]))
        for name in right.fields:
            for key in [k for k in unsure if k[1] == name and k[0] in entity.values()]:
                del unsure[key]
    if free:
        return Question(f"{right.name} says {_words(min(free))}, and no place names it.")
    return None


def _agreed(
    toil: Toil,
    entities: list[dict[str, str]],
    unsure: Mapping[tuple[str, str], str],
    views: Mapping[str, tuple[Row, ...]],
    right: Place | None,
) -> tuple[Entity, ...] | Question:
    if unsure:
        why = next(iter(unsure.values()))
        return Question(f"The places disagree: {why}. Which one is right?")
    short = [e for e in entities if set(e) != set(toil.facts)]
    if short:
        lacks = ", ".join(sorted(set(toil.facts) - set(short[0])))
        return Question(f"No place says the {lacks} of {short[0][toil.key]}.")
    if right is None:
        for place in toil.places:
            want = {projected(entity, place) for entity in entities}
            if want != set(views[place.name]):
                odd = min(want ^ set(views[place.name]))
                return Question(
                    f"The places disagree about {_words(odd)} in {place.name}, and the rehearsal "
                    "does not say which place is right (`truth`)."
                )
    return tuple(entities)
