"""Four eyes, over all shapes of a small town: who signs, and what never counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.approvals.eyes import APPROVER, Asks, Eyes, Given, Holding, Signer, humans, judge
from service.changes import (
    Agent,
    Approval,
    Bot,
    Change,
    ChangeId,
    Digest,
    Person,
    Principal,
    Request,
    Source,
    Stage,
    System,
    digest_of,
)

ASKED = datetime(2031, 3, 1, 9, 0, tzinfo=UTC)
NOW = ASKED + timedelta(hours=3)
BOUND = digest_of(b"what is bound")
EARLIER = ASKED - timedelta(days=30)
ANA = Person("ana")
NAMES = ("ana", "bo", "cy", "dee", "ed")
OWNER = "policy-owner"


def change(by: Principal = ANA, **fields: object) -> Change:
    made = Change(
        id=ChangeId("c1"),
        repository="here",
        request=Request("so it was", by, Source.CHAT),
        base="b" * 40,
        branch="main",
        stage=Stage.WAITING,
        created=ASKED,
        updated=ASKED,
        binding=BOUND,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def signer(ident: str, *roles: str, **fields: object) -> Signer:
    holds = tuple(Holding(role, None, EARLIER) for role in roles)
    made = Signer(id=ident, name=ident.title(), holds=holds)
    return replace(made, **fields)  # type: ignore[arg-type]


def yes_of(account: str, **fields: object) -> Given:
    made = Given(
        id=f"by {account}",
        account=account,
        binding=BOUND,
        weak=False,
        at=ASKED + timedelta(hours=1),
        expires_at=ASKED + timedelta(hours=25),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


TOWN = (signer("ana"), signer("bo", APPROVER), signer("cy", APPROVER), signer("dee", OWNER))


def test_one_approver_who_did_not_ask_is_enough() -> None:
    look = judge(change(), TOWN, (), [yes_of("bo")], NOW)
    assert look.approvals == (Approval(BOUND, Person("bo")),)
    assert not look.needs
    assert not look.blocked
    assert look.counted == {"by bo"}


@pytest.mark.parametrize(
    "one",
    [
        yes_of("bo", binding=digest_of(b"something else")),
        yes_of("bo", standing=False),
        yes_of("bo", expires_at=NOW),
        yes_of("bo", at=NOW + timedelta(seconds=1)),
        yes_of("ana"),
        yes_of("dee"),
        yes_of("nobody"),
    ],
    ids=["another", "ended", "over", "to come", "requester", "no approver", "no account"],
)
def test_an_approval_that_differs_in_one_thing_does_not_count(one: Given) -> None:
    look = judge(change(), TOWN, (), [one], NOW)
    assert not look.suffices
    assert look.needs == ("an approver",)


def test_a_change_that_is_not_bound_is_approved_by_nothing() -> None:
    look = judge(change(binding=None), TOWN, (), [yes_of("bo", binding="")], NOW)
    assert not look.suffices


@pytest.mark.parametrize("who", [System("cli:x"), Bot("scan"), Agent("planner")], ids=str)
def test_a_request_of_no_person_is_not_merged_before_somebody_adopts_it(who: Principal) -> None:
    look = judge(change(who), TOWN, (), [yes_of("bo")], NOW)
    assert not look.suffices
    adopted = change(who, adopter=Person("cy"))
    assert judge(adopted, TOWN, (), [yes_of("bo")], NOW).suffices
    assert not judge(adopted, TOWN, (), [yes_of("cy")], NOW).suffices


def test_each_role_that_is_asked_for_is_signed_in_and_one_person_may_sign_in_two() -> None:
    asks = (Asks("ci-rights", OWNER),)
    assert judge(change(), TOWN, asks, [yes_of("bo")], NOW).needs == ("a policy owner",)
    assert judge(change(), TOWN, asks, [yes_of("dee")], NOW).needs == ("an approver",)
    assert judge(change(), TOWN, asks, [yes_of("bo"), yes_of("dee")], NOW).suffices
    both = (signer("ana"), signer("ed", APPROVER, OWNER))
    assert judge(change(), both, asks, [yes_of("ed")], NOW).suffices


@pytest.mark.parametrize("role", ["", "viewer", "requester", "Approver", "owner", "custom"])
def test_a_role_that_nobody_signs_as_blocks_and_says_so(role: str) -> None:
    everybody = [yes_of(name) for name in ("bo", "cy", "dee")]
    look = judge(change(), TOWN, (Asks("odd-rule", role),), everybody, NOW)
    assert not look.suffices
    assert "odd-rule" in look.blocked[0]


def test_where_a_rule_asks_for_passkeys_a_password_does_not_count() -> None:
    asks = (Asks("touches-money", "passkey"),)
    weak = judge(change(), TOWN, asks, [yes_of("bo", weak=True)], NOW)
    assert weak.needs == ("an approver, by passkey",)
    assert judge(change(), TOWN, asks, [yes_of("bo")], NOW).suffices
    assert judge(change(), TOWN, (), [yes_of("bo", weak=True)], NOW).suffices


@pytest.mark.parametrize("giver", ["ana", "bo"], ids=["by who asked", "by oneself"])
def test_a_role_given_after_the_change_was_asked_for_does_not_count(giver: str) -> None:
    late = signer("bo", holds=(Holding(APPROVER, giver, ASKED + timedelta(minutes=1)),))
    look = judge(change(), (signer("ana"), late), (), [yes_of("bo")], NOW)
    assert not look.suffices
    assert look.bars["bo"].code == "late-role"
    before = replace(late, holds=(Holding(APPROVER, giver, EARLIER),))
    assert judge(change(), (signer("ana"), before), (), [yes_of("bo")], NOW).suffices
    other = replace(late, holds=(Holding(APPROVER, "cy", ASKED + timedelta(minutes=1)),))
    assert judge(change(), (signer("ana"), other), (), [yes_of("bo")], NOW).suffices


def test_an_account_that_who_asked_made_needs_somebody_else_beside_it() -> None:
    made = (signer("ana"), signer("bo", APPROVER, made_by="ana"), signer("cy", APPROVER))
    look = judge(change(), made, (), [yes_of("bo")], NOW)
    assert look.needs == ("a third person, since Ana made or reset the account of Bo",)
    assert judge(change(), made, (), [yes_of("bo"), yes_of("cy")], NOW).suffices
    owned = (*made[:2], signer("dee", OWNER))
    beside = judge(change(), owned, (Asks("r", OWNER),), [yes_of("bo"), yes_of("dee")], NOW)
    assert not beside.suffices
    both = (*made[:2], signer("cy", APPROVER, reset_by="ana"))
    blocked = judge(change(), both, (), [yes_of("bo"), yes_of("cy")], NOW)
    assert not blocked.suffices
    assert "another administrator" in blocked.blocked[0]


def test_a_reviewer_signs_with_the_requester_only_where_nobody_else_is_left() -> None:
    asked_for_changes = change(reviewers=(Person("bo"),))
    signed = [yes_of("bo"), yes_of("ana")]
    assert not judge(asked_for_changes, TOWN, (), signed, NOW).suffices
    alone = (signer("ana"), signer("bo", APPROVER))
    assert not judge(asked_for_changes, alone, (), [yes_of("bo")], NOW).suffices
    assert not judge(asked_for_changes, alone, (), [yes_of("ana")], NOW).suffices
    look = judge(asked_for_changes, alone, (), signed, NOW)
    assert look.together
    assert look.approvals == (Approval(BOUND, Person("bo"), Person("ana")),)
    assert look.counted == {"by bo", "by ana"}
    closed = (signer("ana", open=False), signer("bo", APPROVER))
    assert not judge(asked_for_changes, closed, (), signed, NOW).suffices


def test_two_accounts_of_one_human_being_are_one_approval() -> None:
    twice = (signer("ana"), signer("bo", APPROVER), signer("bo2", APPROVER, same_as="bo"))
    look = judge(change(), twice, (), [yes_of("bo"), yes_of("bo2")], NOW)
    assert len(look.approvals) == 1


# --- any town ------------------------------------------------------------------------------------

people = st.sampled_from(NAMES)
moments = st.sampled_from([EARLIER, ASKED, ASKED + timedelta(hours=1)])
holdings = st.builds(
    Holding, st.sampled_from([APPROVER, OWNER, "viewer"]), st.none() | people, moments
)


@st.composite
def towns(draw: st.DrawFn) -> tuple[Signer, ...]:
    return tuple(
        Signer(
            id=name,
            name=name.title(),
            open=draw(st.booleans()) or draw(st.booleans()),
            made_by=draw(st.none() | people),
            reset_by=draw(st.none() | st.none() | people),
            same_as=draw(st.none() | st.none() | people),
            holds=tuple(draw(st.lists(holdings, max_size=2))),
        )
        for name in NAMES
    )


crowds = st.lists(people, max_size=1).map(lambda names: tuple(Person(n) for n in names))
changes = st.builds(
    lambda by, shapers, reviewers: change(Person(by), shapers=shapers, reviewers=reviewers),
    people,
    crowds,
    crowds,
)
approvals = st.lists(
    st.builds(
        lambda who, bound, weak, standing, late: yes_of(
            who,
            binding=bound,
            weak=weak,
            standing=standing,
            at=NOW + timedelta(hours=1) if late else ASKED,
        ),
        people,
        st.sampled_from([BOUND, BOUND, BOUND, Digest("0" * 64)]),
        st.booleans(),
        st.sampled_from([True, True, False]),
        st.sampled_from([False, False, True]),
    ),
    max_size=4,
).map(lambda them: [replace(one, id=f"{n}") for n, one in enumerate(them)])
asks = st.lists(
    st.builds(Asks, st.just("r"), st.sampled_from([APPROVER, OWNER, "passkey", "odd"])), max_size=2
)
any_town = settings(max_examples=400, deadline=None)


@given(towns(), changes, asks, approvals)
@any_town
def test_nobody_who_asked_or_shaped_it_ever_counts(
    town: tuple[Signer, ...], it: Change, asked: list[Asks], signed: list[Given]
) -> None:
    look = judge(it, town, asked, signed, NOW)
    human = humans(town)
    never = {human[one.id] for one in (it.requester, *it.shapers)}
    assert not {human[one.by.id] for one in look.approvals} & never
    for one in look.approvals:
        assert one.binding == it.binding
        assert next(s for s in town if s.id == one.by.id).open


@given(towns(), changes, asks, approvals)
@any_town
def test_approvals_are_handed_over_only_where_nothing_is_needed(
    town: tuple[Signer, ...], it: Change, asked: list[Asks], signed: list[Given]
) -> None:
    look = judge(it, town, asked, signed, NOW)
    assert look.suffices == (not look.needs)
    human = humans(town)
    assert len({human[one.by.id] for one in look.approvals}) == len(look.approvals)
    if any(ask.role == "odd" for ask in asked):
        assert not look.suffices


@given(towns(), changes, asks, approvals, st.data())
@any_town
def test_taking_something_away_never_makes_it_enough(
    town: tuple[Signer, ...],
    it: Change,
    asked: list[Asks],
    signed: list[Given],
    data: st.DataObject,
) -> None:
    look = judge(it, town, asked, signed, NOW)
    if look.suffices or not signed:
        return
    fewer = data.draw(st.permutations(signed))[1:]
    assert not judge(it, town, asked, fewer, NOW).suffices
    assert not judge(it, town, [*asked, Asks("more", OWNER)], signed, NOW).suffices


@given(towns(), changes, asks, approvals)
@any_town
def test_the_order_of_accounts_and_approvals_does_not_matter(
    town: tuple[Signer, ...], it: Change, asked: list[Asks], signed: list[Given]
) -> None:
    def parts(look: Eyes) -> tuple[object, ...]:
        return (look.needs, look.counted, set(look.bars), look.suffices)

    there = judge(it, town, asked, signed, NOW)
    back = judge(it, tuple(reversed(town)), asked, list(reversed(signed)), NOW)
    assert parts(there)[1:] == parts(back)[1:]


@given(towns())
@any_town
def test_being_the_same_human_being_is_mutual_and_goes_through_others(
    town: tuple[Signer, ...],
) -> None:
    human = humans(town)
    for one in town:
        if one.same_as is not None:
            assert human[one.id] == human[one.same_as]
    assert set(human) >= {one.id for one in town}
