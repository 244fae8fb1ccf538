"""The SQLite file: connections as we want them, and transactions that wait, write or read.

One connection writes, the others read what is committed (WAL). Outside errors become ours here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DBAPIError

from service.store.errors import StoreBusy, StoreDamaged, StoreError

WAIT_SECONDS = 10.0
"""How long a transaction waits for the write lock of another process."""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit that was answered survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",  # so that REPLACE can't go around the triggers
)


class Database:
    """One SQLite file. May be used from several threads."""

    def __init__(self, path: Path, *, wait: float = WAIT_SECONDS) -> None:
        url = URL.create("sqlite", database=str(path))
        self._engine = create_engine(url, connect_args={"timeout": wait})
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        self._path = path
        self._lock = threading.Lock()
        with self._translated():
            self._writer = self._engine.connect().execution_options(writes=True)
            self._driver = _driver(self._writer)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that holds the write lock; all of it takes effect, or nothing."""
        with self._lock, self._translated(), self._writer.begin():
            yield self._writer

    @contextmanager
    def writing_raw(self) -> Iterator[sqlite3.Connection]:
        """The same without SQLAlchemy between, for what is done often: appending to the log."""
        with self._lock, self._translated():
            self._driver.execute("BEGIN IMMEDIATE")
            try:
                yield self._driver
                self._driver.commit()
            except BaseException:
                self._driver.rollback()
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One view of what is committed, that stays the same until the end."""
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def reading_raw(self) -> Iterator[sqlite3.Connection]:
        """The same without SQLAlchemy between."""
        with self.reading() as connection:
            connection.begin()
            yield _driver(connection)

    def close(self) -> None:
        with self._lock:
            self._writer.close()
            self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _ours(error.orig, self._path) from error
        except sqlite3.IntegrityError:
            raise  # the caller knows what it means
        except sqlite3.Error as error:
            raise _ours(error, self._path) from error


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _prepare(driver: Any, _record: object) -> None:
    driver.isolation_level = None  # transactions begin where we say so
    for pragma in _PRAGMAS:
        driver.execute(pragma)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _ours(error: BaseException | None, path: Path) -> StoreError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return StoreBusy(
            f"another process kept {path} busy", mend="try again; look for a Pawl that hangs"
        )
    if "malformed" in text or "not a database" in text:
        return StoreDamaged(f"{path}: {text}", mend="put the store back from a backup")
    if "full" in text:
        return StoreError(f"{path}: {text}", code="disk-full", mend="make room on that disk")
    return StoreError(f"{path}: {text}")
