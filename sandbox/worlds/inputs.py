"""Sources that are wrong: the neighbours of what an entry point reads.

Pure functions from addresses to what must be removed for one run. Which folders are sources, and
what a run then did, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.engine import WorldContent


def listing(addresses: Iterable[str], folder: str) -> tuple[str, ...]:
    """Those of `addresses` below `folder`, sorted. "s3://bucket" and "/" are folders too."""
    top = folder.rstrip("/") + "/"
    return tuple(sorted(address for address in addresses if address.startswith(top)))


def empty(addresses: Iterable[str]) -> WorldContent:
    """Every one of `addresses` is gone; the folders that held them stay, as on a failed mount."""
    return dict.fromkeys(sorted(addresses))


def half(addresses: Iterable[str]) -> WorldContent:
    """The later half is gone (of an odd number the larger part): a transfer that stopped midway."""
    ordered = sorted(addresses)
    return dict.fromkeys(ordered[len(ordered) // 2 :])


def minus_one(addresses: Iterable[str]) -> tuple[WorldContent, ...]:
    """One file is gone: the first, the middle and the last of each folder, each once."""
    chosen: list[str] = []
    for members in _by_folder(addresses).values():
        places = sorted({0, len(members) // 2, len(members) - 1})
        chosen += [members[place] for place in places]
    return tuple({address: None} for address in chosen)


def _by_folder(addresses: Iterable[str]) -> Mapping[str, list[str]]:
    folders: dict[str, list[str]] = {}
    for address in sorted(set(addresses)):
        folders.setdefault(address.rpartition("/")[0], []).append(address)
    return folders
