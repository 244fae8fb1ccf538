"""How approvals were got around elsewhere, tried here: one attack a row.

Each row differs from the honest one in one thing. Whatever it tries, the change does not become
mergeable by it, the tables still fit the log, and what a signed-in person tried is on record.
`C n` are threads and documents of other systems; other names are those of a collection of events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from service.app.decisions import LASTS, Switch, Verdict
from service.changes import Agent, Approval, Bot, Change
from service.ledger import Judgment, Kind
from service.people import EVERYWHERE, No, Role, SignedIn
from service.store.decisions import ApprovalOnRecord
from tests.unit.service.app.kit import HERE, REASON, WORDS, House, no, yes


@dataclass(frozen=True)
class Attack:
    """`code`: what the person is told who tries, and what the log says; "": nobody is told."""

    name: str
    rows: tuple[str, ...]
    code: str
    run: Callable[[House, Change], object]
    asks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


ATTACKS: list[Attack] = []
Run = Callable[[House, Change], object]


def attack(*rows: str, code: str = "", asks: tuple[str, ...] = ()) -> Callable[[Run], Run]:
    def add(run: Run) -> Run:
        ATTACKS.append(Attack(run.__name__.replace("_", " "), rows, code, run, asks))
        return run

    return add


NOT_HERE = {
    "C4": "branches are brought up to date by Pawl itself; tests of merging",
    "C14": "commits past Pawl are seen by the watcher; tests of merging",
    "C16": "rehearsals run again on the merge's result; tests of merging",
    "C22": "a repository's rules only add; tests of the gate",
    "C25": "which account of a forge commented; no forge yet",
    "C26": "the gate tries itself at the start; tests of the gate",
    "C28": "Pawl's own check among its inputs; no forge yet",
    "C29": "there is no way around four eyes, in emergencies neither",
    "C32": "the very tree that was approved is merged; tests of merging",
    "C33": "the target branch is part of what is bound; tests of merging",
    "C40": "a rule set of no rules; tests of the gate",
    "C41": "an answer of unknown shape; tests of the gate",
    "comment-approved": "no inlet takes comments of a forge yet",
    "comment-quotes-approval": "no inlet takes comments of a forge yet",
    "edited-comment": "no inlet takes comments of a forge yet",
    "review-approved-foreign": "no inlet takes reviews of a forge yet",
    "unsigned-webhook": "no inlet takes webhooks yet",
    "bad-signature": "no inlet takes webhooks yet",
    "get-link": "no GET changes anything; tests of the pages",
    "cross-site-form": "a form needs the session's token and origin; tests of the pages",
}

ALL = {f"C{n}" for n in range(1, 42)} | {
    "honest",
    "comment-approved",
    "comment-quotes-approval",
    "lookalike-login",
    "display-name",
    "case-login",
    "renamed-login",
    "bot",
    "requester",
    "requester-second-account",
    "committer-not-author",
    "old-tree",
    "short-tree",
    "no-tree",
    "replayed",
    "edited-comment",
    "edited-request",
    "unsigned-webhook",
    "bad-signature",
    "get-link",
    "cross-site-form",
    "expired-role",
    "review-approved-foreign",
    "team-name",
    "two-halves",
    "agent-claims",
}


# --- who -----------------------------------------------------------------------------------------


@attack("C8", "requester", code="own-request")
def the_requester_approves(house: House, change: Change) -> object:
    house.people.grant(house.ada, house.rita.account.id, HERE, Role.APPROVER)
    return house.decide(house.again(house.rita), change)


@attack("C6", "requester-second-account", code="own-request")
def the_requesters_second_account_approves(house: House, change: Change) -> object:
    second = house.join("rita2", Role.APPROVER)
    house.people.say_same(house.ada, second.account.id, house.rita.account.id)
    return house.decide(second, change)


@attack("C6", code="own-request")
def an_account_linked_by_way_of_a_third_approves(house: House, change: Change) -> object:
    second, third = house.join("rita2", Role.VIEWER), house.join("rita3", Role.APPROVER)
    house.people.say_same(house.ada, second.account.id, house.rita.account.id)
    house.people.say_same(house.ada, third.account.id, second.account.id)
    return house.decide(third, change)


@attack("C31", code="own-request")
def the_requester_is_an_administrator(house: House, change: Change) -> object:
    house.people.grant(house.ada, house.rita.account.id, EVERYWHERE, Role.ADMINISTRATOR)
    house.people.grant(house.ada, house.rita.account.id, HERE, Role.APPROVER)
    return house.decide(house.again(house.rita), change)


@attack("C31", code="no-role")
def an_administrator_without_the_role_approves(house: House, change: Change) -> object:
    return house.decide(house.ada, change)


@attack("C24", code="own-request", asks=("policy-owner",))
def the_requester_signs_as_owner_of_the_rule(house: House, change: Change) -> object:
    house.people.grant(house.ada, house.rita.account.id, HERE, Role.POLICY_OWNER)
    yes(house.decide(house.aron, change))
    return house.decide(house.again(house.rita), change)


@attack("C17", code="own-request")
def who_adopts_a_bots_request_approves_it(house: House, _: Change) -> object:
    change = house.waiting(by=Bot("scan"), key="scan")
    yes(house.decisions.adopt(house.aron, change.id))
    answer = house.decide(house.aron, change)
    assert isinstance(house.sufficient(change), str)
    return answer


@attack("C17")
def a_bots_request_is_approved_and_nobody_adopts_it(house: House, _: Change) -> object:
    change = house.waiting(by=Bot("scan"), key="scan")
    yes(house.decide(house.aron, change))
    assert isinstance(house.sufficient(change), str)
    return None


@attack("C11", "committer-not-author", code="shaped-it")
def who_pushed_to_the_branch_approves(house: House, change: Change) -> object:
    house.shape(change, house.aron.person)
    return house.decide(house.aron, change)


@attack("C10", code="shaped-it")
def who_shaped_an_earlier_round_approves(house: House, change: Change) -> object:
    house.shape(change, house.aron.person)
    house.decisions.void(change.id, "main moved")
    return house.decide(house.aron, house.back_to_waiting(house.now(change), "Another plan"))


@attack("C10", code="shaped-it")
def the_second_account_of_who_shaped_it_approves(house: House, change: Change) -> object:
    house.shape(change, house.aron.person)
    second = house.join("aron2", Role.APPROVER)
    house.people.say_same(house.ada, house.aron.account.id, second.account.id)
    return house.decide(second, change)


@attack("C13", code="asked-for-changes")
def who_asked_for_changes_approves_what_came_of_it(house: House, change: Change) -> object:
    back = yes(house.decide(house.aron, change, Verdict.REQUEST_CHANGES))
    return house.decide(house.aron, house.back_to_waiting(back, "As Aron wished"))


@attack("C12")
def an_approval_from_before_changes_were_asked_for(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    back = yes(house.decide(house.bea, change, Verdict.REQUEST_CHANGES))
    return house.back_to_waiting(back)


@attack("C5", "bot", code="needs-session")
def a_token_of_an_approver_approves(house: House, change: Change) -> object:
    return house.decide(by_token(house, house.aron), change)


@attack("C38", code="needs-session")
def a_token_takes_what_a_browser_prepared(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    return house.take(by_token(house, house.aron), prepared)


@attack("C5")
def nobody_holds_the_role(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    for who in (house.aron, house.bea):
        house.people.revoke(house.ada, who.account.id, HERE, Role.APPROVER)
    missing = house.sufficient(change)
    assert isinstance(missing, str)
    assert missing.startswith("Nobody can sign as an approver")
    return None


@attack("C37", code="no-role")
def somebody_who_only_looks_on_approves(house: House, change: Change) -> object:
    return house.decide(house.vera, change)


@attack("C18", "lookalike-login", "display-name", code="no-role")
def an_account_that_looks_like_the_approver(house: House, change: Change) -> object:
    like = house.join("xx12", Role.VIEWER)
    with house.store.writing() as work:
        work.people.set_name(like.account.id, "Aron")
    return house.decide(like, change)


@attack("case-login", "renamed-login", code="unknown-change")
def a_new_account_under_the_login_of_one_that_was_closed(house: House, change: Change) -> object:
    house.people.close(house.ada, house.aron.account.id)
    by_hand(house, "UPDATE account SET login = 'left' WHERE id = ?", house.aron.account.id)
    taken = house.join("aron")
    return house.decide(taken, change)


@attack("team-name", code="no-role")
def an_account_called_like_a_role(house: House, change: Change) -> object:
    return house.decide(house.join("approver", Role.VIEWER), change)


@attack("C23", asks=("custom-owners",))
def a_rule_asks_for_a_role_that_nobody_knows(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    yes(house.decide(house.bea, change))
    return None


@attack("C23", asks=("",))
def a_rule_asks_for_nobody_in_particular(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    return None


@attack("C7", asks=("policy-owner",))
def an_approver_alone_where_a_policy_owner_is_asked_for(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    yes(house.decide(house.bea, change))
    return None


@attack("C7", asks=("policy-owner",))
def a_policy_owner_alone_who_is_no_approver(house: House, change: Change) -> object:
    yes(house.decide(house.pia, change))
    return None


@attack("two-halves")
def one_person_by_two_accounts_is_one(house: House, _: Change) -> object:
    change, made, second = of_a_maker(house)
    house.people.say_same(house.ada, second.account.id, made.account.id)
    yes(house.decide(made, change))
    answer = house.decide(second, change)
    assert no(answer).code == "already-approved"
    assert isinstance(house.sufficient(change), str)
    return None


@attack("C6")
def the_requester_made_the_approvers_account(house: House, _: Change) -> object:
    change, made, _other = of_a_maker(house)
    yes(house.decide(made, change))
    missing = house.sufficient(change)
    assert isinstance(missing, str)
    assert "a third person" in missing
    return None


@attack("C6")
def the_requester_made_two_accounts_and_both_approve(house: House, _: Change) -> object:
    change, made, other = of_a_maker(house)
    yes(house.decide(made, change))
    yes(house.decide(other, change))
    assert isinstance(house.sufficient(change), str)
    return None


@attack("C6")
def the_requester_reset_the_approvers_account(house: House, change: Change) -> object:
    house.people.grant(house.ada, house.rita.account.id, EVERYWHERE, Role.ADMINISTRATOR)
    link = yes(house.people.reset(house.again(house.rita), house.aron.account.id))
    return yes(house.decide(house.sign_up(link, ""), change, weak=True))


@attack("C7", code="late-role")
def a_role_given_to_oneself_on_an_open_review(house: House, change: Change) -> object:
    house.people.grant(house.ada, house.vera.account.id, EVERYWHERE, Role.ADMINISTRATOR)
    vera = house.again(house.vera)
    house.people.grant(vera, vera.account.id, HERE, Role.APPROVER)
    return house.decide(house.again(vera), change)


@attack("C7", code="late-role")
def a_role_given_by_the_requester_on_an_open_review(house: House, change: Change) -> object:
    house.people.grant(house.ada, house.rita.account.id, EVERYWHERE, Role.ADMINISTRATOR)
    house.people.grant(house.again(house.rita), house.vera.account.id, HERE, Role.APPROVER)
    return house.decide(house.again(house.vera), change)


@attack("expired-role", code="no-role")
def the_role_is_taken_between_looking_and_pressing(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    house.people.revoke(house.ada, house.aron.account.id, HERE, Role.APPROVER)
    return house.take(house.aron, prepared)


@attack("expired-role")
def the_role_is_taken_after_the_approval(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    return house.people.revoke(house.ada, house.aron.account.id, HERE, Role.APPROVER)


@attack("expired-role")
def the_account_is_closed_after_the_approval(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    return house.people.close(house.ada, house.aron.account.id)


@attack("expired-role", code="session-over")
def the_session_ended_between_looking_and_pressing(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    house.people.sign_out(house.aron)
    return house.take(house.aron, prepared)


@attack("expired-role", code="signed-out")
def a_session_that_ended_prepares(house: House, change: Change) -> object:
    house.people.sign_out(house.aron)
    return house.decide(house.aron, change)


# --- what ----------------------------------------------------------------------------------------


@attack("C1", "old-tree", code="stale")
def what_was_looked_at_is_not_what_is_bound_now(house: House, change: Change) -> object:
    return house.decide(house.aron, moved_on(house, change), binding=change.binding)


@attack("short-tree", code="stale")
def an_abbreviated_digest(house: House, change: Change) -> object:
    return house.decide(house.aron, change, binding=str(change.binding)[:12])


@attack("C9", "no-tree", code="stale")
def an_approval_of_the_latest(house: House, change: Change) -> object:
    return house.decide(house.aron, change, binding="")


@attack("C9", code="already-decided")
def an_approval_of_what_is_not_bound_yet(house: House, change: Change) -> object:
    house.decisions.void(change.id, "main moved")
    return house.decide(house.aron, house.now(change), binding="")


@attack("C21", "C36", code="stale")
def an_approval_of_another_change(house: House, change: Change) -> object:
    other = house.back_to_waiting(voided(house, house.waiting(key="other")), "Another plan")
    return house.decide(house.aron, change, binding=str(other.binding))


@attack("C36")
def an_approval_of_another_change_with_the_same_digest(house: House, change: Change) -> object:
    other = house.waiting(key="other")
    assert other.binding == change.binding
    return yes(house.decide(house.aron, other))


@attack("C1")
def a_push_after_the_approval(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    return house.decisions.void(change.id, "a commit was pushed to pawl/x")


@attack("C27", code="moved")
def the_base_moved_and_nobody_saw_it_yet(house: House, change: Change) -> object:
    house.moved = "main moved in ops/publish.sh"
    return house.decide(house.aron, change)


@attack("C27", code="moved")
def the_base_moves_between_looking_and_pressing(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    house.moved = "main moved in ops/publish.sh"
    return house.take(house.aron, prepared)


@attack("C2", "C3", "C15")
def an_approval_does_not_come_back_with_the_same_digest(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    again = house.back_to_waiting(voided(house, change))
    assert again.binding == change.binding
    return None


@attack("C30", "edited-request")
def an_approval_does_not_cover_what_was_made_anew(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    return moved_on(house, change)


@attack("C12")
def a_change_that_was_withdrawn(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    return yes(house.decisions.withdraw(house.rita, change.id, ""))


@attack("C19", code="already-decided")
def an_approval_is_taken_back_after_it_was_rejected(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    approval = house.decisions.standing(change, house.aron).approvals[0].id
    yes(house.decide(house.bea, change, Verdict.REJECT))
    return house.decisions.revoke(house.aron, approval, "")


# --- how -----------------------------------------------------------------------------------------


@attack("C35", "replayed", code="already-decided")
def the_same_decision_again_after_it_was_taken_back(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    yes(house.take(house.aron, prepared))
    house.decisions.revoke(house.aron, prepared.nonce, "")
    return house.take(house.aron, prepared)


@attack("C35", code="already-decided")
def two_were_prepared_and_the_second_comes_after_a_rejection(
    house: House, change: Change
) -> object:
    prepared = yes(house.prepare(house.aron, change))
    yes(house.decide(house.bea, change, Verdict.REJECT))
    return house.take(house.aron, prepared)


@attack("replayed", code="already-decided")
def a_decision_prepared_yesterday(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    house.clock.pass_by(timedelta(minutes=6))
    return house.take(house.aron, prepared)


@attack("replayed", code="already-decided")
def a_decision_prepared_in_time_to_come(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    house.clock.pass_by(timedelta(minutes=-6))
    return house.take(house.aron, prepared)


@attack("replayed", code="unknown-decision")
def somebody_elses_decision(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    signed = house.keys[house.bea.account.id].sign(bytes.fromhex(prepared.digest))
    return house.decisions.decide(house.bea, prepared.nonce, assertion=signed)


@attack("replayed", code="unknown-decision")
def a_decision_that_nobody_prepared(house: House, change: Change) -> object:
    del change
    return house.decisions.decide(house.aron, "\udc80' OR 1=1", password=WORDS)


@attack("C35", code="other-session")
def a_decision_of_another_browser_of_the_same_person(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    entered = yes(house.people.sign_in("aron", WORDS, agent="b", address="::2"))
    return house.take(entered.signed_in, prepared)


@attack("C36", code="prove-yourself")
def no_step_up(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    return house.decisions.decide(house.aron, prepared.nonce)


@attack("C36", code="wrong-password")
def a_wrong_password(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    return house.decisions.decide(house.aron, prepared.nonce, password=WORDS.upper())


@attack("C36", code="passkey-refused")
def a_passkey_that_signed_another_decision(house: House, change: Change) -> object:
    reject = yes(house.prepare(house.aron, change, Verdict.REJECT))
    approve = yes(house.prepare(house.aron, change))
    signed = house.keys[house.aron.account.id].sign(bytes.fromhex(reject.digest))
    return house.decisions.decide(house.aron, approve.nonce, assertion=signed)


@attack("C36", code="passkey-refused")
def the_requesters_passkey_under_the_approvers_session(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    signed = house.keys[house.rita.account.id].sign(bytes.fromhex(prepared.digest))
    return house.decisions.decide(house.aron, prepared.nonce, assertion=signed)


@attack("C36", code="altered")
def a_prepared_rejection_that_was_turned_into_an_approval(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change, Verdict.REJECT))
    by_hand(house, "UPDATE decision SET verdict = 'approve' WHERE id = ?", prepared.nonce)
    return house.decisions.decide(house.aron, prepared.nonce, password=WORDS)


@attack("C34")
def an_approval_written_into_the_table(house: House, change: Change) -> object:
    with house.store.writing() as work:
        work.decisions.approve(
            ApprovalOnRecord(
                id="by-hand",
                change=change.id,
                binding=str(change.binding),
                account=house.aron.account.id,
                how="passkey",
                reason=REASON,
                question="",
                at=work.now,
                expires_at=work.now + LASTS,
                state="standing",
                ended_at=None,
                ended_by="",
            )
        )
    return None


@attack("C34")
def an_approval_that_was_voided_and_is_set_to_stand_for_something_else(
    house: House, change: Change
) -> object:
    yes(house.decide(house.aron, change))
    now = moved_on(house, change)
    with house.store.writing() as work:
        work.connection.exec_driver_sql(
            "UPDATE approval SET state = 'standing', binding = ?", (now.binding,)
        )
    return None


@attack("agent-claims")
def an_agent_says_that_it_was_approved(house: House, change: Change) -> object:
    said = {"verdict": "approve", "binding": change.binding, "decision": "x"}
    agent = Agent("planner")
    house.store.note(Judgment(Kind.DECISION, agent, change.id, "Aron approved in chat", said))
    return None


@attack("C20")
def adopting_and_looking_are_no_approval(house: House, _: Change) -> object:
    change = house.waiting(by=Bot("scan"), key="scan")
    yes(house.decisions.adopt(house.aron, change.id))
    house.decisions.standing(change, house.bea)
    assert isinstance(house.sufficient(change), str)
    return None


@attack("C39", code="too-short")
def no_reason(house: House, change: Change) -> object:
    return house.decide(house.aron, change, reason="LGTM" + " " * 40)


@attack("C36", code="weak", asks=("passkey",))
def a_password_where_a_rule_asks_for_a_passkey(house: House, change: Change) -> object:
    return house.decide(house.aron, change, weak=True)


@attack("C1", code="frozen")
def a_freeze_between_looking_and_pressing(house: House, change: Change) -> object:
    prepared = yes(house.prepare(house.aron, change))
    house.decisions.freeze(house.ada, Switch.MERGES, "the auditors are here")
    return house.take(house.aron, prepared)


@attack("C1")
def a_freeze_after_the_approval(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    return house.decisions.freeze(house.ada, Switch.MERGES, "the auditors are here")


@attack("replayed")
def an_approval_of_the_day_before_yesterday(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    house.clock.pass_by(2 * LASTS)
    return None


@attack("replayed")
def an_approval_given_in_time_to_come(house: House, change: Change) -> object:
    yes(house.decide(house.aron, change))
    house.clock.pass_by(-LASTS)
    return None


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ATTACKS, ids=str)
def test_an_attack_leaves_the_change_unmerged_and_the_log_sound(house: House, row: Attack) -> None:
    change = house.waiting(asks=row.asks)
    answer = row.run(house, change)
    if row.code:
        assert no(answer).code == row.code
        assert house.refused()[-1][1] == row.code
    else:
        assert not isinstance(answer, No)
    assert isinstance(house.sufficient(change), str)
    assert house.store.audit() == ()


@pytest.mark.parametrize(
    "asks", [(), ("passkey",), ("approver",)], ids=["plain", "passkey", "role"]
)
def test_the_honest_row_is_accepted(house: House, asks: tuple[str, ...]) -> None:
    change = house.waiting(asks=asks)
    yes(house.decide(house.aron, change))
    assert change.binding is not None
    assert house.sufficient(change) == (Approval(change.binding, house.aron.person),)
    assert house.store.audit() == ()


def test_a_third_person_makes_an_account_of_the_requesters_making_good(house: House) -> None:
    change, made, _other = of_a_maker(house)
    yes(house.decide(made, change))
    yes(house.decide(house.bea, change))
    approvals = house.sufficient(change)
    assert not isinstance(approvals, str)
    assert {one.by for one in approvals} == {made.person, house.bea.person}


def test_every_row_is_tried_or_said_to_be_elsewhere() -> None:
    tried = {row for one in ATTACKS for row in one.rows} | {"honest"}
    assert tried | set(NOT_HERE) == ALL
    assert not tried & set(NOT_HERE)


# --- what rows share -----------------------------------------------------------------------------


def voided(house: House, change: Change) -> Change:
    return house.decisions.void(change.id, "main moved")


def moved_on(house: House, change: Change) -> Change:
    """The change after a void, waiting again with another plan bound."""
    now = house.back_to_waiting(voided(house, change), "Another plan")
    assert now.binding != change.binding
    return now


def by_token(house: House, who: SignedIn) -> SignedIn:
    _, secret = yes(house.people.make_token(who, "script", 30))
    found = house.people.bearer(secret)
    assert found is not None
    return found


def of_a_maker(house: House) -> tuple[Change, SignedIn, SignedIn]:
    """A change of Rita's, who made the accounts of two approvers before she asked."""
    house.people.grant(house.ada, house.rita.account.id, EVERYWHERE, Role.ADMINISTRATOR)
    rita = house.again(house.rita)
    made = house.join("made", Role.APPROVER, by=rita)
    other = house.join("made2", Role.APPROVER, by=rita)
    return house.waiting(key="of-a-maker"), made, other


def by_hand(house: House, query: str, ident: str) -> None:
    """Somebody writes into the database past Pawl."""
    with house.store.writing() as work:
        work.connection.exec_driver_sql(query, (ident,))
