"""What is left when a process dies in the middle, and when two work at once. Processes are real."""

from __future__ import annotations

import os
import random
import select
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from service.changes import Move, Stage
from service.ledger import Kind
from service.ledger.verify import Answer
from service.store import Store
from tests.unit.service.store.kit import ask, bring, said, verified

KILLS = 25
WAIT = 20.0  # seconds until a child that says nothing counts as hung


def clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - real processes, real time


def child(home: Path, work: Callable[[Store, Callable[[int], None]], None]) -> tuple[int, int]:
    """Start a process that opens the store and works; answer its id and what it tells us by."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:  # never back into pytest
        os.close(reading)
        store = Store.open(home, clock)
        work(store, lambda number: _tell(writing, number))
        store.close()
    finally:
        os._exit(0)


def _tell(pipe: int, number: int) -> None:
    os.write(pipe, b"%08d\n" % number)


def hear(pipe: int) -> int | None:
    """The next number that a child tells; None when it has nothing more to say."""
    ready, _, _ = select.select([pipe], [], [], WAIT)
    assert ready, "the child hangs"
    told = os.read(pipe, 9)
    return int(told) if told else None


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_log_is_sound_and_loses_nothing_however_often_its_writer_is_killed(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    store = Store.open(home, clock)
    outside = store.checkpoint().note
    store.close()
    chance = random.Random(7)  # noqa: S311 - where to kill, no secret

    def write(store: Store, tell: Callable[[int], None]) -> None:
        number = 0
        while True:
            number += 1
            change = ask(store, key=f"oven {os.getpid()} {number}")
            tell(store.note(said(Kind.FINDING, change.id)))
            store.record(change.id, Move(Stage.SURVEYED), said(Kind.SURVEYED), [said(Kind.TRIAL)])
            tell(store.note_all([said(Kind.FINDING)] * 5)[-1])
            if number % 3 == 0:
                tell(store.checkpoint().size - 1)

    for _ in range(KILLS):
        pid, pipe = child(home, write)
        acknowledged = -1
        for _ in range(chance.randrange(1, 12)):
            acknowledged = hear(pipe) or acknowledged
        kill(pid)
        os.close(pipe)
        store = Store.open(home, clock)
        assert store.size > acknowledged
        assert store.audit() == ()
        assert verified(store, outside).answer is Answer.SOUND
        outside = store.checkpoint().note
        store.close()


def test_two_processes_append_to_one_log_without_gap(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = Store.open(home, clock)
    before = store.size

    def write(store: Store, tell: Callable[[int], None]) -> None:
        for _ in range(40):
            tell(store.note(said(Kind.FINDING)))
            change = ask(store, key=f"oven {os.getpid()}")
            bring(store, change, Stage.SURVEYED)
            store.record(change.id, Move(Stage.WITHDRAWN), said(Kind.WITHDRAWN))
        store.checkpoint()

    store.close()
    children = [child(home, write) for _ in range(2)]
    told: list[int] = []
    for _, pipe in children:
        while (number := hear(pipe)) is not None:
            told.append(number)
    for pid, pipe in children:
        assert os.waitpid(pid, 0)[1] == 0
        os.close(pipe)
    store = Store.open(home, clock)
    assert len(set(told)) == len(told) == 80
    written = [
        e for e in store.entries(newest=10_000) if e.judgment.kind is not Kind.CHECKPOINT_SIGNED
    ]
    assert len(written) == before - 1 + 2 * 40 * 4
    assert store.audit() == ()
    assert verified(store, store.checkpoint().note).answer is Answer.SOUND
    store.close()


def test_a_lease_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = Store.open(home, clock)
    change = ask(store)
    store.close()

    def work(store: Store, tell: Callable[[int], None]) -> None:
        with store.lease(change.id, "the one that dies"):
            tell(1)
            signal.pause()

    pid, pipe = child(home, work)
    assert hear(pipe) == 1
    kill(pid)
    os.close(pipe)
    store = Store.open(home, clock)
    with store.lease(change.id, "the one that lives"):
        pass
    store.close()
