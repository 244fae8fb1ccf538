from __future__ import annotations

from datetime import timedelta

import pytest

from service.app.decisions import LASTS, Decisions, Switch, Verdict
from service.changes import Approval, Bot, Change, Move, Stage, System
from service.ledger import Judgment, Kind
from service.people import No, Role
from tests.kit_changes import ask, bring
from tests.unit.service.app.kit import HERE, WORDS, House, no, yes


def test_a_second_person_approves_and_the_change_may_merge(house: House) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change))
    assert change.binding is not None
    assert house.sufficient(change) == (Approval(change.binding, house.aron.person),)
    assert house.woken == [change.id]
    (entry,) = house.judgments(change)
    assert entry.judgment.payload["verdict"] == "approve"
    assert entry.judgment.payload["how"] == "passkey"
    assert entry.judgment.actor == house.aron.person
    assert house.store.audit() == ()


def test_what_was_signed_can_be_checked_by_somebody_else_later(house: House) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change))
    evidence = house.judgments(change)[0].judgment.evidence
    kept = [house.store.artifacts.get(one).decode() for one in evidence]
    assert '"signature"' in kept[0]
    assert "clientDataJSON" in kept[0]
    assert kept[1].startswith("The draft can't empty")


def test_a_password_is_on_record_as_the_weaker_way(house: House) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change, weak=True))
    assert house.judgments(change)[0].judgment.payload["how"] == "password"
    assert not isinstance(house.sufficient(change), str)


def test_a_rejection_ends_the_change_and_voids_what_stood(house: House) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change))
    ended = yes(house.decide(house.bea, change, Verdict.REJECT))
    assert ended.stage is Stage.REJECTED
    (approval,) = house.decisions.standing(ended, None).approvals
    assert (approval.state, approval.ended_by) == ("voided", "the change was rejected")


def test_words_of_a_reviewer_go_back_to_the_planner_and_bar_the_reviewer(house: House) -> None:
    change = house.waiting()
    back = yes(house.decide(house.bea, change, Verdict.REQUEST_CHANGES, reason="Keep the old log."))
    assert back.stage is Stage.REHEARSED
    assert back.told[-1] == "A reviewer asks for changes: Keep the old log."
    assert back.reviewers == (house.bea.person,)
    again = house.back_to_waiting(back)
    assert no(house.decide(house.bea, again)).code == "asked-for-changes"
    yes(house.decide(house.aron, again))
    assert not isinstance(house.sufficient(again), str)


def test_where_nobody_else_is_left_reviewer_and_requester_sign_together(house: House) -> None:
    change = house.waiting()
    back = yes(house.decide(house.bea, change, Verdict.REQUEST_CHANGES))
    house.people.revoke(house.ada, house.aron.account.id, HERE, Role.APPROVER)
    again = house.back_to_waiting(back)
    yes(house.decide(house.bea, again))
    missing = house.sufficient(again)
    assert isinstance(missing, str)
    assert "Rita" in missing
    yes(house.decide(house.rita, again))
    assert again.binding is not None
    assert house.sufficient(again) == (
        Approval(again.binding, house.bea.person, house.rita.person),
    )


def test_the_same_reason_twice_is_flagged_and_no_gate(house: House) -> None:
    one, two = house.waiting(key="one"), house.waiting(key="two")
    yes(house.decide(house.aron, one))
    yes(house.decide(house.aron, two))
    flags = [house.judgments(c)[0].judgment.payload["repeated_reason"] for c in (one, two)]
    assert flags == [False, True]


def test_an_approval_that_was_taken_back_does_not_count(house: House) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change))
    approval = house.decisions.standing(change, house.aron).approvals[0].id
    assert no(house.decisions.revoke(house.bea, approval, "not mine")).status == 404
    yes(house.decisions.revoke(house.aron, approval, "I read it again"))
    assert isinstance(house.sufficient(change), str)
    assert len(house.judgments(change, Kind.APPROVAL_REVOKED)) == 1
    assert no(house.decisions.revoke(house.aron, approval, "again")).code == "ended"


def test_an_approval_ends_after_a_day_and_a_clock_set_back_does_not_revive_it(
    house: House,
) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change))
    house.clock.pass_by(LASTS)
    assert isinstance(house.sufficient(change), str)
    house.clock.pass_by(-LASTS)
    assert isinstance(house.sufficient(change), str)
    assert house.decisions.standing(change, None).approvals[0].state == "expired"


def test_the_timer_ends_what_is_over_and_says_of_which_change(house: House) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change))
    assert house.decisions.expire() == ()
    house.clock.pass_by(LASTS)
    assert house.decisions.expire() == (change.id,)
    assert house.decisions.expire() == ()
    assert len(house.judgments(change, Kind.EXPIRED)) == 1


