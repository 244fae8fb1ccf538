"""Compares the tables with the log: what was edited past Pawl does not fit what was judged.

Reads only. It trusts the log's order and bytes no further than the tree does; whether the tree is
the one that was signed is `service.ledger.verify`'s question.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, cast

from sqlalchemy import Connection, select

from service.ledger import BadEntry, Entry, entry, tree
from service.store import log, values
from service.store.errors import StoreDamaged
from service.store.rows import METADATA

_CHANGE = METADATA.tables["change"]
_MANY = 100


def audit(connection: Connection) -> tuple[str, ...]:
    """What does not fit, a sentence each; empty where all does. At most a hundred."""
    connection.begin()
    db = cast("sqlite3.Connection", connection.connection.driver_connection)
    found: list[str] = []
    said: dict[str, dict[str, Any]] = {}
    for sentence in _entries(db, said):
        found.append(sentence)
        if len(found) >= _MANY:
            return tuple(found)
    found += _changes(connection, said)
    return tuple(found[:_MANY])


def _entries(db: sqlite3.Connection, said: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Check each entry against the tree and its own columns; gather what moves said."""
    read = log.reader(db)
    tops: list[bytes] = []
    query = "SELECT seq, kind, change, body FROM entry ORDER BY seq"
    for count, (seq, kind, change, body) in enumerate(db.execute(query)):
        if seq != count:
            yield f"entry {count} is missing"
            return
        made = tree.grow(tops, seq, tree.leaf(body.encode()))
        for level, position, right in made:
            try:
                if read(level, position) != right:
                    yield f"entry {seq} does not fit node ({level}, {position}) of the tree"
                    return
            except StoreDamaged as error:
                yield str(error)
                return
        try:
            written = entry.read(body.encode())
        except BadEntry as error:
            yield f"entry {seq}: {error}"
            continue
        about = written.judgment
        if (written.seq, about.kind, about.change) != (seq, kind, change):
            yield f"entry {seq} is filed under {kind} of {change}, but says otherwise"
        _follow(said, written)


def _follow(said: dict[str, dict[str, Any]], written: Entry) -> None:
    move, change = written.move, written.judgment.change
    if move is not None and change is not None:
        said.setdefault(change, {}).update({**move["sets"], "stage": move["to"]})


def _changes(connection: Connection, said: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Compare each change with what the moves on record made of it."""
    for row in connection.execute(select(_CHANGE)).mappings():
        change = values.change_of(row)
        record = said.pop(change.id, None)
        if record is None:
            yield f"change {change.id} was never asked for, says the log"
            continue
        there = {**values.on_record(change), "stage": change.stage.value}
        odd = sorted(name for name, value in there.items() if record.get(name) != value)
        if odd:
            yield f"change {change.id} is not as the log leaves it: {', '.join(odd)}"
    for ident in said:
        yield f"change {ident} is in the log, but not in the table"
