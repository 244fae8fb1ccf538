"""Addresses of a state: what kind of object one names, and which of them are judged.

Only names are looked at here; what a difference means is the matter of `invariants` and `works`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence, Sized

from sandbox.engine import State, WorldContent

TREE = "/repo/"
# Scratch places and records of what happened: nobody's data, so never "lost" by a run.
_SCRATCH = ("/tmp/", "/run/", "/var/tmp/", "/dev/", "/proc/")  # noqa: S108 - addresses of a cell
_SYSTEM = re.compile(r"^/(usr|bin|sbin|lib(x?32|64)?|proc|sys|dev)(/|$)")
_LOG = re.compile(r"(^/var/log/|\.log$|\.log\.\d+$)")


def kind(address: str) -> str:
    """The class of an address: object-storage, hosts, files, tree or journal."""
    if address.startswith("journal:"):
        return "journal"
    if address.startswith("s3://"):
        return "object-storage"
    if not address.startswith("/"):
        return "hosts"
    return "tree" if address.startswith(TREE) else "files"


def is_system(address: str) -> bool:
    """Whether a path belongs to the system: read-only in every cell, never part of the world."""
    return bool(_SYSTEM.match(address))


def is_log(address: str) -> bool:
    """Whether an address is a log: its words may differ from run to run and side to side."""
    return bool(_LOG.search(address))


def below(address: str, folder: str) -> bool:
    """Whether `address` is `folder` itself or lies below it."""
    top = folder.rstrip("/")
    if not top:
        return address.startswith("/")
    return address == top or address.startswith(top + "/")


def is_watched(address: str, watch: Sequence[str]) -> bool:
    """Whether the invariants judge `address`; `watch` is as in a rehearsal."""
    for word in watch:
        if word in ("object-storage", "hosts", "files"):
            if kind(address) == word and not address.startswith(_SCRATCH):
                return True
        elif below(address, word):
            return True
    return False


def listing(state: State, folder: str) -> tuple[str, ...]:
    """All addresses below `folder`, sorted."""
    return tuple(sorted(a for a in state if a != folder and below(a, folder)))


def digest(content: bytes) -> str:
    """The content's hash as states hold it."""
    return hashlib.sha256(content).hexdigest()[:24]


def placed(state: State, content: WorldContent) -> dict[str, str]:
    """`state` after `content` was put in place (None removes; "folder/" removes all below)."""
    after = dict(state)
    for address, data in content.items():
        if data is not None:
            after[address] = digest(data)
        elif address.endswith("/"):
            for gone in [a for a in after if a.startswith(address)]:
                del after[gone]
        else:
            after.pop(address, None)
    return after


def journal(state: State) -> Mapping[str, int]:
    """How many lines each journal holds, by name."""
    lines: dict[str, int] = {}
    for address in state:
        if kind(address) == "journal":
            name = address.removeprefix("journal:").rsplit("/", 1)[0]
            lines[name] = lines.get(name, 0) + 1
    return lines


def few(addresses: Iterable[str], most: int = 3) -> str:
    """The first addresses, for a sentence."""
    found = sorted(addresses)
    text = ", ".join(found[:most])
    return text + (f" and {len(found) - most} more" if len(found) > most else "")


def count(addresses: Sized, verb: str = "") -> str:
    """How many objects, for a sentence; `verb` is its plural ("are", "were") or nothing."""
    number = len(addresses)
    one = {"are": "is", "were": "was"}.get(verb, verb)
    return f"{number} object{'' if number == 1 else 's'} {one if number == 1 else verb}".rstrip()
