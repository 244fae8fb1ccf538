"""The log in the store: what it holds, and that it shows when somebody went around Pawl."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.changes import ChangeId, Person, Stage, UnknownChange, digest_of
from service.ledger import BadCheckpoint, BadEntry, Judgment, Kind, LogContradicted, tree
from service.ledger.verify import Answer, verify
from service.store import Store, StoreDamaged, StoreError, export_log, read_export
from tests.unit.service.store.conftest import Clock
from tests.unit.service.store.kit import (
    ADA,
    BEN,
    ask,
    bring,
    by_hand,
    said,
    verified,
    without_triggers,
)

DATABASE = "pawl.sqlite"


def backup(home: Path, to: Path) -> None:
    """Copy the database the way a backup does: whole, in one state."""
    source, target = sqlite3.connect(home / DATABASE), sqlite3.connect(to)
    source.backup(target)
    source.close()
    target.close()


def put_back(home: Path, kept: Path) -> None:
    for suffix in ("-wal", "-shm"):
        (home / f"{DATABASE}{suffix}").unlink(missing_ok=True)
    shutil.copy(kept, home / DATABASE)


# --- what it holds --------------------------------------------------------------------------------


def test_a_log_begins_with_its_key_and_is_signed_at_once(store: Store) -> None:
    first, second = store.entries()
    assert (first.judgment.kind, first.seq) == (Kind.KEY_MADE, 0)
    assert first.judgment.payload == {"public_key": str(store.public_key)}
    assert second.judgment.kind is Kind.CHECKPOINT_SIGNED
    signed = store.latest_checkpoint()
    assert signed is not None
    assert signed.size == 2


def test_a_note_stands_in_the_log_as_it_was_said(store: Store) -> None:
    change = ask(store)
    waived = Judgment(
        Kind.WAIVER,
        BEN,
        change.id,
        "only this week",
        {"rule": "oven.lid", "until": "2031-03-08", "of": ["a", "b"]},
        (digest_of(b"letter"),),
    )
    seq = store.note(waived)
    entry = store.events(change.id)[-1]
    assert (entry.seq, entry.judgment, entry.move) == (seq, waived, None)
    assert entry.at.tzinfo is UTC


def test_a_note_may_be_about_no_change(store: Store) -> None:
    seq = store.note(Judgment(Kind.SIGN_IN, ADA, None, "by password"))
    assert store.entries()[-1].seq == seq


def test_many_notes_are_written_in_order_or_not_at_all(store: Store) -> None:
    size = store.size
    places = store.note_all([said(Kind.FINDING, why=f"crumb {n}") for n in range(64)])
    assert places == range(size, size + 64)
    with pytest.raises(BadEntry):
        store.note_all([said(Kind.FINDING), Judgment(Kind.FINDING, BEN, None, "", {"g": 0.5})])
    assert store.size == size + 64
    assert store.audit() == ()


def test_a_note_about_an_unknown_change_takes_those_before_it_with_it(store: Store) -> None:
    size = store.size
    with pytest.raises(UnknownChange, match="c0nobody"):
        store.note_all([said(Kind.FINDING), said(Kind.FINDING, ChangeId("c0nobody"))])
    assert store.size == size
    store.note(said(Kind.FINDING))
    assert store.audit() == ()


def test_the_words_of_a_request_are_in_the_log_by_digest_alone(store: Store) -> None:
    change = ask(store)
    entry = store.events(change.id)[0]
    assert b"dough" not in entry.body
    (text,) = entry.judgment.evidence
    assert store.artifacts.get(text).decode() == change.request.text


def test_pages_of_the_log_meet_without_gap_or_overlap(store: Store) -> None:
    one, other = ask(store), ask(store, key="day-oven")
    for n in range(10):
        store.note(said(Kind.FINDING, (one, other)[n % 2].id))
    last = store.entries(newest=5)
    before = store.entries(newest=50, before=last[0].seq)
    assert [e.seq for e in (*before, *last)] == list(range(store.size))
    assert {e.judgment.change for e in store.entries(one.id)} == {one.id}
    assert [e.seq for e in store.since(3, limit=4)] == [4, 5, 6, 7]


def test_an_entry_is_shown_to_stand_in_the_log(store: Store) -> None:
    seq = store.note(said(Kind.FINDING))
    for n in range(20):
        store.note(said(Kind.FINDING, why=f"crumb {n}"))
    receipt = store.inclusion(seq)
    entry = next(e for e in store.entries() if e.seq == seq)
    assert receipt.leaf == tree.leaf(entry.body)
    assert tree.verify_inclusion(
        receipt.leaf, receipt.seq, receipt.size, receipt.path, receipt.root
    )
    with pytest.raises(LookupError):
        store.inclusion(store.size)


# --- checkpoints ----------------------------------------------------------------------------------


def test_a_checkpoint_signs_all_entries_and_lies_beside_the_database(
    store: Store, home: Path
) -> None:
    ask(store)
    signed = store.checkpoint()
    assert signed.size == store.size
    assert (home / "checkpoint").read_text() == signed.note
    assert store.check(signed.note) == signed


def test_where_nothing_was_written_the_same_checkpoint_is_answered(store: Store) -> None:
    ask(store)
    assert store.checkpoint() == store.checkpoint()


def test_an_export_with_its_checkpoints_is_sound(store: Store) -> None:
    bring(store, ask(store), Stage.MERGED)
    kept = store.checkpoint().note
    store.note(said(Kind.FINDING))
    found = verified(store, kept)
    assert found.answer is Answer.SOUND, found.says
    assert found.entries == store.size


def test_a_checkpoint_of_another_log_is_refused(store: Store, tmp_path: Path, clock: Clock) -> None:
    other = Store.open(tmp_path / "other", clock)
    note = other.checkpoint().note
    other.close()
    with pytest.raises(BadCheckpoint):
        store.check(note)


def test_a_log_that_signs_leaves_a_trace_of_what_lay_outside(store: Store, home: Path) -> None:
    (home / "checkpoint").unlink()
    ask(store)
    store.checkpoint()
    assert store.entries()[-1].judgment.payload["beside"] == "nothing"
    (home / "checkpoint").write_text("forged\n")
    ask(store, key="day-oven")
    store.checkpoint()
    assert store.entries()[-1].judgment.payload["beside"] == "unsigned"


# --- opening --------------------------------------------------------------------------------------


def test_a_sound_log_opens_without_a_warning(store: Store, home: Path, clock: Clock) -> None:
    ask(store)
    store.close()
    again = Store.open(home, clock)
    assert again.warnings == ()
    again.close()


@pytest.mark.parametrize("content", [None, b"", b"forged\n", b"\xff\xfe"])
def test_a_checkpoint_that_is_gone_or_unsigned_is_a_warning(
    store: Store, home: Path, clock: Clock, content: bytes | None
) -> None:
    ask(store)
    store.close()
    if content is None:
        (home / "checkpoint").unlink()
    else:
        (home / "checkpoint").write_bytes(content)
    again = Store.open(home, clock)
    assert len(again.warnings) == 1
    assert "checkpoint" in again.warnings[0]
    again.close()


def test_a_backup_that_was_put_back_is_not_opened(
    store: Store, home: Path, clock: Clock, tmp_path: Path
) -> None:
    ask(store)
    backup(home, tmp_path / "kept")
    ask(store, key="day-oven")
    newest = store.checkpoint()
    store.close()
    put_back(home, tmp_path / "kept")
    with pytest.raises(LogContradicted, match=f"{newest.size}: entries 3 to 4 are gone") as caught:
        Store.open(home, clock)
    assert caught.value.mend


def test_a_log_that_was_written_anew_from_a_backup_is_not_opened(
    store: Store, home: Path, clock: Clock, tmp_path: Path
) -> None:
    ask(store)
    backup(home, tmp_path / "kept")
    ask(store, key="day-oven")
    kept = store.checkpoint()
    store.close()
    put_back(home, tmp_path / "kept")
    forged = Store.open_unchecked(home, clock)
    for n in range(9):
        forged.note(said(Kind.FINDING, why=f"crumb {n}"))
    with pytest.raises(LogContradicted, match="not those"):
        forged.check(kept.note)
    found = verified(forged, kept.note)
    forged.close()
    with pytest.raises(LogContradicted, match="not those"):
        Store.open(home, clock)
    assert found.answer is Answer.TAMPERED
    assert found.faults[0].place == f"outside checkpoint of {kept.size} entries"


# --- somebody who goes around Pawl ----------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET body = 'x' WHERE seq = 1",
        "DELETE FROM entry WHERE seq = 1",
        "INSERT INTO entry (seq, kind, body) VALUES (99, 'finding', 'x')",
        "REPLACE INTO entry (seq, kind, body) VALUES (1, 'finding', 'x')",
        "UPDATE node SET hash = x'00'",
        "DELETE FROM node",
        "UPDATE checkpoint SET note = 'x'",
        "DELETE FROM checkpoint",
        "INSERT INTO checkpoint (size, note) VALUES (1, 'x')",
    ],
)
def test_the_database_itself_refuses_to(store: Store, home: Path, statement: str) -> None:
    ask(store)
    with by_hand(home) as db, pytest.raises(sqlite3.IntegrityError, match=r"append-only|follow"):
        db.execute(statement)


EDITS = {
    "the words of an entry": (
        "UPDATE entry SET body = replace(body, 'crumb', 'cake!') WHERE seq = 5",
        "entry 5",
    ),
    "an entry's file card": ("UPDATE entry SET kind = 'waiver' WHERE seq = 5", "entry 5"),
    "a missing entry": ("DELETE FROM entry WHERE seq = 5", "entry 5 is missing"),
    "a node": ("UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND position = 2", "entry 5"),
    "a missing node": ("DELETE FROM node WHERE level = 0 AND position = 5", r"\(0, 5\)"),
    "a stage": ("UPDATE change SET stage = 'rehearsed'", "stage"),
    "the words of a request": ("UPDATE change SET text = 'all is well'", "text"),
    "a digest": ("UPDATE change SET survey = NULL", "survey"),
    "a requester": ("UPDATE change SET by_id = 'eve'", "requester"),
    "a shaper": ("UPDATE change SET shapers = '[]'", "shapers"),
}


@pytest.mark.parametrize(("statement", "named"), EDITS.values(), ids=EDITS)
def test_an_audit_names(store: Store, home: Path, statement: str, named: str) -> None:
    change = ask(store)
    for n in range(6):
        store.note(said(Kind.FINDING, change.id, why=f"crumb {n}"))
    bring(store, change, Stage.GATED)
    assert store.audit() == ()
    with by_hand(home) as db:
        without_triggers(db)
        db.execute(statement)
    problems = store.audit()
    assert problems
    assert re.search(named, problems[0])


def test_an_audit_names_a_change_that_nobody_asked_for(store: Store, home: Path) -> None:
    ask(store)
    with by_hand(home) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(change)")]
        others = ", ".join(c for c in columns if c not in ("number", "id", "key"))
        copied = f"SELECT 99, 'c99', 'k99', {others} FROM change"  # noqa: S608
        db.execute(f"INSERT INTO change (number, id, key, {others}) {copied}")
    assert any("c99 was never asked for" in problem for problem in store.audit())


def test_an_export_of_edited_words_names_the_entry(store: Store, home: Path) -> None:
    change = ask(store)
    for n in range(6):
        store.note(said(Kind.FINDING, change.id, why=f"crumb {n}"))
    kept = store.checkpoint().note
    with by_hand(home) as db:
        without_triggers(db)
        db.execute("UPDATE entry SET body = replace(body, 'crumb', 'cake!') WHERE seq = 5")
    found = verified(store, kept)
    assert (found.answer, found.faults[0].place) == (Answer.TAMPERED, "entry 5")


def test_a_node_that_is_gone_is_an_error_and_no_wrong_root(
    store: Store, home: Path, clock: Clock
) -> None:
    ask(store)
    kept = store.checkpoint().note
    store.close()
    with by_hand(home) as db:
        without_triggers(db)
        db.execute("DELETE FROM node WHERE level > 0")
    with pytest.raises(StoreDamaged, match="lacks node"):
        Store.open(home, clock)
    opened = Store.open_unchecked(home, clock)
    with pytest.raises(StoreDamaged):
        opened.check(kept)
    opened.close()


# --- looking at a log without opening it ----------------------------------------------------------


def test_a_log_that_is_refused_can_still_be_exported(
    store: Store, home: Path, clock: Clock, tmp_path: Path
) -> None:
    backup(home, tmp_path / "kept")
    ask(store)
    newest, key = store.checkpoint(), str(store.public_key)
    store.close()
    put_back(home, tmp_path / "kept")
    with pytest.raises(LogContradicted):
        Store.open(home, clock)
    found = verify(
        read_export(home).splitlines(keepends=True), public_key=key, outside=[newest.note]
    )
    assert found.faults[0].place == f"outside checkpoint of {newest.size} entries"


def test_exporting_needs_no_secret_key(store: Store, home: Path) -> None:
    store.close()
    (home / "keys" / "log.ed25519").unlink()
    whole = read_export(home)
    (home / "keys" / "log.pub").unlink()
    assert read_export(home) == whole


def test_there_is_nothing_to_export_where_there_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no log"):
        export_log(tmp_path, io.BytesIO())
    assert list(tmp_path.iterdir()) == []


# --- epochs ---------------------------------------------------------------------------------------


def lost(store: Store, home: Path, clock: Clock, tmp_path: Path) -> str:
    """Put an old backup back; answer the checkpoint that contradicts it."""
    backup(home, tmp_path / "kept")
    ask(store)
    ask(store, key="day-oven")
    newest = store.checkpoint().note
    store.close()
    put_back(home, tmp_path / "kept")
    return newest


def test_two_persons_begin_an_epoch_that_names_what_is_lost(
    store: Store, home: Path, clock: Clock, tmp_path: Path
) -> None:
    newest = lost(store, home, clock, tmp_path)
    opened = Store.open_unchecked(home, clock)
    signed = opened.begin_epoch(by=(ADA, BEN), why="the disk died")
    opened.close()
    again = Store.open(home, clock)
    assert again.warnings == ()
    epoch = again.entries()[2].judgment
    assert epoch.payload == {
        "epoch": 2,
        "restored": 2,
        "checkpoint": newest,
        "lost_from": 2,
        "lost_to": 4,
        "signed_by": ["ada", "ben"],
    }
    assert (home / "checkpoint.epoch-1").read_text() == newest
    ask(again, key="third-oven")
    assert verified(again, signed.note).answer is Answer.SOUND
    told = verified(again, newest).faults[0]
    assert "by ada and ben" in told.why
    again.close()


def test_one_person_alone_can_not_begin_an_epoch(
    store: Store, home: Path, clock: Clock, tmp_path: Path
) -> None:
    lost(store, home, clock, tmp_path)
    opened = Store.open_unchecked(home, clock)
    with pytest.raises(BadEntry, match="two persons"):
        opened.begin_epoch(by=(ADA, Person("ada")), why="trust me")
    opened.close()


def test_no_epoch_begins_where_nothing_contradicts(store: Store, home: Path) -> None:
    with pytest.raises(BadEntry, match="no epoch"):
        store.begin_epoch(by=(ADA, BEN), why="a fresh start")
    (home / "checkpoint").unlink()
    with pytest.raises(BadEntry, match="no checkpoint"):
        store.begin_epoch(by=(ADA, BEN), why="a fresh start")


def test_entries_are_dated_by_the_clock(store: Store, clock: Clock) -> None:
    clock.now = datetime(2032, 2, 29, 23, 59, 58, tzinfo=UTC)
    store.note(said(Kind.FINDING))
    assert store.entries()[-1].at == datetime(2032, 2, 29, 23, 59, 59, tzinfo=UTC)
