"""Passkeys: added, signed in by, signing a digest; and each way in which an answer can be false."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url

from service.app.people import Entered, People
from service.ledger import Kind
from service.people import EVERYWHERE, LinkKind, Passkey, Role, SignedIn, Strength
from service.people.passkeys import RelyingParty
from service.store import Store
from tests.unit.service.people.authenticator import Authenticator, decoded
from tests.unit.service.people.kit import ADDRESS, AGENT, WORDS, joined, logged, no, sign_up, yes
from tests.unit.service.store.conftest import Clock

DIGEST = hashlib.sha256(b"what is decided").digest()


def _add(people: People, who: SignedIn, key: Authenticator, name: str = "Laptop") -> Passkey:
    return yes(people.add_passkey(who, key.create(people.passkey_options(who)), name))


def _enter(people: People, answer: Mapping[str, Any]) -> object:
    return people.sign_in_by_passkey(answer, agent=AGENT, address=ADDRESS)


@pytest.fixture
def key(people: People, ada: SignedIn) -> Authenticator:
    """Ada's passkey."""
    made = Authenticator()
    _add(people, ada, made)
    return made


# --- adding one ---------------------------------------------------------------------------


def test_a_passkey_is_asked_for_that_knows_its_owner_and_verifies_them(
    people: People, ada: SignedIn
) -> None:
    options = people.passkey_options(ada)
    assert options["rp"]["id"] == "localhost"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"


def test_an_added_passkey_is_listed_counted_and_on_record(
    people: People, store: Store, ada: SignedIn, key: Authenticator
) -> None:
    (listed,) = people.passkeys(ada.account.id)
    assert listed.name == "Laptop"
    account = people.account(ada.account.id)
    assert account is not None
    assert account.passkeys == 1
    last = logged(store, Kind.SETTING_CHANGED)[-1]
    assert (last["by"], last["what"]) == (ada.account.id, "passkey-added")


def test_a_passkey_that_is_there_is_not_asked_for_again(
    people: People, ada: SignedIn, key: Authenticator
) -> None:
    excluded = people.passkey_options(ada)["excludeCredentials"]
    assert [one["id"] for one in excluded] == [bytes_to_base64url(key.id)]
    assert no(people.add_passkey(ada, key.create(people.passkey_options(ada)), "")).status == 409


@pytest.mark.parametrize(
    ("authenticator", "lie"),
    [
        pytest.param(Authenticator(), {"verified": False}, id="the person was not verified"),
        pytest.param(Authenticator(), {"cross_origin": True}, id="in a frame of somebody else"),
        pytest.param(Authenticator(origin="http://evil.test"), {}, id="on another page"),
        pytest.param(Authenticator(party="evil.test"), {}, id="for another host"),
    ],
)
def test_a_false_registration_adds_nothing(
    people: People, ada: SignedIn, authenticator: Authenticator, lie: dict[str, bool]
) -> None:
    answer = authenticator.create(people.passkey_options(ada), **lie)
    assert no(people.add_passkey(ada, answer, "Laptop")).status == 401
    assert people.passkeys(ada.account.id) == ()


