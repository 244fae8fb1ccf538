"""Flattened git trees: how a folder of files becomes one, and its id.

In memory only; git's ids and what may be written where are the business of `service.repos`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.facts import FactsError, Read, Tree
from service.repos.trees import blob_id, tree_of


def tree_id(tree: Tree) -> str:
    """Git's id of a flattened tree. Raises `FactsError` where a path leads through a file."""
    for path in tree:
        folder = path.rpartition(b"/")[0]
        while folder:
            if folder in tree:
                raise FactsError("a path leads through a file", code="no-tree")
            folder = folder.rpartition(b"/")[0]
    return tree_of({path.decode("utf-8", "surrogateescape"): node for path, node in tree.items()})


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
