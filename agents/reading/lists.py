"""Lists in files of a tree: entries of one shape, and which files share the same values.

Pure text work: what an entry is comes from its shape and its neighbours, never from names or paths
of a sample. What is generated, vendored, locked or history is left out.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from agents import Files

CONTAINMENT = 0.6
"""The share of the smaller list's values that the other one must have."""
MIN_SHARED = 4
MIN_ENTRIES = 3
MAX_BYTES = 256 * 1024
MAX_FILES = 2000
MAX_HOMES = 6  # a value that stands in more lists is no fact of one list

_TOKEN = re.compile(
    r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
)
_IPV4 = re.compile(r"(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}")
_VERSION = re.compile(r"v?\d+(?:\.\d+){1,2}(?:[.-]?(?:rc|alpha|beta)\.?\d*)?")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_COMMENT_LINE = re.compile(r"^\s*(?:#|//|--\s|;|<!--|/\*|\*\s)")
_TRAILING = re.compile(r"(?<=\S)(\s+)(#|//|;)(?=\s)(.*)$")
_LEFT_OUT = re.compile(
    r"(^|/)(vendor|third_party|node_modules|dist|build|\.git|\.pawl|\.terraform)/"
    r"|(^|[/_.-])(tests?|fixtures?|testdata|examples?|samples?|history|archive|changelog|changes)"
    r"([/_.-]|$)"
    r"|(\.lock|-lock\.(json|ya?ml)|\.sum|\.min\.\w+|\.svg|\.patch|\.diff)$|(^|/)go\.mod$"
    r"|^\.(github|forgejo|gitea)/|^\.gitlab-ci\.yml$|(^|/)(codeowners|license\w*)$",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\.(py|pyi|go|rs|rb|java|kt|scala|js|jsx|mjs|ts|tsx|c|h|cc|cpp|hpp|cs|php|pl|swift|lua|css|scss"
    r"|html?|vue|sql|sh|bash|rego|proto)$",
    re.IGNORECASE,
)
_GENERATED = re.compile(
    r"(@generated|\b(auto-?)?generated (by|from|with)\b|do not edit|don't edit|rendered (from|by))",
    re.IGNORECASE,
)


class Kind(StrEnum):
    """What a value looks like."""

    IPV4 = "ipv4"
    NUMBER = "number"
    VERSION = "version"
    HOST = "host"
    NAME = "name"
    MAC = "hardware address"


class Form(StrEnum):
    """How entries stand in their file."""

    LINES = "lines"
    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True)
class Column:
    """One thing that entries tell, in the order of the entries."""

    values: tuple[str, ...]
    label: str = ""  # a heading or a key that stands with it
    width: int = 0  # values are filled up to this width; 0: they are not
    closer: str = ""  # what stands between a value and the blanks that fill it up
    path: tuple[str, ...] = ()  # JSON: where it stands in an element
    part: tuple[int, int] = (0, 1)  # JSON: the n-th of so many parts of that text

    @property
    def kind(self) -> Kind:
        return commonest_kind(self.values)

    @property
    def telling(self) -> bool:
        """Whether its values nearly tell the entries apart."""
        return len(set(self.values)) > CONTAINMENT * len(self.values)


@dataclass(frozen=True)
class Listing:
    """Entries of one shape that follow each other in a file."""

    path: str
    form: Form
    columns: tuple[Column, ...]
    literals: tuple[str, ...]  # around the columns: one more than there are columns
    start: int  # the first line of the entries, from 0
    end: int  # the line behind the last one
    comma: str = "none"  # "between" | "all": whether entries end with a comma
    remarks: tuple[str, ...] = ()  # the comment behind each entry, without its sign
    remark_sign: str = ""
    remark_gap: str = ""  # the blanks before it, at least
    remark_at: int = 0  # the column where remarks start; 0: right behind the entry
    trouble: str = ""  # why the entries can't be written anew as they stand
    headed: tuple[str, ...] = ()  # the cells of a table's heading

    @property
    def size(self) -> int:
        return self.end - self.start if self.form is not Form.JSON else len(self.columns[0].values)

    @property
    def values(self) -> frozenset[str]:
        """The values that can tell which list this is."""
        return frozenset(v for c in self.columns for v in c.values if is_rare(v) or _word(c, v))


@dataclass(frozen=True)
class Group:
    """Listings, one a file, that share values: most likely one list kept in several places."""

    listings: tuple[Listing, ...]
    shared: tuple[str, ...]
    also: tuple[str, ...] = ()
    """Files that mention most of the values in a shape that is not a list."""

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(one.path for one in self.listings)


