"""Accounts and roles: who may give what, what is on record, and who can't be locked out."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.app.people import Entered, People
from service.errors import UsageError
from service.ledger import Kind
from service.people import EVERYWHERE, No, Role, SignedIn
from service.store import Store
from tests.unit.service.people.kit import (
    OTHER_WORDS,
    by_token,
    joined,
    logged,
    no,
    sign_in,
    sign_up,
    yes,
)


def _roles(people: People, account: str, repository: str = EVERYWHERE) -> set[Role]:
    return {one.role for one in people.grants(account, repository)}


# --- invitations --------------------------------------------------------------------------


def test_an_invited_person_has_the_roles_of_the_invitation(
    people: People, store: Store, ada: SignedIn
) -> None:
    account, token = yes(
        people.invite(
            ada,
            name="Bob",
            login="Bob",
            roles=(("r1", Role.APPROVER), (EVERYWHERE, Role.VIEWER)),
        )
    )
    assert (account.login, account.made_by, account.has_password) == ("bob", ada.account.id, False)
    bob = yes(sign_up(people, token)).signed_in
    assert bob.roles("r1") == {Role.APPROVER, Role.VIEWER}
    assert bob.roles("r2") == {Role.VIEWER}
    made = logged(store, Kind.ACCOUNT_MADE)[-1]
    assert (made["by"], made["account"]) == (ada.account.id, account.id)
    changes = [one for one in logged(store, Kind.ROLE_CHANGE) if one["account"] == account.id]
    assert [(one["by"], one["repository"], one["role"], one["given"]) for one in changes] == [
        (ada.account.id, "r1", "approver", True),
        (ada.account.id, EVERYWHERE, "viewer", True),
    ]


@pytest.mark.parametrize(
    ("login", "name", "status"),
    [
        ("ada", "Somebody", 409),
        ("ADA", "Somebody", 409),
        ("ad\u0430", "Somebody", 422),
        ("\u212aarl", "Somebody", 422),  # the sign for kelvin, whose lower case is a k
        ("", "Somebody", 422),
        (".bob", "Somebody", 422),
        ("b" * 41, "Somebody", 422),
        ("bob", "", 422),
        ("bob", "\u202eada", 422),
        ("bob", "A\u200bda", 422),
        ("bob", "Ada\n", None),
        ("bob", "A\nda", 422),
        ("bob", "\u3164", 422),
        ("bob", "A" * 81, 422),
        ("bob", "Zoë O'Neill 李", None),
    ],
)
def test_logins_are_plain_and_names_hide_nothing(
    people: People, ada: SignedIn, login: str, name: str, status: int | None
) -> None:
    answer = people.invite(ada, name=name, login=login, roles=())
    assert (answer.status if isinstance(answer, No) else None) == status
    assert len(people.accounts()) == (2 if status is None else 1)


def test_an_administrator_of_one_repository_invites_into_that_one_alone(
    people: People, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob", Role.ADMINISTRATOR, repository="r1")
    mixed = (("r1", Role.VIEWER), ("r2", Role.VIEWER))
    for roles in ((("r2", Role.VIEWER),), mixed, ((EVERYWHERE, Role.VIEWER),), ()):
        refusal = people.invite(bob, name="Eve", login="eve", roles=roles)
        assert no(refusal).code == "not-administrator"
    account, _ = yes(people.invite(bob, name="Carl", login="carl", roles=(("r1", Role.REQUESTER),)))
    assert _roles(people, account.id, "r1") == {Role.REQUESTER}


# --- roles --------------------------------------------------------------------------------


def test_an_administrator_gives_and_takes_a_role_on_record(
    people: People, store: Store, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob")
    before = len(logged(store, Kind.ROLE_CHANGE))
    for _ in range(2):  # the second time it is held, or gone, already
        assert people.grant(ada, bob.account.id, "r1", Role.APPROVER) is None
    assert _roles(people, bob.account.id, "r1") == {Role.APPROVER}
    for _ in range(2):
        assert people.revoke(ada, bob.account.id, "r1", Role.APPROVER) is None
    assert _roles(people, bob.account.id, "r1") == set()
    changes = logged(store, Kind.ROLE_CHANGE)[before:]
    assert [(one["by"], one["account"], one["given"], one["self"]) for one in changes] == [
        (ada.account.id, bob.account.id, True, False),
        (ada.account.id, bob.account.id, False, False),
    ]


def test_a_role_that_somebody_gives_themselves_is_on_record_as_that(
    people: People, store: Store, ada: SignedIn
) -> None:
    assert people.grant(ada, ada.account.id, "r1", Role.APPROVER) is None
    assert logged(store, Kind.ROLE_CHANGE)[-1]["self"] is True
    (given,) = people.grants(ada.account.id, "r1")
    assert given.by == ada.account.id


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.ADMINISTRATOR])
def test_who_is_no_administrator_changes_nobodys_account(
    people: People, ada: SignedIn, role: Role
) -> None:
    bob = joined(people, ada, "bob", role)
    for answer in (
        people.grant(bob, bob.account.id, "r1", Role.APPROVER),
        people.revoke(bob, ada.account.id, EVERYWHERE, Role.APPROVER),
        people.invite(bob, name="Eve", login="eve", roles=()),
        people.reset(bob, ada.account.id),
        people.close(bob, ada.account.id),
        people.say_same(bob, ada.account.id, bob.account.id),
    ):
        assert no(answer).code == "not-administrator"


def test_an_administrator_of_one_repository_gives_roles_in_that_one_alone(
    people: People, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob", Role.ADMINISTRATOR, repository="r1")
    assert people.grant(bob, bob.account.id, "r1", Role.APPROVER) is None
    for repository in ("r2", EVERYWHERE):
        refusal = people.grant(bob, bob.account.id, repository, Role.APPROVER)
        assert no(refusal).code == "not-administrator"
    assert no(people.close(bob, ada.account.id)).code == "not-administrator"
    assert no(people.reset(bob, ada.account.id)).code == "not-administrator"


def test_a_role_counts_from_the_moment_it_is_given_and_not_after_it_was_taken(
    people: People, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob")
    carl = joined(people, ada, "carl")
    assert people.grant(ada, bob.account.id, EVERYWHERE, Role.ADMINISTRATOR) is None
    assert people.grant(bob, carl.account.id, "r1", Role.APPROVER) is None
    assert people.revoke(ada, bob.account.id, EVERYWHERE, Role.ADMINISTRATOR) is None
    refusal = people.grant(bob, carl.account.id, "r2", Role.APPROVER)
    assert no(refusal).code == "not-administrator"


def test_nothing_is_given_to_a_closed_or_unknown_account(people: People, ada: SignedIn) -> None:
    bob = joined(people, ada, "bob")
    assert people.close(ada, bob.account.id) is None
    assert no(people.grant(ada, bob.account.id, "r1", Role.VIEWER)).status == 409
    assert no(people.reset(ada, bob.account.id)).status == 409
    assert no(people.close(ada, bob.account.id)).status == 409
    assert no(people.grant(ada, "nobody", "r1", Role.VIEWER)).status == 404
    assert no(people.revoke(ada, "nobody", "r1", Role.VIEWER)).status == 404


# --- closing and resetting ----------------------------------------------------------------


def test_closing_and_resetting_are_on_record_with_who_and_whom(
    people: People, store: Store, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob")
    yes(people.reset(ada, bob.account.id))
    assert people.close(ada, bob.account.id) is None
    for kind in (Kind.ACCOUNT_RESET, Kind.ACCOUNT_CLOSED):
        assert logged(store, kind) == [{"account": bob.account.id, "by": ada.account.id}]
    known = people.account(bob.account.id)
    assert known is not None
    assert not known.open
    assert people.names()[bob.account.id] == "Bob"


def test_the_login_of_a_closed_account_is_nobody_elses(people: People, ada: SignedIn) -> None:
    bob = joined(people, ada, "bob")
    assert people.close(ada, bob.account.id) is None
    assert no(people.invite(ada, name="Bob", login="bob", roles=())).status == 409


def test_the_last_administrator_stays(people: People, ada: SignedIn) -> None:
    joined(people, ada, "bob", Role.APPROVER)
    me = ada.account.id
    assert no(people.close(ada, me)).code == "last-administrator"
    assert no(people.reset(ada, me)).code == "last-administrator"
    refusal = people.revoke(ada, me, EVERYWHERE, Role.ADMINISTRATOR)
    assert no(refusal).code == "last-administrator"
    assert people.revoke(ada, me, EVERYWHERE, Role.APPROVER) is None
    assert isinstance(sign_in(people, "ada"), Entered)


def test_an_administrator_who_can_not_sign_in_yet_is_no_other_administrator(
    people: People, ada: SignedIn
) -> None:
    _, token = yes(
        people.invite(ada, name="Bob", login="bob", roles=((EVERYWHERE, Role.ADMINISTRATOR),))
    )
    assert no(people.close(ada, ada.account.id)).code == "last-administrator"
    yes(sign_up(people, token))
    assert people.close(ada, ada.account.id) is None


def test_an_administrator_of_one_repository_is_no_other_administrator(
    people: People, ada: SignedIn
) -> None:
    joined(people, ada, "bob", Role.ADMINISTRATOR, repository="r1")
    assert no(people.close(ada, ada.account.id)).code == "last-administrator"


def test_of_two_administrators_who_close_each_other_one_stays(
    people: People, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob", Role.ADMINISTRATOR)
    together = threading.Barrier(2)

    def close(who: SignedIn, whom: SignedIn) -> No | None:
        together.wait()
        return people.close(who, whom.account.id)

    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(close, ada, bob), pool.submit(close, bob, ada)]
    assert sorted(one.result() is None for one in answers) == [False, True]
    assert [one.open for one in people.accounts()].count(True) == 1


def test_an_administrator_resets_another_and_is_named_for_it(people: People, ada: SignedIn) -> None:
    bob = joined(people, ada, "bob", Role.ADMINISTRATOR)
    token = yes(people.reset(bob, ada.account.id))
    again = yes(sign_up(people, token, password=OTHER_WORDS)).signed_in
    assert again.account.reset_by == bob.account.id
    assert again.account.reset_at is not None


def test_a_reset_of_ones_own_account_does_not_hide_who_reset_it_before(
    people: People, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob", Role.ADMINISTRATOR)
    token = yes(people.reset(bob, ada.account.id))
    taken = yes(sign_up(people, token, password=OTHER_WORDS)).signed_in
    yes(people.reset(taken, ada.account.id))
    known = people.account(ada.account.id)
    assert known is not None
    assert known.reset_by == bob.account.id


# --- the same human being -----------------------------------------------------------------


def test_two_accounts_can_be_said_to_be_one_human_being(
    people: People, store: Store, ada: SignedIn
) -> None:
    bob, carl, dora = (joined(people, ada, name) for name in ("bob", "carl", "dora"))
    assert people.say_same(ada, carl.account.id, bob.account.id) is None
    assert people.say_same(ada, bob.account.id, dora.account.id) is None

    def same() -> dict[str, str | None]:
        return {one.login: one.same_as for one in people.accounts()}

    assert same() == {
        "ada": None,
        "bob": dora.account.id,
        "carl": dora.account.id,
        "dora": None,
    }
    assert people.say_same(ada, dora.account.id, carl.account.id) is None  # said already
    assert same()["dora"] is None
    assert people.say_same(ada, carl.account.id, None) is None
    assert same()["carl"] is None
    assert [one["same_as"] for one in logged(store, Kind.ROLE_CHANGE) if "same_as" in one] == [
        bob.account.id,
        dora.account.id,
        None,
    ]


def test_nobody_says_of_themselves_that_they_are_two(people: People, ada: SignedIn) -> None:
    bob = joined(people, ada, "bob", Role.ADMINISTRATOR)
    assert people.say_same(bob, ada.account.id, bob.account.id) is None
    for whom in (ada, bob):
        assert no(people.say_same(ada, whom.account.id, None)).code == "own-account"
    assert no(people.say_same(bob, ada.account.id, "nobody")).status == 404


def test_nobody_gets_away_from_who_they_are_by_being_somebody_elses_double(
    people: People, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob", Role.ADMINISTRATOR)
    double, other = joined(people, ada, "double"), joined(people, ada, "other")
    assert people.say_same(ada, double.account.id, bob.account.id) is None
    refusal = people.say_same(bob, double.account.id, other.account.id)
    assert no(refusal).code == "own-account"
    assert people.say_same(ada, double.account.id, other.account.id) is None


# --- for the demo -------------------------------------------------------------------------


def test_the_command_line_makes_accounts_that_can_not_sign_in_yet(
    people: People, store: Store
) -> None:
    made = people.make_account(login="bob", name="Bob", roles=(("r1", Role.VIEWER),))
    assert _roles(people, made.id, "r1") == {Role.VIEWER}
    assert isinstance(sign_in(people, "bob"), No)
    assert logged(store, Kind.ACCOUNT_MADE) == [{"account": made.id, "by": "command-line"}]
    for login, name in (("bob", "Bob"), ("b b", "Bob"), ("carl", "")):
        with pytest.raises(UsageError):
            people.make_account(login=login, name=name, roles=())


def test_accounts_come_by_name_and_a_token_reads_them(people: People, ada: SignedIn) -> None:
    for login in ("zoe", "bob"):
        joined(people, ada, login)
    assert by_token(people, ada).is_administrator()
    assert [one.name for one in people.accounts()] == ["Ada", "Bob", "Zoe"]
    assert people.account("nobody") is None