def test_a_registration_counts_once_and_for_whom_it_was_begun(
    people: People, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob")
    answer = Authenticator().create(people.passkey_options(ada))
    assert no(people.add_passkey(bob, answer, "Mine")).status == 409
    passkey = yes(people.add_passkey(ada, answer, "Mine"))
    assert people.remove_passkey(ada, passkey.id) is None
    assert no(people.add_passkey(ada, answer, "Mine")).status == 409


def test_a_registration_that_took_too_long_adds_nothing(
    people: People, ada: SignedIn, clock: Clock
) -> None:
    answer = Authenticator().create(people.passkey_options(ada))
    clock.pass_by(timedelta(minutes=5))
    assert yes(people.check_password(ada, WORDS, address=ADDRESS)) is Strength.PASSWORD
    assert no(people.add_passkey(ada, answer, "Mine")).status == 409


def test_an_open_browser_that_somebody_finds_gives_them_no_passkey(
    people: People, ada: SignedIn, clock: Clock
) -> None:
    clock.pass_by(timedelta(minutes=6))
    key = Authenticator()
    refusal = no(people.add_passkey(ada, key.create(people.passkey_options(ada)), "Mine"))
    assert (refusal.code, refusal.status) == ("not-fresh", 401)
    yes(people.check_password(ada, WORDS, address=ADDRESS))
    _add(people, ada, key)


def test_a_sign_in_link_makes_a_first_passkey_and_no_second(people: People) -> None:
    account = people.make_account(login="demo", name="Demo", roles=((EVERYWHERE, Role.VIEWER),))
    token = people.make_link(LinkKind.SIGN_IN, account.id)
    demo = yes(people.enter_by_link(token, agent=AGENT, address=ADDRESS)).signed_in
    _add(people, demo, Authenticator())
    second = Authenticator().create(people.passkey_options(demo))
    assert no(people.add_passkey(demo, second, "Another")).code == "not-fresh"


# --- signing in ---------------------------------------------------------------------------


def test_a_passkey_signs_its_owner_in_without_a_name(
    people: People, store: Store, ada: SignedIn, key: Authenticator
) -> None:
    entered = _enter(people, key.get(people.sign_in_options()))
    assert isinstance(entered, Entered)
    assert entered.signed_in.account.id == ada.account.id
    assert entered.signed_in.session is not None
    assert entered.signed_in.session.strong_how is Strength.PASSKEY
    assert people.signed_in(entered.token) is not None
    assert logged(store, Kind.SIGN_IN)[-1]["how"] == "passkey"


def test_an_answer_signs_in_once(people: People, key: Authenticator) -> None:
    answer = key.get(people.sign_in_options())
    assert isinstance(_enter(people, answer), Entered)
    assert no(_enter(people, answer)).status == 409


def test_an_answer_that_took_too_long_signs_nobody_in(
    people: People, key: Authenticator, clock: Clock
) -> None:
    answer = key.get(people.sign_in_options())
    clock.pass_by(timedelta(minutes=5))
    assert no(_enter(people, answer)).status == 409


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param({"verified": False}, id="the person was not verified"),
        pytest.param({"cross_origin": True}, id="in a frame of somebody else"),
        pytest.param({"handle": bytes_to_base64url(b"p-somebody")}, id="another's handle"),
        pytest.param({"handle": None}, id="no handle"),
        pytest.param({"ident": b"another passkey!"}, id="a passkey nobody has"),
    ],
)
def test_a_false_answer_signs_nobody_in_and_uses_the_challenge_up(
    people: People, key: Authenticator, lie: dict[str, Any]
) -> None:
    options = people.sign_in_options()
    assert no(_enter(people, key.get(options, **lie))).status == 401
    assert no(_enter(people, key.get(options))).status == 409
    assert isinstance(_enter(people, key.get(people.sign_in_options())), Entered)


def test_a_challenge_that_was_given_out_for_something_else_signs_nobody_in(
    people: People, ada: SignedIn, key: Authenticator
) -> None:
    for options in (people.passkey_options(ada), {"challenge": bytes_to_base64url(DIGEST)}):
        assert no(_enter(people, key.get(options))).status == 409


def test_another_key_under_the_id_of_a_passkey_signs_nobody_in(
    people: People, key: Authenticator
) -> None:
    forger = Authenticator()
    forger.id, forger.handle, forger.counter = key.id, key.handle, key.counter
    assert no(_enter(people, forger.get(people.sign_in_options()))).status == 401


def test_a_counter_that_goes_back_is_a_copy_and_refused(people: People, key: Authenticator) -> None:
    assert isinstance(_enter(people, key.get(people.sign_in_options())), Entered)
    key.counter -= 1
    assert no(_enter(people, key.get(people.sign_in_options()))).status == 401
    assert isinstance(_enter(people, key.get(people.sign_in_options())), Entered)


def test_the_passkey_of_a_closed_account_signs_nobody_in(people: People, ada: SignedIn) -> None:
    bob, key = joined(people, ada, "bob"), Authenticator()
    _add(people, bob, key)
    assert people.close(ada, bob.account.id) is None
    assert no(_enter(people, key.get(people.sign_in_options()))).status == 401