def kind_of(value: str) -> Kind:
    if _IPV4.fullmatch(value):
        return Kind.IPV4
    if ":" in value:
        return Kind.MAC
    if value.isascii() and value.isdecimal():
        return Kind.NUMBER
    if _VERSION.fullmatch(value):
        return Kind.VERSION
    if _HOST.fullmatch(value):
        return Kind.HOST
    return Kind.NAME


def commonest_kind(values: Iterable[str]) -> Kind:
    counted = Counter(kind_of(v) for v in values)
    return counted.most_common(1)[0][0] if counted else Kind.NAME


def is_rare(value: str) -> bool:
    """Whether a value by itself says which thing is meant: an address, a host, `a-name`."""
    kind = kind_of(value)
    if kind is Kind.IPV4:
        return not value.startswith(("127.", "0.", "255."))
    if kind is Kind.NAME:
        return bool(re.search(r"[A-Za-z]", value) and re.search(r"[-_]|\d", value[1:]))
    return kind in (Kind.HOST, Kind.VERSION, Kind.MAC)


def _word(column: Column, value: str) -> bool:
    """A plain word counts where the words of its column tell the entries apart."""
    return column.telling and kind_of(value) is Kind.NAME and len(value) > 2


# --- files ---------------------------------------------------------------------------------------


def readable(tree: Files) -> dict[str, str]:
    """The texts in which people may keep a list: path -> text."""
    found: dict[str, str] = {}
    for path in sorted(tree):
        mode, content = tree[path]
        if mode == 0o120000 or len(content) > MAX_BYTES or b"\0" in content:
            continue
        if _LEFT_OUT.search(path) or content.startswith(b"#!"):
            continue
        try:
            text = content.decode()
        except UnicodeDecodeError:
            continue
        if not _GENERATED.search(text[:600]):
            found[path] = text
        if len(found) >= MAX_FILES:
            break
    return found


def listings(path: str, text: str) -> tuple[Listing, ...]:
    """The lists of one file, in order; what programs hold in their code is none."""
    if _CODE.search(path):
        return ()
    if text.lstrip().startswith("[") and (found := _json_list(path, text)):
        return (found,)
    return tuple(_line_lists(path, text))


# --- JSON ----------------------------------------------------------------------------------------


def _json_list(path: str, text: str) -> Listing | None:
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, list) or len(data) < MIN_ENTRIES:
        return None
    if not all(isinstance(e, dict) for e in data):
        return None
    indent = _json_indent(text, data)
    pieces = [json.dumps(e, indent=indent or 2, ensure_ascii=False) for e in data]
    margin = " " * (indent or 2)
    pieces = ["\n".join(margin + line for line in p.split("\n")) for p in pieces]
    where = [list(_leaves(e)) for e in data]
    trouble = "" if indent else "it is written in a layout of its own"
    count = text.rstrip("\n").count("\n") + 1
    base = Listing(path, Form.JSON, (), (), 1, count - 1, comma="between", trouble=trouble)
    made = _shaped(base, pieces)
    if made is None:
        return None
    return _json_paths(made, where[_common(pieces, made)])


def _common(pieces: Sequence[str], made: Listing) -> int:
    """The first piece that has the common shape."""
    shape = "\0".join(made.literals)
    for i, piece in enumerate(pieces):
        if _TOKEN.sub("", piece) == _TOKEN.sub("", shape.replace("\0", "")):
            return i
    return 0


def _json_indent(text: str, data: object) -> int:
    for indent in (2, 4, 3, 1, 8):
        if json.dumps(data, indent=indent, ensure_ascii=False) == text.rstrip("\n"):
            return indent
    return 0


def _leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Texts of an element in the order in which they are written; keys have a path that ends ''."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield (*path, str(key), ""), str(key)
            yield from _leaves(below, (*path, str(key)))
    elif isinstance(value, list):
        for i, below in enumerate(value):
            yield from _leaves(below, (*path, str(i)))
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)


def _json_paths(listing: Listing, leaves: Sequence[tuple[tuple[str, ...], str]]) -> Listing:
    """The listing with each column's path in an element; `leaves` of one element."""
    spots: list[tuple[tuple[str, ...], int, int]] = []
    for path, text in leaves:
        words = _TOKEN.findall(text)
        spots += [(path, i, len(words)) for i in range(len(words))]
    columns: list[Column] = []
    at = 0
    for literal, column in zip(listing.literals, listing.columns, strict=False):
        at += len(_TOKEN.findall(literal))
        path, part, parts = spots[at] if at < len(spots) else ((), 0, 1)
        columns.append(replace(column, path=path, part=(part, parts)))
        at += 1
    return replace(listing, columns=tuple(columns))


