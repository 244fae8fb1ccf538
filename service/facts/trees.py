"""Flattened git trees: their ids, and how a folder of files becomes one.

In memory only; what may be written where is the business of `service.repos`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from service.facts import FactsError, Read, Tree

_FOLDER = 0o40000


def blob_id(content: bytes) -> str:
    """Git's id of a file's content."""
    return _id(b"blob", content)


def _id(kind: bytes, content: bytes) -> str:
    digest = hashlib.sha1(b"%s %d\0" % (kind, len(content)), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


def tree_id(tree: Tree) -> str:
    """Git's id of a flattened tree."""
    root: dict[bytes, object] = {}
    for path, node in tree.items():
        *folders, name = path.split(b"/")
        at = root
        for folder in folders:
            below = at.setdefault(folder, {})
            if not isinstance(below, dict):
                raise FactsError("a path leads through a file", code="no-tree")
            at = below
        at[name] = node
    return _folder_id(root)


def _folder_id(root: dict[bytes, object]) -> str:
    """Without recursion: a tree may be deep."""
    order: list[dict[bytes, object]] = [root]
    for folder in order:  # grows while it is walked
        order.extend(below for below in folder.values() if isinstance(below, dict))
    done: dict[int, str] = {}
    for folder in reversed(order):
        rows = []
        for name, node in folder.items():
            if isinstance(node, dict):
                rows.append((name + b"/", _FOLDER, name, done[id(node)]))
            elif isinstance(node, tuple):
                rows.append((name, int(node[0]), name, str(node[1])))
        body = b"".join(
            b"%o %s\0" % (mode, name) + bytes.fromhex(blob) for _, mode, name, blob in sorted(rows)
        )
        done[id(folder)] = _id(b"tree", body)
    return done[id(root)]


@dataclass(frozen=True)
class Flat:
    """A flattened tree with its contents by blob id."""

    tree: dict[bytes, tuple[int, str]]
    contents: dict[str, bytes]


def flatten(files: Mapping[str, tuple[int, bytes]]) -> Flat:
    """A tree of files (path -> mode, content) as a flattened tree."""
    tree, contents = {}, {}
    for path, (mode, content) in files.items():
        blob = blob_id(content)
        tree[path.encode("utf-8", "surrogateescape")] = (mode, blob)
        contents[blob] = content
    return Flat(tree, contents)


def reader(contents: Mapping[str, bytes]) -> Read:
    """A reader over contents by blob id."""

    def read(blob: str) -> bytes:
        try:
            return contents[blob]
        except KeyError as error:
            raise FactsError(f"there is no blob {blob}", code="no-blob") from error

    return read
