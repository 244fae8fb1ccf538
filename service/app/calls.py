"""The ledger of calls to models: budget, audit, replay after a crash and cassette in one.

A call is on record, its tokens reserved, before it is sent; its raw reply is kept before anything
is read out of it. A call that was sent and never came back stays charged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Any

from agents import AgentError
from service.changes import Agent, ChangeId, Digest
from service.ledger import Judgment, Kind
from service.store import Store
from service.store.calls import CallRow


@dataclass(frozen=True)
class Budget:
    """Tokens that models may take."""

    change: int
    day: int


@dataclass(frozen=True)
class Price:
    """What a million tokens cost, of the question and of the answer."""

    prompt: Decimal = Decimal(0)
    completion: Decimal = Decimal(0)

    def of(self, prompt: int, completion: int) -> int:
        """The cost in millionths, rounded up."""
        exact = self.prompt * prompt + self.completion * completion
        return int(exact.to_integral_value(ROUND_UP))


@dataclass(frozen=True)
class Spent:
    """What a change or a day has taken so far."""

    tokens: int
    cost: int  # millionths of the currency that the prices are set in
    calls: int


@dataclass
class Calls:
    """A `Ledger` of the model planner over the store. May be used from several threads."""

    store: Store
    budget: Budget
    price: Price = field(default_factory=Price)

    def find(self, change: str, digest: str) -> tuple[int, bytes] | None:
        with self.store.reading() as view:
            row = view.calls.found(change, digest)
        if row is None or row.reply is None:
            return None
        return row.status, self.store.artifacts.get(Digest(row.reply))

    def begin(
        self,
        *,
        change: str,
        role: str,
        model: str,
        template: str,
        digest: str,
        request: bytes,
        reserve: int,
    ) -> int:
        kept = self.store.artifacts.put(request)
        over: AgentError | None = None
        with self.store.writing() as work:
            number = work.calls.next_number()
            row = _row(
                number,
                change,
                role,
                work.now,
                model=model,
                template=template,
                digest=digest,
                state="sent",
                request=kept,
                reserved=reserve,
            )
            for which, limit, spent in (
                ("change", self.budget.change, work.calls.spent(change=change)),
                ("day", self.budget.day, work.calls.spent(day=row.day)),
            ):
                if spent + reserve > limit:
                    over = _over(which, limit, spent, reserve)
                    work.note(_stop(row, which, limit, spent, str(over)))
                    break
            else:
                work.calls.add(row)
        if over is not None:
            raise over
        return number

    def done(
        self,
        number: int,
        status: int,
        body: bytes,
        *,
        prompt: int,
        completion: int,
        estimated: bool,
    ) -> None:
        reply = self.store.artifacts.put(body)
        cost = self.price.of(prompt, completion)
        with self.store.writing() as work:
            row = work.calls.get(number)
            if not work.calls.end(
                number,
                state="done",
                status=status,
                reply=reply,
                charged=prompt + completion,
                prompt=prompt,
                completion=completion,
                estimated=estimated,
                cost=cost,
                ended_at=work.now,
            ):
                return
            why = f"{row.role}: asked with {prompt} tokens, answered with {completion}"
            said = {"prompt_tokens": prompt, "completion_tokens": completion, "cost": cost}
            work.note(_called(row, why, reply, estimated=estimated, **said))

    def failed(
        self, number: int, code: str, *, charged: bool, status: int = 0, body: bytes | None = None
    ) -> None:
        reply = None if body is None else self.store.artifacts.put(body)
        with self.store.writing() as work:
            row = work.calls.get(number)
            tokens = row.reserved if charged else 0
            if not work.calls.end(
                number,
                state="failed",
                status=status,
                reply=reply,
                charged=tokens,
                code=code,
                ended_at=work.now,
            ):
                return
            why = f"{row.role}: no answer ({code})"
            work.note(_called(row, why, reply, code=code, status=status, charged=tokens))

    def recall(self, change: str, key: str) -> bytes | None:
        with self.store.reading() as view:
            row = view.calls.found(change, key, "kept")
        if row is None or row.reply is None:
            return None
        return self.store.artifacts.get(Digest(row.reply))

    def remember(self, change: str, key: str, what: bytes) -> None:
        kept = self.store.artifacts.put(what)
        with self.store.writing() as work:
            work.calls.add(
                _row(
                    work.calls.next_number(),
                    change,
                    "trial",
                    work.now,
                    digest=key,
                    state="kept",
                    reply=kept,
                    ended_at=work.now,
                )
            )

    # --- readouts and audits --------------------------------------------------------------

    def spent(self, change: str) -> Spent:
        """What a change has taken so far."""
        with self.store.reading() as view:
            rows = [row for row in view.calls.of(change) if row.state != "kept"]
            tokens = view.calls.spent(change=change)
        return Spent(tokens, sum(row.cost for row in rows), len(rows))

    def cassette(self, change: str) -> dict[str, Any]:
        """All that models answered for a change, so that it can be run again without them."""
        with self.store.reading() as view:
            rows = view.calls.of(change)
        get = self.store.artifacts.get
        return {
            "schema": "cassette/v1",
            "calls": [
                {
                    "role": row.role,
                    "model": row.model,
                    "digest": row.digest,
                    "request": json.loads(get(Digest(row.request))),
                    "status": row.status,
                    "reply": get(Digest(row.reply)).decode("utf-8", "replace"),
                }
                for row in rows
                if row.state == "done" and row.request is not None and row.reply is not None
            ],
            "trials": {
                row.digest: get(Digest(row.reply)).decode("utf-8", "replace")
                for row in rows
                if row.state == "kept" and row.reply is not None
            },
        }


def _row(number: int, change: str, role: str, now: datetime, **said: Any) -> CallRow:
    known: Mapping[str, Any] = {
        "model": "",
        "template": "",
        "code": "",
        "status": 0,
        "request": None,
        "reply": None,
        "reserved": 0,
        "charged": 0,
        "prompt": 0,
        "completion": 0,
        "estimated": False,
        "cost": 0,
        "ended_at": None,
        **said,
    }
    return CallRow(
        number=number, change=change, role=role, day=now.date().isoformat(), sent_at=now, **known
    )


def _called(row: CallRow, why: str, reply: Digest | None, **said: object) -> Judgment:
    evidence = (row.request, reply)
    return Judgment(
        kind=Kind.MODEL_CALL,
        actor=Agent(f"model:{row.role}"),
        change=ChangeId(row.change),
        why=why,
        payload={
            "call": row.number,
            "model": row.model,
            "prompt": row.digest,
            "template": row.template,
            **said,
        },
        evidence=tuple(Digest(one) for one in evidence if one is not None),
    )


def _stop(row: CallRow, which: str, limit: int, spent: int, why: str) -> Judgment:
    return Judgment(
        kind=Kind.BUDGET_SPENT,
        actor=Agent(f"model:{row.role}"),
        change=ChangeId(row.change),
        why=why,
        payload={"which": which, "limit": limit, "spent": spent, "wanted": row.reserved},
    )


def _over(which: str, limit: int, spent: int, wanted: int) -> AgentError:
    mend = {
        "change": "raise PAWL_MODEL_TOKENS_CHANGE, then run the same again",
        "day": "run the same again tomorrow, or raise PAWL_MODEL_TOKENS_DAY",
    }[which]
    return AgentError(
        f"the budget of this {which} has no room: {spent} of {limit} tokens are spent, and the "
        f"next call may take {wanted}",
        code=f"model-budget-{which}",
        mend=f"{mend}: it goes on from here",
    )
