"""Backups: everything that can't be made again, as one tar, taken while the service runs.

Mirrors are only listed, since a fetch makes them again. What is put back is checked before it
counts: names, digests, the log against its checkpoint.
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy import update

from service.changes import Move, Stage, System, digest_of
from service.errors import PawlError, SomethingMissing, UsageError
from service.ledger import BadCheckpoint, Judgment, Kind, LogContradicted
from service.store import Store
from service.store.rows import METADATA

_DATABASE = "pawl.sqlite"
_CHECKPOINT = "checkpoint"
_NAMES = re.compile(
    r"manifest\.json|pawl\.sqlite|checkpoint|checkpoint\.epoch-[0-9]{1,4}|owner"
    r"|keys/[a-z][a-z0-9.]{0,30}|artifacts/[0-9a-f]{2}/[0-9a-f]{62}"
)
_ME = System("restore")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Taken:
    """A backup that was written."""

    entries: int
    artifacts: int
    size: int


@dataclass(frozen=True)
class PutBack:
    """A backup that was put back. `lost`: what an outside checkpoint knows and it does not."""

    entries: int
    artifacts: int
    lost: str
    warnings: tuple[str, ...]


def take(store: Store, home: Path, target: Path, at: datetime) -> Taken:
    """Write a backup of the store below `home` to `target`, readable by its owner alone.

    The log is signed first, so that the backup ends with a checkpoint. Artifacts are copied after
    the database: what its rows name was there before they were.
    """
    if target.exists():
        raise UsageError(f"{target} is there already", mend="name a file that is not")
    store.checkpoint()
    suffix = secrets.token_hex(6)
    copy = target.with_name(f".{target.name}.{suffix}.sqlite")
    fresh = target.with_name(f".{target.name}.{suffix}")
    try:
        _touch(copy)
        note, size, mirrors = _copy(home / _DATABASE, copy)
        _touch(fresh)
        with fresh.open("wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
            manifest = {"v": 1, "at": at.isoformat(), "entries": size, "repositories": mirrors}
            _add(tar, "manifest.json", json.dumps(manifest, indent=2).encode())
            _add(tar, _CHECKPOINT, note.encode())
            tar.add(copy, _DATABASE, recursive=False, filter=_plain)
            count = 0
            for path in _others(home):
                name = path.relative_to(home).as_posix()
                if _NAMES.fullmatch(name):
                    tar.add(path, name, recursive=False, filter=_plain)
                    count += name.startswith("artifacts/")
            tar.close()
            out.flush()
            os.fsync(out.fileno())
        os.link(fresh, target)  # never over another file
    finally:
        for path in (copy, fresh, Path(f"{copy}-wal"), Path(f"{copy}-shm")):
            path.unlink(missing_ok=True)
    return Taken(size, count, target.stat().st_size)


def put_back(
    source: Path, home: Path, clock: Callable[[], datetime], outside: str | None
) -> PutBack:
    """Put a backup into `home`, which must be empty or missing; all of it or nothing.

    `outside` is a checkpoint that was kept elsewhere. Where it knows of entries that the backup
    does not have, it is laid beside the store, which then opens only into a new epoch.
    """
    if home.exists() and any(home.iterdir()):
        raise UsageError(
            f"{home} is not empty", mend="set PAWL_HOME to a folder that is, or is not there"
        )
    home.parent.mkdir(parents=True, exist_ok=True)
    fresh = home.with_name(f".{home.name}.{secrets.token_hex(6)}")
    fresh.mkdir(mode=0o700)
    try:
        count = _unpack(source, fresh)
        lost = _compare(fresh, clock, outside)
        with suppress(FileNotFoundError):
            home.rmdir()
        fresh.rename(home)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    store = Store.open_unchecked(home, clock)
    try:
        warnings = store.audit()
        if not lost:
            start_anew(store)
        return PutBack(store.size, count, lost, warnings)
    finally:
        store.close()


def start_anew(store: Store) -> None:
    """End what a backup may have brought back to life: sessions, links, approvals, preparations.

    Since it was taken they may have been ended, and nobody here can know it.
    """
    why = "a backup was put back: what ended since it was taken is not known"
    tables = METADATA.tables
    session, link, decision = (tables[name] for name in ("session", "link", "decision"))
    with store.writing() as work:
        db, now = work.connection, work.now
        db.execute(update(session).where(session.c.ended_at.is_(None)).values(ended_at=now))
        db.execute(update(link).where(link.c.used_at.is_(None)).values(used_at=now))
        db.execute(update(decision).where(decision.c.used_at.is_(None)).values(used_at=now))
        stood = work.decisions.with_standing()
        work.note(Judgment(Kind.SETTING_CHANGED, _ME, None, why, {"changes_voided": len(stood)}))
        for ident in stood:
            change = work.change(ident)
            work.decisions.end_all(ident, "voided", why, now)
            said = Judgment(Kind.VOID, _ME, change.id, why, {"binding": change.binding or ""})
            if change.stage is Stage.WAITING:
                work.record(change.id, Move(Stage.PLANNED, {"why": why}), said)
            else:
                work.note(said)


# --- inside -------------------------------------------------------------------------------------


def _copy(database: Path, copy: Path) -> tuple[str, int, list[dict[str, str]]]:
    """One consistent copy; answers its checkpoint, how many entries it has, its repositories."""
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
        note = target.execute("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
        size = target.execute("SELECT max(seq) + 1 FROM entry").fetchone()
        rows = target.execute(
            "SELECT id, name, url, branch FROM repository WHERE removed_at IS NULL ORDER BY name"
        ).fetchall()
        target.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    named = [dict(zip(("id", "name", "url", "branch"), row, strict=True)) for row in rows]
    return str(note[0]), int(size[0]), named


def _others(home: Path) -> Iterator[Path]:
    """Files besides database and checkpoint, oldest kept names first."""
    yield from sorted(home.glob("checkpoint.epoch-*"))
    yield from sorted(p for p in [home / "owner"] if p.is_file())
    yield from sorted((home / "keys").glob("*"))
    yield from sorted((home / "artifacts").glob("??/*"))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if not member.isreg():
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, io.BytesIO(data))


def _touch(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _unpack(source: Path, fresh: Path) -> int:
    """Unpack into `fresh`; nothing but plain files of known names. Answers how many artifacts."""
    count = 0
    try:
        with tarfile.open(source, mode="r:") as tar:
            for member in tar:
                data = tar.extractfile(member) if member.isreg() else None
                if data is None or not _NAMES.fullmatch(member.name):
                    raise _damaged(f"holds {member.name!r}, which no backup of Pawl does")
                target = fresh / member.name
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(data, target, 0o644 if member.name == _CHECKPOINT else member.mode & 0o600)
                if member.name.startswith("artifacts/"):
                    count += 1
                    if digest_of(target.read_bytes()) != target.parent.name + target.name:
                        raise _damaged(f"holds {member.name}, which is not what its name says")
    except tarfile.TarError as error:
        raise _damaged(f"is no backup: {error}") from error
    except FileNotFoundError as error:
        raise SomethingMissing(f"there is no {source}", code="missing-backup") from error
    for name in (_DATABASE, _CHECKPOINT, "keys"):
        if not (fresh / name).exists():
            raise _damaged(f"has no {name}")
    for public in (fresh / "keys").glob("*.pub"):
        public.chmod(0o644)
    return count


def _write(data: IO[bytes], target: Path, mode: int) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        shutil.copyfileobj(data, out, _CHUNK)
        os.fchmod(out.fileno(), mode)
        out.flush()
        os.fsync(out.fileno())


def _compare(fresh: Path, clock: Callable[[], datetime], outside: str | None) -> str:
    """What the outside checkpoint says is lost; "" where nothing is. Raises where it is a fake."""
    own = (fresh / _CHECKPOINT).read_text()
    store = Store.open_unchecked(fresh, clock)
    try:
        store.check(own)
        if outside is None:
            return ""
        try:
            store.check(outside)
        except LogContradicted as error:
            (fresh / _CHECKPOINT).write_text(outside)
            return str(error)
        except BadCheckpoint as error:
            raise PawlError(
                f"the checkpoint that was given is not one of this log: {error}",
                code="bad-checkpoint",
                mend="give the one that was kept outside, such as from refs/pawl/checkpoint",
            ) from error
        return ""
    finally:
        store.close()


def _damaged(what: str) -> PawlError:
    return PawlError(f"the backup {what}", code="backup-damaged", mend="take another backup")
