"""The store: one folder with changes, log, leases and artifacts, and the promises it keeps.

A move and the judgments that led to it are written in one transaction, or not at all. What the log
says can only grow; a log that a signed checkpoint contradicts is not opened.
"""

from __future__ import annotations

import fcntl
import io
import itertools
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

from sqlalchemy import Connection, func, select, update

from service.changes import (
    Change,
    ChangeId,
    Digest,
    Move,
    MoveRefused,
    Person,
    Refused,
    Request,
    Stage,
    System,
    UnknownChange,
    apply,
    change_from,
)
from service.ledger import (
    BadCheckpoint,
    BadEntry,
    Checkpoint,
    Entry,
    Judgment,
    Kind,
    LogContradicted,
    PublicKey,
    Receipt,
    SigningKey,
    tree,
)
from service.ledger import checkpoint as notes
from service.people.tokens import fresh_id
from service.store import audit, keys, log, migrate, values
from service.store.artifacts import Artifacts
from service.store.database import Database
from service.store.disk import own_folder, write_whole
from service.store.errors import KeyUnusable, StoreBusy, StoreError
from service.store.leases import TTL, Lease, Leases
from service.store.rows import METADATA
from service.store.unit import View, Work

Clock = Callable[[], datetime]
"""Answers the time, with a zone."""

ME = System("store")
_CHANGE = METADATA.tables["change"]
_OPENING_SECONDS = 60.0
_DATABASE = "pawl.sqlite"
_OUTSIDE = "checkpoint"


