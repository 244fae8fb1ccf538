"""What the parts of a world say to each other: entries, pictures of a store, and their addresses.

Values and one promise only; nothing here touches a disk, a socket or a library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

DIGITS = 24


def digest(content: bytes) -> str:
    """The name of a content in a state: the first 24 hex digits of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


class Refused(Exception):
    """An order that can't be followed. The keeper gets its text."""


@dataclass(frozen=True)
class Item:
    """One thing at an address: its name in a state, and whatever its store needs to make it again."""

    shows: str  # digest, "->target" for a link, or "!..." for what can't be kept
    kept: Any = field(default=None, compare=False)


Picture = Mapping[str, Item]
"""A store at one moment: address -> item. Never changed once taken, so it may be shared."""


@dataclass(frozen=True)
class Effects:
    """What differs between two pictures; each list sorted."""

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def in_order(self) -> tuple[str, ...]:
        """Created, changed, removed: the order in which a call that stops midway would have gone."""
        return self.created + self.changed + self.removed


def between(before: Picture, after: Picture) -> Effects:
    """What led from one picture to the other, by what each address shows."""
    if before is after:
        return Effects()
    return Effects(
        created=tuple(sorted(at for at in after if at not in before)),
        changed=tuple(
            sorted(at for at, item in after.items() if at in before and before[at].shows != item.shows)
        ),
        removed=tuple(sorted(at for at in before if at not in after)),
    )


class Store(Protocol):
    """One kind of outside state. Every method is called with the world's lock held."""

    def owns(self, address: str) -> bool:
        """Whether `address` is one of this store, there or not."""
        ...

    def picture(self) -> Picture:
        """What is there now. The same object as last time when nothing can have changed."""
        ...

    def become(self, picture: Picture, shape: Any) -> None:
        """Make the store what `picture` and `shape` say."""
        ...

    def shape(self) -> Any:
        """What a picture can't say: which buckets or hosts there are, empty folders."""
        ...

    def give_back(self, address: str, item: Item | None) -> None:
        """Put one address back to what it was; None: it was not there."""
        ...

    def put(self, address: str, content: bytes | None) -> None:
        """Place content from outside; None removes, below all for an address that ends in "/"."""
        ...

    def read(self, address: str) -> bytes | None:
        """Content now at `address`."""
        ...

    def watch(self) -> None:
        """Forget what was read so far."""
        ...

    def reads(self) -> Iterable[str]:
        """Addresses of folders that were read since `watch`."""
        ...