def test_a_request_of_no_person_waits_until_somebody_adopts_it(house: House) -> None:
    change = house.waiting(by=System("cli:somebody"))
    yes(house.decide(house.aron, change))
    assert isinstance(house.sufficient(change), str)
    assert house.decisions.standing(change, house.rita).adopt
    assert no(house.decisions.adopt(house.vera, change.id)).code == "no-role"
    adopted = yes(house.decisions.adopt(house.rita, change.id))
    assert adopted.requester == house.rita.person
    assert not isinstance(house.sufficient(change), str)
    assert no(house.decisions.adopt(house.bea, change.id)).status == 409


def test_who_adopts_is_no_approver_of_it_any_more(house: House) -> None:
    change = house.waiting(by=Bot("scan"))
    yes(house.decide(house.aron, change))
    yes(house.decisions.adopt(house.aron, change.id))
    assert isinstance(house.sufficient(change), str)
    assert no(house.decide(house.aron, change)).code == "own-request"


def test_answers_lead_back_to_where_the_question_came_up(house: House) -> None:
    change = asked_back(house)
    answered = yes(house.decisions.answer(house.rita, change.id, ("two.example",)))
    assert answered.stage is Stage.SURVEYED
    assert answered.told == ("Question: Which host is the first? Answer: two.example",)
    assert answered.shapers == (house.rita.person,)
    assert house.woken == [change.id]
    assert no(house.decisions.answer(house.rita, change.id, ("late",))).status == 409


def test_an_empty_answer_takes_the_default_and_too_many_are_refused(house: House) -> None:
    change = asked_back(house)
    assert no(house.decisions.answer(house.rita, change.id, ("a", "b"))).status == 422
    answered = yes(house.decisions.answer(house.rita, change.id, ()))
    assert answered.told[-1].endswith("Answer: one.example")


def test_a_token_answers_as_its_owner_and_a_viewer_does_not(house: House) -> None:
    change = asked_back(house)
    assert no(house.decisions.answer(house.vera, change.id, ())).code == "no-role"
    _, secret = yes(house.people.make_token(house.rita, "script", 30))
    by_token = house.people.bearer(secret)
    assert by_token is not None
    yes(house.decisions.answer(by_token, change.id, ()))


def test_requester_and_administrator_withdraw_and_nobody_else(house: House) -> None:
    change = house.waiting()
    assert no(house.decisions.withdraw(house.bea, change.id, "")).code == "no-role"
    yes(house.decide(house.aron, change))
    ended = yes(house.decisions.withdraw(house.rita, change.id, "I found another way"))
    assert (ended.stage, ended.why) == (Stage.WITHDRAWN, "I found another way")
    assert house.decisions.standing(ended, None).approvals[0].state == "voided"
    other = house.waiting(key="other")
    assert yes(house.decisions.withdraw(house.ada, other.id, "")).stage is Stage.WITHDRAWN
    assert no(house.decisions.withdraw(house.ada, other.id, "")).status == 409


def test_what_is_being_merged_is_not_withdrawn_revoked_or_expired(house: House) -> None:
    change = merging(house)
    assert no(house.decisions.withdraw(house.rita, change.id, "")).code == "merging"
    approval = house.decisions.standing(change, None).approvals[0]
    assert no(house.decisions.revoke(house.aron, approval.id, "")).status == 409
    house.clock.pass_by(LASTS)
    assert house.decisions.expire() == ()
    assert isinstance(house.sufficient(change), str)


def test_a_void_names_what_moved_and_takes_the_approvals_with_it(house: House) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change))
    back = house.decisions.void(change.id, "main moved in ops/publish.sh")
    assert back.stage is Stage.PLANNED
    (approval,) = house.decisions.standing(back, None).approvals
    assert (approval.state, approval.ended_by) == ("voided", "main moved in ops/publish.sh")
    assert house.decisions.void(change.id, "once more").stage is Stage.PLANNED
    assert len(house.judgments(change, Kind.VOID)) == 1


def test_a_void_leaves_what_merges_alone_where_it_is_told_to(house: House) -> None:
    change = merging(house)
    assert house.decisions.void(change.id, "seen", also_merging=False).stage is Stage.MERGING
    assert house.decisions.void(change.id, "seen").stage is Stage.PLANNED


def test_a_merge_redeems_the_approvals_that_it_was_made_with(house: House) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change))
    yes(house.decide(house.bea, change))
    used = tuple(one for one in house.decisions.sufficient(change) if isinstance(one, Approval))[:1]
    with house.store.writing() as work:
        house.decisions.redeem(work, change, "abc123", used)
    states = {
        a.account: (a.state, a.ended_by) for a in house.decisions.standing(change, None).approvals
    }
    assert states == {
        house.aron.account.id: ("redeemed", "abc123"),
        house.bea.account.id: ("voided", "merged without it as abc123"),
    }


