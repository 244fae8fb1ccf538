"""The whole world of a slot: its stores together, and the orders that the keeper gives.

An order is one JSON object; so is the answer. What is kept in memory here is never seen by a cell.
"""

from __future__ import annotations

import base64
import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .journal import Journal
from .machines import File, Link, Machines
from .values import Effects, Item, Picture, Refused, Store, between

MOST_UNKNOWN = 200
Order = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """Every store at one time."""

    pictures: tuple[Picture, ...]
    shapes: tuple[Any, ...]


class Quiet:
    """A shell that never has anything to do: for a world without hosts."""

    def settle(self, *, alone: bool) -> None: ...

    def clear(self) -> None: ...


class World:
    """Stores, named moments and marks. Every order runs under one lock."""

    def __init__(self, objects: Any, machines: Machines, journal: Journal, shell: Any) -> None:
        self.lock = threading.RLock()
        self.objects, self.machines, self.journal, self.shell = objects, machines, journal, shell
        self._stores: tuple[Store, ...] = (objects, machines, journal)
        self._saved: dict[str, Moment] = {}
        self._marks: dict[int, Moment] = {}
        self._tokens = itertools.count(1)
        self._unknown: list[str] = []
        self.selftest: Callable[[], None] = lambda: None
        self._orders: dict[str, Callable[[Order], Mapping[str, Any]]] = {
            "load": self._load,
            "put": self._put,
            "state": self._state,
            "read": self._read,
            "dump": self._dump,
            "save": self._save,
            "restore": self._restore,
            "forget": self._forget,
            "mark": self._mark,
            "since": self._since,
            "undo": self._undo,
            "unknown": self._asked,
            "selftest": self._selftest,
        }

    def do(self, order: Order) -> Mapping[str, Any]:
        """Follow one order. Raises `Refused` for one that can't be followed."""
        follow = self._orders.get(str(order.get("op")))
        if follow is None:
            raise Refused(f"there is no order {order.get('op')!r}")
        # commands that nobody listens to any more come to their end first, outside the lock:
        # they may need it to finish
        self.shell.settle(alone=order["op"] in _ALONE)
        if order["op"] in ("load", "restore", "selftest"):
            self.shell.clear()
        if order["op"] == "selftest":
            return follow(order)
        with self.lock:
            return {"ok": True, **follow(order)}

    def unknown(self, what: str) -> None:
        """A stand-in was asked for something that it doesn't know."""
        with self.lock:
            if len(self._unknown) < MOST_UNKNOWN and what not in self._unknown:
                self._unknown.append(what.strip())

    # orders

    def _load(self, order: Order) -> Mapping[str, Any]:
        self.objects.reset(_words(order, "buckets"))
        self.machines.reset(_words(order, "hosts"), _words(order, "unreachable"))
        self.journal.become({}, None)
        meta, times = order.get("meta") or {}, (self.objects.old(), self.machines.old())
        for host, folders in (order.get("folders") or {}).items():
            for folder, mode in folders.items():
                self.machines.make_folder(host, folder, mode)
        for address, text in (order.get("content") or {}).items():
            if text is None:
                continue
            content, about = _bytes(text), meta.get(address) or {}
            if self.objects.owns(address):
                self.objects.place(
                    address, content, self.objects.moment(about, times[0]), about.get("headers")
                )
            elif self.machines.owns(address):
                self.machines.place(
                    address, content, about.get("mtime", times[1]), about.get("mode", 0o644)
                )
            else:
                raise Refused(f"{address} is nowhere in this world")
        for address, target in (order.get("links") or {}).items():
            self.machines.link(address, target)
        for name, lines in (order.get("journal") or {}).items():
            for number, line in enumerate(lines, 1):
                self.journal.put(f"journal:{name}/{number}", line.encode("utf-8", "surrogateescape"))
        self._begin()
        return {}

    def _put(self, order: Order) -> Mapping[str, Any]:
        for address, text in (order.get("content") or {}).items():
            self._store(address).put(address, None if text is None else _bytes(text))
        return {}

    def _state(self, order: Order) -> Mapping[str, Any]:
        return {
            "state": {
                address: item.shows
                for store in self._stores
                for address, item in store.picture().items()
            }
        }

    def _read(self, order: Order) -> Mapping[str, Any]:
        address = str(order.get("address"))
        try:
            content = self._store(address).read(address)
        except Refused:
            content = None
        return {"content": None if content is None else _text(content)}

    def _dump(self, order: Order) -> Mapping[str, Any]:
        content: dict[str, str] = {}
        meta: dict[str, Any] = {}
        links: dict[str, str] = {}
        for address, item in self.objects.picture().items():
            content[address], meta[address] = _text(item.kept.content), self.objects.about(item)
        for address, item in self.machines.picture().items():
            if isinstance(item.kept, File):
                content[address] = _text(item.kept.content)
                meta[address] = {"mode": item.kept.mode, "mtime": item.kept.mtime}
            elif isinstance(item.kept, Link):
                links[address] = item.kept.target
        shape = self.machines.shape()
        return {
            "buckets": list(self.objects.buckets),
            "hosts": list(self.machines.hosts),
            "unreachable": sorted(self.machines.unreachable),
            "content": content,
            "journal": self.journal.all(),
            "meta": meta,
            "links": links,
            "folders": {host: dict(folders) for host, folders in shape.hosts.items()},
        }

    def _save(self, order: Order) -> Mapping[str, Any]:
        self._saved[_name(order, "as")] = self._moment()
        return {}

    def _restore(self, order: Order) -> Mapping[str, Any]:
        name = _name(order, "from")
        if name not in self._saved:
            raise Refused(f"nothing was saved as {name!r}")
        self.become(self._saved[name])
        return {}

    def _forget(self, order: Order) -> Mapping[str, Any]:
        self._saved.pop(_name(order, "name"), None)
        return {}

    def _mark(self, order: Order) -> Mapping[str, Any]:
        token = next(self._tokens)
        self._marks[token] = self._moment()
        for store in self._stores:
            store.watch()
        return {"token": token}

    def _since(self, order: Order) -> Mapping[str, Any]:
        effects = self._effects(self._marked(order))
        reads = {where for store in self._stores for where in store.reads()}
        return {
            "created": list(effects.created),
            "changed": list(effects.changed),
            "removed": list(effects.removed),
            "read": _topmost(reads),
        }

    def _undo(self, order: Order) -> Mapping[str, Any]:
        if order.get("how") not in ("cut", "short"):
            raise Refused(f"there is no way {order.get('how')!r} to undo")
        before, lacks = self._marked(order), int(order.get("lacks") or 0)
        found = self._effects(before)
        effects = found.in_order()
        undone = effects[len(effects) // 2 :]
        if lacks:  # the last of what was made, and nothing was taken away yet
            undone = ((found.created or found.changed)[-lacks:]) + found.removed
        kept = [address for address in effects if address not in undone]
        for address in undone:
            store = self._store(address)
            place = self._stores.index(store)
            store.give_back(address, before.pictures[place].get(address))
        if undone:
            self.machines.drop_folders(before.shapes[self._stores.index(self.machines)])
        return {"kept": kept, "undone": list(undone)}

    def _asked(self, order: Order) -> Mapping[str, Any]:
        return {"unknown": list(self._unknown)}

    def _selftest(self, order: Order) -> Mapping[str, Any]:
        with self.lock:
            before, unknown = self._moment(), list(self._unknown)
        try:
            self.selftest()
        finally:
            self.shell.clear()
            with self.lock:
                self.become(before)
                self._unknown = unknown
        return {"ok": True}

    # how

    def become(self, moment: Moment) -> None:
        """Make every store what it was at `moment`, and begin anew."""
        for store, picture, shape in zip(self._stores, moment.pictures, moment.shapes, strict=True):
            store.become(picture, shape)
        self._begin()

    def _begin(self) -> None:
        self._marks.clear()
        self._unknown.clear()

    def _moment(self) -> Moment:
        return Moment(
            tuple(store.picture() for store in self._stores),
            tuple(store.shape() for store in self._stores),
        )

    def _marked(self, order: Order) -> Moment:
        token = order.get("token")
        if not isinstance(token, int) or token not in self._marks:
            raise Refused(f"there is no mark {token!r}")
        return self._marks[token]

    def _effects(self, before: Moment) -> Effects:
        found = [
            between(picture, store.picture())
            for store, picture in zip(self._stores, before.pictures, strict=True)
        ]
        return Effects(
            created=tuple(sorted(at for effects in found for at in effects.created)),
            changed=tuple(sorted(at for effects in found for at in effects.changed)),
            removed=tuple(sorted(at for effects in found for at in effects.removed)),
        )

    def _store(self, address: str) -> Store:
        for store in (self.objects, self.journal, self.machines):
            if store.owns(address):
                return store
        raise Refused(f"{address} is nowhere in this world")


_ALONE = frozenset({"load", "put", "state", "dump", "save", "restore", "selftest"})
"""Orders that are given while no cell runs in this slot."""


def _topmost(folders: set[str]) -> list[str]:
    """The folders that lie in no other one of them: walking down a tree reads one source."""
    found: list[str] = []
    for folder in sorted(folders):
        if not any(folder.startswith(top.rstrip("/") + "/") for top in found):
            found.append(folder)
    return found


def _words(order: Order, name: str) -> Sequence[str]:
    words = order.get(name) or []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Refused(f"{name} is no list of names")
    return words


def _name(order: Order, field: str) -> str:
    name = order.get(field)
    if not isinstance(name, str) or not name:
        raise Refused(f'the order has no "{field}"')
    return name


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError) as problem:
        raise Refused("content is not base64") from problem


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


__all__ = ["Item", "Moment", "Quiet", "World"]