# --- lines ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Line:
    number: int
    code: str  # without its comma and its remark
    comma: bool
    gap: str
    sign: str
    remark: str

    @property
    def skeleton(self) -> str:
        return re.sub(r"[ \t]+", " ", _TOKEN.sub("\0", self.code)) if self.code.strip() else ""


def _line_of(number: int, text: str) -> _Line:
    if not text.strip() or _COMMENT_LINE.match(text):
        return _Line(number, "", False, "", "", text.strip())
    found = _TRAILING.search(text)
    is_table = text.lstrip().startswith("|")
    gap, sign, remark, code = "", "", "", text.rstrip()
    if found and not is_table:
        gap, sign, remark = found.group(1), found.group(2), found.group(3).strip()
        code = text[: found.start()]
    has_comma = code.endswith(",")
    return _Line(number, code.removesuffix(","), has_comma, gap, sign, remark)


def _line_lists(path: str, text: str) -> Iterator[Listing]:
    lines = [_line_of(i, one) for i, one in enumerate(text.splitlines())]
    for run in _runs(lines):
        entries = _typed([line for line in run if line.code])
        if len(entries) < MIN_ENTRIES:
            continue
        first, last = entries[0].number, entries[-1].number
        between = [x for x in lines[first : last + 1] if x not in entries]
        base = Listing(path, Form.LINES, (), (), first, last + 1, comma=_commas(entries))
        if between:
            word = "comments" if any(x.remark for x in between) else "other lines"
            base = replace(base, trouble=f"there are {word} between its entries")
        made = _shaped(base, [line.code for line in entries])
        if made is not None:
            yield _headed(_remarked(made, entries), lines)


def _runs(lines: Sequence[_Line]) -> Iterator[list[_Line]]:
    """Lines of one skeleton that follow each other; comments and blanks may stand between."""
    run: list[_Line] = []
    waiting: list[_Line] = []
    for line in lines:
        if run and line.skeleton == run[0].skeleton and line.code:
            run += [*waiting, line]
            waiting = []
        elif run and not line.code and len(waiting) < 4:
            waiting.append(line)
        else:
            if run:
                yield run
            run, waiting = ([line] if line.code else []), []
    if run:
        yield run


def _typed(entries: list[_Line]) -> list[_Line]:
    """The entries without those at the ends whose values are of other kinds than the rest."""
    rows = [_TOKEN.findall(line.code) for line in entries]
    if not rows or not rows[0]:
        return []
    strict: dict[int, Kind] = {}
    constant: dict[int, str] = {}
    for i in range(len(rows[0])):
        kinds = Counter(kind_of(row[i]) for row in rows)
        kind, times = kinds.most_common(1)[0]
        if kind is not Kind.NAME and times >= CONTAINMENT * len(rows):
            strict[i] = kind
        value, times = Counter(row[i] for row in rows).most_common(1)[0]
        if kind is Kind.NAME and times >= 0.8 * len(rows) and times < len(rows):
            constant[i] = value

    def odd(row: list[str]) -> bool:
        wrong = any(kind_of(row[i]) is not kind for i, kind in strict.items())
        return wrong or (bool(strict) and any(row[i] != v for i, v in constant.items()))

    low, high = 0, len(entries)
    while low < high and odd(rows[low]):
        low += 1
    while high > low and odd(rows[high - 1]):
        high -= 1
    return entries[low:high]


def _commas(entries: Sequence[_Line]) -> str:
    having = [line.comma for line in entries]
    if all(having):
        return "all"
    return "between" if all(having[:-1]) and not having[-1] else "none"