def test_a_freeze_stops_merges_with_its_reason_until_it_is_thawed(house: House) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change))
    house.woken.clear()
    assert no(house.decisions.freeze(house.aron, Switch.MERGES, "audit")).code == "no-role"
    assert no(house.decisions.freeze(house.ada, Switch.MERGES, " ")).status == 422
    assert house.decisions.freeze(house.ada, Switch.MERGES, "the auditors are here") is None
    assert house.sufficient(change) == "merges are frozen: the auditors are here"
    assert house.decisions.frozen()[0].by == house.ada.account.id
    assert no(house.decisions.freeze(house.ada, Switch.MERGES, "again")).status == 409
    assert house.decisions.thaw(house.ada, Switch.MERGES, "they left") is None
    assert house.woken == [change.id]
    assert not isinstance(house.sufficient(change), str)


def test_frozen_agents_do_not_stop_a_merge(house: House) -> None:
    change = house.waiting()
    assert house.decisions.freeze(house.ada, Switch.AGENTS, "too many requests") is None
    yes(house.decide(house.aron, change))
    assert not isinstance(house.sufficient(change), str)


def test_standing_says_what_blocks_who_may_and_why_not(house: House) -> None:
    change = house.waiting(asks=("policy-owner",))
    for_aron = house.decisions.standing(change, house.aron)
    assert for_aron.may == {Verdict.APPROVE, Verdict.REJECT, Verdict.REQUEST_CHANGES}
    assert for_aron.needs == ("an approver", "a policy owner")
    for_rita = house.decisions.standing(change, house.rita)
    assert for_rita.may == frozenset()
    assert for_rita.why_not == (
        "Rita asked for this change, and nobody approves their own request."
    )
    assert {c.name: c.may for c in for_rita.chairs} == {
        "Aron": True,
        "Bea": True,
        "Pia": True,
        "Rita": False,
    }
    for_vera = house.decisions.standing(change, house.vera)
    assert for_vera.why_not == ("Vera is not an approver or a policy owner in this repository.")
    yes(house.decide(house.aron, change))
    assert house.decisions.standing(change, house.pia).needs == ("a policy owner",)
    yes(house.decide(house.pia, change))
    done = house.decisions.standing(change, house.aron)
    assert (done.blockers, done.needs) == ((), ())
    assert "by itself" in done.next_step


def test_somebody_alone_is_told_how_to_go_on(house: House) -> None:
    change = house.waiting()
    assert house.decisions.standing(change, house.rita).alone == ""
    for who in (house.aron, house.bea):
        house.people.revoke(house.ada, who.account.id, HERE, Role.APPROVER)
    alone = house.decisions.standing(change, house.rita)
    assert "branch or a patch" in alone.alone
    assert alone.blockers[0].startswith("Nobody can sign as an approver")


def test_a_decision_prepared_five_minutes_ago_is_over(house: House) -> None:
    change = house.waiting()
    prepared = house.prepare(house.aron, change)
    house.clock.pass_by(timedelta(minutes=5))
    assert not isinstance(prepared, No)
    assert no(house.take(house.aron, prepared)).code == "already-decided"


def test_of_two_presses_at_the_same_moment_one_decides(house: House) -> None:
    change = house.waiting()
    prepared = yes(house.prepare(house.aron, change))
    inner: list[object] = []

    def meanwhile(_: Change) -> None:
        """Runs between the first look of a press and its claim: the other press goes ahead."""
        if not inner:
            inner.append(None)
            inner.append(racing.decide(house.aron, prepared.nonce, password=WORDS))

    racing = Decisions(house.store, house.people, house.clock, moved=meanwhile)
    outer = racing.decide(house.aron, prepared.nonce, password=WORDS)
    assert isinstance(inner[1], Change)
    assert no(outer).code == "already-decided"
    assert len(house.decisions.standing(change, None).approvals) == 1


@pytest.mark.parametrize("text", ["\udc80 is no text but is long enough to be one", "x" * 10_001])
def test_words_that_are_no_text_or_too_many_are_refused(house: House, text: str) -> None:
    change = house.waiting()
    assert no(house.decide(house.aron, change, reason=text)).status == 422


def test_nobody_learns_of_a_change_that_they_may_not_see(house: House) -> None:
    change = house.waiting()
    stranger = house.join("stranger", Role.VIEWER)
    house.people.revoke(house.ada, stranger.account.id, HERE, Role.VIEWER)
    stranger = house.again(stranger)
    for answer in (
        house.decide(stranger, change),
        house.decisions.adopt(stranger, change.id),
        house.decisions.withdraw(stranger, change.id, ""),
        house.decisions.answer(stranger, change.id, ()),
    ):
        assert no(answer).code == "unknown-change"


# --- what the tests above share ---------------------------------------------------------------


def asked_back(house: House) -> Change:
    """A change of Rita's that has a question."""
    change = ask(house.store, by=house.rita.person, repository=HERE)
    return bring(house.store, change, Stage.NEEDS_ANSWER)


def merging(house: House) -> Change:
    """A change that Aron approved and that is being merged."""
    change = house.waiting()
    yes(house.decide(house.aron, change))
    approvals = house.sufficient(change)
    assert not isinstance(approvals, str)
    intended = Judgment(Kind.MERGE_INTENDED, System("merge"), change.id, "merges")
    return house.store.record(change.id, Move(Stage.MERGING, approvals=approvals), intended)
