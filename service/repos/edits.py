"""Applies edits to a tree in memory: all of them or none, and only where each may land.

The answer is a draft or a refusal that names the path. Nothing here reads or writes a disk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from posixpath import dirname, normpath

from service.repos import (
    FILE,
    GITLINK,
    LINK,
    PROGRAM,
    Draft,
    Edits,
    Entry,
    FileEdit,
    Files,
    RefusalCode,
    Refused,
    Touched,
    paths,
    shown,
)
from service.repos.trees import blob_id, tree_id

MAX_EDITS = 5_000
MAX_FILE = 16 << 20
MAX_TOTAL = 64 << 20


def apply(
    files: Files,
    edits: Edits,
    *,
    blocked: Collection[str] = (),
    inner_links: bool = False,
) -> Draft | Refused:
    """Give the draft that `edits` make of `files`, or why not a single one of them was applied.

    Each edit says what must be there before; an edit that changes nothing is passed over.
    `blocked` are paths that are taken though they are no files (submodules). Links are refused,
    unless `inner_links`: then one that stays inside the tree may come.
    """
    refusal = _sizes(edits) or _each(files, edits, inner_links=inner_links)
    if refusal is not None:
        return refusal
    effective = [edit for edit in edits if edit[1] != edit[2]]
    drafted = dict(files)
    for path, _, after in effective:
        if after is None:
            del drafted[path]
        else:
            drafted[path] = after
    refusal = _placement(drafted, effective, blocked)
    if refusal is not None:
        return refusal
    return Draft(drafted, tree_id(drafted), touched(effective))


def between(base: Files, draft: Files) -> list[FileEdit]:
    """Give the edits that make `draft` of `base`, sorted by path."""
    changed = [
        (path, base.get(path), draft.get(path))
        for path in base.keys() | draft.keys()
        if base.get(path) != draft.get(path)
    ]
    return sorted(changed, key=lambda edit: edit[0])


def touched(edits: Iterable[FileEdit]) -> tuple[Touched, ...]:
    """Give the patch that `edits` are: sorted paths with modes and blob ids, no text."""
    return tuple(
        sorted(
            Touched(path.encode("utf-8", "surrogateescape"), *_side(before), *_side(after))
            for path, before, after in edits
            if before != after
        )
    )


def _side(entry: Entry | None) -> tuple[int, str]:
    return (0, "") if entry is None else (entry[0], blob_id(entry[1]))


def _sizes(edits: Edits) -> Refused | None:
    if len(edits) > MAX_EDITS:
        why = f"a change has at most {MAX_EDITS} files, this one has {len(edits)}"
        return Refused(RefusalCode.TOO_MANY, "", why)
    total = 0
    for path, _, after in edits:
        size = len(after[1]) if after else 0
        total += size
        if size > MAX_FILE:
            why = f"a file of a change has at most {MAX_FILE >> 20} MiB"
            return Refused(RefusalCode.TOO_BIG, shown(path), why)
    if total > MAX_TOTAL:
        return Refused(RefusalCode.TOO_BIG, "", f"a change has at most {MAX_TOTAL >> 20} MiB")
    return None


def _each(files: Files, edits: Edits, *, inner_links: bool) -> Refused | None:
    """Check every edit by itself, and that no path comes twice."""
    seen: set[str] = set()
    for path, before, after in edits:
        refusal = paths.check(path) or _mode(path, before, after, inner_links=inner_links)
        if refusal is not None:
            return refusal
        if path in seen:
            return Refused(RefusalCode.TWICE, shown(path), "two edits of one path")
        seen.add(path)
        if files.get(path) != before:
            return Refused(
                RefusalCode.BEFORE_DIFFERS,
                shown(path),
                _difference(files.get(path), before),
                "Make the change again from the tree as it is.",
            )
        if before is None and after is None:
            return Refused(RefusalCode.BEFORE_DIFFERS, shown(path), "there is no such file")
    return None


def _mode(
    path: str, before: Entry | None, after: Entry | None, *, inner_links: bool
) -> Refused | None:
    if after is None or before == after:
        return None
    mode, data = after
    if mode in (FILE, PROGRAM):
        if before is not None and before[0] == LINK:
            why = "a symbolic link is there; remove it in a change of its own"
            return Refused(RefusalCode.THROUGH_LINK, shown(path), why)
        return None
    if mode == GITLINK:
        why = "a submodule points at code that nobody reviews here"
        return Refused(RefusalCode.SUBMODULE, shown(path), why)
    if mode != LINK:
        why = f"git knows files, programs and links, not mode {mode:o}"
        return Refused(RefusalCode.MODE, shown(path), why)
    target = data.decode("utf-8", "surrogateescape")
    if not _stays_inside(path, target):
        return Refused(RefusalCode.LINK, shown(path), "a symbolic link that leads out of the tree")
    if not inner_links:
        return Refused(RefusalCode.LINK, shown(path), "symbolic links are not taken")
    return None


def _stays_inside(path: str, target: str) -> bool:
    """Answer whether a link at `path` leads to a place inside that could be written by itself."""
    if not target or target.startswith("/"):
        return False
    return paths.check(normpath(f"{dirname(path)}/{target}".lstrip("/"))) is None


def _difference(there: Entry | None, expected: Entry | None) -> str:
    if there is None:
        return "there is no such file"
    if expected is None:
        return "a file is there already"
    if there[1] != expected[1]:
        return "the file is not as the change expects it"
    return "the file's mode is not as the change expects it"


def _placement(drafted: Files, edits: Edits, blocked: Collection[str]) -> Refused | None:
    """Check what came against all that is there: folders, links, submodules, twins."""
    came = [path for path, _, after in edits if after is not None]
    if not came:
        return None
    folders: set[str] = set()
    for path in drafted:
        _add_folders(path, folders)
    spelled: dict[str, set[str]] = {}
    for name in (*drafted, *folders, *blocked):
        spelled.setdefault(paths.twin_key(name), set()).add(name)
    for path in came:
        if path in folders:
            return Refused(RefusalCode.IN_THE_WAY, shown(path), "a folder is there")
        for name in (*_folders(path), path):
            if name in blocked:
                why = "a submodule is there, and what is in it is not part of this tree"
                return Refused(RefusalCode.SUBMODULE, shown(path), why)
            twins = spelled[paths.twin_key(name)] - {name}
            if twins:
                why = f"{shown(min(twins))} is there, the same name on some file systems"
                return Refused(RefusalCode.TWIN, shown(path), why)
            if name != path and name in drafted:
                if drafted[name][0] == LINK:
                    why = f"{shown(name)} is a symbolic link; nothing is written through links"
                    return Refused(RefusalCode.THROUGH_LINK, shown(path), why)
                why = f"{shown(name)} is a file, not a folder"
                return Refused(RefusalCode.IN_THE_WAY, shown(path), why)
    return None


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _add_folders(path: str, into: set[str]) -> None:
    folder = dirname(path)
    while folder and folder not in into:
        into.add(folder)
        folder = dirname(folder)
