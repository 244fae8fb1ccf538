"""Makefiles: variables, rules, recipe lines with their places.

Recipe lines come out as shell sources whose bytes know where they stand in the file; what they run
is the matter of `agents.reading.trace`. Functions of make are kept as unknowns, not evaluated.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from agents import Files
from agents.reading.state import Source
from agents.reading.values import Piece, Place, Word, literal

NAMES = ("GNUmakefile", "makefile", "Makefile")
_ASSIGN = re.compile(
    rb"^(?:export\s+|override\s+)*([A-Za-z_.][\w.-]*)\s*(::?:?=|\?=|\+=|!=|=)[ \t]*(.*)$"
)
_RULE = re.compile(rb"^([^\s#:=][^:=#]*?)\s*(::?)(?!=)\s*([^=]*)$")
_INCLUDE = re.compile(rb"^-?s?include\s+(.+)$")
_SKIP = re.compile(rb"^(ifeq|ifneq|ifdef|ifndef|else|endif|define|endef|undefine|unexport|vpath)\b")
_REFERENCE = re.compile(r"\$(?:\((\w[\w.-]*)\)|\{(\w[\w.-]*)\})")


@dataclass(frozen=True)
class RecipeLine:
    """One line of a recipe as its shell gets it."""

    source: Source
    place: Place  # the whole line, prefixes included, without the tab and the line's end
    ignored: Place | None  # the "-" that makes a failure count for nothing


@dataclass(frozen=True)
class Rule:
    targets: tuple[str, ...]
    needs: tuple[str, ...]
    lines: tuple[RecipeLine, ...]
    place: Place  # of the rule's first line
    comment: str = ""  # "## ..." behind the rule


@dataclass(frozen=True)
class Makefile:
    path: str
    rules: tuple[Rule, ...] = ()
    variables: Mapping[str, Word] = field(default_factory=dict)
    exported: frozenset[str] = frozenset()
    phony: frozenset[str] = frozenset()
    ignoring: tuple[str, ...] | None = None  # .IGNORE's targets; () is all
    defaults: frozenset[str] = frozenset()  # assigned by ?=
    one_shell: bool = False
    unknown: Mapping[str, Word] = field(default_factory=dict)  # stands for a function of make

    @property
    def shell(self) -> str:
        """The dialect of recipe lines."""
        word = self.variables.get("SHELL")
        return "bash" if word is not None and "bash" in word.text else "sh"

    @property
    def flags(self) -> tuple[str, ...]:
        """What .SHELLFLAGS says."""
        word = self.variables.get(".SHELLFLAGS")
        return tuple(word.text.split()) if word is not None else ("-c",)

    def rule(self, target: str) -> tuple[Rule, str] | None:
        """The rule with a recipe or needs for a target, and the stem of a pattern rule."""
        found = [rule for rule in self.rules if target in rule.targets]
        if found:
            needs = tuple(dict.fromkeys(n for rule in found for n in rule.needs))
            body = next((rule for rule in found if rule.lines), found[0])
            return Rule(body.targets, needs, body.lines, body.place, body.comment), ""
        for rule in self.rules:
            for pattern in rule.targets:
                if "%" in pattern:
                    head, _, tail = pattern.partition("%")
                    if (
                        target.startswith(head)
                        and target.endswith(tail)
                        and len(target) >= len(head + tail)
                    ):
                        return rule, target[len(head) : len(target) - len(tail)]
        return None

    @property
    def default(self) -> str | None:
        """What plain `make` makes."""
        goal = self.variables.get(".DEFAULT_GOAL")
        if goal is not None:
            return goal.text
        names = (t for rule in self.rules for t in rule.targets)
        return next((n for n in names if not n.startswith(".") and "%" not in n), None)


def find(tree: Files, folder: str) -> str | None:
    """The makefile that make would take in a folder of the tree."""
    for name in NAMES:
        path = posixpath.join(folder, name) if folder else name
        if path in tree:
            return path
    return None


def parse(tree: Files, path: str) -> Makefile:
    """Read a makefile and what it includes from the tree. Never raises."""
    reader = _Reader(tree, path)
    reader.file(path, 0)
    return reader.makefile()


class _Reader:
    def __init__(self, tree: Files, path: str) -> None:
        self.tree, self.path = tree, path
        self.variables: dict[str, Word] = {}
        self.unknown: dict[str, Word] = {}
        self.defaults: set[str] = set()
        self.exported: set[str] = set()
        self.rules: list[Rule] = []
        self.seen: set[str] = set()
        self.one_shell = False
        self.phony: set[str] = set()
        self.ignoring: tuple[str, ...] | None = None
        self.all_exported = False

    def makefile(self) -> Makefile:
        return Makefile(
            self.path,
            tuple(self.rules),
            self.variables,
            frozenset(self.variables) if self.all_exported else frozenset(self.exported),
            frozenset(self.phony),
            self.ignoring,
            frozenset(self.defaults),
            self.one_shell,
            self.unknown,
        )

    def file(self, path: str, depth: int) -> None:
        if path in self.seen or path not in self.tree or depth > 8:
            return
        self.seen.add(path)
        content = self.tree[path][1]
        lines = list(_logical_lines(content))
        i = 0
        while i < len(lines):
            start, end = lines[i]
            i += 1
            raw = content[start:end]
            if raw.startswith(b"\t") or not raw.strip() or raw.lstrip().startswith(b"#"):
                continue
            plain = raw.strip()
            if _SKIP.match(plain):
                continue
            if plain.startswith(b"export") and b"=" not in plain:
                names = plain.split()[1:]
                self.all_exported |= not names
                self.exported |= {n.decode("utf-8", "replace") for n in names}
                continue
            if found := _INCLUDE.match(plain):
                for name in self._expand(found.group(1).decode("utf-8", "replace")).split():
                    base = posixpath.dirname(self.path)
                    self.file(posixpath.normpath(posixpath.join(base, name)), depth + 1)
                continue
            lead = len(raw) - len(raw.lstrip())
            if found := _ASSIGN.match(raw.strip()):
                self._assign(path, content, start + lead, found)
                continue
            bare = re.sub(rb"\s#.*$", b"", plain)
            if found := _RULE.match(bare.split(b";")[0]):
                i = self._rule(path, content, lines, i, start, end, found, plain)

    def _assign(self, path: str, content: bytes, start: int, found: re.Match[bytes]) -> None:
        name = found.group(1).decode("utf-8", "replace")
        at = start + found.start(3)
        value = re.sub(rb"\s+#.*$", b"", found.group(3), flags=re.DOTALL).rstrip()
        piece = Piece(value.decode("utf-8", "surrogateescape"), Place(path, at, at + len(value)))
        operator = found.group(2)
        if content[start : start + 7] == b"export ":
            self.exported.add(name)
        if operator == b"!=":
            self.variables[name] = Word((Piece(f"$({name})", None, (name,), known=False),))
            return
        word = self.resolve(Word((piece,)))
        if operator == b"+=" and name in self.variables:
            word = Word((*self.variables[name].pieces, Piece(" "), *word.pieces))
        elif operator == b"?=":
            if name in self.variables:
                return
            self.defaults.add(name)
        self.variables[name] = word

    def resolve(self, word: Word, depth: int = 0) -> Word:
        """Replace $(NAME) by its value where it is known, keeping the origin of each character."""
        pieces: list[Piece] = []
        for piece in word.pieces:
            at = 0
            for found in _REFERENCE.finditer(piece.text):
                name = found.group(1) or found.group(2)
                if found.start() > at:
                    pieces.append(piece.cut(at, found.start()))
                value = self.variables.get(name)
                if value is None or depth > 8:
                    pieces.append(Piece(found.group(), None, (name,), known=False))
                else:
                    pieces += [
                        Piece(p.text, p.place, (*p.names, name), p.known) for p in value.pieces
                    ]
                at = found.end()
            if at < len(piece.text) or not piece.text:
                rest = piece.cut(at, len(piece.text))
                known = piece.known and "$(" not in rest.text
                pieces.append(Piece(rest.text, rest.place, rest.names, known))
        return Word(tuple(pieces))

    def _expand(self, value: str) -> str:
        return self.resolve(literal(value)).text

    def _rule(
        self,
        path: str,
        content: bytes,
        lines: list[tuple[int, int]],
        i: int,
        start: int,
        end: int,
        found: re.Match[bytes],
        plain: bytes,
    ) -> int:
        names = self._expand(found.group(1).decode("utf-8", "replace")).split()
        wanted = self._expand(found.group(3).decode("utf-8", "replace").replace("|", " ")).split()
        recipe: list[RecipeLine] = []
        while i < len(lines):
            first, last = lines[i]
            raw = content[first:last]
            if raw.startswith(b"\t"):
                if raw.strip() and not raw.strip().startswith(b"#"):
                    recipe.append(self._line(path, content, first + 1, last))
            elif raw.strip() and not raw.lstrip().startswith(b"#"):
                break
            i += 1
        if names[:1] == [".PHONY"]:
            self.phony |= set(wanted)
            return i
        if names[:1] == [".IGNORE"]:
            self.ignoring = tuple(wanted)
            return i
        self.one_shell |= ".ONESHELL" in names
        remark = re.search(rb"##\s*(.*)$", plain)
        comment = remark.group(1).decode("utf-8", "replace") if remark else ""
        self.rules.append(
            Rule(tuple(names), tuple(wanted), tuple(recipe), Place(path, start, end), comment)
        )
        return i

    def _line(self, path: str, content: bytes, start: int, end: int) -> RecipeLine:
        ignored = None
        at = start
        while at < end and content[at : at + 1] in (b"@", b"-", b"+", b" ", b"\t"):
            if content[at : at + 1] == b"-":
                ignored = Place(path, at, at + 1)
            at += 1
        return RecipeLine(self._source(path, content, at, end), Place(path, start, end), ignored)

    def _source(self, path: str, content: bytes, start: int, end: int) -> Source:
        """The line as the shell gets it: make's variables as the shell's, `$$` as `$`."""
        out = bytearray()
        offsets: list[int] = []

        def put(chunk: bytes, at: int, step: int = 1) -> None:
            out.extend(chunk)
            offsets.extend(at + i * step for i in range(len(chunk)))

        at = start
        while at < end:
            two = content[at : at + 2]
            if two == b"$$":
                put(b"$", at)
                at += 2
            elif two in (b"$(", b"${"):
                stop = _closing(content, at + 1, end)
                inner = content[at + 2 : stop].decode("utf-8", "replace")
                name = inner if re.fullmatch(r"[A-Za-z_]\w*", inner) else self._stand_in(inner)
                put(b"${" + name.encode() + b"}", at, 0)
                at = stop + 1
            elif re.match(rb"\$[@<^?*+%]", two):
                put(b"${" + self._stand_in(two[1:].decode()).encode() + b"}", at, 0)
                at += 2
            elif two == b"\n\t":  # a continued line: make takes its tab away
                put(b"\n", at)
                at += 2
            else:
                put(content[at : at + 1], at)
                at += 1
        offsets.append(end)
        return Source(path, bytes(out), tuple(offsets))

    def _stand_in(self, inner: str) -> str:
        automatic = {"@": "make_target", "<": "make_first", "^": "make_all", "*": "make_stem"}
        if inner in automatic:
            return automatic[inner]
        if inner in self.variables or re.fullmatch(r"\w[\w.-]*", inner):
            name = "make_" + re.sub(r"\W", "_", inner)
            self.unknown[name] = self.variables.get(inner) or Word(
                (Piece(f"$({inner})", None, (inner,), known=False),)
            )
            return name
        name = f"make_function_{len(self.unknown) + 1}"
        self.unknown[name] = Word((Piece(f"$({inner})", known=False),))
        return name


def _closing(content: bytes, start: int, end: int) -> int:
    opening = content[start : start + 1]
    closing = b")" if opening == b"(" else b"}"
    depth = 0
    for at in range(start, end):
        one = content[at : at + 1]
        depth += (one == opening) - (one == closing)
        if depth == 0:
            return at
    return end


def _logical_lines(content: bytes) -> list[tuple[int, int]]:
    """Ranges of lines, a continued line as one, without the line's end."""
    found: list[tuple[int, int]] = []
    at, size = 0, len(content)
    while at < size:
        end = at
        while True:
            stop = content.find(b"\n", end)
            stop = size if stop < 0 else stop
            if stop < size and content[stop - 1 : stop] == b"\\" and stop > at:
                end = stop + 1
                continue
            break
        found.append((at, stop))
        at = stop + 1
    return found
