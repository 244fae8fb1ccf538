"""Diffs as HTML: hunks with line numbers, word marks, syntax, and every character that hides.

Pure: two versions of a file in, markup out. Whoever calls it decides which files are shown and
keeps what was rendered (`Rendering`, by content, so that a file is rendered once).
"""

from __future__ import annotations

import difflib
import itertools
import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from service.changes import digest_of

Entry = tuple[int, bytes]
"""(git mode, content); for a link the content is its target."""

CONTEXT = 3
PLAIN_ABOVE = 2_000
"""Lines of a file above which nothing is coloured."""
RAW_ABOVE = 20_000
"""Lines of a file above which there is a link instead of a diff."""
_WORDS_ABOVE = 600  # characters of a line above which no words are compared
_PAIRS = 400
_ALIGN = 16_000_000  # lines times lines that are aligned; more is shown as replaced whole
_LINK = 0o120000
_PROGRAM = 0o100755
_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)
_HEADER = re.compile(r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@")
# Letters and marks by category that are drawn as nothing.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")
_HIDING = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Zs"})


@dataclass(frozen=True)
class Role:
    """What a hunk does for the proof, by the lines that it covers on each side."""

    role: str  # carries | needed | idle | untried
    why: str
    header: str  # "@@ -a,b +c,d @@", "whole file", or "mode ..."

    def covers(self, old: int | None, new: int | None) -> bool:
        """Whether the changed line numbered (old, new) belongs to it."""
        found = _HEADER.fullmatch(self.header)
        if found is None:
            return self.header == "whole file"
        a, b, c, d = (int(part) for part in found.groups())
        return (old is not None and a <= old < a + b) or (new is not None and c <= new < c + d)


@dataclass(frozen=True)
class Line:
    """A line of a hunk. `old` or `new` is None where that side does not have it."""

    old: int | None
    new: int | None
    html: Markup

    @property
    def kind(self) -> str:
        """The class of its row: added, removed, or the same on both sides."""
        if self.old is None:
            return "a"
        return "d" if self.new is None else ""


@dataclass(frozen=True)
class Hunk:
    """Lines that belong together, and how many lines of the file lie before them, unseen."""

    header: str
    skipped: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Shown:
    """A file's diff. `notes` say in sentences what lines alone can't."""

    hunks: tuple[Hunk, ...]
    added: int
    removed: int
    notes: tuple[str, ...]
    hidden: int
    """How many characters that can't be seen the new side has."""
    whole: bool
    """False where the file is too long to be shown: there is a link to the raw patch instead."""

    @property
    def rows(self) -> int:
        return sum(len(hunk.lines) for hunk in self.hunks)


class Rendering:
    """Renders files and keeps what it rendered, the least used going first."""

    def __init__(self, most_rows: int = 60_000) -> None:
        self._most = most_rows
        self._rows = 0
        self._kept: OrderedDict[str, Shown] = OrderedDict()
        self._lock = threading.Lock()

    def file(self, path: str, old: Entry | None, new: Entry | None) -> Shown:
        """The diff of one file; `path` only chooses the language."""
        key = _key(path, old, new)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        made = show(path, old, new)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._rows += made.rows + 1
            while self._rows > self._most and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._rows -= gone.rows + 1
        return made


def changed(
    base: Mapping[str, Entry], draft: Mapping[str, Entry]
) -> list[tuple[str, Entry | None, Entry | None]]:
    """The files that differ, by path; a renamed one is there twice, under both names."""
    paths = sorted(base.keys() | draft.keys())
    return [(p, base.get(p), draft.get(p)) for p in paths if base.get(p) != draft.get(p)]


def show(path: str, old: Entry | None, new: Entry | None) -> Shown:
    """Compare two versions of a file and write the difference down."""
    notes = list(_mode_notes(old, new))
    if _binary(old) or _binary(new):
        notes.append(f"Not text: {_size(old)} before, {_size(new)} after. Look at it elsewhere.")
        return Shown((), 0, 0, tuple(notes), 0, whole=True)
    before, after = _text(old), _text(new)
    a, b = _lines(before), _lines(after)
    hidden = sum(1 for char in after if _hides(char) and char != "\r")
    if hidden:
        notes.append(_hidden_note(hidden))
    if max(len(a), len(b)) > RAW_ABOVE:
        notes.append(f"{max(len(a), len(b)):,} lines are too many to show here.")
        return Shown((), 0, 0, tuple(notes), hidden, whole=False)
    ops = _opcodes(a, b)
    notes += _end_notes(old, new, before, after)
    colour = max(len(a), len(b)) <= PLAIN_ABOVE
    left, right = _coloured(path, before, a, colour), _coloured(path, after, b, colour)
    hunks = tuple(_hunks(ops, a, b, left, right))
    return Shown(
        hunks,
        sum(j2 - j1 for tag, _, _, j1, j2 in ops if tag != "equal"),
        sum(i2 - i1 for tag, i1, i2, _, _ in ops if tag != "equal"),
        tuple(notes),
        hidden,
        whole=True,
    )


def visible(text: str) -> Markup:
    """`text` as markup in which nothing hides: what can't be seen is its code point, in red."""
    return Markup("").join(_pieces(text))


def prose(text: str) -> Markup:
    """The same for a sentence of a planner, a rule or a proof: what stands in backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one backtick is left over: none of them means anything
        return visible(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(visible(part)) if n % 2 else visible(part)
        for n, part in enumerate(parts)
    )


# --- characters -------------------------------------------------------------------------------


def _pieces(text: str) -> Iterator[Markup]:
    run: list[str] = []
    for char in text:
        if not _hides(char):
            run.append(char)
            continue
        yield escape("".join(run))
        run.clear()
        yield _code_point(char)
    yield escape("".join(run))


@cache
def _hides(char: str) -> bool:
    if char in "\t\n " or " " < char < "\x7f":
        return False
    return char in _BLANK_LETTERS or unicodedata.category(char) in _HIDING


@cache
def _code_point(char: str) -> Markup:
    number = ord(char)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is not UTF-8, as surrogateescape carries it
        return Markup('<span class="ux" title="a byte that is not UTF-8">\\x{}</span>').format(
            f"{number - 0xDC00:02X}"
        )
    name = unicodedata.name(char, "control character")
    return Markup('<span class="ux" title="{}">U+{}</span>').format(name, f"{number:04X}")


def _hidden_note(count: int) -> str:
    one = "One character" if count == 1 else f"{count} characters"
    return f"{one} of the new version can't be seen; each is shown as its code point, in red."


# --- both versions ----------------------------------------------------------------------------


def _text(entry: Entry | None) -> str:
    return "" if entry is None else entry[1].decode("utf-8", "surrogateescape")


def _binary(entry: Entry | None) -> bool:
    return entry is not None and b"\0" in entry[1]


def _lines(text: str) -> list[str]:
    """Lines as git sees them: only a newline ends one. A carriage return stays, and shows."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def _mode_notes(old: Entry | None, new: Entry | None) -> Iterator[str]:
    if new is not None and new[0] == _LINK:
        yield (
            f"A link to {_text(new)}."
            if old is None or old[0] == _LINK
            else (f"A file became a link to {_text(new)}.")
        )
    elif old is not None and old[0] == _LINK:
        yield "A link became a file." if new is not None else f"It was a link to {_text(old)}."
    elif new is not None and old is None and new[0] == _PROGRAM:
        yield "New, and may be run."
    elif new is not None and old is not None and new[0] != old[0]:
        run = "may be run now" if new[0] == _PROGRAM else "can't be run any more"
        yield f"Its mode goes from {old[0]:o} to {new[0]:o}: it {run}."
    if old is not None and new is not None and old[1] == new[1]:
        yield "Its content is the same."


def _end_notes(old: Entry | None, new: Entry | None, before: str, after: str) -> Iterator[str]:
    ends = [bool(text) and not text.endswith("\n") for text in (before, after)]
    if new is not None and ends[1] and not (old is not None and ends[0]) and new[0] != _LINK:
        yield "The new version has no newline at its end."
    if old is not None and ends[0] and new is not None and not ends[1] and old[0] != _LINK:
        yield "The old version had no newline at its end."
    if before == "" and after == "" and (old is None) != (new is None):
        yield "It is empty."


def _size(entry: Entry | None) -> str:
    return "nothing" if entry is None else f"{len(entry[1]):,} bytes"


def _key(path: str, old: Entry | None, new: Entry | None) -> str:
    parts = [path.rpartition("/")[2].encode("utf-8", "surrogateescape")]
    parts += [b"-" if e is None else f"{e[0]:o}:".encode() + e[1] for e in (old, new)]
    return digest_of(b"\0".join(digest_of(part).encode() for part in parts))


# --- what differs -----------------------------------------------------------------------------

Op = tuple[str, int, int, int, int]


def _opcodes(a: Sequence[str], b: Sequence[str]) -> list[Op]:
    """As `SequenceMatcher.get_opcodes`, bounded: what can't be aligned in time is replaced."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    old, new = a[start : len(a) - end], b[start : len(b) - end]
    ops: list[Op] = [("equal", 0, start, 0, start)] if start else []
    if len(old) * len(new) > _ALIGN:
        ops.append(("replace", start, start + len(old), start, start + len(new)))
    elif old or new:
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        ops += [
            (tag, i1 + start, i2 + start, j1 + start, j2 + start)
            for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        ]
    if end:
        ops.append(("equal", len(a) - end, len(a), len(b) - end, len(b)))
    return ops


def _groups(ops: Sequence[Op]) -> Iterator[list[Op]]:
    """Changes with their context; what lies between two of them in full view is not cut."""
    group: list[Op] = []
    for number, (tag, i1, i2, j1, j2) in enumerate(ops):
        if tag != "equal":
            group.append((tag, i1, i2, j1, j2))
            continue
        size = i2 - i1
        first, last = number == 0, number == len(ops) - 1
        if not first and not last and size <= 2 * CONTEXT:
            group.append((tag, i1, i2, j1, j2))
            continue
        if group:
            keep = min(size, CONTEXT)
            yield [*group, (tag, i1, i1 + keep, j1, j1 + keep)]
            group = []
        if not last:
            keep = min(size, CONTEXT)
            group = [(tag, i2 - keep, i2, j2 - keep, j2)]
    if any(op[0] != "equal" for op in group):
        yield group


def _hunks(
    ops: Sequence[Op],
    a: Sequence[str],
    b: Sequence[str],
    left: Sequence[Sequence[Span]],
    right: Sequence[Sequence[Span]],
) -> Iterator[Hunk]:
    seen = 0
    for group in _groups(ops):
        i1, i2, j1, j2 = group[0][1], group[-1][2], group[0][3], group[-1][4]
        lines: list[Line] = []
        for tag, a1, a2, b1, b2 in group:
            if tag == "equal":
                lines += [
                    Line(a1 + n + 1, b1 + n + 1, _marked(b[b1 + n], right[b1 + n], ()))
                    for n in range(a2 - a1)
                ]
                continue
            marks = _word_marks(a[a1:a2], b[b1:b2])
            lines += [
                Line(n + 1, None, _marked(a[n], left[n], marks[0].get(n - a1, ())))
                for n in range(a1, a2)
            ]
            lines += [
                Line(None, n + 1, _marked(b[n], right[n], marks[1].get(n - b1, ())))
                for n in range(b1, b2)
            ]
        yield Hunk(f"@@ -{i1 + 1},{i2 - i1} +{j1 + 1},{j2 - j1} @@", i1 - seen, tuple(lines))
        seen = i2


# --- words ------------------------------------------------------------------------------------

Cut = tuple[int, int]
"""From, to: characters of a line."""


def _word_marks(
    old: Sequence[str], new: Sequence[str]
) -> tuple[dict[int, tuple[Cut, ...]], dict[int, tuple[Cut, ...]]]:
    """Which characters of which line are other ones, where a line has a likely counterpart."""
    left: dict[int, tuple[Cut, ...]] = {}
    right: dict[int, tuple[Cut, ...]] = {}
    for i, j in pairing(old, new):
        left[i], right[j] = _cuts(old[i], new[j])
    return left, right


def pairing(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """The best monotone pairing of removed with added lines: likeness 0.5 or more, summed up."""
    if not old or not new:
        return []
    if len(old) * len(new) > _PAIRS:
        if len(old) != len(new):
            return []
        return [
            (n, n) for n, (x, y) in enumerate(zip(old, new, strict=True)) if _alike(x, y) >= 0.5
        ]
    likeness = [[_alike(x, y) for y in new] for x in old]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            pair = likeness[i][j] + best[i + 1][j + 1] if likeness[i][j] >= 0.5 else 0.0
            best[i][j] = max(pair, best[i + 1][j], best[i][j + 1])
    found: list[tuple[int, int]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            found.append((i, j))
            i, j = i + 1, j + 1
    return found


def _alike(x: str, y: str) -> float:
    if max(len(x), len(y)) > _WORDS_ABOVE:
        return 0.0
    matcher = difflib.SequenceMatcher(None, x.strip(), y.strip(), autojunk=False)
    if matcher.real_quick_ratio() < 0.5 or matcher.quick_ratio() < 0.5:
        return 0.0
    return matcher.ratio()


def _cuts(x: str, y: str) -> tuple[tuple[Cut, ...], tuple[Cut, ...]]:
    a, b = _WORD.findall(x), _WORD.findall(y)
    ends_a, ends_b = _ends(a), _ends(b)
    left: list[Cut] = []
    right: list[Cut] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if i2 > i1:
            left.append((ends_a[i1], ends_a[i2]))
        if j2 > j1:
            right.append((ends_b[j1], ends_b[j2]))
    return tuple(left), tuple(right)


def _ends(words: Sequence[str]) -> list[int]:
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(word))
    return ends


def _marked(text: str, spans: Sequence[Span], cuts: Sequence[Cut]) -> Markup:
    """A line with its syntax and its marked words, escaped, nothing hidden."""
    edges = {0, len(text)}
    edges.update(edge for start, end, _ in spans for edge in (start, end))
    edges.update(edge for cut in cuts for edge in cut)
    out: list[Markup] = []
    places = sorted(edges)
    span = cut = 0
    for start, end in itertools.pairwise(places):
        while span < len(spans) and spans[span][1] <= start:
            span += 1
        while cut < len(cuts) and cuts[cut][1] <= start:
            cut += 1
        piece = visible(text[start:end])
        if span < len(spans) and spans[span][0] <= start:
            piece = Markup('<i class="{}">{}</i>').format(spans[span][2], piece)
        if cut < len(cuts) and cuts[cut][0] <= start:
            piece = Markup("<b>{}</b>").format(piece)
        out.append(piece)
    return Markup("").join(out)


# --- syntax -----------------------------------------------------------------------------------

Span = tuple[int, int, str]
"""From, to, class: a coloured piece of a line."""
_SHEBANGS = (("python", "python"), ("sh", "bash"), ("node", "javascript"), ("ruby", "ruby"))
_COLOURED = frozenset({"c", "s", "k", "n", "m"})


def _coloured(path: str, text: str, lines: Sequence[str], colour: bool) -> list[list[Span]]:
    spans: list[list[Span]] = [[] for _ in lines]
    lexer = _lexer(path.rpartition("/")[2], text[:80].partition("\n")[0]) if colour else None
    if lexer is None or any(len(line) > _WORDS_ABOVE * 4 for line in lines):
        return spans
    row, column = 0, 0
    # Not `get_tokens`: that one rewrites line ends, and places would be off.
    for _, kind, value in lexer.get_tokens_unprocessed(text):
        name = STANDARD_TYPES.get(kind, "")
        for number, part in enumerate(value.split("\n")):
            if number:
                row, column = row + 1, 0
            end = column + len(part)
            if part.strip() and name[:1] in _COLOURED and name != "n" and row < len(lines):
                spans[row].append((column, end, name))
            column = end
    if row < len(lines) - 1:  # a lexer that lost its way says nothing about places
        return [[] for _ in lines]
    return spans


def _lexer(name: str, first: str) -> Lexer | None:
    if "." in name.lstrip(".") or name in ("Makefile", "Dockerfile", "Jenkinsfile"):
        kind = name if "." not in name else "x." + name.rpartition(".")[2]
        return _lexer_for(kind)
    if first.startswith("#!"):
        return next((_lexer_named(lexer) for word, lexer in _SHEBANGS if word in first), None)
    return None


@lru_cache(maxsize=256)  # names of files are other people's words
def _lexer_for(filename: str) -> Lexer | None:
    try:
        return get_lexer_for_filename(filename)
    except ClassNotFound:
        return None


@cache
def _lexer_named(name: str) -> Lexer:
    return get_lexer_by_name(name)