def _shaped(base: Listing, pieces: Sequence[str]) -> Listing | None:
    """The columns and literals of pieces that have one shape; None when nothing varies."""
    shapes = Counter(re.sub(r"[ \t]+", " ", _TOKEN.sub("\0", p)) for p in pieces)
    shape, times = shapes.most_common(1)[0]
    if times < MIN_ENTRIES:
        return None
    trouble = base.trouble
    if times < len(pieces):
        trouble = trouble or "its entries differ in their shape"
        pieces = [p for p in pieces if re.sub(r"[ \t]+", " ", _TOKEN.sub("\0", p)) == shape]
    rows = [list(_TOKEN.finditer(p)) for p in pieces]
    if not rows[0]:
        return None
    if len({p[: r[0].start()] for p, r in zip(pieces, rows, strict=True)}) > 1:
        trouble = trouble or "its entries are indented differently"
    is_table = pieces[0].lstrip().startswith("|")
    columns: list[Column] = []
    literals: list[str] = [pieces[0][: rows[0][0].start()]]
    for i in range(len(rows[0])):
        values = tuple(r[i].group() for r in rows)
        spaces = [
            p[r[i].end() : r[i + 1].start() if i + 1 < len(r) else len(p)]
            for p, r in zip(pieces, rows, strict=True)
        ]
        gap = Counter(spaces).most_common(1)[0][0]
        filled = _filled(values, spaces)
        varies = len(set(values)) > 1 or (is_table and _is_cell(literals[-1], gap))
        if not varies:
            literals[-1] += values[0] + gap
            continue
        if filled is not None:
            label = _label(literals[-1])
            columns.append(Column(values, label, width=filled.width, closer=filled.closer))
            literals.append(filled.gap)
            continue
        values, gap = _without_domain(values, gap)
        columns.append(Column(values, _label(literals[-1])))
        literals.append(gap)
    if not columns:
        return None
    form = Form.TABLE if is_table else base.form
    return replace(
        base, form=form, columns=tuple(columns), literals=tuple(literals), trouble=trouble
    )


def _is_cell(before: str, after: str) -> bool:
    return before.rstrip(" `*").endswith("|") and after.lstrip(" `*").startswith("|")


@dataclass(frozen=True)
class _Filled:
    """A column whose values are filled up with blanks: what closes a value, and up to where."""

    closer: str
    width: int
    gap: str


def _filled(values: Sequence[str], gaps: Sequence[str]) -> _Filled | None:
    """How a column is filled up, where blanks keep the next one in line."""
    parts = [re.fullmatch(r"([^\w\s{}:]*)( +)(.*)", g, re.DOTALL) for g in gaps]
    if len(set(gaps)) == 1 or not all(parts):
        return None
    cut = [(p.group(1), len(p.group(2)), p.group(3)) for p in parts if p]
    ends = [len(v) + len(c) + blanks for v, (c, blanks, _) in zip(values, cut, strict=True)]
    if len({(c, rest) for c, _, rest in cut}) != 1:
        return None
    end, times = Counter(ends).most_common(1)[0]
    if times < 0.8 * len(ends):  # a value that is too long for its column may push the next one
        return None
    least = min(blanks for _, blanks, _ in cut)
    return _Filled(cut[0][0], end - least, " " * least + cut[0][2])


def _without_domain(values: tuple[str, ...], gap: str) -> tuple[tuple[str, ...], str]:
    """Names that all end with one domain, and the domain as part of what follows."""
    tails = {v.partition(".")[2] for v in values}
    tail = next(iter(tails))
    if len(tails) > 1 or not re.fullmatch(r"[A-Za-z][\w-]*(\.[A-Za-z][\w-]*)*", tail):
        return values, gap
    return tuple(v.partition(".")[0] for v in values), f".{tail}{gap}"


def _label(before: str) -> str:
    found = re.search(r"([A-Za-z_][\w-]*)[\"']?\s*[:=]\s*[\"']?$", before)
    return found.group(1) if found else ""


def _remarked(listing: Listing, entries: Sequence[_Line]) -> Listing:
    """The listing with the comments behind its entries."""
    if not any(line.remark for line in entries):
        return listing
    starts = {len(line.code) + line.comma + len(line.gap) for line in entries if line.remark}
    sign = next(line.sign for line in entries if line.remark)
    gaps = [line.gap for line in entries if line.remark]
    gap = min(gaps, key=len) if len(starts) == 1 else Counter(gaps).most_common(1)[0][0]
    return replace(
        listing,
        remarks=tuple(line.remark for line in entries),
        remark_sign=sign,
        remark_gap=gap,
        remark_at=starts.pop() if len(starts) == 1 else 0,
    )


def _headed(listing: Listing, lines: Sequence[_Line]) -> Listing:
    """The listing with labels from the heading above it, if there is one."""
    if listing.form is Form.TABLE:
        return _table_headed(listing, lines)
    above = next((x for x in reversed(lines[: listing.start]) if x.code), None)
    if above is None or above.number != listing.start - 1 or any(c.label for c in listing.columns):
        return listing
    words = _TOKEN.findall(above.code)
    row = _TOKEN.findall(lines[listing.start].code)
    if len(words) != len(row) or above.skeleton != lines[listing.start].skeleton:
        return listing
    spots: list[int] = []
    at = 0
    for literal in listing.literals[:-1]:
        at += len(_TOKEN.findall(literal))
        spots.append(at)
        at += 1
    if any(kind_of(words[i]) is not Kind.NAME for i in spots if i < len(words)):
        return listing
    columns = [
        replace(c, label=words[i]) if i < len(words) else c
        for c, i in zip(listing.columns, spots, strict=True)
    ]
    return replace(listing, columns=tuple(columns))


