"""One fact behind several lists: which column tells which field, and what the merged truth is.

Pure. The names of fields are those of headings and keys; which list is right where they differ is
said by the request, never guessed here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agents.reading import lists
from agents.reading.lists import CONTAINMENT, Column, Form, Group, Kind, Listing

_COMMENT = re.compile(r"(^|\s)#.*")
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_PATTERNS = {
    "ipv4": r"\d[\d./:]*",
    "port": r"\d+",
    "number": r"\d+",
    "version": r"v?\d[\w.-]*",
    "host": r"[\w-]+(?:\.[\w-]+)+",
}
_NAME_PATTERN = r"\w[\w.-]*"
_DEFAULT_NAMES = {Kind.IPV4: "address", Kind.NUMBER: "number", Kind.VERSION: "version"}

Entity = dict[str, str]


@dataclass(frozen=True)
class Slot:
    """A hole in the shape of an entry."""

    field: str
    width: int = 0
    closer: str = ""


@dataclass(frozen=True)
class Shown:
    """How one place shows the fact."""

    listing: Listing
    shape: tuple[str | Slot, ...]
    rows: tuple[Mapping[str, str], ...]
    read: Mapping[str, object]  # as a rehearsal writes it
    keeps: tuple[str, ...] = ()
    remark: str = ""  # the field that the comment behind an entry names

    @property
    def path(self) -> str:
        return self.listing.path

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(s.field for s in self.shape if isinstance(s, Slot)))


@dataclass(frozen=True)
class Fact:
    """What is kept by hand in several places."""

    kinds: Mapping[str, str]  # field -> kind, in the order in which the richest place tells them
    key: str
    places: tuple[Shown, ...]

    def place(self, path: str) -> Shown | None:
        return next((p for p in self.places if p.path == path), None)


@dataclass(frozen=True)
class Unclear:
    """Why lists could not be understood as one fact."""

    why: str


# --- fields --------------------------------------------------------------------------------------


@dataclass
class _Draft:
    """Fields while they are found: a row of the richest list each, and where columns belong."""

    names: list[str]
    rows: list[Entity]
    of: dict[str, list[str | None]]  # path -> the field of each column; None: always the same


def understand(group: Group, texts: Mapping[str, str]) -> Fact | Unclear:
    """The fact that a group of lists tells."""
    rich = max(group.listings, key=_richness)
    odd = [c for one in group.listings for c in one.columns if c.kind is Kind.MAC]
    if odd:
        return Unclear(f"it holds hardware addresses ({odd[0].values[0]}), which are not known yet")
    draft = _start(rich)
    left = [one for one in group.listings if one is not rich]
    for one in sorted(left, key=_richness, reverse=True):
        trouble = _join(draft, one, [o for o in group.listings if o.path in draft.of])
        if trouble:
            return Unclear(f"{one.path}: {trouble}")
    shown = [_values(one, draft.of[one.path]) for one in group.listings]
    every = {
        name: [row[name] for rows in shown for row in rows if name in row] for name in draft.names
    }
    key = _key(draft, every)
    keyed = [
        name
        for name in draft.names
        if any(name in rows[0] and key in rows[0] for rows in shown if rows)
    ]
    loose = [name for name in draft.names if name not in keyed]
    if loose:
        return Unclear(f"no place ties the {loose[0]} to a {key}")
    kinds = {name: _kind(name, key, every[name], group, draft) for name in draft.names}
    places: list[Shown] = []
    for one, rows in zip(group.listings, shown, strict=True):
        made = _place(one, draft.of[one.path], rows, kinds, texts[one.path])
        if isinstance(made, Unclear):
            return made
        places.append(replace(made, remark=_remark(one, rows, draft.rows, key)))
    return Fact(kinds, key, tuple(places))


def _richness(one: Listing) -> tuple[int, int, int]:
    return len(one.columns), sum(bool(c.label) for c in one.columns), one.size


def _start(rich: Listing) -> _Draft:
    names: list[str] = []
    of: list[str | None] = []
    for i, column in enumerate(rich.columns):
        twin = next((j for j in range(i) if rich.columns[j].values == column.values), None)
        if twin is not None:
            of.append(of[twin])
            continue
        name = _named(column, names)
        names.append(name)
        of.append(name)
    return _Draft(names, [dict(row) for row in _values(rich, of)], {rich.path: of})


def _named(column: Column, taken: Sequence[str]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", column.label.lower()).strip("_")
    if not _FIELD.fullmatch(slug):
        slug = _DEFAULT_NAMES.get(column.kind, "name" if column.telling else "kind")
    name, number = slug, 2
    while name in taken:
        name, number = f"{slug}_{number}", number + 1
    return name


def _values(one: Listing, of: Sequence[str | None]) -> tuple[Mapping[str, str], ...]:
    return tuple(
        {f: c.values[i] for f, c in zip(of, one.columns, strict=True) if f is not None}
        for i in range(len(one.columns[0].values))
    )


def _join(draft: _Draft, one: Listing, joined: Sequence[Listing]) -> str:
    """Say which fields the columns of another list tell; the reason where one can't be placed."""
    anchor = _anchor(draft, one)
    if anchor is None:
        return "none of its columns tells which entry is meant"
    column, field = anchor
    mates: list[list[Entity]] = [
        [row for row in draft.rows if row.get(field) == value]
        for value in one.columns[column].values
    ]
    of: list[str | None] = []
    for i, other in enumerate(one.columns):
        found = field if i == column else _match(draft, other, mates, of)
        if found is None and len(set(other.values)) > 1:
            twin = next((x for x in joined if x.literals == one.literals), None)
            if twin is not None:  # settings of two environments, say
                return f"it is written like {twin.path} with other values, so they are no copies"
            found = _named(other, draft.names)
            draft.names.append(found)
            for value, mine in zip(other.values, mates, strict=True):
                for row in mine:
                    row.setdefault(found, value)
        of.append(found)
    draft.of[one.path] = of
    known = {row.get(field) for row in draft.rows}
    draft.rows += [dict(r) for r in _values(one, of) if r[field] not in known]
    return ""


