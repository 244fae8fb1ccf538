"""A tree on its way into the keeper: its digest, its size, its archive.

Pure but for a temporary file; what a tree may hold was checked where it was read.
"""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
import tempfile
from collections.abc import Iterable
from typing import IO

from sandbox import Files, SandboxError

TREE_BYTES_MOST = 1 << 30
_IN_MEMORY = 32 << 20


def digest(tree: Files) -> str:
    """Return a name for this very content: equal trees have equal digests."""
    total = hashlib.sha256()
    for path in sorted(tree):
        mode, content = tree[path]
        name = path.encode("utf-8", "surrogateescape")
        total.update(b"%o %d %d\0%s" % (mode, len(name), len(content), name))
        total.update(content)
    return total.hexdigest()[:24]


def archive(tree: Files, when: int, owner: int) -> IO[bytes]:
    """Return a tar file of the tree, every entry owned by `owner` and dated `when` (epoch seconds).

    Raises `SandboxError` for a tree that is too big for the keeper.
    """
    size = sum(len(content) for _, content in tree.values())
    if size > TREE_BYTES_MOST:
        raise SandboxError(
            f"the tree is too big for the sandbox: {size >> 20} MiB of at most "
            f"{TREE_BYTES_MOST >> 20} MiB",
            code="tree-too-big",
            mend="keep large files out of the repository, or let git-lfs hold them",
        )
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
