"""A sceptic checks the log at a terminal: what was edited, cut off or put back is named."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.changes import System
from service.ledger import Judgment, Kind
from service.store import Store
from tests.stories.cli import Pawl


def write(home: Path, count: int) -> None:
    """Append `count` judgments and sign what is there."""
    store = Store.open(home, lambda: datetime(2026, 5, 1, tzinfo=UTC))
    for number in range(count):
        store.note(Judgment(Kind.FREEZE, System("test"), None, f"judgment {number}"))
    store.checkpoint()
    store.close()


@pytest.fixture
def pawl(tmp_path: Path) -> Pawl:
    pawl = Pawl(tmp_path)
    write(tmp_path / "pawl", 12)
    return pawl


def loosened(home: Path) -> sqlite3.Connection:
    """The database as somebody with the file in hand has it: triggers stop nobody."""
    db = sqlite3.connect(home / "pawl/pawl.sqlite")
    for (name,) in db.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        db.execute(f"drop trigger {name}")
    return db


def test_an_untouched_log_is_sound(pawl: Pawl) -> None:
    done = pawl.run("log", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("sound")


def test_one_byte_of_one_entry_is_named(pawl: Pawl) -> None:
    with loosened(pawl.home) as db:
        db.execute(
            "update entry set body = replace(body, 'judgment 5', 'judgment 6') "
            "where body like '%judgment 5\"%'"
        )
        (seq,) = db.execute(
            "select min(seq) from entry where body like '%judgment 6\"%'"
        ).fetchone()
    done = pawl.run("log", "verify")
    assert done.returncode == 1
    assert f"entry {seq}" in done.stdout


def test_a_dropped_newest_entry_is_named_by_the_outside_checkpoint(pawl: Pawl) -> None:
    with loosened(pawl.home) as db:
        (last,) = db.execute("select max(seq) from entry").fetchone()
        db.execute("delete from entry where seq = ?", (last,))
    done = pawl.run("log", "verify")
    assert done.returncode == 1
    assert "outside checkpoint" in done.stdout


def test_an_older_copy_of_the_database_is_named_by_the_outside_checkpoint(pawl: Pawl) -> None:
    older = pawl.home / "older.sqlite"
    with sqlite3.connect(pawl.home / "pawl/pawl.sqlite") as db:
        db.execute("vacuum into ?", (str(older),))
    write(pawl.home / "pawl", 5)
    kept = (pawl.home / "pawl/checkpoint").read_text()
    for beside in ("pawl.sqlite-wal", "pawl.sqlite-shm"):
        (pawl.home / "pawl" / beside).unlink(missing_ok=True)
    shutil.copyfile(older, pawl.home / "pawl/pawl.sqlite")
    (pawl.home / "pawl/checkpoint").write_text(kept)
    done = pawl.run("log", "verify")
    assert done.returncode == 1
    assert "outside checkpoint" in done.stdout


def test_without_an_outside_checkpoint_it_says_so_and_does_not_say_sound(pawl: Pawl) -> None:
    (pawl.home / "pawl/checkpoint").unlink()
    done = pawl.run("log", "verify")
    assert done.returncode == 3
    assert "sound" not in done.stdout


def test_an_export_is_verified_with_key_and_checkpoint_from_elsewhere(pawl: Pawl) -> None:
    exported = pawl.home / "log.jsonl"
    assert pawl.run("log", "export", exported).returncode == 0
    elsewhere = pawl.home / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(pawl.home / "pawl/checkpoint", elsewhere / "checkpoint")
    shutil.copy(pawl.home / "pawl/keys/log.pub", elsewhere / "key")
    shutil.rmtree(pawl.home / "pawl")
    args = (
        "log",
        "verify",
        "--export",
        exported,
        "--checkpoint",
        elsewhere / "checkpoint",
        "--key",
        elsewhere / "key",
    )
    assert pawl.run(*args).returncode == 0
    exported.write_bytes(exported.read_bytes().replace(b"judgment 3", b"judgment 4"))
    done = pawl.run(*args)
    assert done.returncode == 1
    assert "entry" in done.stdout


def test_a_home_without_a_log_says_what_to_do(tmp_path: Path) -> None:
    done = Pawl(tmp_path).run("log", "verify")
    assert done.returncode == 7
    assert "PAWL_HOME" in done.stderr