class Store:
    """Keeps changes, the log, leases and artifacts below one folder. May be used from threads."""

    artifacts: Artifacts
    """Evidence, by digest."""
    warnings: tuple[str, ...]
    """What a person should know about the log, found while opening."""

    def __init__(self, home: Path, clock: Clock, database: Database, key: SigningKey) -> None:
        """For `open` alone, which makes sure that what is handed in belongs together."""
        self.artifacts = Artifacts(home / "artifacts")
        self.warnings = ()
        self._outside = home / _OUTSIDE
        self._clock = clock
        self._database = database
        self._key = key
        self._log = log.Writer()
        self._leases = Leases(database, clock)

    @classmethod
    def open(cls, home: Path, clock: Clock) -> Store:
        """Open the store in `home`, making what is missing and bringing tables up to date.

        Raises `LogContradicted` where the checkpoint that lies beside the database was signed over
        entries that the log does not have; `KeyExposed`, `KeyUnusable`, `StoreTooNew`, `StoreBusy`.
        """
        store = cls.open_unchecked(home, clock)
        try:
            store.warnings = store._compare_outside()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open_unchecked(cls, home: Path, clock: Clock) -> Store:
        """The same without comparing the log with the checkpoint beside it.

        For looking at a log that `open` refuses, and for `begin_epoch`; never for working on.
        """
        own_folder(home)
        own_folder(home / "artifacts")
        with _alone(home / "opening.lock"):
            database = Database(home / _DATABASE)
            try:
                with database.writing() as connection:
                    migrate.upgrade(connection)
                with database.reading_raw() as db:
                    fresh, signed = log.length(db) == 0, log.newest(db)
                key = _key(home / "keys", fresh=fresh)
                _belongs(key, signed)
                store = cls(home, clock, database, key)
                if fresh:
                    store.note(_key_made(key.public))
                if signed is None:
                    store.checkpoint()
            except BaseException:
                database.close()
                raise
        return store

    def close(self) -> None:
        """Let go of the database. The store can't be used afterwards."""
        self._database.close()

    # --- changes --------------------------------------------------------------------------

    def open_change(
        self,
        request: Request,
        *,
        repository: str,
        base: str,
        branch: str,
        key: str,
        tree: Digest | None = None,
    ) -> Change:
        """Begin a change, or answer the open one that was begun with the same `key`."""
        text = self.artifacts.put(request.text.encode("utf-8", "surrogatepass"))
        with self._database.writing() as connection:
            known = connection.execute(
                select(_CHANGE).where(_CHANGE.c.key == key, _CHANGE.c.open)
            ).mappings()
            row = known.first()
            if row is not None:
                return values.change_of(row)
            now = self._clock()
            change = change_from(
                request,
                ident=ChangeId(fresh_id("c")),
                repository=repository,
                base=base,
                branch=branch,
                now=now,
                tree=tree,
            )
            last = connection.execute(select(func.max(_CHANGE.c.number))).scalar()
            connection.execute(
                _CHANGE.insert().values(number=(last or 0) + 1, key=key, **values.row_of(change))
            )
            judgment = Judgment(
                kind=Kind.CHANGE_ASKED,
                actor=request.by,
                change=change.id,
                why=f"asked by {request.by.kind} {request.by.id} ({request.source})",
                payload={"source": request.source, "key": key},
                evidence=(text,),
            )
            grown = self._append(connection, [(judgment, values.opened(change))], now)
        self._log.keep(grown)
        return change

    def get(self, change: ChangeId) -> Change:
        """The change with that id. Raises `UnknownChange`."""
        with self._database.reading() as connection:
            return get_change(connection, change)

    def list(
        self,
        stages: Iterable[Stage] | None = None,
        limit: int = 50,
        after: ChangeId | None = None,
    ) -> tuple[Change, ...]:
        """At most `limit` changes in one of `stages` (None: all), newest first.

        `after` is the last one of the page before. Raises `UnknownChange` for another `after`.
        """
        with self._database.reading() as connection:
            below = None
            if after is not None:
                get_change(connection, after)
                find = select(_CHANGE.c.number).where(_CHANGE.c.id == after)
                below = connection.execute(find).scalar_one()
            # A query a stage, so that each one walks its index and stops after `limit` numbers.
            wanted = [None] if stages is None else sorted(set(stages))
            pages = [_page(connection, stage, limit, below) for stage in wanted]
            page = sorted(itertools.chain.from_iterable(pages), reverse=True)[:limit]
            rows = connection.execute(
                select(_CHANGE).where(_CHANGE.c.number.in_(page)).order_by(_CHANGE.c.number.desc())
            ).mappings()
            return tuple(values.change_of(row) for row in rows)

    def counts(self, stages: Iterable[Stage] = Stage) -> Mapping[Stage, int]:
        """How many changes there are in each of `stages`.

        Costs as much as there are changes in them: ask for open stages where it has to be quick.
        """
        wanted = sorted(set(stages))
        counted = (
            select(_CHANGE.c.stage, func.count())
            .where(_CHANGE.c.stage.in_([stage.value for stage in wanted]))
            .group_by(_CHANGE.c.stage)
        )
        with self._database.reading() as connection:
            found = {Stage(stage): number for stage, number in connection.execute(counted)}
        return {stage: found.get(stage, 0) for stage in wanted}

    def record(
        self,
        change: ChangeId,
        move: Move,
        judgment: Judgment,
        evidence: Sequence[Judgment] = (),
    ) -> Change:
        """Write a move with its judgment, after the judgments that led to it; answer the change.

        One transaction. Raises `MoveRefused` where the move is not allowed from the stage that the
        change is in now, `UnknownChange`, `BadEntry`; then nothing was written.
        """
        with self._database.writing() as connection:
            after, grown = self._step(connection, self._clock(), change, move, judgment, evidence)
        self._log.keep(grown)
        return after

    # --- units of work --------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[Work]:
        """One transaction over all that the store keeps; short: nobody else writes meanwhile."""
        try:
            with self._database.writing() as connection:
                now = self._clock()

                def note(judgments: Sequence[Judgment]) -> range:
                    entries: list[log.Said] = [(one, None) for one in judgments]
                    grown = self._append(connection, entries, now)
                    self._log.keep(grown)
                    return range(grown.first, grown.size)

                def record(
                    change: ChangeId, move: Move, judgment: Judgment, evidence: Sequence[Judgment]
                ) -> Change:
                    after, grown = self._step(connection, now, change, move, judgment, evidence)
                    self._log.keep(grown)
                    return after

                yield Work(connection, now, note, record)
        except BaseException:
            self._log.forget()  # what it remembers of the tree was rolled back
            raise

    @contextmanager
    def reading(self) -> Iterator[View]:
        """One view of what is committed."""
        with self._database.reading() as connection:
            yield View(connection, self._clock())

    # --- the log --------------------------------------------------------------------------

    def note(self, judgment: Judgment) -> int:
        """Write a judgment without a move; answer its place. Raises `BadEntry`, `UnknownChange`."""
        return self.note_all([judgment])[0]

    def note_all(self, judgments: Sequence[Judgment]) -> range:
        """Write judgments in order, all or none; answer their places."""
        try:
            with self._database.writing_raw() as db:
                said: list[log.Said] = [(judgment, None) for judgment in judgments]
                grown = self._log.append(db, said, self._clock())
        except sqlite3.IntegrityError as error:
            raise UnknownChange(_strange(error, judgments)) from error
        self._log.keep(grown)
        return range(grown.first, grown.size)

    def events(self, change: ChangeId) -> tuple[Entry, ...]:
        """All that the log holds of a change, oldest first. Raises `UnknownChange`."""
        with self._database.reading_raw() as db:
            found = tuple(log.entries(db, change))
        if not found:
            raise UnknownChange(change)
        return found

    def entries(
        self, change: ChangeId | None = None, *, newest: int = 100, before: int | None = None
    ) -> tuple[Entry, ...]:
        """The `newest` entries, of one change or of all, oldest of them first.

        `before` is the place of the first entry of the page that was shown last.
        """
        with self._database.reading_raw() as db:
            found = log.entries(db, change, before=before, limit=newest, newest_first=True)
            return tuple(reversed(tuple(found)))

    def since(self, after: int, *, limit: int = 100) -> tuple[Entry, ...]:
        """At most `limit` entries behind place `after`, oldest first: for whoever follows."""
        with self._database.reading_raw() as db:
            return tuple(log.entries(db, None, after=after, limit=limit))

    @property
    def size(self) -> int:
        """How many entries the log has."""
        with self._database.reading_raw() as db:
            return log.length(db)

    @property
    def public_key(self) -> PublicKey:
        """The key that checkpoints are checked with. Keep a copy elsewhere."""
        return self._key.public

    def checkpoint(self) -> Checkpoint:
        """Sign the log as it is, and put the checkpoint beside the database as well.

        Where nothing was written since the newest one, that is answered. The signing is an entry
        itself, the last one that it signs.
        """
        before = self._outside_state()
        with self._database.writing_raw() as db:
            newest, size = log.newest(db), log.length(db)
            if newest is not None and newest.size == size:
                signed, grown = newest, None
            else:
                judgment = Judgment(
                    kind=Kind.CHECKPOINT_SIGNED,
                    actor=ME,
                    change=None,
                    why=f"signs {size + 1} entries",
                    payload={"size": size + 1, "beside": before},
                )
                grown = self._log.append(db, [(judgment, None)], self._clock())
                signed = notes.sign(self._key, grown.size, grown.root)
                db.execute(
                    "INSERT INTO checkpoint (size, note) VALUES (?, ?)", (signed.size, signed.note)
                )
        if grown is not None:
            self._log.keep(grown)
        self._publish()
        return signed

    def latest_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint that was signed."""
        with self._database.reading_raw() as db:
            return log.newest(db)

    def check(self, note: str) -> Checkpoint:
        """Compare the log with a checkpoint that was kept elsewhere, and answer it.

        Raises `BadCheckpoint` where this log's key did not sign it, `LogContradicted` where it
        did and the log is another: entries are missing, or are not those that were signed.
        """
        outside = notes.verify(note, self.public_key)
        with self._database.reading_raw() as db:
            size, read = log.length(db), log.reader(db)
            if outside.size > size:
                raise LogContradicted(
                    f"the log has {size} entries, but a signed checkpoint ({outside}) says "
                    f"{outside.size}: entries {size} to {outside.size - 1} are gone",
                    mend=_CONTRADICTED,
                )
            if outside.size == 0:
                return outside
            root = tree.root(size, read)
            path = tree.consistency(outside.size, size, read)
        if not tree.verify_consistency(outside.size, size, path, outside.root, root):
            raise LogContradicted(
                f"the first {outside.size} entries of the log are not those that a signed "
                f"checkpoint ({outside}) was made of",
                mend=_CONTRADICTED,
            )
        return outside

    def inclusion(self, seq: int, *, size: int | None = None) -> Receipt:
        """The proof that entry `seq` stands in the log as it is, or as it was at `size` entries: a
        signed checkpoint's root is of a size. Raises `LookupError`."""
        with self._database.reading_raw() as db:
            return log.receipt(db, seq, size)

    def export(self, file: BinaryIO) -> int:
        """Write the whole log, as `service.ledger.verify` reads it; answer how many entries."""
        with self._database.reading_raw() as db:
            return log.write_export(db, self.public_key, file)

    def audit(self) -> tuple[str, ...]:
        """Compare all tables with the log, and say in a sentence each what does not fit."""
        with self._database.reading() as connection:
            return audit.audit(connection)

    def begin_epoch(self, *, by: tuple[Person, Person], why: str) -> Checkpoint:
        """Go on with a log that lost entries because a backup was put back.

        Two persons sign. The first entry of the epoch names the restored size, the checkpoint that
        contradicts, and the range of entries that is lost; that checkpoint is kept beside the new
        one. Raises `BadEntry` where the two are one, or where nothing contradicts.
        """
        if by[0] == by[1]:
            raise BadEntry("a new epoch needs two persons")
        outside = self._contradiction()
        with self._database.reading_raw() as db:
            epochs = db.execute("SELECT count(*) FROM entry WHERE kind = 'epoch'").fetchone()[0]
        restored = self.size
        judgment = Judgment(
            kind=Kind.EPOCH,
            actor=by[0],
            change=None,
            why=why,
            payload={
                "epoch": epochs + 2,
                "restored": restored,
                "checkpoint": outside.note,
                # In a log that is long enough, which entries differ can't be said.
                "lost_from": restored if restored < outside.size else 0,
                "lost_to": outside.size - 1,
                "signed_by": [one.id for one in by],
            },
        )
        self.note(judgment)
        write_whole(
            self._outside.with_name(f"checkpoint.epoch-{epochs + 1}"), outside.note.encode()
        )
        return self.checkpoint()

    # --- leases ---------------------------------------------------------------------------

    def lease(
        self, change: ChangeId, holder: str, ttl: timedelta = TTL
    ) -> AbstractContextManager[Lease]:
        """Hold a change while a block runs. Raises `LeaseTaken`, naming who works on it."""
        return self._leases.hold(change, holder, ttl)

    # --- inside ---------------------------------------------------------------------------

    def _step(
        self,
        connection: Connection,
        now: datetime,
        change: ChangeId,
        move: Move,
        judgment: Judgment,
        evidence: Sequence[Judgment],
    ) -> tuple[Change, log.Grown]:
        said = [_about(change, one) for one in (*evidence, judgment)]
        before = get_change(connection, change)
        after = apply(before, move, now)
        if isinstance(after, Refused):
            raise MoveRefused(after)
        connection.execute(
            update(_CHANGE).where(_CHANGE.c.id == change).values(**values.row_of(after))
        )
        moved = values.moved(before, after, move)
        entries: list[log.Said] = [(one, None) for one in said[:-1]]
        return after, self._append(connection, [*entries, (said[-1], moved)], now)

    def _append(self, connection: Connection, said: Sequence[log.Said], now: datetime) -> log.Grown:
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        return self._log.append(driver, said, now)

    def _publish(self) -> None:
        """Put the newest checkpoint beside the database; never ahead of what is committed."""
        with self._database.writing_raw() as db:  # the lock: no older one may come last
            newest = log.newest(db)
            if newest is not None and self._outside_note() != newest.note:
                write_whole(self._outside, newest.note.encode(), mode=0o644)

    def _contradiction(self) -> Checkpoint:
        """The checkpoint beside the database, which the log contradicts. Raises `BadEntry`."""
        try:
            outside = notes.verify(self._outside.read_text(), self.public_key)
        except (OSError, UnicodeDecodeError, BadCheckpoint) as error:
            raise BadEntry(f"there is no checkpoint that contradicts the log: {error}") from error
        try:
            self.check(outside.note)
        except LogContradicted:
            return outside
        raise BadEntry("the log fits the checkpoint beside it; no epoch has to begin")

    def _outside_note(self) -> str | None:
        with suppress(OSError, UnicodeDecodeError):
            return self._outside.read_text()
        return None

    def _outside_state(self) -> str:
        """What lies beside the database, in a word that stays on record."""
        note = self._outside_note()
        if note is None:
            return "nothing"
        try:
            return str(notes.verify(note, self.public_key).size)
        except BadCheckpoint:
            return "unsigned"

    def _compare_outside(self) -> tuple[str, ...]:
        note = self._outside_note()
        if note is None:
            return (
                f"no checkpoint lies at {self._outside}: a log that lost entries would not show",
            )
        try:
            self.check(note)
        except BadCheckpoint as error:
            return (f"the checkpoint at {self._outside} can't be used: {error}",)
        return ()


