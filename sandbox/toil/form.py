"""The `toil:` part of a rehearsal: one fact that is kept by hand in several places.

Strict reading, one clear sentence for each mistake; what is done with it is not known here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sandbox import Argv
from sandbox.strict import argv, bad, listed, mapping, only, text

_FIELD = re.compile(r"^[a-z][a-z0-9_]*$")
_HOLE = re.compile(r"\{([^{}]*)\}")


class Kind(StrEnum):
    """What a field's values look like: fresh ones are made, bad ones have to be refused."""

    NAME = "name"
    HOST = "host"
    IPV4 = "ipv4"
    PORT = "port"
    NUMBER = "number"
    VERSION = "version"
    EXISTING = "existing"  # one of the values that the places already have


class Goal(StrEnum):
    """What the change is for."""

    DONE = "done"  # the step is gone: the operation makes every place right
    NOTICED = "noticed"  # the step stays, leaving it out is noticed by something that runs itself


@dataclass(frozen=True)
class Lines:
    """Rows are the matches of a pattern with named groups, comments taken off."""

    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Json:
    """Rows are the elements of a list; each field has a path in them, some are cut apart."""

    paths: Mapping[str, tuple[str, ...]]
    split: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Table:
    """Rows are those of a Markdown table with these columns."""

    columns: tuple[str, ...]


Reading = Lines | Json | Table


