"""Backups: what comes back, what is refused, and what a loss takes to go on."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from service.app import backup, epoch
from service.app.people import People
from service.changes import Stage, UnknownChange
from service.errors import PawlError, UsageError
from service.ledger import Checkpoint, Kind, LogContradicted
from service.ledger.verify import verify
from service.people import No, Role
from service.store import Store
from tests.unit.service.people.kit import URL, WORDS, first, joined, quick, sign_in, yes
from tests.unit.service.store.conftest import Clock
from tests.unit.service.store.kit import ask, bring, digest

WHY = "the disk died and last night's backup was put back"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home", clock)
    yield opened
    opened.close()


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar"


def take(store: Store, tmp_path: Path, tar: Path, clock: Clock) -> backup.Taken:
    return backup.take(store, tmp_path / "home", tar, clock())


def exported(store: Store) -> bytes:
    out = BytesIO()
    store.export(out)
    return out.getvalue()


def test_what_was_backed_up_while_others_write_comes_back(
    store: Store, tmp_path: Path, tar: Path, clock: Clock
) -> None:
    change = bring(store, ask(store), Stage.WAITING)
    kept = store.artifacts.put(b"evidence")
    taken = take(store, tmp_path, tar, clock)
    later = ask(store, "later")
    assert tar.stat().st_mode & 0o777 == 0o600
    done = backup.put_back(tar, tmp_path / "back", clock, None)
    assert (done.lost, done.warnings) == ("", ())
    again = Store.open(tmp_path / "back", clock)
    try:
        assert again.get(change.id) == change
        assert again.artifacts.get(kept) == b"evidence"
        assert again.public_key == store.public_key
        with pytest.raises(UnknownChange):
            again.get(later.id)
        assert again.size == taken.entries + 1  # the sober note of putting it back
        assert again.audit() == ()
        outside = again.checkpoint()
        sound = verify(
            BytesIO(exported(again)), public_key=str(again.public_key), outside=(outside.note,)
        )
        assert sound.exit_code == 0
    finally:
        again.close()
    assert (tmp_path / "back/keys/log.ed25519").stat().st_mode & 0o777 == 0o600


def test_nothing_that_was_alive_in_a_backup_lives_on(
    store: Store, tmp_path: Path, tar: Path, clock: Clock
) -> None:
    people = People(store, clock, URL, hasher=quick())
    ada = first(people)
    entered = yes(sign_in(people, "ada"))
    _, invited = yes(people.invite(ada, name="Ben", login="ben", roles=(("*", Role.APPROVER),)))
    take(store, tmp_path, tar, clock)
    backup.put_back(tar, tmp_path / "back", clock, None)
    again = Store.open(tmp_path / "back", clock)
    try:
        there = People(again, clock, URL, hasher=quick())
        assert people.signed_in(entered.token) is not None
        assert there.signed_in(entered.token) is None
        assert isinstance(there.link(invited), No)
        assert not isinstance(sign_in(there, "ada"), No)
    finally:
        again.close()


def newer(store: Store, tmp_path: Path, tar: Path, clock: Clock) -> Checkpoint:
    """A backup of a store with two people, and a checkpoint that was signed after it."""
    people = People(store, clock, URL, hasher=quick())
    ada = first(people)
    joined(people, ada, "ben", Role.APPROVER)
    take(store, tmp_path, tar, clock)
    ask(store)
    return store.checkpoint()


def test_an_older_backup_goes_on_only_in_an_epoch_that_two_people_sign(
    store: Store, tmp_path: Path, tar: Path, clock: Clock
) -> None:
    outside = newer(store, tmp_path, tar, clock)
    back = tmp_path / "back"
    done = backup.put_back(tar, back, clock, outside.note)
    assert "are gone" in done.lost
    with pytest.raises(LogContradicted):
        Store.open(back, clock)

    def begin(*signers: tuple[str, str], why: str = WHY) -> Checkpoint | No:
        return epoch.begin(back, clock, signers, why, quick())

    both = (("ada", WORDS), ("ben", WORDS))
    for answer, code in (
        (begin(both[0]), "two-people"),
        (begin(both[0], both[0]), "two-people"),
        (begin(both[0], ("ben", "wrong words altogether")), "not-them"),
        (begin(both[0], ("nobody", WORDS)), "not-them"),
        (begin(*both, why="oops"), "short-reason"),
    ):
        assert isinstance(answer, No)
        assert answer.code == code
    with pytest.raises(LogContradicted):
        Store.open(back, clock)
    signed = begin(*both)
    assert isinstance(signed, Checkpoint)
    again = Store.open(back, clock)
    try:
        kinds = [entry.judgment.kind for entry in again.entries()]
        assert Kind.EPOCH in kinds
        entry = next(e for e in again.entries() if e.judgment.kind is Kind.EPOCH)
        assert len(entry.judgment.payload["signed_by"]) == 2
        assert again.warnings == ()
    finally:
        again.close()


def test_two_who_administer_nothing_begin_no_epoch(
    store: Store, tmp_path: Path, tar: Path, clock: Clock
) -> None:
    people = People(store, clock, URL, hasher=quick())
    ada = first(people)
    for login in ("ben", "cyn"):
        joined(people, ada, login, Role.APPROVER)
    answer = epoch.begin(tmp_path / "home", clock, (("ben", WORDS), ("cyn", WORDS)), WHY, quick())
    assert isinstance(answer, No)
    assert answer.code == "no-administrator"


def test_a_checkpoint_of_another_log_is_not_taken(
    store: Store, tmp_path: Path, tar: Path, clock: Clock
) -> None:
    take(store, tmp_path, tar, clock)
    other = Store.open(tmp_path / "other", clock)
    note = other.checkpoint().note
    other.close()
    for strange in (note, "nothing at all"):
        with pytest.raises(PawlError) as caught:
            backup.put_back(tar, tmp_path / "back", clock, strange)
        assert caught.value.code == "bad-checkpoint"
        assert not (tmp_path / "back").exists()


def test_nothing_is_written_over(store: Store, tmp_path: Path, tar: Path, clock: Clock) -> None:
    take(store, tmp_path, tar, clock)
    with pytest.raises(UsageError):
        take(store, tmp_path, tar, clock)
    with pytest.raises(UsageError):
        backup.put_back(tar, tmp_path / "home", clock, None)


def rewritten(tar: Path, name: str, data: bytes, *, link: str = "") -> None:
    """Put one more member at the end of a tar, or something else under a name that is there."""
    with tarfile.open(tar) as source:
        members = [(m, source.extractfile(m)) for m in source]
        kept = [(m, f.read() if f else b"") for m, f in members if m.name != name]
    with tarfile.open(tar, "w") as target:
        for member, content in kept:
            target.addfile(member, BytesIO(content))
        fresh = tarfile.TarInfo(name)
        fresh.size = len(data)
        if link:
            fresh.type, fresh.linkname, fresh.size = tarfile.SYMTYPE, link, 0
        target.addfile(fresh, BytesIO(data))


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("../outside", ""),
        ("/etc/outside", ""),
        ("keys/../../outside", ""),
        ("keys/linked", "/etc/passwd"),
        ("artifacts/ab", "/"),
        (f"artifacts/aa/{'b' * 62}", ""),
        ("flow.sqlite", ""),
    ],
)
def test_a_tar_with_anything_else_in_it_is_no_backup(
    store: Store, tmp_path: Path, tar: Path, clock: Clock, name: str, link: str
) -> None:
    take(store, tmp_path, tar, clock)
    rewritten(tar, name, b"strange", link=link)
    with pytest.raises(PawlError) as caught:
        backup.put_back(tar, tmp_path / "back", clock, None)
    assert caught.value.code == "backup-damaged"
    assert not (tmp_path / "back").exists()
    assert not (tmp_path / "outside").exists()
    assert not list(tmp_path.glob(".back*"))


def test_half_a_tar_is_no_backup(store: Store, tmp_path: Path, tar: Path, clock: Clock) -> None:
    store.artifacts.put(digest("big").encode() * 10_000)
    take(store, tmp_path, tar, clock)
    data = tar.read_bytes()
    tar.write_bytes(data[: len(data) // 2])
    with pytest.raises(PawlError):
        backup.put_back(tar, tmp_path / "back", clock, None)
    assert not (tmp_path / "back").exists()
