"""Any order of deeds: nothing is ever enough to merge that the design does not call enough.

An oracle of a few lines, which shares nothing with the product, keeps its own books of who said
what; after each deed it is asked whether what the product calls sufficient really is.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.app.decisions import Prepared, Switch, Verdict
from service.changes import Approval, Person
from service.people import EVERYWHERE, No, Role, SignedIn
from service.store import Store
from tests.unit.service.app.kit import HERE, House
from tests.unit.service.store.conftest import Clock

PEOPLE = ("rita", "aron", "bea", "pia", "vera", "ada")
people = st.sampled_from(PEOPLE)
signing = st.sampled_from(["aron", "aron", "bea", "pia", "vera", "rita"])
APPROVER, OWNER = Role.APPROVER, Role.POLICY_OWNER
roles = st.sampled_from([APPROVER, OWNER])
DAY = timedelta(hours=24)


@dataclass
class Signed:
    """An approval as the oracle remembers it."""

    binding: str
    at: datetime
    dead: bool = False


@dataclass
class Books:
    """What the oracle knows; it learns from deeds that were accepted, never from the tables."""

    now: datetime
    asked: datetime
    binding: str = ""
    owner_asked: bool = False
    waiting: bool = True
    frozen: bool = False
    shaped: set[str] = field(default_factory=set)
    reviewed: set[str] = field(default_factory=set)
    signed: dict[str, Signed] = field(default_factory=dict)
    roles: dict[str, dict[Role, tuple[str, datetime]]] = field(default_factory=dict)
    same: list[set[str]] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)

    def human(self, who: str) -> frozenset[str]:
        return frozenset(next((group for group in self.same if who in group), {who}))

    def entitled(self, who: str, role: Role) -> bool:
        """Held by now, and not given by who asked or oneself since the change was asked for."""
        held = self.roles.get(who, {}).get(role)
        if held is None or who in self.closed or self.human(who) & {"rita"}:
            return False
        if any(self.human(who) & self.human(one) for one in self.shaped):
            return False
        giver, at = held
        return not (at >= self.asked and giver in self.human(who) | self.human("rita"))

    def stands(self, who: str) -> bool:
        one = self.signed.get(who)
        if one is None or one.dead or one.binding != self.binding:
            return False
        return one.at <= self.now < one.at + DAY

    def enough(self) -> bool:
        """What DESIGN section 6 demands, said once more in other words."""
        if not self.waiting or self.frozen:
            return False
        wanted = [APPROVER, *([OWNER] if self.owner_asked else [])]
        return all(any(self._signs(who, role) for who in PEOPLE) for role in wanted)

    def _signs(self, who: str, role: Role) -> bool:
        if not (self.entitled(who, role) and self.stands(who)):
            return False
        if not any(self.human(who) & self.human(one) for one in self.reviewed):
            return True
        others = [
            one
            for one in PEOPLE
            if self.entitled(one, role)
            and not any(self.human(one) & self.human(two) for two in self.reviewed)
        ]
        return not others and self.stands("rita") and "rita" not in self.closed


class AnyOrder(RuleBasedStateMachine):
    """Deeds of people upon one change of Rita's."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.store = Store.open(Path(self._folder.name) / "home", self.clock)
        self.house = House(self.store, self.clock)
        self.prepared: list[tuple[str, Verdict, Prepared]] = []
        self.round = 0

    @initialize(owner=st.sampled_from([False, False, True]))
    def asked(self, owner: bool) -> None:
        house, before = self.house, self.clock.now
        self.change = house.waiting(asks=("policy-owner",) if owner else ())
        self.books = Books(self.clock.now, self.change.created, str(self.change.binding), owner)
        self.books.roles = {
            "aron": {APPROVER: ("ada", before)},
            "bea": {APPROVER: ("ada", before)},
            "pia": {OWNER: ("ada", before)},
        }

    def teardown(self) -> None:
        if hasattr(self, "change"):
            assert self.store.audit() == ()
        self.store.close()
        self._folder.cleanup()

    def who(self, name: str) -> SignedIn:
        found: SignedIn = getattr(self.house, name)
        return self.house.again(found)

    # --- deeds ----------------------------------------------------------------------------
    @precondition(lambda self: self.books.waiting)
    @rule(name=signing, verdict=st.sampled_from([Verdict.APPROVE, Verdict.REQUEST_CHANGES]))
    def prepares(self, name: str, verdict: Verdict) -> None:
        made = self.house.prepare(self.who(name), self.house.now(self.change), verdict)
        if not isinstance(made, No):
            self.prepared.append((name, verdict, made))

    @precondition(lambda self: self.prepared)
    @rule(data=st.data(), keep=st.booleans())
    def presses(self, data: st.DataObject, keep: bool) -> None:
        """Takes one of the decisions that were prepared, some of them twice."""
        at = data.draw(st.integers(0, len(self.prepared) - 1))
        name, verdict, made = self.prepared[at] if keep else self.prepared.pop(at)
        if isinstance(self.house.take(self.who(name), made), No):
            return
        if verdict is Verdict.APPROVE:
            self.books.signed[name] = Signed(self.books.binding, self.clock.now)
            return
        self._back()
        if verdict is Verdict.REQUEST_CHANGES:
            self.books.reviewed.add(name)

    @precondition(lambda self: self.books.waiting)
    @rule(names=st.lists(signing, min_size=1, max_size=3, unique=True))
    def approve(self, names: list[str]) -> None:
        for name in names:
            done = self.house.decide(self.who(name), self.house.now(self.change))
            if not isinstance(done, No):
                self.books.signed[name] = Signed(self.books.binding, self.clock.now)

    @precondition(lambda self: self.books.waiting)
    @rule(names=st.lists(signing, min_size=1, max_size=3, unique=True))
    def approve_too(self, names: list[str]) -> None:
        self.approve(names)

    @rule(name=people)
    def takes_the_approval_back(self, name: str) -> None:
        who = self.who(name)
        for one in self.house.decisions.standing(self.change, who).approvals:
            if not isinstance(self.house.decisions.revoke(who, one.id, ""), No):
                self.books.signed[name].dead = True

    @precondition(lambda self: self.books.waiting)
    @rule()
    def something_moves(self) -> None:
        self.house.decisions.void(self.change.id, "main moved")
        self._back()

    @precondition(lambda self: not self.books.waiting)
    @rule(same=st.booleans(), again=signing)
    def it_waits_again(self, same: bool, again: str) -> None:
        """With the same digest or another; `again` approves, so that books are tried at once."""
        self.round += 0 if same else 1
        asks = ("policy-owner",) if self.books.owner_asked else ()
        back = self.house.now(self.change)
        self.change = self.house.back_to_waiting(back, f"Plan {self.round}", asks)
        self.books.binding, self.books.waiting = str(self.change.binding), True
        self.what_is_called_enough_is_enough()
        self.approve([again])

    @precondition(lambda self: self.books.waiting)
    @rule(name=st.sampled_from(["aron", "bea", "vera"]))
    def pushes_to_its_branch(self, name: str) -> None:
        self.house.shape(self.change, self.who(name).person)
        self.books.shaped.add(name)

    @rule(on=st.booleans())
    def freezes(self, on: bool) -> None:
        turn = self.house.decisions.freeze if on else self.house.decisions.thaw
        if turn(self.who("ada"), Switch.MERGES, "so it is wanted") is None:
            self.books.frozen = on

    @rule(minutes=st.sampled_from([2, 6, 1441, -1441, -2]))
    def the_clock_goes(self, minutes: int) -> None:
        self.clock.pass_by(timedelta(minutes=minutes))

    @rule()
    def the_timer_runs(self) -> None:
        self.house.decisions.expire()
        self._note_what_is_over()

    @rule(giver=st.sampled_from(["ada", "rita", "vera"]), name=people, role=roles)
    def gives_a_role(self, giver: str, name: str, role: Role) -> None:
        by, to = self.who(giver), self.who(name).account.id
        if self.house.people.grant(by, to, HERE, role) is None:
            self.books.roles.setdefault(name, {}).setdefault(role, (giver, self.clock.now))

    @rule(name=people, role=roles)
    def takes_a_role(self, name: str, role: Role) -> None:
        to = self.who(name).account.id
        if self.house.people.revoke(self.who("ada"), to, HERE, role) is None:
            self.books.roles.get(name, {}).pop(role, None)

    @rule(name=st.sampled_from(["rita", "vera"]))
    def becomes_an_administrator(self, name: str) -> None:
        to = self.who(name).account.id
        self.house.people.grant(self.who("ada"), to, EVERYWHERE, Role.ADMINISTRATOR)

    @rule(pair=st.sampled_from([("bea", "aron"), ("vera", "rita"), ("pia", "bea")]))
    def two_are_one(self, pair: tuple[str, str]) -> None:
        one, other = (self.who(name).account.id for name in pair)
        if self.house.people.say_same(self.who("ada"), one, other) is None:
            groups = [group for group in self.books.same if group & set(pair)]
            self.books.same = [group for group in self.books.same if group not in groups]
            self.books.same.append(set(pair).union(*groups))

    # --- what must hold -------------------------------------------------------------------
    @invariant()
    def what_is_called_enough_is_enough(self) -> None:
        if not hasattr(self, "change"):
            return
        found = self.house.sufficient(self.change)
        self.books.now = self.clock.now
        self._note_what_is_over()
        if isinstance(found, str):
            return
        assert self.books.enough()
        self._handed_over(found)

    def _handed_over(self, found: tuple[Approval, ...]) -> None:
        names = {getattr(self.house, name).account.id: name for name in PEOPLE}
        for one in found:
            assert one.binding == self.books.binding
            assert isinstance(one.by, Person)
            assert names[one.by.id] != "rita"
            assert self.books.stands(names[one.by.id])

    def _note_what_is_over(self) -> None:
        """Who looks after a day has gone by sees an end; a clock set back takes nothing back."""
        for one in self.books.signed.values():
            if self.clock.now >= one.at + DAY:
                one.dead = True

    def _back(self) -> None:
        self.books.waiting = False
        for one in self.books.signed.values():
            one.dead = True


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=25,
    stateful_step_count=14,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