def _anchor(draft: _Draft, one: Listing) -> tuple[int, str] | None:
    best: tuple[float, int, str] | None = None
    for i, column in enumerate(one.columns):
        for name in draft.names:
            known = {row[name] for row in draft.rows if name in row}
            mine = set(column.values)
            share = len(known & mine) / max(1, min(len(known), len(mine)))
            telling = column.telling and len(known) > CONTAINMENT * len(draft.rows)
            if telling and share >= CONTAINMENT and (best is None or share > best[0]):
                best = (share, i, name)
    return best and (best[1], best[2])


def _match(
    draft: _Draft, column: Column, mates: Sequence[Sequence[Entity]], used: Sequence[str | None]
) -> str | None:
    best: tuple[tuple[float, bool, bool], str] | None = None
    for name in draft.names:
        pairs = [
            any(row.get(name) == value for row in mine)
            for value, mine in zip(column.values, mates, strict=True)
            if mine
        ]
        share = sum(pairs) / max(1, len(pairs))
        same_label = bool(column.label) and column.label.lower() == name
        rank = (share, same_label, name not in used)
        if share >= CONTAINMENT and (best is None or rank > best[0]):
            best = (rank, name)
    return best and best[1]


def _key(draft: _Draft, every: Mapping[str, Sequence[str]]) -> str:
    def rank(name: str) -> tuple[bool, bool, int]:
        values = [row[name] for row in draft.rows if name in row]
        unique = len(set(values)) == len(values)
        worded = lists.commonest_kind(every[name]) in (Kind.NAME, Kind.HOST)
        return worded and unique, unique, -draft.names.index(name)

    return max(draft.names, key=rank)


def _kind(name: str, key: str, values: Sequence[str], group: Group, draft: _Draft) -> str:
    """The kind of a field as a rehearsal calls it."""
    kind = lists.commonest_kind(values)
    if kind is Kind.NUMBER:
        return "port" if _is_port(name, values, group, draft) else "number"
    if kind in (Kind.IPV4, Kind.VERSION):
        return kind.value
    if name != key and len(set(values)) <= CONTAINMENT * len(draft.rows):
        return "existing"
    return "host" if kind is Kind.HOST else "name"


def _is_port(name: str, values: Sequence[str], group: Group, draft: _Draft) -> bool:
    if not all(v.isdecimal() and 0 < int(v) < 65536 for v in values):
        return False
    if re.search(r"(^|_)port(_|$)", name):
        return True
    for one in group.listings:
        for literal, field in zip(one.literals, draft.of[one.path], strict=False):
            if field == name and (literal == ":" or re.search(r"port\W*$", literal.lower())):
                return True
    return False


