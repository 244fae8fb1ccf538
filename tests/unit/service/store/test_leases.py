from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from service.changes import Change, LeaseLost, LeaseTaken
from service.store import Store
from tests.unit.service.store.conftest import Clock
from tests.unit.service.store.kit import ask, by_hand

LONG = timedelta(hours=1)  # no beat falls into a test


@pytest.fixture
def change(store: Store) -> Change:
    return ask(store)


def held_by(home: Path, **where: object) -> None:
    """Say of the lease that is held that it is held somewhere else."""
    with by_hand(home) as db:
        for column, value in where.items():
            db.execute(f"UPDATE lease SET {column} = ?", (value,))  # noqa: S608


@contextmanager
def abandoned(store: Store, home: Path, change: Change, **where: object) -> Iterator[None]:
    """A lease whose holder is not this process and will never give it back."""
    with store.lease(change.id, "the other one", LONG), by_hand(home) as db:
        row = db.execute("SELECT * FROM lease").fetchone()
    with by_hand(home) as db:
        db.execute(f"INSERT INTO lease VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608
    held_by(home, **where)
    yield


def test_a_second_holder_is_told_who_works_on_it(store: Store, change: Change) -> None:
    with (
        store.lease(change.id, "worker 1", LONG),
        pytest.raises(LeaseTaken, match="worker 1") as caught,
        store.lease(change.id, "worker 2", LONG),
    ):
        pass
    assert caught.value.holder == "worker 1"


def test_another_store_on_the_same_folder_is_a_second_holder(
    store: Store, change: Change, home: Path, clock: Clock
) -> None:
    other = Store.open(home, clock)
    with (
        store.lease(change.id, "worker 1", LONG),
        pytest.raises(LeaseTaken),
        other.lease(change.id, "worker 2", LONG),
    ):
        pass
    other.close()


def test_a_lease_that_was_given_back_can_be_taken(store: Store, change: Change) -> None:
    with store.lease(change.id, "worker 1", LONG):
        pass
    with store.lease(change.id, "worker 2", LONG):
        pass


def test_a_lease_is_given_back_when_the_work_fails(store: Store, change: Change) -> None:
    with pytest.raises(ZeroDivisionError), store.lease(change.id, "worker 1", LONG):
        raise ZeroDivisionError
    with store.lease(change.id, "worker 2", LONG):
        pass


def test_leases_of_two_changes_do_not_meet(store: Store, change: Change) -> None:
    other = ask(store, key="day-oven")
    with store.lease(change.id, "worker 1", LONG), store.lease(other.id, "worker 2", LONG):
        pass


def dead_pid() -> int:
    """The number of a process that was and is no more."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_the_lease_of_a_dead_process_is_taken_over_at_once(
    store: Store, change: Change, home: Path
) -> None:
    with (
        abandoned(store, home, change, pid=dead_pid()),
        store.lease(change.id, "worker 2", LONG),
    ):
        pass


def test_a_process_that_only_has_the_number_of_the_dead_one_is_not_the_holder(
    store: Store, change: Change, home: Path
) -> None:
    with (
        abandoned(store, home, change, started="1"),
        store.lease(change.id, "worker 2", LONG),
    ):
        pass


def test_a_lease_from_before_the_machine_was_started_again_is_taken_over(
    store: Store, change: Change, home: Path
) -> None:
    with (
        abandoned(store, home, change, boot="an earlier one"),
        store.lease(change.id, "worker 2", LONG),
    ):
        pass


def test_a_living_process_keeps_its_lease_however_long_it_takes(
    store: Store, change: Change, home: Path, clock: Clock
) -> None:
    with abandoned(store, home, change):
        clock.pass_by(timedelta(days=2))
        with pytest.raises(LeaseTaken), store.lease(change.id, "worker 2", LONG):
            pass


ELSEWHERE = {
    "another machine": {"node": "far-away", "boot": "its own", "namespace": "its own"},
    "another container": {"node": "pawl-7f", "namespace": "pid:[7]"},
}


@pytest.mark.parametrize("where", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_lease_held_elsewhere_ends_by_time_alone(
    store: Store, change: Change, home: Path, clock: Clock, where: dict[str, str]
) -> None:
    with abandoned(store, home, change, pid=dead_pid(), **where):
        clock.pass_by(timedelta(minutes=50))
        with pytest.raises(LeaseTaken), store.lease(change.id, "worker 2", LONG):
            pass
        clock.pass_by(timedelta(minutes=11))
        with store.lease(change.id, "worker 2", LONG):
            pass


def test_renewing_moves_the_end(store: Store, change: Change, home: Path, clock: Clock) -> None:
    with store.lease(change.id, "worker 1", LONG) as lease:
        clock.pass_by(timedelta(minutes=50))
        lease.renew()
        held_by(home, **ELSEWHERE["another machine"])
        clock.pass_by(timedelta(minutes=50))
        with pytest.raises(LeaseTaken), store.lease(change.id, "worker 2", LONG):
            pass


def test_a_lease_renews_itself_while_the_work_goes_on(
    store: Store, change: Change, home: Path
) -> None:
    def until() -> str:
        with by_hand(home) as db:
            return str(db.execute("SELECT until FROM lease").fetchone()[0])

    with store.lease(change.id, "worker 1", timedelta(milliseconds=60)):
        first, patience = until(), time.monotonic() + 20
        while until() == first:
            assert time.monotonic() < patience, "no beat came"


def test_who_lost_a_lease_learns_it_and_does_not_give_back_the_other_ones(
    store: Store, change: Change, home: Path
) -> None:
    with store.lease(change.id, "worker 1", LONG) as lease:
        held_by(home, token="of somebody else", holder="worker 2")  # noqa: S106
        with pytest.raises(LeaseLost):
            lease.renew()
    with pytest.raises(LeaseTaken, match="worker 2"), store.lease(change.id, "worker 3", LONG):
        pass
