"""Target repositories as values: trees, edits, drafts, and the "no" that each of them can get.

Values only; the deeds lie beside (`trees` reads and writes trees, `edits` checks and applies,
`patches` speaks git's patch format, `branches` makes refs, `ratchet` reads `.pawl/`). Nothing here
or below knows planners, proofs or people.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from service.errors import PawlError

Entry = tuple[int, bytes]
"""Git mode (0o100644, 0o100755 or 0o120000) and content; for a link its target."""

Files = Mapping[str, Entry]
"""A tree: relative posix path (surrogateescape for bytes that are not UTF-8) -> entry."""

FileEdit = tuple[str, Entry | None, Entry | None]
"""Path, what must be there before (None: nothing), what is there after (None: nothing)."""

Edits = Sequence[FileEdit]

FILE, PROGRAM, LINK, GITLINK = 0o100644, 0o100755, 0o120000, 0o160000


class Kind(StrEnum):
    """What a directory turned out to be."""

    GIT = "git"  # a work tree with a .git of its own
    BARE = "bare"
    FOLDER = "folder"  # no git; whatever lies in it


@dataclass(frozen=True)
class LeftOut:
    """Something in the directory that is no part of the tree, and why."""

    path: str  # escaped for showing
    why: str


@dataclass(frozen=True)
class Snapshot:
    """A directory as it was when it was looked at."""

    root: Path
    kind: Kind
    files: Files
    base: str
    """The commit that `files` are, or the git tree id of `files` where no commit has them."""
    tree: str  # git tree id of `files`
    dirty: bool  # the work tree differs from the commit it is on
    head: str | None  # commit that is checked out
    branch: str | None  # short name of the branch that is checked out
    left_out: tuple[LeftOut, ...] = ()
    blocked: frozenset[str] = frozenset()
    """Paths that are taken though no file is there: submodules. No edit may lead through them."""


@dataclass(frozen=True, order=True)
class Touched:
    """One path that a draft changes, as git sees it. Mode 0 and an empty blob: not there."""

    path: bytes
    old_mode: int
    old_blob: str
    new_mode: int
    new_blob: str


@dataclass(frozen=True)
class Draft:
    """The tree that a change would make. `touched` is sorted by path and is the patch itself."""

    files: Files
    tree: str
    touched: tuple[Touched, ...]


class RefusalCode(StrEnum):
    """Why edits or a patch were refused; stable, to be searched for."""

    NO_PATH = "no-path"
    ABSOLUTE = "absolute"
    NOT_CANONICAL = "not-canonical"
    OUTSIDE = "outside"
    GIT_FOLDER = "git-folder"
    CHARACTER = "character"
    NOT_UTF8 = "not-utf8"
    TOO_LONG = "too-long"
    THROUGH_LINK = "through-link"
    LINK = "link"
    SUBMODULE = "submodule"
    MODE = "mode"
    TWIN = "twin"
    IN_THE_WAY = "in-the-way"
    TWICE = "twice"
    BEFORE_DIFFERS = "before-differs"
    TOO_BIG = "too-big"
    TOO_MANY = "too-many"
    NOT_A_PATCH = "not-a-patch"
    DOES_NOT_APPLY = "does-not-apply"
    CHANGES_NOTHING = "changes-nothing"
    BRANCH_NAME = "branch-name"
    BRANCH_EXISTS = "branch-exists"
    NO_COMMIT = "no-commit"


@dataclass(frozen=True)
class Refused:
    """An ordinary "no": nothing at all was applied. Safe to print and to log as it is."""

    code: RefusalCode
    path: str  # escaped for showing; "" where no single path is at fault
    why: str  # one sentence, without the path
    remedy: str = ""

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.path}: {self.why}" if self.path else self.why


class RepositoryError(PawlError):
    """A repository could not be read or written."""

    code = "repository-error"


def shown(path: str | bytes, limit: int = 200) -> str:
    """`path` in a form that a terminal, a log line and a page show as it is.

    Control, invisible and direction characters, odd blanks and bytes that are no UTF-8 come out
    as escapes. Long ones are cut in the middle, and it is said.
    """
    text = path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path
    out = []
    for char in text:
        code = ord(char)
        if char == "\\":
            out.append("\\\\")
        elif 0xDC80 <= code <= 0xDCFF:
            out.append(f"\\x{code - 0xDC00:02x}")
        elif char.isprintable() and not unicodedata.combining(char):
            out.append(char)
        elif char in "\n\r\t":
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char])
        elif code < 0x80:
            out.append(f"\\x{code:02x}")
        else:
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    if len(out) <= limit:
        return "".join(out)
    half = limit // 2 - 10
    return f"{''.join(out[:half])} ... ({len(text)} characters) ... {''.join(out[-half:])}"
