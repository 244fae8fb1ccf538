"""The values of reading: words with their origins, steps of a run, masks, traces.

Values only. How they are found is the matter of the other modules of this package.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from agents import Argv

TREE = "/repo"
"""Where the tree lies for an entry point; all paths of a trace are absolute in this sense."""


@dataclass(frozen=True)
class Place:
    """A byte range in a file of the tree."""

    path: str
    start: int
    end: int

    def holds(self, other: Place) -> bool:
        """Answer whether `other` lies inside this range of the same file."""
        return self.path == other.path and self.start <= other.start and other.end <= self.end


@dataclass(frozen=True)
class Piece:
    """A run of characters of a word. Unknown pieces carry text such as "$NAME" for people."""

    text: str
    place: Place | None = None
    """Where exactly this text stands in the tree, byte for byte; None when it was computed."""
    names: tuple[str, ...] = ()  # variables that it came through
    known: bool = True

    def cut(self, start: int, end: int) -> Piece:
        """The characters from `start` to `end`, with their place if it can be told."""
        place = self.place
        if place is not None:
            size = len(self.text.encode("utf-8", "surrogateescape"))
            if place.end - place.start == size and size == len(self.text):
                place = Place(place.path, place.start + start, place.start + end)
            elif (start, end) != (0, len(self.text)):
                place = None
        return replace(self, text=self.text[start:end], place=place)


@dataclass(frozen=True)
class Word:
    """One argument as the command gets it, as far as reading can tell."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def known(self) -> bool:
        """Whether every character is known."""
        return all(piece.known for piece in self.pieces)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that went into it, in order, each once."""
        return tuple(dict.fromkeys(name for piece in self.pieces for name in piece.names))

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """What stands for the unknown parts, in order, each once."""
        return tuple(dict.fromkeys(piece.text for piece in self.pieces if not piece.known))

    @property
    def place(self) -> Place | None:
        """The range of a word that stands in one file in one piece."""
        found = [piece.place for piece in self.pieces if piece.text]
        return found[0] if len(found) == 1 else None

    def __bool__(self) -> bool:
        return bool(self.text)


def literal(text: str, place: Place | None = None) -> Word:
    """A word whose text is known."""
    return Word((Piece(text, place),))


class MaskKind(StrEnum):
    """Why a failure does not stop what comes after it."""

    PIPE = "pipe"  # not last in a pipeline whose shell has no pipefail
    NO_ERREXIT = "no-errexit"  # the shell goes on after a failing statement
    OR = "or"  # `a || true`: the right side neither exits nor returns
    AND = "and"  # `a && b`: errexit looks only at the last part
    CONDITION = "condition"  # `if a`, `while a`, `! a`: a failure is an answer
    BACKGROUND = "background"
    SUBSTITUTION = "substitution"  # `echo "$(a)"`, `<(a)`: nobody looks at the status
    SEMICOLON = "semicolon"  # `a; true` in a make recipe or a package script
    MAKE_PREFIX = "make-prefix"  # `-a` in a make recipe, .IGNORE, make -i or -k
    FIND_EXEC = "find-exec"  # `find -exec a {} \;`
    IGNORED = "ignored"  # errexit is on, but somebody looks at the status of what this is part of


@dataclass(frozen=True)
class Mask:
    """One reason why a failure is lost, and where."""

    kind: MaskKind
    place: Place  # of the construct: the pipeline, the list, the statement, the recipe line
    other: Place | None = None  # OR: the right side
    process: Process | None = None  # PIPE, NO_ERREXIT: the process whose options lack


@dataclass(frozen=True)
class Process:
    """A script that runs as a process of its own, or a recipe line's shell."""

    script: str  # path in the tree; "" for a line of CI, cron or a command string
    dialect: str  # "bash", "sh" or "make"
    number: int = 0  # the n-th process of the run, so that two runs of one script differ


@dataclass(frozen=True)
class Step:
    """One command of a run, in order, with its words as far as they are known."""

    words: tuple[Word, ...]
    cwd: str  # absolute; "" when unknown
    place: Place  # of the command in the tree
    process: Process
    options: frozenset[str]  # errexit, nounset, pipefail
    masks: tuple[Mask, ...] = ()
    stack: tuple[Place, ...] = ()  # call sites, outermost first
    outputs: tuple[Word, ...] = ()  # files that it is redirected to
    inputs: tuple[Word, ...] = ()
    repeats: bool = False  # in a loop or for each of unknown many
    maybe: bool = False  # behind a condition that reading can't tell
    captured: bool = False  # its output steers the script
    piped: bool = False  # its output goes into another command

    @property
    def texts(self) -> Argv:
        return tuple(word.text for word in self.words)

    @property
    def name(self) -> str:
        """The command's name without its folder."""
        return self.words[0].text.rsplit("/", 1)[-1] if self.words else ""

    @property
    def places(self) -> tuple[Place, ...]:
        """Call sites and the command itself, outermost first."""
        return (*self.stack, self.place)


@dataclass(frozen=True)
class Reading:
    """A variable that was read without being assigned by anything in the tree."""

    name: str
    default: str | None
    script: str  # the process that read it
    guarded: bool  # has a default, or `:?`, so that nounset does not mind
    required: bool = False  # `:?`: the script stops without it


@dataclass(frozen=True)
class Assigned:
    """A setting that a settings file of the tree assigns."""

    name: str
    file: str
    value: str


@dataclass(frozen=True)
class Trace:
    """What an entry point would run, in order, as far as reading can tell."""

    argv: Argv
    steps: tuple[Step, ...] = ()
    files: tuple[str, ...] = ()  # tree files that it runs or reads as code, in order
    settings: tuple[Assigned, ...] = ()
    readings: tuple[Reading, ...] = ()
    processes: tuple[Process, ...] = ()
    opaque: tuple[str, ...] = ()  # what could not be followed, and where
    outside: tuple[tuple[str, str | None], ...] = ()
    """Settings files that lie outside the tree, each with the tree's example of it."""

    def before(self, step: Step) -> Iterator[Step]:
        """The steps that run before `step`, in order."""
        for one in self.steps:
            if one is step:
                return
            yield one


def line_of(content: bytes, offset: int) -> int:
    """The line number, from 1, of a byte offset."""
    return content.count(b"\n", 0, max(0, offset)) + 1


def tree_path(absolute: str) -> str | None:
    """The path in the tree of an absolute path of a run, "" for the root; None outside."""
    if absolute == TREE:
        return ""
    return absolute[len(TREE) + 1 :] if absolute.startswith(TREE + "/") else None
