"""The log in tables: appending within a transaction, reading it back, nodes for the tree.

What an entry says is made by `service.ledger`; here it only gets its place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from service.changes import ChangeId
from service.ledger import Checkpoint, Entry, Judgment, PublicKey, Receipt, entry, export, tree
from service.ledger import checkpoint as notes
from service.store.errors import StoreDamaged

Said = tuple[Judgment, Mapping[str, Any] | None]
"""A judgment with the move that it came with."""

_ADD_ENTRY = "INSERT INTO entry (seq, kind, change, body) VALUES (?, ?, ?, ?)"
_ADD_NODE = "INSERT INTO node (level, position, hash) VALUES (?, ?, ?)"
_FIND_NODE = "SELECT hash FROM node WHERE level = ? AND position = ?"
_LAST = "SELECT max(seq) FROM entry"
_LINES = (
    "SELECT node.hash, entry.body FROM entry LEFT JOIN node "
    "ON node.level = 0 AND node.position = entry.seq ORDER BY entry.seq"
)


@dataclass(frozen=True)
class Grown:
    """A tree after an append. Becomes the known one once its transaction is committed."""

    first: int
    size: int
    tops: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        return tree.root_of(self.tops)


class Writer:
    """Appends entries. Remembers the tree's peaks, so that an append need not read them."""

    def __init__(self) -> None:
        self._known = Grown(0, 0, ())

    def append(self, db: sqlite3.Connection, said: Sequence[Said], at: datetime) -> Grown:
        """Add `said` in order, within the transaction that `db` is in. Raises `BadEntry`."""
        size = length(db)
        # Read again on the first append, and when another process appended meanwhile.
        known = self._known
        tops = list(known.tops) if size == known.size else tree.peaks(size, reader(db))
        entries, nodes = [], []
        for seq, (judgment, move) in enumerate(said, size):
            body = entry.body(judgment, seq, at, move)
            entries.append((seq, judgment.kind.value, judgment.change, body.decode()))
            nodes += tree.grow(tops, seq, tree.leaf(body))
        db.executemany(_ADD_ENTRY, entries)
        db.executemany(_ADD_NODE, nodes)
        return Grown(size, size + len(said), tuple(tops))

    def keep(self, grown: Grown) -> None:
        """Remember a tree that was committed, or is about to be."""
        self._known = grown

    def forget(self) -> None:
        """Read the tree again at the next append: what was remembered may not be there."""
        self._known = Grown(0, 0, ())


def length(db: sqlite3.Connection) -> int:
    """How many entries there are."""
    last = db.execute(_LAST).fetchone()[0]
    return 0 if last is None else last + 1


def reader(db: sqlite3.Connection) -> Callable[[int, int], bytes]:
    """Reads nodes. The reader raises `StoreDamaged` where one is missing."""

    def read(level: int, position: int) -> bytes:
        found = db.execute(_FIND_NODE, (level, position)).fetchone()
        if found is None:
            raise StoreDamaged(
                f"the log's tree lacks node ({level}, {position})",
                mend="export the log and check it; then put the store back from a backup",
            )
        return bytes(found[0])

    return read


def newest(db: sqlite3.Connection) -> Checkpoint | None:
    """The newest checkpoint, as it was written."""
    found = db.execute("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    return None if found is None else notes.parse(found[0])


def entries(
    db: sqlite3.Connection,
    change: ChangeId | None,
    *,
    after: int = -1,
    before: int | None = None,
    limit: int | None = None,
    newest_first: bool = False,
) -> Iterator[Entry]:
    """Entries with `after` < seq < `before`, of one change or of all."""
    query, values = "SELECT body FROM entry WHERE seq > ?", [after]
    if before is not None:
        query, values = f"{query} AND seq < ?", [*values, before]
    parameters: list[Any] = [*values]
    if change is not None:
        query, parameters = f"{query} AND change = ?", [*parameters, change]
    query += " ORDER BY seq DESC" if newest_first else " ORDER BY seq"
    if limit is not None:
        query, parameters = f"{query} LIMIT ?", [*parameters, limit]
    for (body,) in db.execute(query, parameters):
        yield entry.read(body.encode())


def receipt(db: sqlite3.Connection, seq: int, size: int | None = None) -> Receipt:
    """The proof that entry `seq` stands in the log of the first `size` entries (None: of all).

    Raises `LookupError` where there is none.
    """
    there = length(db)
    size = there if size is None else min(size, there)
    if not 0 <= seq < size:
        raise LookupError(f"the log has no entry {seq}")
    read = reader(db)
    return Receipt(seq, size, read(0, seq), tree.inclusion(seq, size, read), tree.root(size, read))


def write_export(db: sqlite3.Connection, key: PublicKey, file: BinaryIO) -> int:
    """Write the whole log to `file`; answer how many entries that is."""
    size = length(db)
    lines = ((bytes(leaf or bytes(32)), body.encode()) for leaf, body in db.execute(_LINES))
    notes_by_size = (
        notes.parse(note) for (note,) in db.execute("SELECT note FROM checkpoint ORDER BY size")
    )
    for line in export.write(key, size, lines, notes_by_size):
        file.write(line)
    return size