def test_a_reset_takes_passkeys_away(people: People, ada: SignedIn) -> None:
    bob, key = joined(people, ada, "bob"), Authenticator()
    _add(people, bob, key)
    yes(people.reset(ada, bob.account.id))
    assert people.passkeys(bob.account.id) == ()
    assert no(_enter(people, key.get(people.sign_in_options()))).status == 401


def test_a_new_way_to_sign_in_from_the_command_line_ends_the_passkeys_before(
    people: People, ada: SignedIn, key: Authenticator
) -> None:
    token = people.make_link(LinkKind.RESET, ada.account.id)
    assert isinstance(_enter(people, key.get(people.sign_in_options())), Entered)
    yes(sign_up(people, token))
    assert people.passkeys(ada.account.id) == ()
    assert no(_enter(people, key.get(people.sign_in_options()))).status == 401


def _without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(answer: dict[str, Any]) -> dict[str, Any]:
        rest = {key: value for key, value in answer["response"].items() if key != name}
        return {**answer, "response": rest}

    return change


def _with(name: str, value: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda answer: {**answer, "response": {**answer["response"], name: value}}


Change = Callable[[dict[str, Any]], dict[str, Any]]

MALFORMED = [
    pytest.param(lambda _: {}, id="nothing"),
    pytest.param(lambda answer: {**answer, "response": []}, id="a list"),
    pytest.param(lambda answer: {**answer, "id": 7}, id="a number as id"),
    pytest.param(lambda answer: {**answer, "rawId": "AAAA"}, id="two ids"),
    pytest.param(lambda answer: {**answer, "type": "password"}, id="another type"),
    pytest.param(_without("clientDataJSON"), id="no client data"),
    pytest.param(_with("clientDataJSON", "AAAA"), id="client data that is no JSON"),
    pytest.param(_with("clientDataJSON", "W10"), id="client data that is a list"),
    pytest.param(_with("clientDataJSON", bytes_to_base64url(b"[" * 50_000)), id="deep"),
]


@pytest.mark.parametrize(
    "change",
    [
        *MALFORMED,
        pytest.param(_without("signature"), id="no signature"),
        pytest.param(_with("signature", ""), id="an empty signature"),
        pytest.param(_with("authenticatorData", "AAAA"), id="short authenticator data"),
        pytest.param(_with("userHandle", "_w"), id="a handle that is no text"),
        pytest.param(_with("userHandle", {}), id="a handle that is an object"),
    ],
)
def test_a_malformed_answer_is_refused_like_a_false_one(
    people: People, ada: SignedIn, key: Authenticator, change: Change
) -> None:
    options = people.sign_in_options()
    assert no(_enter(people, change(key.get(options)))).status in (401, 409)
    asked = yes(people.assertion_options(ada, DIGEST))
    assert no(people.check_assertion(ada, change(key.get(asked)), DIGEST)).status == 401


@pytest.mark.parametrize(
    "change",
    [
        *MALFORMED,
        pytest.param(_without("attestationObject"), id="no attestation"),
        pytest.param(_with("attestationObject", ""), id="an empty attestation"),
        pytest.param(_with("attestationObject", "oA"), id="an attestation without parts"),
        pytest.param(_with("attestationObject", "gYGBgQ"), id="an attestation that ends midway"),
    ],
)
def test_a_malformed_registration_adds_nothing(
    people: People, ada: SignedIn, change: Change
) -> None:
    answer = Authenticator().create(people.passkey_options(ada))
    assert no(people.add_passkey(ada, change(answer), "")).status in (401, 409)
    assert people.passkeys(ada.account.id) == ()


# --- signing a digest ---------------------------------------------------------------------


def test_a_signed_digest_can_be_checked_by_anybody_from_what_is_on_record(
    people: People, ada: SignedIn, key: Authenticator
) -> None:
    options = yes(people.assertion_options(ada, DIGEST))
    assert options["challenge"] == bytes_to_base64url(DIGEST)
    assert options["userVerification"] == "required"
    record = yes(people.check_assertion(ada, key.get(options), DIGEST))
    client = decoded(record["clientDataJSON"])
    assert bytes_to_base64url(DIGEST).encode() in client
    signed = decoded(record["authenticatorData"]) + hashlib.sha256(client).digest()
    key.public_key().verify(decoded(record["signature"]), signed, ec.ECDSA(hashes.SHA256()))
    assert record["credential"] == bytes_to_base64url(key.id)
    assert record["publicKey"] == people.passkeys(ada.account.id)[0].key


def test_a_signed_digest_proves_that_the_person_is_there(
    people: People, ada: SignedIn, key: Authenticator, clock: Clock
) -> None:
    clock.pass_by(timedelta(minutes=30))
    yes(people.check_assertion(ada, key.get(yes(people.assertion_options(ada, DIGEST))), DIGEST))
    (session,) = people.sessions(ada.account.id)
    assert session.strong_how is Strength.PASSKEY
    assert clock.now - session.strong_at < timedelta(minutes=1)


def test_who_has_no_passkey_is_told_so(people: People, ada: SignedIn) -> None:
    assert no(people.assertion_options(ada, DIGEST)).code == "no-passkey"


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param({"verified": False}, id="the person was not verified"),
        pytest.param({"cross_origin": True}, id="in a frame of somebody else"),
        pytest.param({"challenge": bytes_to_base64url(bytes(32))}, id="another digest"),
        pytest.param({"handle": bytes_to_base64url(b"p-somebody")}, id="another's handle"),
    ],
)
def test_a_false_signature_is_refused_and_on_record(
    people: People, store: Store, ada: SignedIn, key: Authenticator, lie: dict[str, Any]
) -> None:
    options = yes(people.assertion_options(ada, DIGEST))
    assert no(people.check_assertion(ada, key.get(options, **lie), DIGEST)).status == 401
    assert logged(store, Kind.SIGN_IN_REFUSED)[-1]["account"] == ada.account.id
    yes(people.check_assertion(ada, key.get(options), DIGEST))


