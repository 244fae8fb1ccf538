"""What is wrong with a path, and which other path it may be taken for.

Computed anew for the gate, whatever has looked at the paths before. Touches no disk.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_DRIVE = re.compile(r"^[A-Za-z]:")
_SHORT_GIT = re.compile(r"git~[0-9]+")
_MOST_BYTES, _MOST_NAME = 1024, 255
_OWN = (".pawl", ".git", ".github")


def shown(path: bytes) -> str:
    """The path for people and rules: what is no plain character is escaped, so nothing hides."""
    text = path.decode("utf-8", "surrogateescape")
    out = []
    for char in text:
        if 0xDC80 <= ord(char) <= 0xDCFF:
            out.append(f"\\x{ord(char) - 0xDC00:02x}")
        elif _unseen(char):
            out.append(f"\\u{{{ord(char):04x}}}")
        else:
            out.append(char)
    return "".join(out)[:2000] or "(empty)"


def _unseen(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] == "C" or category in ("Zl", "Zp") or (category == "Zs" and char != " ")


def problems(path: bytes) -> list[str]:
    """Words of the schema for all that is wrong with `path` by itself, sorted."""
    text = path.decode("utf-8", "surrogateescape")
    found = set(_form(text))
    if any(0xDC80 <= ord(char) <= 0xDCFF for char in text):
        found.add("not-utf-8")
    if any(_unseen(char) for char in text if not 0xDC80 <= ord(char) <= 0xDCFF):
        control = any(unicodedata.category(char) == "Cc" for char in text)
        found.add("control" if control else "invisible")
    # What some file system or tool reads must be as harmless as what is written.
    folded = unicodedata.normalize("NFKC", text)
    if folded != text and (set(_form(folded)) - found or folded.count("/") != text.count("/")):
        found.add("look-alike")
    return sorted(found)


def _form(text: str) -> Iterable[str]:
    if not text:
        yield "empty"
    if text.startswith("/"):
        yield "absolute"
    if _DRIVE.match(text):
        yield "drive"
    if "\\" in text:
        yield "backslash"
    names = text.split("/")
    if ".." in names:
        yield "parent"
    if "." in names or "" in names[:-1] or (text and names[-1] == ""):
        yield "not-canonical"
    if any(_git(name) for name in names):
        yield "git-folder"
    too_long = len(text.encode("utf-8", "surrogateescape")) > _MOST_BYTES
    if too_long or any(len(n.encode("utf-8", "surrogateescape")) > _MOST_NAME for n in names):
        yield "too-long"


def _git(name: str) -> bool:
    """Whether some file system takes a folder of this name for `.git`."""
    plain = "".join(c for c in name if unicodedata.category(c) not in ("Cf", "Mn"))
    plain = unicodedata.normalize("NFKC", plain).casefold().partition(":")[0].rstrip(". ")
    return plain == ".git" or _SHORT_GIT.fullmatch(plain) is not None


def fold(path: bytes) -> str:
    """What a file system that ignores case and spelling makes of `path`."""
    text = unicodedata.normalize("NFKC", path.decode("utf-8", "surrogateescape"))
    return unicodedata.normalize("NFKC", text.casefold())


class Twins:
    """Which paths of a tree, folders included, are one on a disk that ignores case."""

    def __init__(self, paths: Iterable[bytes]) -> None:
        self._spellings: dict[str, set[bytes]] = {}
        seen: set[bytes] = set()
        for path in (*(name.encode() for name in _OWN), *paths):
            while path and path not in seen:
                seen.add(path)
                self._spellings.setdefault(fold(path), set()).add(path)
                path = path.rpartition(b"/")[0]

    def of(self, path: bytes) -> bytes:
        """Another spelling of `path` or of a folder on its way; empty if there is none."""
        while path:
            others = sorted(self._spellings.get(fold(path), set()) - {path})
            if others:
                return others[0]
            path = path.rpartition(b"/")[0]
        return b""
