"""A tree on its way into the keeper: its digest, its size, its archive.

Pure but for a temporary file; what a tree may hold was checked where it was read.
"""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO

from sandbox import Files, SandboxError

TREE_BYTES_MOST = 1 << 30
_IN_MEMORY = 32 << 20


@dataclass(frozen=True)
class Outline:
    """A tree without its content: enough to name it and to say how it differs from another."""

    digest: str
    entries: Mapping[str, bytes]  # path -> hash of mode and content


def outline(tree: Files) -> Outline:
    """Return the outline of a tree: equal trees have equal digests."""
    entries = {
        path: hashlib.sha256(b"%o\0" % mode + content).digest()
        for path, (mode, content) in tree.items()
    }
    total = hashlib.sha256()
    for path in sorted(entries):
        name = path.encode("utf-8", "surrogateescape")
        total.update(b"%d\0%s" % (len(name), name) + entries[path])
    return Outline(total.hexdigest()[:24], entries)


def difference(old: Outline, new: Outline) -> tuple[frozenset[str], frozenset[str]]:
    """Return (files that are new or changed, files and whole folders that are gone)."""
    written = frozenset(p for p, entry in new.entries.items() if old.entries.get(p) != entry)
    files = old.entries.keys() - new.entries.keys()
    folders = _folders(old.entries) - _folders(new.entries) - new.entries.keys()
    gone = {path for path in files | folders if path.rpartition("/")[0] not in folders}
    return written, frozenset(path for path in gone if not _below_a_file(path, new))


def _below_a_file(path: str, tree: Outline) -> bool:
    """A file or link that took a folder's place hides what was below by itself."""
    while path := path.rpartition("/")[0]:
        if path in tree.entries:
            return True
    return False


def size(tree: Files) -> int:
    """Return how many bytes the files of a tree have."""
    return sum(len(content) for _, content in tree.values())


def too_big(tree: Files, most: int) -> SandboxError:
    """Return the error of a tree that has more than `most` bytes; it names the largest file."""
    largest = max(tree, key=lambda path: len(tree[path][1]))
    return SandboxError(
        f"the tree is too big for the sandbox: {size(tree) >> 20} MiB of at most {most >> 20} MiB; "
        f"its largest file is {largest} ({len(tree[largest][1]) >> 20} MiB)",
        code="missing-room",
        mend="keep large files out of the repository, or let git-lfs hold them",
    )


def archive(tree: Files, when: int, owner: int) -> IO[bytes]:
    """Return a tar file of the tree, every entry owned by `owner` and dated `when` (epoch seconds).

    Raises `SandboxError` for a tree that is too big for the keeper.
    """
    if size(tree) > TREE_BYTES_MOST:
        raise too_big(tree, TREE_BYTES_MOST)
    out = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  the caller's
    # GNU format writes names as the bytes they are
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in sorted(_folders(tree)):
            tar.addfile(_entry(folder, tarfile.DIRTYPE, 0o755, when, owner))
        for path in sorted(tree):
            mode, content = tree[path]
            if stat.S_ISLNK(mode):
                entry = _entry(path, tarfile.SYMTYPE, 0o777, when, owner)
                entry.linkname = content.decode("utf-8", "surrogateescape")
                tar.addfile(entry)
                continue
            entry = _entry(path, tarfile.REGTYPE, mode & 0o755 | 0o644, when, owner)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    out.seek(0)
    return out


def _folders(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        while (path := path.rpartition("/")[0]) and path not in found:
            found.add(path)
    return found


def _entry(path: str, kind: bytes, mode: int, when: int, owner: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.mtime = kind, mode, when
    entry.uid = entry.gid = owner
    return entry
