"""One-time links: what each opens, that it opens once, and what ends it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from service.app.people import Entered, People
from service.errors import UsageError
from service.ledger import Kind
from service.people import EVERYWHERE, Link, LinkKind, No, Role, SignedIn, Strength
from service.store import Store
from tests.unit.service.people.kit import (
    ADDRESS,
    AGENT,
    OTHER_WORDS,
    first,
    joined,
    logged,
    no,
    sign_in,
    sign_up,
    yes,
)
from tests.unit.service.store.conftest import Clock


def _first_link(people: People) -> str:
    token = people.first_link()
    assert token is not None
    return token


def test_the_first_link_makes_somebody_who_may_do_everything_everywhere(people: People) -> None:
    entered = yes(sign_up(people, _first_link(people), "Ada", "Ada Lovelace"))
    assert entered.signed_in.account.login == "ada"
    assert entered.signed_in.roles("any-repository") == {
        Role.ADMINISTRATOR,
        Role.APPROVER,
        Role.POLICY_OWNER,
        Role.REQUESTER,
    }
    assert people.signed_in(entered.token) is not None


def test_looking_at_a_link_does_not_burn_it(people: People) -> None:
    token = _first_link(people)
    assert isinstance(people.link(token), Link)
    assert isinstance(people.link(token), Link)
    yes(sign_up(people, token, "ada", "Ada"))
    assert no(people.link(token)).status == 410


def test_a_link_that_was_used_opens_nothing(people: People, ada: SignedIn) -> None:
    _, token = yes(people.invite(ada, name="Bob", login="bob", roles=()))
    yes(sign_up(people, token))
    assert no(sign_up(people, token, password=OTHER_WORDS)).status == 410
    assert isinstance(sign_in(people, "bob"), Entered)
    assert isinstance(sign_in(people, "bob", OTHER_WORDS), No)


def test_a_link_that_nobody_made_is_unknown(people: People) -> None:
    assert no(people.link("guessed")).status == 404
    assert no(sign_up(people, "guessed", "ada", "Ada")).status == 404


def test_a_new_first_link_voids_the_one_before(people: People) -> None:
    before, after = _first_link(people), _first_link(people)
    assert no(sign_up(people, before, "eve", "Eve")).status == 410
    yes(sign_up(people, after, "ada", "Ada"))


def test_a_first_link_waits_for_as_long_as_it_takes(people: People, clock: Clock) -> None:
    token = _first_link(people)
    clock.pass_by(timedelta(days=400))
    yes(sign_up(people, token, "ada", "Ada"))


def test_there_is_no_first_link_once_there_is_an_administrator(people: People) -> None:
    token = _first_link(people)
    people.make_account(login="root", name="Root", roles=((EVERYWHERE, Role.ADMINISTRATOR),))
    assert people.first_link() is None
    assert no(sign_up(people, token, "eve", "Eve")).status == 410


def test_an_invitation_ends_after_a_day(people: People, ada: SignedIn, clock: Clock) -> None:
    _, token = yes(people.invite(ada, name="Bob", login="bob", roles=()))
    clock.pass_by(timedelta(hours=23))
    assert isinstance(people.link(token), Link)
    clock.pass_by(timedelta(hours=1))
    assert no(people.link(token)).status == 410
    assert no(sign_up(people, token)).status == 410


def test_of_two_who_sign_up_with_one_link_at_once_exactly_one_gets_in(people: People) -> None:
    token = _first_link(people)
    together = threading.Barrier(2)

    def race(login: str) -> Entered | No:
        together.wait()
        return sign_up(people, token, login, login.title())

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(race, ["ada", "eve"]))
    assert [type(one) for one in answers].count(Entered) == 1
    assert [one.status for one in answers if isinstance(one, No)] == [410]
    assert len(people.accounts()) == 1


@pytest.mark.parametrize(
    ("password", "code"),
    [
        pytest.param("eleven char", "short-password", id="eleven characters"),
        pytest.param("long" * 65, "long-password", id="260 characters"),
        pytest.param("ﬃ" * 100, "long-password", id="300 characters once written out"),
        pytest.param("a" * 20, "weak-password", id="one letter"),
        pytest.param("Ada Lovelace", "weak-password", id="the name"),
        pytest.param("twelve chars\ud800", "bad-password", id="half a character"),
    ],
)
def test_a_bad_password_is_refused_and_the_link_stays(
    people: People, password: str, code: str
) -> None:
    token = _first_link(people)
    refusal = no(sign_up(people, token, "ada", "Ada Lovelace", password))
    assert (refusal.code, refusal.status) == (code, 422)
    yes(sign_up(people, token, "ada", "Ada Lovelace"))


def test_an_invited_person_keeps_the_login_and_may_mend_the_name(
    people: People, ada: SignedIn
) -> None:
    account, token = yes(people.invite(ada, name="Bob", login="bob", roles=()))
    assert no(sign_up(people, token, "ada", "Ada")).status == 422
    entered = yes(sign_up(people, token, "bob", "Robert"))
    assert entered.signed_in.account.id == account.id
    assert people.names()[account.id] == "Robert"


def test_after_a_reset_nothing_from_before_opens_the_account(people: People, ada: SignedIn) -> None:
    bob = joined(people, ada, "bob")
    before = yes(sign_in(people, "bob"))
    _, secret = yes(people.make_token(bob, "script", 30))
    token = yes(people.reset(ada, bob.account.id))
    assert people.signed_in(before.token) is None
    assert people.bearer(secret) is None
    assert isinstance(sign_in(people, "bob"), No)
    yes(sign_up(people, token, password=OTHER_WORDS))
    assert isinstance(sign_in(people, "bob", OTHER_WORDS), Entered)
    known = people.account(bob.account.id)
    assert known is not None
    assert known.reset_by == ada.account.id


def test_a_second_reset_voids_the_link_of_the_first(people: People, ada: SignedIn) -> None:
    bob = joined(people, ada, "bob")
    before = yes(people.reset(ada, bob.account.id))
    after = yes(people.reset(ada, bob.account.id))
    assert no(people.link(before)).status == 410
    assert isinstance(people.link(after), Link)


def test_the_link_of_a_closed_account_opens_nothing(people: People, ada: SignedIn) -> None:
    account, token = yes(people.invite(ada, name="Bob", login="bob", roles=()))
    assert people.close(ada, account.id) is None
    assert no(people.link(token)).status == 410
    assert no(sign_up(people, token)).status == 410


def test_a_sign_in_link_begins_one_weak_session_and_sets_no_password(people: People) -> None:
    account = people.make_account(login="demo", name="Demo", roles=((EVERYWHERE, Role.VIEWER),))
    token = people.make_link(LinkKind.SIGN_IN, account.id)
    assert no(sign_up(people, token)).status == 404
    entered = yes(people.enter_by_link(token, agent=AGENT, address=ADDRESS))
    assert entered.signed_in.session is not None
    assert entered.signed_in.session.strong_how is Strength.LINK
    assert no(people.enter_by_link(token, agent=AGENT, address=ADDRESS)).status == 410
    assert isinstance(sign_in(people, "demo"), No)


def test_an_invitation_is_no_sign_in_link(people: People, ada: SignedIn) -> None:
    _, token = yes(people.invite(ada, name="Bob", login="bob", roles=()))
    assert no(people.enter_by_link(token, agent=AGENT, address=ADDRESS)).status == 404
    assert isinstance(people.link(token), Link)


def test_the_command_line_lets_a_locked_out_administrator_in_again(
    people: People, store: Store
) -> None:
    ada = first(people)
    token = people.make_link(LinkKind.RESET, ada.account.id)
    entered = yes(sign_up(people, token, password=OTHER_WORDS))
    assert entered.signed_in.is_administrator()
    assert logged(store, Kind.ACCOUNT_RESET) == [{"account": ada.account.id, "by": "command-line"}]


@pytest.mark.parametrize(
    ("kind", "account"),
    [(LinkKind.FIRST, "somebody"), (LinkKind.INVITE, None), (LinkKind.SIGN_IN, "nobody")],
)
def test_a_link_for_the_wrong_kind_of_account_is_a_mistake(
    people: People, kind: LinkKind, account: str | None
) -> None:
    with pytest.raises(UsageError):
        people.make_link(kind, account)


def test_each_link_is_on_record_without_its_token(people: People, store: Store) -> None:
    token = _first_link(people)
    yes(sign_up(people, token, "ada", "Ada"))
    bodies = b"".join(entry.body for entry in store.entries(newest=1000))
    assert token.encode() not in bodies
    assert [one["by"] for one in logged(store, Kind.SETTING_CHANGED)] == ["command-line"]
