"""Merging with the decisions of people as they really are: who, once, and not after the fact."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.app.decisions import Switch, Verdict
from service.app.merging import Merging
from service.changes import Change, Stage
from service.ledger import Kind
from service.people import No, Role, SignedIn
from tests.unit.service.app.kit import House, no, yes
from tests.unit.service.flow.merging import Meddled, Scene, git


class Town(Scene):
    """The scene, with a house of people in place of the stand-in that says yes."""

    def settle(self) -> None:
        self.house = House(self.store, self.clock)
        for who, role in [
            (self.house.rita, Role.REQUESTER),
            (self.house.aron, Role.APPROVER),
            (self.house.bea, Role.APPROVER),
        ]:
            said = self.house.people.grant(self.house.ada, who.account.id, self.repository.id, role)
            assert said is None
        self.requester = self.house.rita.person
        self.merging = Merging(
            self.store,
            self.repositories,
            self.house.decisions,
            self.clock,
            self.house.people.names,
        )
        self.meddled = Meddled(self.merging)

    def says(self, who: SignedIn, change: Change, verdict: Verdict = Verdict.APPROVE) -> object:
        return self.house.decide(self.house.again(who), self.store.get(change.id), verdict)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    made.settle()
    yield made
    made.close()


def state(town: Town, change: Change) -> list[str]:
    with town.store.reading() as view:
        return [row.state for row in view.decisions.approvals(change.id)]


def test_a_second_persons_yes_merges_and_is_used_up(town: Town) -> None:
    change = town.waiting()
    assert town.run(change).stage is Stage.WAITING
    yes(town.says(town.house.aron, change))
    assert town.run(change).stage is Stage.MERGED
    assert state(town, change) == ["redeemed"]
    text = git(town.origin, "show", "-s", "--format=%B", "main")
    aron = town.house.aron.account
    assert f"Pawl-Approved-By: {aron.name} ({aron.id})" in text
    assert town.store.audit() == ()


def test_who_asked_can_not_make_it_merge(town: Town) -> None:
    change = town.waiting()
    no(town.says(town.house.rita, change))
    assert town.run(change).stage is Stage.WAITING
    assert town.merges(change) == []


def test_a_yes_that_was_taken_back_does_not_merge(town: Town) -> None:
    change = town.waiting()
    yes(town.says(town.house.aron, change))
    with town.store.reading() as view:
        (row,) = view.decisions.approvals(change.id)
    yes(town.house.decisions.revoke(town.house.aron, row.id, "I saw something else"))
    assert town.run(change).stage is Stage.WAITING
    assert town.merges(change) == []


def test_a_yes_whose_time_is_over_does_not_merge(town: Town) -> None:
    change = town.waiting()
    yes(town.says(town.house.aron, change))
    town.clock.pass_by(timedelta(hours=25))
    assert town.run(change).stage is Stage.WAITING
    assert state(town, change) == ["expired"]


def test_a_freeze_stops_what_was_approved_before(town: Town) -> None:
    change = town.waiting()
    yes(town.says(town.house.aron, change))
    ada = town.house.again(town.house.ada)
    assert town.house.decisions.freeze(ada, Switch.MERGES, "an audit is going on") is None
    assert town.run(change).stage is Stage.WAITING
    assert town.merges(change) == []
    assert town.house.decisions.thaw(ada, Switch.MERGES, "the audit is over") is None
    assert town.run(change).stage is Stage.MERGED


def test_a_freeze_between_intent_and_push_stops_the_push_and_voids_nothing(town: Town) -> None:
    change = town.waiting()
    yes(town.says(town.house.aron, change))
    ada = town.house.again(town.house.ada)

    def freeze() -> None:
        town.meddled.before.clear()
        assert town.house.decisions.freeze(ada, Switch.MERGES, "an audit is going on") is None

    town.meddled.before["push"] = freeze
    assert town.run(change).stage is Stage.MERGING
    assert town.run(change).stage is Stage.MERGING
    assert state(town, change) == ["standing"]
    assert town.house.decisions.thaw(ada, Switch.MERGES, "the audit is over") is None
    assert town.run(change).stage is Stage.MERGED
    assert town.merges(change) == [town.at()]


def test_a_role_that_is_taken_between_yes_and_merge_counts_no_more(town: Town) -> None:
    change = town.waiting()
    yes(town.says(town.house.aron, change))
    ada, aron = town.house.again(town.house.ada), town.house.aron.account.id
    taken = town.house.people.revoke(ada, aron, town.repository.id, Role.APPROVER)
    assert taken is None
    assert town.run(change).stage is Stage.WAITING
    assert town.merges(change) == []


def test_a_moved_base_voids_the_yes_and_the_next_one_merges_the_new_patch(town: Town) -> None:
    change = town.waiting()
    yes(town.says(town.house.aron, change))
    theirs = town.push({"bin/publish": "#!/bin/sh\nmake-it\nmirror --delete\necho done\n"})
    with pytest.raises(IndexError):  # in conflict: a new plan, which the script does not have
        town.run(change)
    assert state(town, change) == ["voided"]
    back = town.store.get(change.id)
    assert (back.stage, back.base) == (Stage.REHEARSED, theirs)
    assert town.last(change, Kind.VOID).judgment.payload["approvals"] == 1


def test_an_approval_of_what_moved_meanwhile_is_refused(town: Town) -> None:
    change = town.waiting()
    town.house.moved = "main moved"
    answer = town.says(town.house.aron, change)
    assert isinstance(answer, No)
    assert town.run(change).stage is Stage.WAITING


def test_a_crash_after_the_push_is_merged_even_if_the_yes_ran_out_meanwhile(town: Town) -> None:
    change = town.waiting()
    yes(town.says(town.house.aron, change))

    class Crash(Exception):
        pass

    def crash() -> None:
        raise Crash

    town.meddled.after["push"] = crash
    with pytest.raises(Crash):
        town.run(change)
    town.meddled.after.clear()
    town.clock.pass_by(timedelta(hours=25))
    assert town.run(change).stage is Stage.MERGED
    assert town.merges(change) == [town.at()]
    assert town.store.audit() == ()
