"""What the pool runs, when, and what it leaves behind."""

from __future__ import annotations

from sandbox import SandboxError
from service.changes import Move, Stage, System
from service.ledger import Judgment, Kind
from tests.unit.service.worker.kit import Shop, until


def test_open_changes_are_picked_up_at_the_start_and_run_until_they_wait(shop: Shop) -> None:
    shop.prover.go.set()
    first, second = shop.ask("a"), shop.ask("b")
    shop.pool()
    until(lambda: {shop.stage(first.id), shop.stage(second.id)} == {Stage.WAITING})


def test_what_is_asked_later_runs_when_it_is_woken(shop: Shop) -> None:
    shop.prover.go.set()
    pool = shop.pool()
    change = shop.ask()
    pool.wake(change.id)
    until(lambda: shop.stage(change.id) is Stage.WAITING)
    until(lambda: pool.running() == ())
    assert pool.queued() == ()


def test_never_more_run_at_once_than_there_is_room_for(shop: Shop) -> None:
    changes = [shop.ask(f"k{n}") for n in range(5)]
    pool = shop.pool(at_once=2)
    until(lambda: shop.prover.at_work == 2)
    assert len(pool.running()) == 2
    assert set(pool.running()) | set(pool.queued()) == {c.id for c in changes}
    shop.prover.go.set()
    until(lambda: all(shop.stage(c.id) is Stage.WAITING for c in changes))
    assert shop.prover.most == 2


def test_without_an_engine_changes_wait_and_the_state_says_why(shop: Shop) -> None:
    shop.bench.missing = SandboxError("no Docker here", code="engine-down", mend="start it")
    shop.prover.go.set()
    change = shop.ask()
    pool = shop.pool()
    until(lambda: "engine-down" in pool.state()["engine"]["text"])
    assert pool.state()["engine"]["ok"] is False
    assert "start it" in pool.state()["engine"]["text"]
    assert shop.stage(change.id) is Stage.ASKED
    shop.bench.missing = None
    until(lambda: shop.stage(change.id) is Stage.WAITING)
    assert pool.state()["engine"] == {"ok": True, "text": "ready", "code": ""}


def test_an_engine_that_goes_away_costs_a_change_nothing(shop: Shop) -> None:
    shop.prover.go.set()
    shop.prover.errors = [SandboxError("gone", code="engine-down") for _ in range(6)]
    change = shop.ask()
    pool = shop.pool()
    until(lambda: shop.stage(change.id) is Stage.WAITING)
    assert pool.left() == ()


def test_a_run_that_fails_is_tried_again_thrice_and_then_left_until_woken(shop: Shop) -> None:
    shop.prover.go.set()
    shop.prover.errors = [SandboxError("token=hunter2 odd", code="put-failed") for _ in range(4)]
    change = shop.ask()
    pool = shop.pool()
    until(lambda: pool.left() == (change.id,))
    until(lambda: pool.running() == ())
    assert shop.stage(change.id) is Stage.PLANNED
    assert not shop.prover.errors
    until(lambda: any("left here" in text for text in shop.texts(change.id)))
    said = [text for text in shop.texts(change.id) if "put-failed" in text]
    assert len(said) == 4
    assert not any("hunter2" in text for text in said)
    pool.wake(change.id)
    until(lambda: shop.stage(change.id) is Stage.WAITING)
    assert pool.left() == ()


def test_frozen_agents_run_nothing_until_they_are_not(shop: Shop) -> None:
    shop.prover.go.set()
    shop.people.frozen = True
    change = shop.ask()
    pool = shop.pool()
    pool.wake(change.id)
    until(lambda: pool.queued() == () and pool.running() == ())
    assert shop.stage(change.id) is Stage.ASKED
    shop.people.frozen = False
    until(lambda: shop.stage(change.id) is Stage.WAITING)


def test_stopping_ends_a_run_after_its_step_and_nobody_goes_on_by_itself(shop: Shop) -> None:
    change = shop.ask()
    pool = shop.pool()
    until(lambda: shop.prover.at_work == 1)
    assert pool.stop(change.id)
    shop.prover.go.set()
    until(lambda: pool.running() == ())
    assert shop.stage(change.id) is Stage.PROVEN
    until(lambda: any(text.startswith("stopped") for text in shop.texts(change.id)))
    assert pool.queued() == ()
    assert not pool.stop(change.id)
    pool.wake(change.id)
    until(lambda: shop.stage(change.id) is Stage.WAITING)


def test_a_closing_pool_ends_the_step_and_the_next_one_goes_on_from_there(shop: Shop) -> None:
    change = shop.ask()
    pool = shop.pool()
    until(lambda: shop.prover.at_work == 1)
    shop.prover.go.set()
    pool.close(patience=10)
    assert shop.bench.closed
    assert shop.stage(change.id) in (Stage.PLANNED, Stage.PROVEN, Stage.WAITING)
    shop.pool()
    until(lambda: shop.stage(change.id) is Stage.WAITING)
    assert shop.prover.proofs == 1


def test_a_change_that_somebody_else_holds_is_tried_later(shop: Shop) -> None:
    shop.prover.go.set()
    change = shop.ask()
    with shop.store.lease(change.id, "another"):
        pool = shop.pool()
        until(lambda: pool.queued() == (change.id,) and pool.running() == ())
    pool.wake(change.id)
    until(lambda: shop.stage(change.id) is Stage.WAITING)


def test_a_change_that_was_withdrawn_under_its_run_is_no_failure(shop: Shop) -> None:
    change = shop.ask()
    pool = shop.pool()
    until(lambda: shop.prover.at_work == 1)
    shop.store.record(
        change.id,
        Move(Stage.WITHDRAWN),
        Judgment(Kind.WITHDRAWN, System("test"), change.id, "no longer wanted"),
    )
    shop.prover.go.set()
    until(lambda: pool.running() == ())
    assert pool.left() == ()
    assert not any("could not go on" in text for text in shop.texts(change.id))


def test_changes_of_folders_are_not_the_services(shop: Shop) -> None:
    shop.prover.go.set()
    change, other = shop.ask("a"), shop.ask("b")
    pool = shop.pool(here=lambda c: c.id != other.id)
    pool.wake(other.id)
    until(lambda: shop.stage(change.id) is Stage.WAITING)
    until(lambda: pool.running() == () and pool.queued() == ())
    assert shop.stage(other.id) is Stage.ASKED


def test_the_clock_expires_reaps_and_signs_the_log(shop: Shop) -> None:
    shop.prover.go.set()
    pool = shop.pool()
    change = shop.ask()
    pool.wake(change.id)
    until(lambda: shop.stage(change.id) is Stage.WAITING)
    until(lambda: shop.people.expired > 1 and shop.bench.reaped > 0)

    def signed() -> bool:
        newest = shop.store.latest_checkpoint()
        return newest is not None and newest.size == shop.store.size

    until(signed)
    assert shop.store.size > 5