def _remark(
    one: Listing, rows: Sequence[Mapping[str, str]], known: Sequence[Entity], key: str
) -> str:
    """The field that all comments behind the entries name; "" where there are none."""
    if not any(one.remarks):
        return ""
    names = list(dict.fromkeys([key, *(n for row in known for n in row)]))
    for name in names:
        if all(
            remark in _mates(row, known, name)
            for row, remark in zip(rows, one.remarks, strict=True)
        ):
            return name
    return "?"


def _mates(row: Mapping[str, str], known: Sequence[Entity], name: str) -> set[str]:
    """What a comment may say of an entry: the names of what it stands for, or all of them."""
    found = [r[name] for r in known if name in r and all(r.get(f) == v for f, v in row.items())]
    return {*found, ", ".join(found), " ".join(found)}


# --- places --------------------------------------------------------------------------------------


def _place(
    one: Listing,
    of: Sequence[str | None],
    rows: Sequence[Mapping[str, str]],
    kinds: Mapping[str, str],
    text: str,
) -> Shown | Unclear:
    shape: list[str | Slot] = []
    for literal, column, field in zip(one.literals, one.columns, of, strict=False):
        shape += [literal, _slot(column, field)]
    shape.append(one.literals[-1])
    want = {tuple(sorted(row.items())) for row in rows}
    for how in _readers(one, of, shape, kinds):
        got = read(text, how)
        if got is not None and {tuple(sorted(r.items())) for r in got} == want:
            keeps = _keeps(one, text)
            return Shown(one, tuple(shape), tuple(rows), how, keeps)
    if one.trouble:
        return Unclear(f"{one.path}: {one.trouble}")
    return Unclear(f"{one.path}: its entries can't be told from the lines around them")


def _slot(column: Column, field: str | None) -> str | Slot:
    if field is not None:
        return Slot(field, column.width, column.closer)
    return (column.values[0] + column.closer).ljust(column.width)


def _readers(
    one: Listing,
    of: Sequence[str | None],
    shape: Sequence[str | Slot],
    kinds: Mapping[str, str],
) -> Iterator[Mapping[str, object]]:
    """Ways to read a place, the plainest first."""
    if one.form is Form.JSON:
        found = _json_reader(one, of)
        if found is not None:
            yield found
        return
    if one.form is Form.TABLE and [h.lower().strip("`* ") for h in one.headed] == list(of):
        yield {"table": list(of)}
    pattern = _pattern(shape, kinds, one.remark_sign)
    yield {"lines": pattern}
    head = one.headed[0] if one.headed else next((c.label for c in one.columns if c.label), "")
    if head:
        guard = rf"^(?!\W*{re.escape(head)}\b)"
        yield {"lines": guard + pattern.removeprefix("^")}


def _pattern(shape: Sequence[str | Slot], kinds: Mapping[str, str], sign: str) -> str:
    """A pattern for an entry; `sign` starts the remarks behind it, those of # are known anyway."""
    seen: set[str] = set()
    out = ["^"]
    for i, part in enumerate(shape):
        if isinstance(part, Slot):
            inner = _PATTERNS.get(kinds[part.field], _NAME_PATTERN)
            out.append(f"(?P={part.field})" if part.field in seen else f"(?P<{part.field}>{inner})")
            seen.add(part.field)
            out.append(re.escape(part.closer))
            continue
        literal = part.rstrip() if i == len(shape) - 1 else part
        out.append(_spaced(literal))
    behind = rf"(?:{re.escape(sign)}.*)?" if sign not in ("", "#") else ""
    return "".join(out) + rf"[ \t]*,?[ \t]*{behind}$"


def _spaced(literal: str) -> str:
    pieces = re.split(r"[ \t]+", literal)
    return r"[ \t]+".join(re.escape(p).replace("\\-", "-") for p in pieces)


