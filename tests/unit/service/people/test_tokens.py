"""API tokens: what they open, when they end, and that they do nothing that a person must do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from service.app.people import People
from service.ledger import Kind
from service.people import EVERYWHERE, Role, SignedIn
from service.store import Store
from tests.unit.service.people.authenticator import Authenticator
from tests.unit.service.people.kit import (
    ADDRESS,
    OTHER_WORDS,
    WORDS,
    by_token,
    joined,
    logged,
    no,
    yes,
)
from tests.unit.service.store.conftest import Clock


def test_a_token_stands_for_its_owner_without_a_session(people: People, ada: SignedIn) -> None:
    token, secret = yes(people.make_token(ada, "script", 30))
    who = people.bearer(secret)
    assert who is not None
    assert (who.account.id, who.session) == (ada.account.id, None)
    assert who.token is not None
    assert who.token.id == token.id
    assert who.roles(EVERYWHERE) == ada.roles(EVERYWHERE)
    assert secret.startswith(f"pawl_{token.id}_")


def test_a_token_ends_with_its_last_day(people: People, ada: SignedIn, clock: Clock) -> None:
    _, secret = yes(people.make_token(ada, "script", 2))
    clock.pass_by(timedelta(days=2, seconds=-30))
    assert people.bearer(secret) is not None
    clock.pass_by(timedelta(seconds=30))
    assert people.bearer(secret) is None


def test_a_revoked_token_opens_nothing(people: People, store: Store, ada: SignedIn) -> None:
    token, secret = yes(people.make_token(ada, "script", 30))
    assert people.revoke_token(ada, token.id) is None
    assert people.revoke_token(ada, token.id) is None
    assert people.bearer(secret) is None
    (listed,) = people.tokens(ada.account.id)
    assert listed.revoked_at is not None
    assert [one["token"] for one in logged(store, Kind.TOKEN_REVOKED)] == [token.id]


def test_the_tokens_of_a_closed_account_open_nothing(people: People, ada: SignedIn) -> None:
    bob = joined(people, ada, "bob")
    _, secret = yes(people.make_token(bob, "script", 30))
    assert people.close(ada, bob.account.id) is None
    assert people.bearer(secret) is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: "", id="nothing"),
        pytest.param(lambda secret: secret[:-1], id="one letter short"),
        pytest.param(lambda secret: secret[:-1] + "g", id="no digit"),
        pytest.param(lambda secret: secret[:-64] + "0" * 64, id="another secret"),
        pytest.param(lambda secret: secret.upper(), id="in capitals"),
        pytest.param(lambda secret: secret + "\n", id="a line end"),
        pytest.param(lambda secret: "pawl_" + "0" * 16 + secret[-65:], id="another id"),
    ],
)
def test_what_only_looks_like_a_token_opens_nothing(
    people: People, ada: SignedIn, change: Callable[[str], str]
) -> None:
    _, secret = yes(people.make_token(ada, "script", 30))
    assert people.bearer(change(secret)) is None
    assert people.bearer(secret) is not None


@pytest.mark.parametrize(
    ("name", "days"), [("script", 0), ("script", 366), ("script", -1), ("", 30), ("a\u202eb", 30)]
)
def test_a_token_has_a_name_and_lasts_a_year_at_most(
    people: People, ada: SignedIn, name: str, days: int
) -> None:
    assert no(people.make_token(ada, name, days)).status == 422
    assert people.tokens(ada.account.id) == ()


def test_nobody_revokes_the_token_of_another_but_an_administrator(
    people: People, ada: SignedIn
) -> None:
    bob, carl = joined(people, ada, "bob"), joined(people, ada, "carl")
    token, secret = yes(people.make_token(bob, "script", 30))
    assert no(people.revoke_token(carl, token.id)).status == 404
    assert people.bearer(secret) is not None
    assert people.revoke_token(ada, token.id) is None
    assert people.bearer(secret) is None


def test_when_a_token_was_used_is_written_once_a_minute(
    people: People, ada: SignedIn, clock: Clock
) -> None:
    _, secret = yes(people.make_token(ada, "script", 30))

    def used() -> object:
        people.bearer(secret)
        return people.tokens(ada.account.id)[0].used_at

    begun = used()
    assert begun is not None
    assert used() == begun
    clock.pass_by(timedelta(minutes=1))
    assert used() != begun


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(lambda p, who, _: p.make_token(who, "more", 30), id="make a token"),
        pytest.param(lambda p, who, _: p.revoke_token(who, who.token.id), id="revoke a token"),
        pytest.param(lambda p, who, _: p.check_password(who, WORDS, address=ADDRESS), id="prove"),
        pytest.param(
            lambda p, who, _: p.change_password(who, WORDS, OTHER_WORDS, address=ADDRESS),
            id="change the password",
        ),
        pytest.param(
            lambda p, who, _: p.add_passkey(
                who, Authenticator().create(p.passkey_options(who)), "Mine"
            ),
            id="add a passkey",
        ),
        pytest.param(lambda p, who, _: p.remove_passkey(who, "any"), id="remove a passkey"),
        pytest.param(
            lambda p, who, _: p.check_assertion(who, {}, b"digest"), id="sign with a passkey"
        ),
        pytest.param(lambda p, who, bob: p.end_session(who, bob.session.id), id="end a session"),
        pytest.param(
            lambda p, who, _: p.invite(who, name="Eve", login="eve", roles=()), id="invite"
        ),
        pytest.param(lambda p, who, bob: p.reset(who, bob.account.id), id="reset"),
        pytest.param(lambda p, who, bob: p.close(who, bob.account.id), id="close"),
        pytest.param(
            lambda p, who, bob: p.grant(who, bob.account.id, "r1", Role.APPROVER), id="give a role"
        ),
        pytest.param(
            lambda p, who, bob: p.revoke(who, bob.account.id, EVERYWHERE, Role.VIEWER),
            id="take a role",
        ),
        pytest.param(
            lambda p, who, bob: p.say_same(who, bob.account.id, who.account.id), id="say same"
        ),
    ],
)
def test_a_token_does_nothing_here_but_read(
    people: People,
    store: Store,
    ada: SignedIn,
    deed: Callable[[People, SignedIn, SignedIn], object],
) -> None:
    bob = joined(people, ada, "bob")
    script = by_token(people, ada)
    before = (store.size, people.accounts(), people.grants(), people.sessions(bob.account.id))
    assert no(deed(people, script, bob)).code == "needs-session"
    people.sign_out(script)
    after = (store.size, people.accounts(), people.grants(), people.sessions(bob.account.id))
    assert after == before


def test_no_secret_is_kept_anywhere(
    people: People, store: Store, ada: SignedIn, tmp_path: Path
) -> None:
    _, secret = yes(people.make_token(ada, "script", 30))
    _, link = yes(people.invite(ada, name="Bob", login="bob", roles=()))
    kept = b"".join(file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file())
    assert ada.account.id.encode() in kept
    for hidden in (secret, secret[-64:], link, WORDS):
        assert hidden.encode() not in kept