def test_a_signature_counts_once(people: People, ada: SignedIn, key: Authenticator) -> None:
    answer = key.get(yes(people.assertion_options(ada, DIGEST)))
    yes(people.check_assertion(ada, answer, DIGEST))
    assert no(people.check_assertion(ada, answer, DIGEST)).status == 401


def test_somebody_elses_passkey_does_not_sign_for_one(
    people: People, ada: SignedIn, key: Authenticator
) -> None:
    bob = joined(people, ada, "bob")
    answer = key.get({"challenge": bytes_to_base64url(DIGEST)})
    assert no(people.check_assertion(bob, answer, DIGEST)).status == 401


# --- taking one away ----------------------------------------------------------------------


def test_a_passkey_that_was_removed_signs_nobody_in(
    people: People, ada: SignedIn, key: Authenticator
) -> None:
    assert people.remove_passkey(ada, bytes_to_base64url(key.id)) is None
    assert no(_enter(people, key.get(people.sign_in_options()))).status == 401
    assert no(people.remove_passkey(ada, bytes_to_base64url(key.id))).status == 404


def test_nobody_removes_the_passkey_of_another(
    people: People, ada: SignedIn, key: Authenticator
) -> None:
    bob = joined(people, ada, "bob")
    assert no(people.remove_passkey(bob, bytes_to_base64url(key.id))).status == 404


def test_the_last_way_to_sign_in_stays(people: People) -> None:
    account = people.make_account(login="demo", name="Demo", roles=((EVERYWHERE, Role.VIEWER),))
    token = people.make_link(LinkKind.SIGN_IN, account.id)
    demo = yes(people.enter_by_link(token, agent=AGENT, address=ADDRESS)).signed_in
    passkey = _add(people, demo, Authenticator())
    assert no(people.remove_passkey(demo, passkey.id)).code == "last-way"
    assert people.passkeys(account.id) == (passkey,)


@pytest.mark.parametrize(
    ("public_url", "party", "origin"),
    [
        ("http://localhost:8080", "localhost", "http://localhost:8080"),
        ("https://Pawl.Example.org/", "pawl.example.org", "https://pawl.example.org"),
        ("https://pawl.example.org:443", "pawl.example.org", "https://pawl.example.org"),
        ("https://pawl.example.org:8443/x", "pawl.example.org", "https://pawl.example.org:8443"),
    ],
)
def test_host_and_origin_are_written_as_browsers_write_them(
    public_url: str, party: str, origin: str
) -> None:
    known = RelyingParty(public_url)
    assert (known.id, known.origin) == (party, origin)
