"""Signing in by password: who gets in, how often it may be tried, what goes on record."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from service.app.people import Entered, People
from service.ledger import Kind
from service.people import No, SignedIn, Strength
from service.people.passwords import Passwords
from service.store import Store
from tests.unit.service.people.kit import (
    URL,
    WORDS,
    joined,
    logged,
    no,
    sign_in,
    yes,
)
from tests.unit.service.store.conftest import Clock

WRONG = "not the password at all"


def test_who_knows_the_password_gets_in(people: People, ada: SignedIn) -> None:
    entered = yes(sign_in(people, " ADA "))
    assert entered.signed_in.account.id == ada.account.id
    assert entered.signed_in.session is not None
    assert entered.signed_in.session.strong_how is Strength.PASSWORD
    assert people.signed_in(entered.token) is not None


def test_a_password_fits_however_the_keyboard_composes_its_letters(
    people: People, ada: SignedIn
) -> None:
    assert people.change_password(ada, WORDS, "Zwölf Böhnchen", address="") is None
    assert isinstance(sign_in(people, "ada", "Zwo\u0308lf Bo\u0308hnchen"), Entered)


def test_each_sign_in_makes_a_fresh_token(people: People, ada: SignedIn) -> None:
    before, after = yes(sign_in(people, "ada")), yes(sign_in(people, "ada"))
    assert before.token != after.token
    assert people.signed_in("chosen-by-the-browser") is None


@pytest.mark.parametrize(
    ("login", "password"),
    [
        pytest.param("ada", WRONG, id="wrong password"),
        pytest.param("nobody", WORDS, id="unknown name"),
        pytest.param("x" * 5000, WORDS, id="a name that can't be one"),
        pytest.param("ad\u0430", WORDS, id="a name that only looks right"),
        pytest.param("ada", "x" * 100_000, id="endless password"),
        pytest.param("ada", "\ud800" * 20, id="broken password"),
        pytest.param("ada", "", id="no password"),
    ],
)
def test_what_is_wrong_is_not_said(
    people: People, ada: SignedIn, login: str, password: str
) -> None:
    refusal = no(sign_in(people, login, password))
    assert (refusal.code, refusal.status) == ("wrong-sign-in", 401)


def test_a_closed_account_and_one_without_a_password_are_told_like_a_wrong_one(
    people: People, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob")
    assert people.close(ada, bob.account.id) is None
    people.make_account(login="carl", name="Carl", roles=())
    wrong = no(sign_in(people, "ada", WRONG))
    assert no(sign_in(people, "bob")) == wrong
    assert no(sign_in(people, "carl")) == wrong


@pytest.mark.parametrize("login", ["ada", "nobody"])
def test_after_five_failures_a_name_has_to_wait(
    people: People, ada: SignedIn, clock: Clock, login: str
) -> None:
    assert [no(sign_in(people, login, WRONG)).status for _ in range(5)] == [401] * 5
    refusal = no(sign_in(people, login, WORDS))
    assert refusal.status == 429
    assert 14 * 60 < refusal.retry_after <= 15 * 60
    clock.pass_by(timedelta(seconds=refusal.retry_after))
    assert isinstance(sign_in(people, login, WORDS), Entered if login == "ada" else No)
    assert no(sign_in(people, login, WRONG)).status == 401


def test_a_name_that_has_to_wait_keeps_nobody_else_out(people: People, ada: SignedIn) -> None:
    joined(people, ada, "bob")
    for _ in range(6):
        sign_in(people, "ada", WRONG)
    assert isinstance(sign_in(people, "bob"), Entered)


def test_a_success_forgets_the_failures_of_the_name(people: People, ada: SignedIn) -> None:
    for _ in range(3):
        for _ in range(4):
            sign_in(people, "ada", WRONG)
        yes(sign_in(people, "ada"))


def test_after_fifty_failures_an_address_has_to_wait_whatever_the_names(
    people: People, ada: SignedIn
) -> None:
    for number in range(50):
        assert no(sign_in(people, f"name-{number}", WRONG)).status == 401
        if number % 10 == 0:
            yes(sign_in(people, "ada"))  # a success does not wipe an address clean
    assert no(sign_in(people, "ada")).status == 429
    assert isinstance(sign_in(people, "ada", address="198.51.100.1"), Entered)


def test_addresses_of_one_household_count_together(people: People, ada: SignedIn) -> None:
    for number in range(50):
        sign_in(people, f"name-{number}", WRONG, address=f"2001:db8:0:1::{number:x}")
    assert no(sign_in(people, "ada", address="2001:db8:0:1:ffff::1")).status == 429
    assert isinstance(sign_in(people, "ada", address="2001:db8:0:2::1"), Entered)


def test_many_guesses_at_once_get_no_further_than_one_after_the_other(
    people: People, ada: SignedIn
) -> None:
    together = threading.Barrier(12)

    def guess(_: int) -> int:
        together.wait()
        return no(sign_in(people, "ada", WRONG)).status

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(guess, range(12)))
    assert answers.count(401) == 5
    assert answers.count(429) == 7


def test_a_flood_puts_one_entry_a_minute_on_record(
    people: People, store: Store, ada: SignedIn, clock: Clock
) -> None:
    for _ in range(20):
        sign_in(people, "ada", WRONG)
    assert len(logged(store, Kind.SIGN_IN_REFUSED)) == 1
    clock.pass_by(timedelta(minutes=1))
    for _ in range(20):
        sign_in(people, "ada", WRONG)
    entries = logged(store, Kind.SIGN_IN_REFUSED)
    assert [(one["limited"], one["failures"]) for one in entries] == [(False, 1), (True, 5)]


def test_a_refused_attempt_is_on_record_without_what_was_typed(
    people: People, store: Store, ada: SignedIn
) -> None:
    sign_in(people, "ada", WRONG)
    sign_in(people, "MySecretPassphrase!", WRONG, address="198.51.100.9")
    entries = logged(store, Kind.SIGN_IN_REFUSED)
    assert [one["login"] for one in entries] == ["a***", "***"]
    assert entries[1]["network"] == "198.51.100.0/24"
    bodies = b"".join(entry.body for entry in store.entries(newest=1000)).lower()
    assert b"passphrase" not in bodies
    assert WRONG.encode() not in bodies


def test_a_sign_in_is_on_record_with_who_and_how(
    people: People, store: Store, ada: SignedIn
) -> None:
    yes(sign_in(people, "ada"))
    last = logged(store, Kind.SIGN_IN)[-1]
    assert (last["by"], last["how"]) == (ada.account.id, "password")


def test_a_hash_of_yesterday_is_renewed_when_its_owner_comes(
    people: People, store: Store, clock: Clock, ada: SignedIn
) -> None:
    stronger = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)
    tomorrow = People(store, clock, URL, hasher=Passwords(stronger))
    yes(sign_in(tomorrow, "ada"))
    with store.reading() as view:
        kept = view.people.password(ada.account.id)
    assert kept is not None
    assert not stronger.check_needs_rehash(kept)
    yes(sign_in(tomorrow, "ada"))


class _Interrupted(PasswordHasher):
    """Something else happens while a password is being checked."""

    __slots__ = ("meanwhile",)

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.meanwhile = meanwhile

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.meanwhile()
        return super().verify(hash, password)


def test_who_is_reset_while_the_password_is_checked_does_not_get_in(
    people: People, store: Store, clock: Clock, ada: SignedIn
) -> None:
    bob = joined(people, ada, "bob")
    hasher = _Interrupted(lambda: people.reset(ada, bob.account.id))
    elsewhere = People(store, clock, URL, hasher=Passwords(hasher))
    assert no(sign_in(elsewhere, "bob")).status == 401
    assert people.sessions(bob.account.id) == ()


class _Counting(PasswordHasher):
    """Says how many hashes were computed at once, and holds each until two are, or none comes."""

    __slots__ = ("lock", "most", "now", "second")

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.lock, self.now, self.most = threading.Lock(), 0, 0
        self.second = threading.Event()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == 2:
                self.second.set()
        self.second.wait(5)
        try:
            return super().verify(hash, password)
        finally:
            with self.lock:
                self.now -= 1


def test_two_passwords_are_hashed_at_once_and_never_more() -> None:
    hasher = _Counting()
    passwords = Passwords(hasher)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: passwords.fits(WRONG, None), range(8)))
    assert hasher.most == 2
