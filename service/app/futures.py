"""What merging finds, as values that the flow and the use case share.

Values only: a branch as it is, the tree that it would have, and how a push ended.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ground:
    """The branch as it is after a fetch."""

    head: str
    branch: str


@dataclass(frozen=True)
class Closed:
    """Nothing can be merged there now, and why in a sentence."""

    why: str


@dataclass(frozen=True)
class FutureTree:
    """The tree that the branch would have. `same`: its patch is the approved one."""

    head: str
    tree: str
    same: bool
    paths: tuple[str, ...]  # what the merge would touch


@dataclass(frozen=True)
class Clash:
    """Git can't put the change on the branch as it is now."""

    head: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Arrived:
    """The branch holds the merge."""

    commit: str


@dataclass(frozen=True)
class Overtaken:
    """Somebody else moved a ref between fetch and push."""

    why: str


@dataclass(frozen=True)
class Stopped:
    """The push was not made, or the other side does not take it."""

    why: str
