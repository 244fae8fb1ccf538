"""Each row of what an endpoint can do wrong ends in a named state, and nothing is lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from agents import AgentError
from agents.model_planner.asking import Asking, Declined, Role
from agents.model_planner.http import Endpoint
from agents.model_planner.wire import Profile, Rung
from service.app.calls import Budget, Calls, Price
from service.ledger import Kind
from service.store import Store
from service.store.calls import CallRow
from tests.fake_model import FakeModel, Says, model, prompt_of, says
from tests.unit.service.store.conftest import Clock
from tests.unit.service.store.kit import ask

pytestmark = pytest.mark.enable_socket


class Fruit(BaseModel):
    name: str = Field(max_length=20)
    count: int


ROLE = Role("planner", "a-model", "You name fruit.", "f" * 64, tokens=50)
FRUIT = says({"name": "plum", "count": 3})


@dataclass
class Bench:
    store: Store
    change: str
    calls: Calls

    def asking(self, fake: FakeModel, **more: Any) -> Asking:
        seconds = more.pop("seconds", 20.0)
        more = {"back_off": 0.01, "nonce": "n0nce", "change": self.change, **more}
        endpoint = Endpoint(fake.url, "the-key", seconds)
        return Asking(endpoint.post, more.pop("ledger", self.calls), **more)

    def rows(self) -> tuple[CallRow, ...]:
        with self.store.reading() as view:
            return view.calls.of(self.change)

    def logged(self) -> list[dict[str, Any]]:
        return [
            dict(e.judgment.payload)
            for e in self.store.events(self.change)  # type: ignore[arg-type]
            if e.judgment.kind is Kind.MODEL_CALL
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = Store.open(tmp_path / "home", Clock())
    yield Bench(store, ask(store).id, Calls(store, Budget(100_000, 1_000_000), Price()))
    store.close()


def test_an_answer_of_the_right_shape_is_taken_and_put_on_record(bench: Bench) -> None:
    with model([FRUIT]) as fake:
        assert bench.asking(fake).value(ROLE, "Which fruit?", Fruit) == Fruit(name="plum", count=3)
    assert fake.keys == ["Bearer the-key"]
    assert fake.asked[0]["response_format"]["json_schema"]["strict"] is True
    (row,) = bench.rows()
    assert (row.state, row.status, row.prompt, row.completion) == ("done", 200, 100, 20)
    (said,) = bench.logged()
    assert (said["prompt_tokens"], said["template"]) == (100, "f" * 64)
    assert b"the-key" not in bench.store.artifacts.get(row.request)  # type: ignore[arg-type]


def test_the_same_question_again_is_answered_without_a_call(bench: Bench) -> None:
    with model([FRUIT]) as fake:
        first = bench.asking(fake).value(ROLE, "Which fruit?", Fruit)
        assert bench.asking(fake).value(ROLE, "Which fruit?", Fruit) == first
    assert len(fake.asked) == 1


def test_another_change_pays_for_its_own_answer(bench: Bench) -> None:
    other = ask(bench.store, "other").id
    with model([FRUIT, FRUIT]) as fake:
        bench.asking(fake).value(ROLE, "Which fruit?", Fruit)
        bench.asking(fake, change=other).value(ROLE, "Which fruit?", Fruit)
    assert len(fake.asked) == 2


TABLE: dict[str, tuple[list[Says], str, int]] = {
    # name: what the endpoint does, the code, how many requests
    "429": ([Says(status=429, body=b"{}")] * 3, "model-busy", 3),
    "429-for-long": (
        [Says(status=429, body=b"{}", headers={"Retry-After": "120"})],
        "model-busy",
        1,
    ),
    "quota": (
        [Says(status=429, body=b'{"error": {"code": "insufficient_quota", "message": "no"}}')],
        "model-quota",
        1,
    ),
    "500": ([Says(status=500, body=b"{}")] * 3, "model-down", 3),
    "html-502": ([Says(status=502, body=b"<html>bad gateway")] * 3, "model-down", 3),
    "408": ([Says(status=408, body=b"{}")] * 3, "model-down", 3),
    "409": ([Says(status=409, body=b"{}")] * 3, "model-busy", 3),
    "401": ([Says(status=401, body=b"{}")], "model-key-refused", 1),
    "404": ([Says(status=404, body=b"{}")], "model-not-found", 1),
    "too-long": (
        [Says(status=400, body=b'{"error": {"message": "exceeds the context size of 4096"}}')],
        "model-too-long",
        1,
    ),
    "login-page": ([Says(body=b"<!doctype html><form>")], "model-not-an-api", 1),
    "redirect": (
        [Says(status=302, body=b"", headers={"Location": "http://127.0.0.1:1/"})],
        "model-not-an-api",
        1,
    ),
    "bad-json": ([Says(body=b'{"choices": [')] * 3, "model-bad-json", 3),
    "empty-body": ([Says(body=b"")] * 3, "model-bad-json", 3),
    "deep-json": ([Says(body=b"[" * 100_000)] * 3, "model-bad-json", 3),
    "another-shape": ([Says(body=b'{"hello": 1}')], "model-no-choices", 1),
    "a-list": ([Says(body=b"[]")], "model-no-choices", 1),
    "error-inside": ([Says(body=b'{"error": "overloaded"}')] * 3, "model-error-inside", 3),
    "no-choices": ([Says(body=b'{"choices": []}')], "model-no-choices", 1),
    "closed": ([Says(does="close")] * 3, "model-cut-off", 3),
    "huge": ([Says("x" * (5 << 20))], "model-too-much", 1),
}


@pytest.mark.parametrize("row", TABLE)
def test_a_fault_of_the_endpoint_is_an_error_with_a_name(bench: Bench, row: str) -> None:
    script, code, requests = TABLE[row]
    with model(list(script)) as fake, pytest.raises(AgentError) as caught:
        bench.asking(fake).value(ROLE, "Which fruit?", Fruit)
    assert (caught.value.code, len(fake.asked)) == (code, requests)
    assert {r.state for r in bench.rows()} == {"failed"}
    assert len(bench.logged()) == requests
    with model([FRUIT]) as mended:  # the same again, when the endpoint is well
        answer = bench.asking(mended).value(ROLE, "Which fruit?", Fruit)
    assert answer == Fruit(name="plum", count=3)


DECLINED: dict[str, tuple[list[Says], str]] = {
    "refusal": ([Says(None, refusal="I'd rather not.")], "model-refused"),
    "filtered": ([Says(None, finish="content_filter")], "model-filtered"),
    "cut-twice": ([Says('{"na', finish="length")] * 2, "model-cut-short"),
    "empty": ([Says("")], "model-empty"),
    "unknown-finish": ([Says("{}", finish="sleepy")], "model-unknown-finish"),
    "no-finish": ([Says("{}", finish=None)], "model-unknown-finish"),
    "a-tool": (
        [Says(None, finish="tool_calls", message={"tool_calls": [{"id": "1"}]})],
        "model-unasked-tool",
    ),
    "wrong-shape": ([says({"name": 3})] * 3, "model-wrong-shape"),
}


@pytest.mark.parametrize("row", DECLINED)
def test_what_the_model_will_not_answer_is_an_answer(bench: Bench, row: str) -> None:
    script, code = DECLINED[row]
    with model(list(script)) as fake:
        answer = bench.asking(fake).value(ROLE, "Which fruit?", Fruit)
    assert isinstance(answer, Declined)
    assert answer.code == code
    assert len(fake.asked) == len(script)
    assert {r.state for r in bench.rows()} == {"done"}  # paid, and never paid again
    assert {r.charged for r in bench.rows()} == {120}
    with model([]) as fake:
        assert bench.asking(fake).value(ROLE, "Which fruit?", Fruit) == answer


def test_a_wrong_shape_is_mended_with_the_complaint(bench: Bench) -> None:
    with model([says({"name": "plum"}), Says(FRUIT.content, expect="count: Field required")]) as f:
        assert bench.asking(f).value(ROLE, "Which fruit?", Fruit) == Fruit(name="plum", count=3)


def test_a_cut_answer_gets_one_larger_try_and_is_never_used(bench: Bench) -> None:
    with model([Says('{"name": "plum", "count": 3}', finish="length"), FRUIT]) as fake:
        assert bench.asking(fake).value(ROLE, "Which fruit?", Fruit) == Fruit(name="plum", count=3)
    assert [a["max_tokens"] for a in fake.asked] == [50, 100]


def test_one_code_fence_around_the_answer_is_taken_off(bench: Bench) -> None:
    with model([Says(f"Here:\n```json\n{FRUIT.content}\n```\nBye.")]) as fake:
        assert bench.asking(fake).value(ROLE, "Which fruit?", Fruit) == Fruit(name="plum", count=3)


def test_an_endpoint_that_takes_no_schema_is_asked_lower_down_the_ladder(bench: Bench) -> None:
    no = Says(status=400, body=b'{"error": {"message": "unknown field response_format"}}')
    found: list[Profile] = []
    with model([no, no, Says(FRUIT.content, expect="fits this JSON schema")]) as fake:
        asking = bench.asking(fake, found=found.append)
        assert asking.value(ROLE, "Which fruit?", Fruit) == Fruit(name="plum", count=3)
    kinds = [a.get("response_format", {}).get("type") for a in fake.asked]
    assert kinds == ["json_schema", "json_object", None]
    assert [p.rung for p in found] == [Rung.JSON_OBJECT, Rung.TEXT]
    assert [r.charged for r in bench.rows()] == [0, 0, 120]  # a refusal costs nothing


def test_an_endpoint_that_wants_the_other_limit_gets_it(bench: Bench) -> None:
    no = Says(
        status=400,
        body=b'{"error": {"message": "max_tokens: use max_completion_tokens instead"}}',
    )
    with model([no, FRUIT]) as fake:
        assert isinstance(bench.asking(fake).value(ROLE, "Which fruit?", Fruit), Fruit)
    assert "max_completion_tokens" in fake.asked[1]
    assert fake.asked[1]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize("does", ["hang", "drip", "head-drip"])
def test_a_deadline_holds_over_the_whole_answer(bench: Bench, does: str) -> None:
    began = time.monotonic()
    with model([Says(FRUIT.content, does=does)]) as fake, pytest.raises(AgentError) as caught:
        bench.asking(fake, seconds=0.6).value(ROLE, "Which fruit?", Fruit)
    assert caught.value.code == "model-timeout"
    assert time.monotonic() - began < 10
    (row,) = bench.rows()
    assert (row.state, row.charged) == ("failed", row.reserved)  # it may have cost


def test_nobody_there_is_said_and_costs_nothing(bench: Bench) -> None:
    with model([]) as fake:
        url = fake.url
    asking = Asking(Endpoint(url).post, bench.calls, bench.change, "n0nce", back_off=0.01)
    with pytest.raises(AgentError) as caught:
        asking.value(ROLE, "Which fruit?", Fruit)
    assert caught.value.code == "model-unreachable"
    assert sum(r.charged for r in bench.rows()) == 0


class Halt(Exception):
    """Somebody asked to stop."""


def stop_when_asked(fake: FakeModel, stop: threading.Event) -> None:
    fake.until(1)
    stop.set()


def test_a_stop_ends_a_call_that_hangs(bench: Bench) -> None:
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Halt

    with model([Says(does="hang")]) as fake:
        threading.Thread(target=stop_when_asked, args=(fake, stop)).start()
        with pytest.raises(Halt):
            bench.asking(fake, check=check).value(ROLE, "Which fruit?", Fruit)
    (row,) = bench.rows()
    assert (row.state, row.code, row.charged) == ("failed", "stopped", row.reserved)


def test_a_budget_refuses_before_anything_is_sent(bench: Bench) -> None:
    bench.calls.budget = Budget(change=250, day=100_000)
    with model([FRUIT]) as fake:
        asking = bench.asking(fake)
        asking.value(ROLE, "Which fruit?", Fruit)
        with pytest.raises(AgentError, match="120 of 250 tokens") as caught:
            asking.value(ROLE, "Which other fruit?", Fruit)
    assert caught.value.code == "model-budget-change"
    assert len(fake.asked) == 1
    last = bench.store.events(bench.change)[-1].judgment  # type: ignore[arg-type]
    assert last.kind is Kind.BUDGET_SPENT


def test_the_budget_of_a_day_counts_all_changes_and_ends_with_the_day(tmp_path: Path) -> None:
    from datetime import timedelta

    clock = Clock()
    store = Store.open(tmp_path / "home", clock)
    calls = Calls(store, Budget(change=100_000, day=250))
    one, two = ask(store).id, ask(store, "two").id
    bench = Bench(store, one, calls)
    with model([FRUIT, FRUIT]) as fake:
        bench.asking(fake).value(ROLE, "Which fruit?", Fruit)
        with pytest.raises(AgentError) as caught:
            bench.asking(fake, change=two).value(ROLE, "Which fruit?", Fruit)
        clock.pass_by(timedelta(days=1))
        assert isinstance(bench.asking(fake, change=two).value(ROLE, "Which fruit?", Fruit), Fruit)
    assert caught.value.code == "model-budget-day"
    store.close()


def test_a_call_that_was_sent_and_never_came_back_stays_charged(bench: Bench) -> None:
    number = bench.calls.begin(
        change=bench.change,
        role="planner",
        model="m",
        template="t",
        digest="d",
        request=b"{}",
        reserve=99_990,
    )
    assert number == 1
    with model([]) as fake, pytest.raises(AgentError) as caught:
        bench.asking(fake).value(ROLE, "Which fruit?", Fruit)
    assert caught.value.code == "model-budget-change"
    assert bench.calls.find(bench.change, "d") is None


def test_what_is_asked_has_one_name_whatever_the_nonce(bench: Bench) -> None:
    with model([FRUIT]) as fake:
        bench.asking(fake, nonce="aaaa1111").value(ROLE, "Which? aaaa1111", Fruit)
        bench.asking(fake, nonce="bbbb2222").value(ROLE, "Which? bbbb2222", Fruit)
    assert len(fake.asked) == 1


def test_prices_are_counted_in_millionths(bench: Bench) -> None:
    from decimal import Decimal

    bench.calls.price = Price(Decimal("2.5"), Decimal("10"))
    with model([FRUIT]) as fake:
        bench.asking(fake).value(ROLE, "Which fruit?", Fruit)
    assert bench.calls.spent(bench.change).cost == 450
    assert bench.logged()[0]["cost"] == 450


def test_an_answer_without_usage_is_estimated_and_says_so(bench: Bench) -> None:
    with model([Says(FRUIT.content, usage=None)]) as fake:
        bench.asking(fake).value(ROLE, "Which fruit?", Fruit)
    (row,) = bench.rows()
    assert row.estimated
    assert row.prompt > 20


def test_all_that_was_answered_for_a_change_can_be_taken_along(bench: Bench) -> None:
    with model([FRUIT]) as fake:
        bench.asking(fake).value(ROLE, "Which fruit?", Fruit)
    cassette = json.loads(json.dumps(bench.calls.cassette(bench.change)))
    (call,) = cassette["calls"]
    assert prompt_of(call["request"]) == prompt_of(fake.asked[0])
    assert json.loads(call["reply"])["choices"][0]["message"]["content"] == FRUIT.content
