"""Steps of a run: kept in order, masked, and followed from any of them."""

from __future__ import annotations

from sandbox import Outcome, Progress, Side
from service.changes import Stage
from service.worker.thread import Steps
from tests.unit.service.flow.parts import PlainFacts, cell
from tests.unit.service.worker.kit import Shop, until


def test_a_reader_who_was_at_any_step_gets_the_rest_in_order(shop: Shop) -> None:
    shop.prover.go.set()
    change = shop.ask()
    pool = shop.pool()
    until(lambda: shop.stage(change.id) is Stage.WAITING)
    until(lambda: pool.running() == ())
    pool.close(patience=5)
    steps = shop.following.steps(change.id)
    assert [s.body["stage"] for s in steps if s.kind == "stage"][-1] == "waiting"
    assert steps[-1].number == shop.following.newest()
    for number, step in enumerate(steps):
        assert shop.following.steps(change.id, after=step.number) == steps[number + 1 :]
    assert shop.following.steps(change.id, limit=2) == steps[:2]


def test_a_cell_is_kept_as_what_it_shows_and_secrets_are_blanked(shop: Shop) -> None:
    change = shop.ask()
    steps = Steps(shop.following, PlainFacts().mask)
    thread = steps.of(change.id)
    thread.say("key hunter2 \ud800 and \0 nothing")
    thread.progress(Progress("cell by cell", 1, 4, cell(Side.BASE, Outcome.HIT)))
    thread.progress(Progress("news"))
    thread.progress(Progress("news"))
    steps.close()
    said, one, news = shop.following.steps(change.id)
    assert said.body == {"text": "key **** ? and  nothing"}
    assert one.kind == "cell"
    assert one.body["done"] == 1
    assert one.body["cell"]["outcome"] == "hit"
    assert one.body["cell"]["fault"] == "mirror: cut (call 1)"
    assert news.body["cell"] is None


def test_who_listens_is_woken_after_each_step_until_they_stop(shop: Shop) -> None:
    change = shop.ask()
    woken: list[int] = []
    stop = shop.following.listen(lambda: woken.append(shop.following.newest()))
    shop.following.keep([(change.id, "say", {"text": "one"})])
    stop()
    shop.following.keep([(change.id, "say", {"text": "two"})])
    assert woken == [1]