@dataclass(frozen=True)
class Place:
    """What a consumer gets: a file of the tree, or what a command says in a clean clone."""

    fields: tuple[str, ...]
    read: Reading
    file: str = ""
    run: Argv = ()
    keeps: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How people call it."""
        return self.file or " ".join(self.run)


@dataclass(frozen=True)
class Edit:
    """An action by hand: a new entity is written into the file the way the others are."""

    file: str


Action = Argv | Edit


@dataclass(frozen=True)
class Operation:
    """What people do once the step is gone. Words hold `{field}`."""

    add: tuple[Action, ...]
    remove: tuple[Action, ...] = ()


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Toil:
    """One fact with its places."""

    facts: Mapping[str, Kind]
    places: tuple[Place, ...]
    truth: str = ""  # the place that is right where base disagrees with itself
    operation: Operation | None = None
    check: Argv = ()
    goal: Goal = Goal.DONE
    written: Mapping[str, Any] = field(default_factory=_nothing)  # as it stands in the file

    @property
    def key(self) -> str:
        """The field that names an entity."""
        named = [name for name, kind in self.facts.items() if kind in (Kind.NAME, Kind.HOST)]
        return (named or list(self.facts))[0]

    @property
    def files(self) -> tuple[Place, ...]:
        """The places that are files."""
        return tuple(place for place in self.places if place.file)

    @property
    def entry(self) -> Argv:
        """The words of the operation that are always the same; for people and for reading."""
        for action in self.operation.add if self.operation else ():
            if not isinstance(action, Edit):
                return tuple(word for word in action if not _HOLE.search(word))
        return self.check or next((p.run for p in self.places if p.run), ("git", "push"))


_KEYS = ("facts", "places", "truth", "operation", "check", "goal")


def parse(item: object) -> Toil:
    """Read the `toil:` part. Raises `BadRehearsal` naming the first mistake and its remedy."""
    found = mapping(item, "toil")
    if "calendar" in found:
        raise bad("toil.calendar is not supported yet", "rehearse toil that is no calendar's")
    only(found, _KEYS, "toil")
    for key in ("facts", "places"):
        if not found.get(key):
            raise bad(f"toil has no {key}", f"add `{key}:`")
    facts = _facts(mapping(found["facts"], "toil.facts"))
    places = tuple(
        _place(one, f"toil.places[{i}]", facts)
        for i, one in enumerate(listed(found["places"], "toil.places"))
    )
    _together(places, facts)
    truth = text(found["truth"], "toil.truth") if "truth" in found else ""
    if truth and truth not in [place.name for place in places]:
        raise bad(f"toil.truth names {truth!r}", "name one of the places")
    goal = found.get("goal", Goal.DONE.value)
    if goal not in [choice.value for choice in Goal]:
        raise bad(f"toil.goal is {goal!r}", "write `done` or `noticed`")
    return Toil(
        facts=MappingProxyType(facts),
        places=places,
        truth=truth,
        operation=_operation(found["operation"], facts, places) if "operation" in found else None,
        check=argv(found["check"], "toil.check") if "check" in found else (),
        goal=Goal(goal),
        written=found,
    )


def _facts(found: Mapping[str, Any]) -> dict[str, Kind]:
    facts: dict[str, Kind] = {}
    for name, kind in found.items():
        if not _FIELD.match(name):
            raise bad(f"toil.facts names {name!r}", "name a field in small letters, digits and _")
        if kind not in [choice.value for choice in Kind]:
            known = ", ".join(choice.value for choice in Kind)
            raise bad(f"toil.facts.{name} is {kind!r}", f"choose one of {known}")
        facts[name] = Kind(kind)
    if all(kind is Kind.EXISTING for kind in facts.values()):
        raise bad("toil.facts has existing values only", "name a field whose values can be new")
    return facts


def _place(item: object, where: str, facts: Mapping[str, Kind]) -> Place:
    found = mapping(item, where)
    only(found, ("file", "run", "fields", "read", "keeps"), where)
    if ("file" in found) == ("run" in found):
        raise bad(f"{where} needs a file or a command", "give one of `file` and `run`")
    for key in ("fields", "read"):
        if not found.get(key):
            raise bad(f"{where} has no {key}", f"add `{key}:`")
    fields = tuple(
        text(one, f"{where}.fields[{i}]")
        for i, one in enumerate(listed(found["fields"], f"{where}.fields"))
    )
    for name in fields:
        if name not in facts:
            raise bad(f"{where}.fields names {name!r}", "name fields of toil.facts")
    reading, gives = _reading(mapping(found["read"], f"{where}.read"), f"{where}.read")
    missing = [name for name in fields if name not in gives]
    if missing:
        raise bad(f"{where}.read never gives {', '.join(missing)}", "read every field of the place")
    return Place(
        fields=fields,
        read=reading,
        file=_file(found["file"], f"{where}.file") if "file" in found else "",
        run=argv(found["run"], f"{where}.run") if "run" in found else (),
        keeps=tuple(
            text(one, f"{where}.keeps[{i}]")
            for i, one in enumerate(listed(found.get("keeps", []), f"{where}.keeps"))
        ),
    )


def _file(item: object, where: str) -> str:
    path = text(item, where)
    if path.startswith("/") or ".." in path.split("/") or posixpath.normpath(path) != path:
        raise bad(f"{where} names {path!r}", "name a file of the tree, as git does")
    return path


def _reading(found: Mapping[str, Any], where: str) -> tuple[Reading, frozenset[str]]:
    only(found, ("lines", "json", "table", "split"), where)
    kinds = [key for key in ("lines", "json", "table") if key in found]
    if len(kinds) != 1:
        raise bad(f"{where} says {len(kinds)} of lines, json and table", "name exactly one of them")
    if "split" in found and kinds != ["json"]:
        raise bad(f"{where}.split goes with json only", "leave it out")
    if kinds == ["lines"]:
        return _lines(text(found["lines"], f"{where}.lines"), where)
    if kinds == ["table"]:
        columns = tuple(
            text(one, f"{where}.table[{i}]")
            for i, one in enumerate(listed(found["table"], f"{where}.table"))
        )
        return Table(columns), frozenset(columns)
    return _json(found, where)


def _lines(pattern: str, where: str) -> tuple[Reading, frozenset[str]]:
    try:
        compiled = re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise bad(f"{where}.lines is no pattern: {error}", "mend the regular expression") from error
    if not compiled.groupindex:
        raise bad(f"{where}.lines has no named group", "write (?P<field>...)")
    return Lines(compiled), frozenset(compiled.groupindex)


def _json(found: Mapping[str, Any], where: str) -> tuple[Reading, frozenset[str]]:
    paths = {
        name: tuple(text(path, f"{where}.json.{name}").split("."))
        for name, path in mapping(found["json"], f"{where}.json").items()
    }
    split = {
        name: tuple(
            text(one, f"{where}.split.{name}[{i}]")
            for i, one in enumerate(listed(parts, f"{where}.split.{name}"))
        )
        for name, parts in mapping(found.get("split") or {}, f"{where}.split").items()
    }
    for name in split:
        if name not in paths:
            raise bad(f"{where}.split cuts {name!r}", "cut what `json` gives")
    gives = {name for name in paths if name not in split}
    gives |= {name for parts in split.values() for name in parts}
    return Json(MappingProxyType(paths), MappingProxyType(split)), frozenset(gives)


def _together(places: Sequence[Place], facts: Mapping[str, Kind]) -> None:
    """Places that differ by name, and that together say every field."""
    names = [place.name for place in places]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise bad(f"toil.places has {twice!r} twice", "keep one of them")
    shown = {name for place in places for name in place.fields}
    missing = [name for name in facts if name not in shown]
    if missing:
        raise bad(f"no place shows {', '.join(missing)}", "leave the field out of toil.facts")


def _operation(item: object, facts: Mapping[str, Kind], places: Sequence[Place]) -> Operation:
    found = mapping(item, "toil.operation")
    only(found, ("add", "remove"), "toil.operation")
    if not found.get("add"):
        raise bad("toil.operation has no add", "say what people do for a new entity")
    return Operation(
        add=_actions(found["add"], "toil.operation.add", facts, places),
        remove=_actions(found.get("remove", []), "toil.operation.remove", facts, places),
    )


def _actions(
    item: object, where: str, facts: Mapping[str, Kind], places: Sequence[Place]
) -> tuple[Action, ...]:
    actions: list[Action] = []
    for i, one in enumerate(listed(item, where)):
        at = f"{where}[{i}]"
        if isinstance(one, Mapping):
            only(mapping(one, at), ("edit",), at)
            actions.append(Edit(_file(one.get("edit"), f"{at}.edit")))
            if actions[-1].file not in [place.file for place in places]:  # type: ignore[union-attr]
                raise bad(f"{at}.edit names no place", "an edit by hand needs a reader: a place")
            continue
        words = argv(one, at)
        for hole in [name for word in words for name in _HOLE.findall(word)]:
            if hole not in facts:
                raise bad(f"{at} has a hole {{{hole}}}", "name fields of toil.facts")
        actions.append(words)
    return tuple(actions)


def filled(words: Argv, row: Mapping[str, str]) -> Argv:
    """The words of an action with an entity's values in their holes."""
    return tuple(_HOLE.sub(lambda hole: row[hole[1]], word) for word in words)
