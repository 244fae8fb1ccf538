"""Deeds of people, a pusher and the clock in any order, over HTTP: nothing is merged without what
four eyes demand.

What must hold is kept in books of this test's own (`Books`), which share nothing with the product.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from service import wiring
from service.app.decisions import LASTS
from tests import house
from tests.served import PASSWORD, Served, Visit, served

pytestmark = pytest.mark.enable_socket

_NIGHTS = itertools.count()
_OPEN = {"waiting", "planned", "rehearsed", "proven", "gated", "merging"}


class Moved:
    """The real time, pushed to and fro."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return wiring.clock() + self.by


@dataclass
class Yes:
    """An approval as the one who gave it knows it."""

    by: str
    binding: str
    at: datetime


@dataclass
class Books:
    """What this test knows of one change."""

    ident: str
    yes: list[Yes] = field(default_factory=list)
    pushed: bool = False
    merged: bool = False


class AnyOrder(RuleBasedStateMachine):
    """One town, one repository, one change at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="any-order-"))
        self.clock = Moved()
        self.town: Served = self.stack.enter_context(served(self.folder, clock=self.clock))
        self.visits: dict[str, Visit] = {}
        self.roles = {"aron": True, "bela": True}
        self.frozen = False

    def teardown(self) -> None:
        for visit in self.visits.values():
            visit.close()
        self.stack.close()
        shutil.rmtree(self.folder)

    def as_(self, login: str) -> Visit:
        visit = self.visits.get(login)
        if visit is None or visit.get("/account").status_code != 200:  # the session ran out
            if visit is not None:
                visit.close()
            visit = self.visits[login] = self.town.visit(login)
        return visit

    @initialize()
    def somebody_asks(self) -> None:
        ident = self.town.ask(self.as_("rita"), f"{house.WORDS} (night {next(_NIGHTS)})")
        self.books = Books(ident)
        self.town.until(ident, "waiting")

    def settled(self) -> str:
        """The stage once nothing runs; what it says of merging is held against the books."""
        change = self.town.until(
            self.books.ident,
            *("waiting", "merged", "rejected", "withdrawn", "not-reproduced", "not-proven"),
            *("refused", "nothing-fits", "failed", "expired"),
        )
        if change.stage.value == "merged" and not self.books.merged:
            self.books.merged = True
            self.merged_rightly()
        return change.stage.value

    def merged_rightly(self) -> None:
        """Somebody who had the role, and did not ask, said yes to exactly what was merged."""
        change = self.town.change(self.books.ident)
        said = house.git(self.town.bare, "log", "--format=%B", "main")
        assert said.count(f"Pawl-Change: {change.id}") == 1
        fits = [
            yes
            for yes in self.books.yes
            if yes.binding == change.binding
            and yes.by in {"aron", "bela"}
            and self.clock() - yes.at < LASTS + timedelta(minutes=1)
        ]
        assert fits, (self.books, change)
        assert not self.books.pushed
        assert not self.frozen

    @rule(
        login=st.sampled_from(["aron", "bela", "rita", "vera", "olga"]),
        password=st.sampled_from([PASSWORD, PASSWORD, PASSWORD, "something else"]),
        binding=st.sampled_from(["now", "now", "now", "old"]),
    )
    def somebody_approves(self, login: str, password: str, binding: str) -> None:
        before = self.town.change(self.books.ident)
        given = before.binding or ""
        bound = given if binding == "now" else "0" * 64
        at = self.clock()
        answer = self.town.decide(
            self.as_(login), self.books.ident, binding=bound, password=password
        )
        counts = (
            before.stage.value == "waiting"
            and binding == "now"
            and password == PASSWORD
            and self.roles.get(login, False)
            and not self.frozen
            and not self.books.pushed
        )
        assert answer.status_code < 500
        if answer.status_code == 303:
            assert counts, (login, password, binding, self.books)
            self.books.yes.append(Yes(login, bound, at))
        self.settled()

    @rule(login=st.sampled_from(["aron", "bela"]))
    def an_approver_loses_or_gets_the_role(self, login: str) -> None:
        deed = "revoke" if self.roles[login] else "grant"
        page = f"/people/{self.town.ids[login]}"
        answer = self.as_("olga").post(
            f"{page}/{deed}", {"place": "*", "role": "approver"}, page=page
        )
        assert answer.status_code == 303
        self.roles[login] = not self.roles[login]
        self.settled()

    @precondition(lambda self: not self.books.pushed and not self.books.merged)
    @rule()
    def somebody_pushes_to_the_branch_of_the_change(self) -> None:
        if self.settled() == "waiting":
            house.commit(
                self.town.bare,
                {"extra.sh": (0o100755, b"#!/bin/sh\n")},
                "A fix",
                branch=f"pawl/{self.books.ident}",
            )
            self.books.pushed = True

    @rule(number=st.integers(0, 3))
    def the_base_moves_elsewhere(self, number: int) -> None:
        content = f"notes {number} {next(_NIGHTS)}\n".encode()
        house.commit(self.town.bare, {"notes.txt": (0o100644, content)}, "Notes")
        self.settled()

    @rule()
    def merges_are_frozen_or_thawed(self) -> None:
        answer = self.as_("olga").post(
            "/system/switch",
            {
                "switch": "merges",
                "to": "off" if self.frozen else "on",
                "why": "for the test's sake",
            },
            page="/system",
        )
        assert answer.status_code == 303, answer.text[:800]
        frozen = any(f.switch.value == "merges" for f in self.town.up.services.decisions.frozen())
        assert frozen is not self.frozen
        self.frozen = frozen
        self.settled()

    @rule(hours=st.sampled_from([-48, -1, 1, 13, 25]))
    def the_clock_is_set(self, hours: int) -> None:
        self.clock.by += timedelta(hours=hours)

    @rule()
    def somebody_withdraws_an_approval(self) -> None:
        if self.settled() == "waiting":
            standing = self.town.up.services.decisions.standing(
                self.town.change(self.books.ident), None
            )
            for approval in standing.approvals:
                if approval.state == "standing":
                    login = next(k for k, v in self.town.ids.items() if v == approval.account)
                    self.as_(login).post(
                        f"/changes/{self.books.ident}/approvals/{approval.id}/revoke",
                        {"why": "I looked again, and want to think about it."},
                        page="/account",
                    )
                    self.books.yes = [y for y in self.books.yes if y.by != login]

    @rule()
    def the_log_fits(self) -> None:
        self.settled()
        assert self.town.up.services.store.audit() == ()


_SOME = settings(
    max_examples=4,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # an example takes seconds: no shrinking
)


class ManyDeeds(AnyOrder):
    """The same, for long."""


AnyOrder.TestCase.settings = _SOME
TestDeedsInAnyOrder = AnyOrder.TestCase
ManyDeeds.TestCase.settings = settings(_SOME, max_examples=60, stateful_step_count=25)
TestManyDeedsInAnyOrder = pytest.mark.soak(ManyDeeds.TestCase)
