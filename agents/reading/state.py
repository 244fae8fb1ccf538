"""What a shell knows at one moment of a read run: variables, functions, options, folder.

The state is changed by `agents.reading.trace` alone; how text becomes words is `expand`'s.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from agents.reading.values import Piece, Place, Process, Word, literal


@dataclass(frozen=True)
class Source:
    """Text that is parsed as shell, and where each of its bytes stands in a file of the tree."""

    path: str
    content: bytes
    offsets: tuple[int, ...] | None = None  # one more than bytes; None: the file itself

    def place(self, start: int, end: int) -> Place:
        """The range in the file of a byte range of this text."""
        if self.offsets is None:
            return Place(self.path, start, end)
        top = len(self.offsets) - 1
        first = self.offsets[min(start, top)]
        if end <= start:
            return Place(self.path, first, first)
        return Place(self.path, first, self.offsets[min(end, top) - 1] + 1)

    def of(self, node: Node) -> Place:
        """The range in the file of a node of this text."""
        return self.place(node.start_byte, node.end_byte)


@dataclass(frozen=True)
class Variable:
    """A variable's value: one word, or many if it is an array."""

    words: tuple[Word, ...]
    array: bool = False
    exported: bool = False

    @property
    def word(self) -> Word:
        return self.words[0] if self.words else literal("")


@dataclass(frozen=True)
class Function:
    name: str
    source: Source
    body: Node


@dataclass
class Shell:
    """One shell process, or a subshell of it."""

    process: Process
    cwd: str  # absolute; "" when unknown
    zero: str  # $0
    variables: dict[str, Variable] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    options: set[str] = field(default_factory=set)
    positional: list[Word] = field(default_factory=list)
    sourced: list[str] = field(default_factory=list)  # BASH_SOURCE, innermost last

    def fork(self) -> Shell:
        """A subshell: what it changes is gone when it ends."""
        return replace(
            self,
            variables=dict(self.variables),
            functions=dict(self.functions),
            options=set(self.options),
            positional=list(self.positional),
            sourced=list(self.sourced),
        )

    def assign(self, name: str, words: tuple[Word, ...], *, array: bool = False) -> None:
        """Set a variable; it stays exported if it was, or if all are."""
        old = self.variables.get(name)
        exported = "allexport" in self.options or (old is not None and old.exported)
        self.variables[name] = Variable(words, array, exported)

    def unknown(self, name: str) -> None:
        """Set a variable to something that reading can't tell."""
        self.assign(name, (Word((Piece(f"${name}", None, (name,), known=False),)),))

    def export(self, name: str) -> None:
        """Hand a variable on to the processes that are started from here."""
        if name in self.variables:
            self.variables[name] = replace(self.variables[name], exported=True)

    def exported(self) -> dict[str, Variable]:
        """The variables that a started process gets."""
        return {name: var for name, var in self.variables.items() if var.exported}

    def absolute(self, path: str) -> str:
        """The path as an absolute one; "" when the folder is unknown."""
        if path.startswith("/"):
            return posixpath.normpath(path)
        return posixpath.normpath(posixpath.join(self.cwd, path)) if self.cwd else ""