def _json_reader(one: Listing, of: Sequence[str | None]) -> Mapping[str, object] | None:
    leaves: dict[tuple[str, ...], list[tuple[tuple[int, int], str]]] = {}
    for column, field in zip(one.columns, of, strict=True):
        if field is not None:
            leaves.setdefault(column.path, []).append((column.part, field))
    paths: dict[str, str] = {}
    split: dict[str, list[str]] = {}
    for path, parts in leaves.items():
        if not path or path[-1] == "" or any("." in step for step in path):
            return None
        fields = [field for _, field in sorted(parts)]
        if len(fields) != parts[0][0][1]:
            return None
        name = fields[0] if len(fields) == 1 else "_and_".join(fields)
        paths[name] = ".".join(path)
        if len(fields) > 1:
            split[name] = fields
    return {"json": paths, "split": split} if split else {"json": paths}


def _keeps(one: Listing, text: str) -> tuple[str, ...]:
    """Parts written by hand that have to stay: the nearest lines of code around the entries."""
    if one.form is Form.JSON:
        return ()
    lines = text.splitlines()
    if one.form is Form.TABLE:
        return (
            ("| " + " | ".join(one.headed) + " |",)
            if one.headed and ("| " + " | ".join(one.headed) + " |" in text)
            else ()
        )
    after = [x.strip() for x in lines[one.end :] if _says(x)][:2]
    before = [x.strip() for x in reversed(lines[: one.start]) if _says(x)][:1]
    return tuple(dict.fromkeys([*before, *after]))


def _says(line: str) -> bool:
    bare = _COMMENT.sub("", line).strip()
    return bare == line.strip() and len(re.findall(r"[A-Za-z]", bare)) > 3


def read(text: str, how: Mapping[str, object]) -> list[Entity] | None:
    """The rows of a text as a rehearsal's reader sees them; None where it can't be read."""
    if "lines" in how:
        bare = "\n".join(_COMMENT.sub(r"\1", line) for line in text.split("\n"))
        found = re.finditer(str(how["lines"]), bare, re.MULTILINE)
        return [{k: v for k, v in m.groupdict().items() if v is not None} for m in found]
    if "table" in how:
        columns = how["table"]
        return _read_table(text, [str(c) for c in columns] if isinstance(columns, list) else [])
    return _read_json(text, how)


def _read_table(text: str, columns: list[str]) -> list[Entity]:
    rows: list[Entity] = []
    for line in text.splitlines():
        if not line.lstrip().startswith("|"):
            continue
        found = [c.strip(" `*") for c in lists.cells(line)]
        is_rule = set("".join(found)) <= set("-: ")
        if len(found) == len(columns) and [c.lower() for c in found] != columns and not is_rule:
            rows.append(dict(zip(columns, found, strict=True)))
    return rows


def _read_json(text: str, how: Mapping[str, object]) -> list[Entity] | None:
    paths, split = how.get("json"), how.get("split", {})
    if not isinstance(paths, Mapping) or not isinstance(split, Mapping):
        return None
    rows: list[Entity] = []
    for element in json.loads(text):
        row: Entity = {}
        for name, path in paths.items():
            value = element
            for step in str(path).split("."):
                try:
                    value = value[int(step)] if isinstance(value, list) else value[step]
                except (KeyError, IndexError, TypeError, ValueError):
                    return None
            parts = split.get(name)
            if parts:
                cut = str(value).rsplit(":", len(parts) - 1)
                row.update(zip(parts, cut, strict=False))
            else:
                row[name] = str(value)
        rows.append(row)
    return rows


# --- truth ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """The merged entities, and where the places disagreed."""

    entities: tuple[Entity, ...]
    disagreements: tuple[str, ...]


