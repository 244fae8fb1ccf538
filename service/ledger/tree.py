"""The Merkle tree of RFC 6962 (section 2.1), pure: hashes in, hashes out.

Nodes are roots of complete subtrees, named (level, index): level 0 are the leaves. They never
change once written, so any older root and all proofs follow from them. Where they are kept is not
known here; functions take a reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

NodeReader = Callable[[int, int], bytes]
"""(level, index) -> hash. Raises `LookupError` where there is no such node."""

EMPTY = sha256(b"").digest()


def leaf(content: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(b"\x00" + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbours."""
    return sha256(b"\x01" + left + right).digest()


def peaks(size: int, read: NodeReader) -> list[bytes]:
    """The complete subtrees that make up the first `size` leaves, largest first."""
    return [read(level, index) for level, index in _peaks(size)]


def grow(tops: list[bytes], index: int, leaf_hash: bytes) -> list[tuple[int, int, bytes]]:
    """Add leaf `index` to the tree whose peaks are `tops`; answer the nodes (level, index, hash).

    `tops` is brought up to date in place.
    """
    made = [(0, index, leaf_hash)]
    level, at, top = 0, index, leaf_hash
    while at & 1:
        top = node(tops.pop(), top)
        level, at = level + 1, at >> 1
        made.append((level, at, top))
    tops.append(top)
    return made


def root_of(tops: Sequence[bytes]) -> bytes:
    """The root of the tree whose peaks are `tops`."""
    if not tops:
        return EMPTY
    top = tops[-1]
    for left in reversed(tops[:-1]):
        top = node(left, top)
    return top


def root(size: int, read: NodeReader) -> bytes:
    """The root over the first `size` leaves."""
    return root_of(peaks(size, read))


def inclusion(index: int, size: int, read: NodeReader) -> tuple[bytes, ...]:
    """The audit path of leaf `index` in the tree of `size` leaves. `ValueError` if outside."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_subtree(middle, high, read))
            high = middle
        else:
            path.append(_subtree(low, middle, read))
            low = middle
    return tuple(reversed(path))


def consistency(old: int, new: int, read: NodeReader) -> tuple[bytes, ...]:
    """The proof that the first `old` leaves are a prefix of the first `new`."""
    if not 0 < old <= new:
        raise ValueError(f"{old} leaves can't be a prefix of {new}")
    path: list[bytes] = []
    low, high, whole = 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_subtree(middle, high, read))
            high = middle
        else:
            path.append(_subtree(low, middle, read))
            low, whole = middle, False
    if not whole:
        path.append(_subtree(low, high, read))
    return tuple(reversed(path))


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root_hash: bytes
) -> bool:
    """Whether `path` shows `leaf_hash` at `index` below `root_hash` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, top = index, size - 1, leaf_hash
    for step in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            top = node(step, top)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            top = node(top, step)
        at, last = at >> 1, last >> 1
    return last == 0 and top == root_hash


def verify_consistency(
    old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Whether `path` shows the tree of `old` leaves in that of `new` (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node(step, first), node(step, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = node(second, step)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _peaks(size: int) -> Iterator[tuple[int, int]]:
    low = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            yield level, low >> level
            low += 1 << level


def _subtree(low: int, high: int, read: NodeReader) -> bytes:
    """The root over leaves low..high-1, where `low` is where RFC 6962 splits."""
    tops = []
    size = high - low
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            tops.append(read(level, low >> level))
            low += 1 << level
    return root_of(tops)