def cells(line: str) -> list[str]:
    """The cells of a row of a Markdown table."""
    return [c.strip() for c in line.strip().strip("|").split("|")]


def _table_headed(listing: Listing, lines: Sequence[_Line]) -> Listing:
    first = listing.start
    while first > 0 and lines[first - 1].code.lstrip().startswith("|"):
        first -= 1
    last = listing.end
    while last < len(lines) and lines[last].code.lstrip().startswith("|"):
        last += 1
    head = cells(lines[first].code)
    is_rule = first + 1 < len(lines) and set(lines[first + 1].code) <= set("|:- ")
    if not is_rule or first + 2 > listing.start:
        return listing
    if first + 2 != listing.start or last != listing.end:
        listing = replace(
            listing, trouble=listing.trouble or "some rows of its table are of another shape"
        )
    at = 0
    columns: list[Column] = []
    for literal, column in zip(listing.literals, listing.columns, strict=False):
        at += literal.count("|")
        label = head[at - 1] if 0 < at <= len(head) else ""
        columns.append(replace(column, label=label.strip("`* ")))
    return replace(listing, columns=tuple(columns), headed=tuple(head))


# --- groups --------------------------------------------------------------------------------------


def groups(tree: Files) -> tuple[Group, ...]:
    """Lists that share values across files, the one with most shared values first."""
    texts = readable(tree)
    every = [one for path, text in texts.items() for one in listings(path, text)]
    homes = Counter(v for one in every for v in set(one.values))
    values = {
        i: frozenset(v for v in one.values if homes[v] <= 2 * MAX_HOMES)
        for i, one in enumerate(every)
    }
    joined = _components(every, values)
    found = [_group([every[i] for i in sorted(part)], texts) for part in joined]
    return tuple(sorted((g for g in found if len(g.listings) > 1), key=lambda g: -len(g.shared)))


def _components(every: Sequence[Listing], values: Mapping[int, frozenset[str]]) -> list[set[int]]:
    homes: dict[str, list[int]] = {}
    parts: dict[int, set[int]] = {}
    for i, one in enumerate(every):
        parts[i] = {i}
        near = Counter(j for v in values[i] for j in homes.get(v, ()))
        for j, shared in near.items():
            alike = shared >= MIN_SHARED and contained(values[i], values[j])
            if alike and every[j].path != one.path and parts[j] is not parts[i]:
                parts[i] |= parts[j]
                parts |= dict.fromkeys(parts[j], parts[i])
        for v in values[i]:
            homes.setdefault(v, []).append(i)
    return [p for i, p in parts.items() if len(p) > 1 and i == min(p)]


def contained(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two lists are most likely the same one."""
    both = one & other
    return len(both) >= MIN_SHARED and len(both) >= CONTAINMENT * min(len(one), len(other))


def _group(part: Sequence[Listing], texts: Mapping[str, str]) -> Group:
    by_path: dict[str, list[Listing]] = {}
    for one in part:
        by_path.setdefault(one.path, []).append(one)
    chosen = [
        replace(
            max(many, key=lambda x: len(x.values)),
            trouble=many[0].trouble
            or ("its entries stand in several blocks" if len(many) > 1 else ""),
        )
        for many in by_path.values()
    ]
    counted = Counter(v for one in chosen for v in set(one.values))
    shared = tuple(sorted(v for v, times in counted.items() if times > 1))
    telling = {
        frozenset(c.values)
        for one in chosen
        for c in one.columns
        if c.telling and c.kind is not Kind.NUMBER
    }
    others = [
        path
        for path, text in texts.items()
        if path not in by_path
        and any(sum(mentions(text, v) for v in vs) > CONTAINMENT * len(vs) for vs in telling)
    ]
    return Group(tuple(chosen), shared, tuple(others))


def token(value: str) -> str:
    """A pattern for a value that stands by itself."""
    return r"(?<![\w.-])" + re.escape(value) + r"(?![\w-]|\.\d)"


def mentions(text: str, value: str) -> bool:
    """Whether a value stands in a text by itself."""
    return value in text and re.search(token(value), text) is not None


def stem(path: str) -> str:
    """The name of a file without folder and ending."""
    return posixpath.basename(path).split(".")[0]
