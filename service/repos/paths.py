"""Says whether a path may be written: pure, and the one place where such rules stand.

A path is taken only in the one form in which it is reviewed, written and shown. Nothing here looks
at a disk.
"""

from __future__ import annotations

import re
import unicodedata

from service.repos import RefusalCode, Refused, shown

MAX_PATH = 1024  # bytes
MAX_NAME = 255  # bytes, what file systems hold
_DRIVE = re.compile(r"[A-Za-z]:")
_SHORT_GIT = re.compile(r"git~[0-9]+")


def leads_into_git(name: str) -> bool:
    """Answer whether some file system takes the folder name `name` for `.git`."""
    plain = "".join(c for c in name if unicodedata.category(c) not in ("Cf", "Mn"))
    plain = unicodedata.normalize("NFKC", plain).casefold().partition(":")[0].rstrip(". ")
    return plain == ".git" or _SHORT_GIT.fullmatch(plain) is not None


def check(path: str) -> Refused | None:
    """Answer why `path` must not be written, or None when it may."""
    for rule in (_form, _characters, _names):
        refusal = rule(path)
        if refusal is not None:
            return refusal
    # What some file system or a careless tool would make of it must be as harmless.
    folded = unicodedata.normalize("NFKC", path)
    if folded != path and (_form(folded) or _names(folded) or folded.count("/") != path.count("/")):
        return _no(RefusalCode.CHARACTER, path, "some file systems read this as another path")
    return None


def twin_key(path: str) -> str:
    """Give a key that two paths share when some file system takes them for the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def _form(path: str) -> Refused | None:
    if not path:
        return _no(RefusalCode.NO_PATH, path, "an edit must name a path")
    if path.startswith("/") or _DRIVE.match(path):
        return _no(RefusalCode.ABSOLUTE, path, "paths are relative to the repository")
    if "\\" in path:
        return _no(RefusalCode.CHARACTER, path, "a backslash separates folders on some systems")
    parts = path.split("/")
    if ".." in parts:
        return _no(RefusalCode.OUTSIDE, path, "a path must not go up")
    if "" in parts or "." in parts:
        return _no(RefusalCode.NOT_CANONICAL, path, "only the plain form of a file's path is taken")
    return None


def _characters(path: str) -> Refused | None:
    for char in path:
        if 0xD800 <= ord(char) <= 0xDFFF:
            return _no(RefusalCode.NOT_UTF8, path, "the name is not valid UTF-8")
        category = unicodedata.category(char)
        if category[0] == "C" or category in ("Zl", "Zp") or (category == "Zs" and char != " "):
            return _no(RefusalCode.CHARACTER, path, "the name holds a character that can't be seen")
    return None


def _names(path: str) -> Refused | None:
    if len(path.encode("utf-8", "surrogateescape")) > MAX_PATH:
        return _no(RefusalCode.TOO_LONG, path, f"a path has at most {MAX_PATH} bytes")
    for name in path.split("/"):
        if leads_into_git(name):
            return _no(RefusalCode.GIT_FOLDER, path, "this leads into a repository's own folder")
        if len(name.encode("utf-8", "surrogateescape")) > MAX_NAME:
            return _no(RefusalCode.TOO_LONG, path, f"a name has at most {MAX_NAME} bytes")
        if name.endswith((".", " ")) or name.startswith(" "):
            return _no(
                RefusalCode.NOT_CANONICAL, path, "a name must not begin or end in a blank or a dot"
            )
    return None


def _no(code: RefusalCode, path: str, why: str) -> Refused:
    return Refused(code, shown(path), why)