def export_log(home: Path, file: BinaryIO) -> int:
    """Write the log below `home` to `file` as it is; answer how many entries.

    Needs neither the secret key nor a log that `Store.open` would accept, and writes nothing there.
    Raises `StoreError` where there is no log.
    """
    if not (home / _DATABASE).is_file():
        raise StoreError(f"there is no log below {home}", code="no-log")
    database = Database(home / _DATABASE)
    try:
        with database.reading_raw() as db:
            return log.write_export(db, _stated_key(home, db), file)
    finally:
        database.close()


def read_export(home: Path) -> bytes:
    """What `export_log` writes, as bytes."""
    file = io.BytesIO()
    export_log(home, file)
    return file.getvalue()


def _stated_key(home: Path, db: sqlite3.Connection) -> PublicKey:
    """The public key as it lies beside the store, else as the first entry says."""
    stated = home / "keys" / keys.PUBLIC
    if stated.is_file():
        return PublicKey.parse(stated.read_text())
    first = next(log.entries(db, None, limit=1), None)
    said = "" if first is None else first.judgment.payload.get("public_key", "")
    return PublicKey.parse(str(said))


_CONTRADICTED = (
    "a backup was put back, or somebody rewrote the log; put the newest store back, or begin a new "
    "epoch, signed by two persons, that names what is lost"
)


