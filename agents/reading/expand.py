"""How shell text becomes words: quotes, variables, defaults, arrays, splitting, substitutions.

Each character keeps its origin in the tree. Commands inside substitutions are handed back to the
one who runs (`Runner`); nothing here decides what a command does.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from tree_sitter import Node

from agents.reading.state import Shell, Source, Variable
from agents.reading.syntax import text
from agents.reading.values import Piece, Place, Word, literal

_BLANK = re.compile(r"[ \t\n]+")
_ESCAPE = re.compile(r"\\(\n|.)", re.DOTALL)
_ESCAPE_QUOTED = re.compile(r'\\([$`"\\\n])', re.DOTALL)
_SPECIAL = {
    "?",
    "$",
    "!",
    "-",
    "_",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "HOSTNAME",
    "UID",
    "EUID",
    "PPID",
}
# what every login has, and so nothing that somebody has to set
_AMBIENT = {"HOME", "USER", "LOGNAME", "PATH", "SHELL", "TERM", "LANG", "TMPDIR", "IFS", "TZ"}

Fields = list[list[Piece]]
"""What an expansion gives: one list of pieces a word."""

Substitute = Callable[[Node, Shell, Source], Word]
"""Runs the commands of a substitution and answers what they print, as far as it can be told."""

Note = Callable[[str, "str | None", bool, bool, Shell], None]
"""Hears that a variable was read that nothing assigned: name, default, guarded, required, shell."""


@dataclass(frozen=True)
class Expander:
    """Expands the words of one source in one shell."""

    shell: Shell
    source: Source
    substitute: Substitute
    note: Note

    def words(self, node: Node) -> list[Word]:
        """The words that an argument node becomes; none for an empty unquoted expansion."""
        return [Word(tuple(pieces)) for pieces in self._fields(node, quoted=False)]

    def word(self, node: Node) -> Word:
        """The one word that a node becomes where nothing is split: values, targets."""
        fields = self._fields(node, quoted=True)
        joined: list[Piece] = []
        for i, pieces in enumerate(fields):
            joined += ([Piece(" ")] if i else []) + pieces
        return Word(tuple(joined))

    def array(self, node: Node) -> tuple[Word, ...]:
        """The elements of an array literal."""
        found: list[Word] = []
        for child in node.named_children:
            if child.type != "comment":
                found += self.words(child)
        return tuple(found)

    def _fields(self, node: Node, *, quoted: bool) -> Fields:
        match node.type:
            case "string" | "translated_string":
                return self._string(node)
            case "raw_string":
                return [[self._literal(node.start_byte + 1, node.end_byte - 1)]]
            case "ansi_c_string":
                return [[Piece(text(node)[2:-1])]]
            case "concatenation":
                return self._join([self._fields(child, quoted=quoted) for child in node.children])
            case "simple_expansion" | "expansion":
                return self._expansion(node, quoted=quoted)
            case "command_substitution":
                return self._split(self.substitute(node, self.shell, self.source), quoted)
            case "process_substitution":
                self.substitute(node, self.shell, self.source)
                return [[Piece(text(node), known=False)]]
            case "arithmetic_expansion":
                return [[Piece(text(node), known=False)]]
            case _:
                return [[self._bare(node)]]

    def _literal(self, start: int, end: int) -> Piece:
        raw = self.source.content[start:end].decode("utf-8", "surrogateescape")
        return Piece(raw, self.source.place(start, end))

    def _bare(self, node: Node) -> Piece:
        piece = self._literal(node.start_byte, node.end_byte)
        if "\\" not in piece.text:
            return piece
        plain = _ESCAPE.sub(lambda m: "" if m.group(1) == "\n" else m.group(1), piece.text)
        return replace(piece, text=plain)

    def _string(self, node: Node) -> Fields:
        parts: list[Fields] = []
        at, end = (
            node.start_byte + (2 if node.type == "translated_string" else 1),
            node.end_byte - 1,
        )
        inner = node
        if node.type == "translated_string":
            inner = next((c for c in node.named_children if c.type == "string"), node)
        for child in inner.children:
            if child.type in ('"', "string_content", '$"', "$"):
                continue
            blanks = len(text(child)) - len(text(child).lstrip())  # the parser takes them in
            parts.append(self._quoted(at, child.start_byte + blanks))
            parts.append(self._fields(child, quoted=True))
            at = child.end_byte
        parts.append(self._quoted(at, end))
        return self._join(parts) or [[]]

    def _quoted(self, start: int, end: int) -> Fields:
        if end <= start:
            return [[]]
        piece = self._literal(start, end)
        if "\\" in piece.text:
            plain = _ESCAPE_QUOTED.sub(lambda m: m.group(1).replace("\n", ""), piece.text)
            piece = replace(piece, text=plain)
        return [[piece]]

    def _join(self, parts: list[Fields]) -> Fields:
        """Put fields side by side: the last of one runs into the first of the next."""
        if not parts:
            return []
        if all(not part for part in parts):
            return []
        joined: Fields = [[]]
        for part in parts:
            if part:
                joined[-1] = joined[-1] + part[0]
                joined += [list(pieces) for pieces in part[1:]]
        return joined

    def _split(self, word: Word, quoted: bool) -> Fields:
        """Split a value at blanks unless it stands in quotes."""
        if quoted:
            return [list(word.pieces)]
        fields: Fields = []
        open_ = False
        for piece in word.pieces:
            if not piece.known:
                fields = fields if open_ else [*fields, []]
                fields[-1].append(piece)
                open_ = True
                continue
            at = 0
            for gap in [*_BLANK.finditer(piece.text), None]:
                end = gap.start() if gap else len(piece.text)
                if end > at:
                    if not open_:
                        fields.append([])
                    fields[-1].append(piece.cut(at, end))
                    open_ = True
                if gap:
                    open_, at = False, gap.end()
        return fields

    # --- variables -------------------------------------------------------------------------------

    def _expansion(self, node: Node, *, quoted: bool) -> Fields:
        if node.type == "simple_expansion":
            return self._variable(text(node).lstrip()[1:], quoted=quoted)
        raw = text(node).lstrip()
        inner = raw[2:-1]
        if inner.startswith("#") and len(inner) > 1:
            return [[self._count(inner[1:])]]
        if inner.startswith("!"):
            return [[Piece(raw, known=False)]]
        found = re.match(r"([A-Za-z_]\w*|\d+|[@*#?!$-])(\[[^\]]*\])?(.*)$", inner, re.DOTALL)
        if not found:
            return [[Piece(raw, known=False)]]
        name, index, rest = found.group(1), found.group(2) or "", found.group(3)
        if not rest:
            return self._variable(name, index=index, quoted=quoted)
        operator = re.match(r":?[-=+?]|##?|%%?|//?|\^\^?|,,?|:|@", rest)
        if operator and operator.group() in (":-", "-", ":=", "="):
            return self._default(node, name, operator.group(), quoted)
        if operator and operator.group() in (":?", "?"):
            self._read(name, None, guarded=True, required=True)
            return self._variable(name, index=index, quoted=quoted, silent=True)
        if operator and operator.group() in (":+", "+"):
            self._read(name, "", guarded=True)
            set_ = self._lookup(name)
            if set_ is None or (set_.word.known and not set_.word.text and not set_.array):
                return [[]] if quoted else []
            return self._join([self._fields(c, quoted=quoted) for c in self._operand(node)])
        if operator and operator.group() in ("#", "##", "%", "%%"):
            return self._trimmed(node, name, operator.group(), quoted)
        value = self._lookup(name)
        names = (name,) if value is None else (*value.word.names, name)
        return [[Piece(raw, None, names, known=False)]]

    def _operand(self, node: Node) -> list[Node]:
        seen = False
        found = []
        for i, child in enumerate(node.children):
            if node.field_name_for_child(i) == "operator":
                seen = True
            elif seen and child.type != "}":
                found.append(child)
        return found

    def _default(self, node: Node, name: str, operator: str, quoted: bool) -> Fields:
        value = self._lookup(name)
        if value is not None and (value.array or value.word.text or operator in ("-", "=")):
            return self._variable(name, quoted=quoted, silent=True)
        # taken from the bytes: the parser cuts an unquoted default into odd pieces
        simple = all(
            c.type in ("word", "concatenation", "variable_name", "number", "regex")
            and "$" not in text(c)
            for c in self._operand(node)
        )
        sign = node.child_by_field_name("operator")
        if simple and sign is not None:
            default = Word((self._literal(sign.end_byte, node.end_byte - 1),))
        else:
            joined = self._join([self._fields(c, quoted=True) for c in self._operand(node)])
            default = Word(tuple(p for pieces in joined for p in pieces))
        self._read(name, default.text if default.known else None, guarded=True)
        named = Word(tuple(replace(p, names=(*p.names, name)) for p in default.pieces))
        if operator.endswith("="):
            self.shell.assign(name, (named,))
        return self._split(named, quoted)

    def _trimmed(self, node: Node, name: str, operator: str, quoted: bool) -> Fields:
        value = self._variable(name, quoted=True)
        word = Word(tuple(p for pieces in value for p in pieces))
        patterns = [self.word(child) for child in self._operand(node)]
        if not word.known or len(patterns) > 1 or not all(p.known for p in patterns):
            return [[Piece(text(node), None, word.names, known=False)]]
        whole, pattern = word.text, patterns[0].text if patterns else ""
        sizes = range(len(whole) + 1)
        fits = [
            n
            for n in sizes
            if fnmatch.fnmatchcase(
                whole[:n] if "#" in operator else whole[len(whole) - n :], pattern
            )
        ]
        size = (max(fits) if len(operator) == 2 else min(fits)) if fits else 0
        start, end = (size, len(whole)) if "#" in operator else (0, len(whole) - size)
        return self._split(slice_word(word, start, end), quoted)

    def _count(self, name: str) -> Piece:
        if name in ("", "@", "*", "#"):
            return Piece(str(len(self.shell.positional)))
        value = self._lookup(re.sub(r"\[.*", "", name))
        if value is not None and (value.array or value.word.known):
            return Piece(str(len(value.words) if value.array else len(value.word.text)))
        return Piece("${#" + name + "}", known=False)

    def _variable(
        self, name: str, *, index: str = "", quoted: bool, silent: bool = False
    ) -> Fields:
        if name in ("@", "*"):
            return self._many(tuple(self.shell.positional), name, quoted)
        if name == "#":
            return [[self._count("")]]
        value = self._lookup(name)
        if value is None:
            if name in _SPECIAL or name in _AMBIENT:
                return [[Piece(f"${name}", None, (name,), known=False)]]
            if not silent:
                self._read(name, None, guarded=False)
            return [[Piece(f"${name}", None, (name,), known=False)]]
        if value.array and index in ("[@]", "[*]"):
            return self._many(self._named(value, name), index[1], quoted)
        word = value.word
        if value.array and index:
            number = index[1:-1]
            if not number.isdigit():
                return [[Piece("${" + name + index + "}", None, (name,), known=False)]]
            word = value.words[int(number)] if int(number) < len(value.words) else literal("")
        if not name.isdigit():
            word = Word(tuple(replace(p, names=(*p.names, name)) for p in word.pieces))
        return self._split(word, quoted)

    def _named(self, value: Variable, name: str) -> tuple[Word, ...]:
        return tuple(
            Word(tuple(replace(p, names=(*p.names, name)) for p in word.pieces))
            for word in value.words
        )

    def _many(self, words: tuple[Word, ...], sign: str, quoted: bool) -> Fields:
        if quoted and sign == "*":
            joined: list[Piece] = []
            for i, word in enumerate(words):
                joined += ([Piece(" ")] if i else []) + list(word.pieces)
            return [joined]
        if quoted:
            return [list(word.pieces) for word in words]
        fields: Fields = []
        for word in words:
            fields += self._split(word, quoted=False)
        return fields

    def _lookup(self, name: str) -> Variable | None:
        shell = self.shell
        if name == "0":
            return Variable((literal(shell.zero),))
        if name.isdigit():
            number = int(name)
            if number <= len(shell.positional):
                return Variable((shell.positional[number - 1],))
            return None
        if name == "PWD" and shell.cwd:
            return Variable((literal(shell.cwd),))
        if name == "BASH_SOURCE":
            return Variable((literal(shell.sourced[-1] if shell.sourced else shell.zero),))
        return shell.variables.get(name)

    def _read(
        self, name: str, default: str | None, *, guarded: bool, required: bool = False
    ) -> None:
        if self._lookup(name) is None and name not in _SPECIAL and name not in _AMBIENT:
            self.note(name, default, guarded, required, self.shell)


def slice_word(word: Word, start: int, end: int) -> Word:
    """The characters of a word from `start` to `end`, each with its origin."""
    found: list[Piece] = []
    at = 0
    for piece in word.pieces:
        low, high = max(start - at, 0), min(end - at, len(piece.text))
        if low < high:
            found.append(piece.cut(low, high))
        at += len(piece.text)
    return Word(tuple(found))


def place_of(source: Source, node: Node) -> Place:
    """The range of a node in its file."""
    return source.of(node)
