"""Leases: one process at a time works on a change, and a dead one does not block the next.

On one machine a holder is as alive as its process; from elsewhere (another container, another
machine) only the time tells, so a holder renews while it works.
"""

from __future__ import annotations

import os
import platform
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select, update

from service.changes import ChangeId, LeaseLost, LeaseTaken, UnknownChange
from service.errors import PawlError
from service.store.database import Database
from service.store.rows import METADATA

TTL = timedelta(seconds=60)
_CHANGE = METADATA.tables["change"]
_LEASE = METADATA.tables["lease"]


@dataclass(frozen=True)
class Place:
    """A process, so that another one can tell whether it is still there."""

    node: str
    boot: str
    namespace: str
    pid: int
    started: str

    @classmethod
    def here(cls) -> Place:
        """This process."""
        pid = os.getpid()
        return cls(
            node=platform.node(),
            boot=_read("/proc/sys/kernel/random/boot_id"),
            namespace=_link("/proc/self/ns/pid"),
            pid=pid,
            started=started(pid),
        )


def started(pid: int) -> str:
    """When a process began, in the kernel's ticks; "" where it is gone or that can't be known."""
    # The name in the second field may hold blanks and brackets; what follows its end does not.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    dead = fields[:1] in (["Z"], ["X"])  # ended, and nobody has asked how
    return fields[19] if len(fields) > 19 and not dead else ""


class Lease:
    """A lease that is held."""

    def __init__(self, change: ChangeId, renew: Callable[[], bool]) -> None:
        self.change = change
        self._renew = renew

    def renew(self) -> None:
        """Hold it for another while. Raises `LeaseLost` where it was taken over."""
        if not self._renew():
            raise LeaseLost(self.change)


class Leases:
    """The leases of one store."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    @contextmanager
    def hold(self, change: ChangeId, holder: str, ttl: timedelta) -> Iterator[Lease]:
        """Hold `change` until the block ends, renewing by itself. Raises `LeaseTaken`."""
        token = secrets.token_hex(16)
        here = Place.here()
        with self._database.writing() as connection:
            self._take(connection, change, holder, token, here, ttl)

        def renew() -> bool:
            with self._database.writing() as connection:
                until = self._clock() + ttl
                mine = (_LEASE.c.change == change) & (_LEASE.c.token == token)
                renewed = connection.execute(update(_LEASE).where(mine).values(until=until))
                return renewed.rowcount == 1

        over = threading.Event()
        beat = threading.Thread(
            target=_renew_until, args=(over, renew, ttl.total_seconds() / 3), daemon=True
        )
        beat.start()
        try:
            yield Lease(change, renew)
        finally:
            over.set()
            beat.join()
            with self._database.writing() as connection:
                mine = (_LEASE.c.change == change) & (_LEASE.c.token == token)
                connection.execute(delete(_LEASE).where(mine))

    def _take(
        self,
        connection: Connection,
        change: ChangeId,
        holder: str,
        token: str,
        here: Place,
        ttl: timedelta,
    ) -> None:
        known = connection.execute(select(_CHANGE.c.id).where(_CHANGE.c.id == change)).first()
        if known is None:
            raise UnknownChange(change)
        now = self._clock()
        held = connection.execute(select(_LEASE).where(_LEASE.c.change == change)).mappings()
        row = held.first()
        if row is not None and _alive(row, here, now):
            raise LeaseTaken(change, str(row["holder"]))
        connection.execute(delete(_LEASE).where(_LEASE.c.change == change))
        connection.execute(
            _LEASE.insert().values(
                change=change,
                token=token,
                holder=holder,
                node=here.node,
                boot=here.boot,
                namespace=here.namespace,
                pid=here.pid,
                started=here.started,
                until=now + ttl,
            )
        )


def _alive(row: Mapping[Any, Any], here: Place, now: datetime) -> bool:
    """Whether the holder in `row` may still be at work."""
    if row["node"] == here.node and row["boot"] and here.boot and row["boot"] != here.boot:
        return False  # this machine was started again since
    if (row["boot"], row["namespace"]) == (here.boot, here.namespace) and (
        here.boot or row["node"] == here.node
    ):
        return _runs(row["pid"], row["started"])
    return bool(now < row["until"])


def _runs(pid: int, since: str) -> bool:
    """Whether the process that had `pid` at that time is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is there, and somebody else's
    return started(pid) == since


def _renew_until(over: threading.Event, renew: Callable[[], bool], seconds: float) -> None:
    while not over.wait(seconds):
        try:
            if not renew():
                return  # taken over; the holder learns it from `renew`
        except PawlError:
            continue  # busy: the next beat tries again


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