def get_change(connection: Connection, change: ChangeId) -> Change:
    """The change with that id. Raises `UnknownChange`."""
    row = connection.execute(select(_CHANGE).where(_CHANGE.c.id == change)).mappings().first()
    if row is None:
        raise UnknownChange(change)
    return values.change_of(row)


def _page(
    connection: Connection, stage: Stage | None, limit: int, below: int | None
) -> Sequence[int]:
    """The numbers of at most `limit` changes in `stage`, newest first."""
    query = select(_CHANGE.c.number).order_by(_CHANGE.c.number.desc()).limit(limit)
    if stage is not None:
        query = query.where(_CHANGE.c.stage == stage.value)
    if below is not None:
        query = query.where(_CHANGE.c.number < below)
    return connection.execute(query).scalars().all()


def _about(change: ChangeId, judgment: Judgment) -> Judgment:
    if judgment.change is None:
        return replace(judgment, change=change)
    if judgment.change != change:
        raise BadEntry(f"a judgment of {judgment.change} came with a move of {change}")
    return judgment


def _strange(error: Exception, judgments: Sequence[Judgment]) -> str:
    """The change that a refused append spoke of, as far as that can be said."""
    named = dict.fromkeys(one.change for one in judgments if one.change is not None)
    return ", ".join(named) if named else str(error)


def _key(folder: Path, *, fresh: bool) -> SigningKey:
    if keys.exists(folder):
        return keys.load(folder)
    if not fresh:
        raise KeyUnusable(
            f"the key that signs the log is not in {folder}",
            mend="put the folder back from a backup; a log can't go on under another key",
        )
    return keys.make(folder)


def _belongs(key: SigningKey, signed: Checkpoint | None) -> None:
    """Refuse a key that did not sign the log so far."""
    if signed is None:
        return
    try:
        notes.verify(signed.note, key.public)
    except BadCheckpoint as error:
        raise KeyUnusable(
            f"the key does not belong to this log: {error}",
            mend="put key and store back from the same backup",
        ) from error


def _key_made(key: PublicKey) -> Judgment:
    return Judgment(
        kind=Kind.KEY_MADE,
        actor=ME,
        change=None,
        why="a log begins; checkpoints are signed with this key",
        payload={"public_key": str(key)},
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time open a store. Raises `StoreBusy` where that takes too long."""
    deadline = time.monotonic() + _OPENING_SECONDS
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise StoreBusy(
                        f"another process has been opening the store for long ({path})",
                        mend="look for a Pawl that hangs",
                    ) from error
                time.sleep(0.02)
        yield