def merged(fact: Fact, right: str = "") -> Truth | Unclear:
    """All that the places say, joined; where they differ the place `right` wins."""
    judge = fact.place(right) if right else None
    keyed = [p for p in fact.places if fact.key in p.fields]
    if judge in keyed:
        keyed = [p for p in keyed if p is judge] + [p for p in keyed if p is not judge]
    said: dict[str, Entity] = {}
    odd: list[str] = []
    for place in keyed:
        for row in place.rows:
            entity = said.setdefault(row[fact.key], {})
            for name, value in row.items():
                known = entity.setdefault(name, value)
                if known != value:
                    mine = f"{name} of {row[fact.key]} is {value} in {place.path}"
                    odd.append(f"{mine} and {known} elsewhere")
    for key in said:
        lacking = [p.path for p in keyed if key not in {r[fact.key] for r in p.rows}]
        odd += [f"{key} is missing in {path}" for path in lacking]
    if judge is not None and fact.key in judge.fields:
        known_keys = {row[fact.key] for row in judge.rows}
        said = {key: entity for key, entity in said.items() if key in known_keys}
    entities = list(said.values())
    if judge is not None and fact.key not in judge.fields:
        entities, trouble = _corrected(entities, judge)
        if trouble:
            return Unclear(trouble)
    short = next((e for e in entities if set(e) != set(fact.kinds)), None)
    if short is not None:
        lacks = ", ".join(n for n in fact.kinds if n not in short)
        return Unclear(f"no place says the {lacks} of {short[fact.key]}")
    for place in fact.places:
        if place in keyed:
            continue
        want = {tuple(e[f] for f in place.fields) for e in entities}
        got = {tuple(r[f] for f in place.fields) for r in place.rows}
        odd += [f"{' '.join(x)} is missing in {place.path}" for x in sorted(want - got)]
        odd += [f"{' '.join(x)} stands in {place.path} alone" for x in sorted(got - want)]
    return Truth(tuple({f: e[f] for f in fact.kinds} for e in entities), tuple(odd))


def _corrected(entities: list[Entity], judge: Shown) -> tuple[list[Entity], str]:
    """Entities mended by a place that is right and does not name them: the nearest free row."""
    fields = judge.fields
    rows = {tuple(r[f] for f in fields) for r in judge.rows}
    free = rows - {tuple(e[f] for f in fields) for e in entities}
    kept: list[Entity] = []
    for entity in entities:
        mine = tuple(entity[f] for f in fields)
        if mine not in rows:
            near = [r for r in sorted(free) if any(a == b for a, b in zip(r, mine, strict=True))]
            if not near:
                continue
            best = max(near, key=lambda r: sum(a == b for a, b in zip(r, mine, strict=True)))
            free.discard(best)
            entity = {**entity, **dict(zip(fields, best, strict=True))}
        kept.append(entity)
    if free:
        return kept, f"{judge.path} says {' '.join(min(free))}, and no place names it"
    return kept, ""


def order(fact: Fact, entities: Sequence[Entity]) -> tuple[tuple[Entity, ...], bool]:
    """The entities in the order of the places, and whether that is by key."""
    keyed = [p for p in fact.places if fact.key in p.fields]
    by_key = all(
        [r[fact.key] for r in p.rows] == sorted(r[fact.key] for r in p.rows) for p in keyed
    )
    if by_key:
        return tuple(sorted(entities, key=lambda e: e[fact.key])), True
    longest = max(keyed, key=lambda p: len(p.rows))
    rank = {r[fact.key]: i for i, r in enumerate(longest.rows)}
    return tuple(sorted(entities, key=lambda e: rank.get(e[fact.key], len(rank)))), False


def renamed(fact: Fact, names: Mapping[str, str]) -> Fact:
    """The fact with some fields under other names."""
    if not names:
        return fact

    def new(name: str) -> str:
        return names.get(name, name)

    def place(one: Shown) -> Shown:
        shape = tuple(
            replace(s, field=new(s.field)) if isinstance(s, Slot) else s for s in one.shape
        )
        rows = tuple({new(k): v for k, v in r.items()} for r in one.rows)
        return replace(
            one, shape=shape, rows=rows, read=_renamed(one.read, new), remark=new(one.remark)
        )

    kinds = {new(name): kind for name, kind in fact.kinds.items()}
    return Fact(kinds, new(fact.key), tuple(place(p) for p in fact.places))


def _renamed(how: Mapping[str, object], new: Callable[[str], str]) -> Mapping[str, object]:
    if "lines" in how:
        groups = re.compile(r"\(\?P(<|=)([a-z0-9_]+)([>)])")
        return {"lines": groups.sub(lambda m: f"(?P{m[1]}{new(m[2])}{m[3]}", str(how["lines"]))}
    columns, paths, split = how.get("table"), how.get("json"), how.get("split", {})
    if isinstance(columns, list):
        return {"table": [new(c) for c in columns]}
    if not isinstance(paths, Mapping) or not isinstance(split, Mapping):
        return how
    made: dict[str, object] = {"json": {n if n in split else new(n): p for n, p in paths.items()}}
    if split:
        made["split"] = {n: [new(x) for x in parts] for n, parts in split.items()}
    return made
