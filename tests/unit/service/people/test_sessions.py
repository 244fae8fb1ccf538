"""Sessions: how long they run, how they end, and what a password is asked again for."""

from __future__ import annotations

from datetime import timedelta

from service.app.people import Entered, People
from service.ledger import Kind
from service.people import No, SignedIn, Strength
from service.store import Store
from tests.unit.service.people.kit import (
    ADDRESS,
    OTHER_WORDS,
    WORDS,
    joined,
    logged,
    no,
    sign_in,
    yes,
)
from tests.unit.service.store.conftest import Clock

WRONG = "not the password at all"


def _session(who: SignedIn) -> str:
    assert who.session is not None
    return who.session.id


def test_a_session_ends_after_an_hour_without_use(
    people: People, ada: SignedIn, clock: Clock
) -> None:
    token = yes(sign_in(people, "ada")).token
    clock.pass_by(timedelta(minutes=59))
    assert people.signed_in(token) is not None
    clock.pass_by(timedelta(minutes=59))
    assert people.signed_in(token) is not None
    clock.pass_by(timedelta(minutes=60))
    assert people.signed_in(token) is None
    assert people.sessions(ada.account.id) == ()


def test_a_session_ends_after_twelve_hours_however_busy_it_is(
    people: People, ada: SignedIn, clock: Clock
) -> None:
    token = yes(sign_in(people, "ada")).token
    for _ in range(23):
        clock.pass_by(timedelta(minutes=30))
        assert people.signed_in(token) is not None
    clock.pass_by(timedelta(minutes=30))
    assert people.signed_in(token) is None


def test_when_a_session_was_seen_is_written_once_a_minute(
    people: People, ada: SignedIn, clock: Clock
) -> None:
    entered = yes(sign_in(people, "ada"))

    def seen() -> object:
        people.signed_in(entered.token)
        return people.sessions(ada.account.id)[0].seen_at

    begun = seen()
    assert seen() == begun
    clock.pass_by(timedelta(minutes=1))
    later = seen()
    assert later != begun
    assert seen() == later


def test_a_token_that_was_not_given_out_is_nobodys(people: People, ada: SignedIn) -> None:
    assert people.signed_in("") is None
    assert people.signed_in(_session(ada)) is None  # what the database holds opens nothing
    assert people.signed_in("\ud800") is None


def test_who_signs_out_is_out_here_and_not_elsewhere(
    people: People, store: Store, ada: SignedIn
) -> None:
    one, two = yes(sign_in(people, "ada")), yes(sign_in(people, "ada"))
    people.sign_out(one.signed_in)
    people.sign_out(one.signed_in)
    assert people.signed_in(one.token) is None
    assert people.signed_in(two.token) is not None
    assert [entry["by"] for entry in logged(store, Kind.SIGN_OUT)] == [ada.account.id]


def test_one_ends_ones_own_sessions_and_an_administrator_anybodys(
    people: People, store: Store, ada: SignedIn
) -> None:
    bob, carl = joined(people, ada, "bob"), joined(people, ada, "carl")
    more = yes(sign_in(people, "bob"))
    assert no(people.end_session(carl, _session(bob))).status == 404
    assert people.end_session(bob, _session(more.signed_in)) is None
    assert people.signed_in(more.token) is None
    assert people.end_session(ada, _session(bob)) is None
    assert people.sessions(bob.account.id) == ()
    last = logged(store, Kind.SIGN_OUT)[-1]
    assert (last["by"], last["account"]) == (ada.account.id, bob.account.id)


def test_a_closed_account_is_signed_out_everywhere(people: People, ada: SignedIn) -> None:
    bob = joined(people, ada, "bob")
    entered = yes(sign_in(people, "bob"))
    assert people.close(ada, bob.account.id) is None
    assert people.signed_in(entered.token) is None


def test_who_was_shut_out_a_moment_ago_does_nothing_more(people: People, ada: SignedIn) -> None:
    bob = joined(people, ada, "bob")
    assert people.end_session(ada, _session(bob)) is None
    assert no(people.make_token(bob, "script", 30)).status == 401
    assert no(people.check_password(bob, WORDS, address=ADDRESS)).status == 401
    refusal = people.change_password(bob, WORDS, OTHER_WORDS, address=ADDRESS)
    assert no(refusal).status == 401


def test_who_was_away_for_an_hour_does_nothing_more(
    people: People, ada: SignedIn, clock: Clock
) -> None:
    bob = joined(people, ada, "bob")
    clock.pass_by(timedelta(hours=1))
    assert no(people.close(ada, bob.account.id)).code == "session-over"
    assert no(people.make_token(ada, "script", 30)).code == "session-over"


def test_a_new_password_ends_all_other_sessions_and_the_old_password(
    people: People, store: Store, ada: SignedIn
) -> None:
    here, there = yes(sign_in(people, "ada")), yes(sign_in(people, "ada"))
    changed = people.change_password(here.signed_in, WORDS, OTHER_WORDS, address=ADDRESS)
    assert changed is None
    assert people.signed_in(here.token) is not None
    assert people.signed_in(there.token) is None
    assert isinstance(sign_in(people, "ada"), No)
    assert isinstance(sign_in(people, "ada", OTHER_WORDS), Entered)
    assert logged(store, Kind.SETTING_CHANGED)[-1]["what"] == "password-changed"


def test_a_new_password_needs_the_old_one_and_has_to_be_good(people: People, ada: SignedIn) -> None:
    assert no(people.change_password(ada, WRONG, OTHER_WORDS, address=ADDRESS)).status == 401
    assert no(people.change_password(ada, WORDS, "short", address=ADDRESS)).status == 422
    assert isinstance(sign_in(people, "ada"), Entered)


def test_a_password_said_again_proves_that_the_person_is_there(
    people: People, ada: SignedIn, clock: Clock
) -> None:
    entered = yes(sign_in(people, "ada"))
    clock.pass_by(timedelta(minutes=30))
    answer = people.check_password(entered.signed_in, WORDS, address=ADDRESS)
    assert answer is Strength.PASSWORD
    now = people.signed_in(entered.token)
    assert now is not None
    assert now.session is not None
    assert clock.now - now.session.strong_at < timedelta(minutes=1)


def test_a_wrong_password_said_again_proves_nothing_and_is_on_record(
    people: People, store: Store, ada: SignedIn, clock: Clock
) -> None:
    clock.pass_by(timedelta(minutes=30))
    assert no(people.check_password(ada, WRONG, address=ADDRESS)).status == 401
    (session,) = people.sessions(ada.account.id)
    assert clock.now - session.strong_at > timedelta(minutes=29)
    last = logged(store, Kind.SIGN_IN_REFUSED)[-1]
    assert (last["account"], last["step_up"]) == (ada.account.id, True)


def test_a_password_can_be_said_again_wrongly_five_times(people: People, ada: SignedIn) -> None:
    wrong = [no(people.check_password(ada, WRONG, address=ADDRESS)).status for _ in range(5)]
    assert wrong == [401] * 5
    assert no(people.check_password(ada, WORDS, address=ADDRESS)).status == 429
    assert no(people.change_password(ada, WORDS, OTHER_WORDS, address=ADDRESS)).status == 429


def test_strangers_who_use_up_a_name_do_not_stop_its_owner_who_is_in(
    people: People, ada: SignedIn
) -> None:
    for _ in range(6):
        sign_in(people, "ada", WRONG, address="198.51.100.1")
    assert people.check_password(ada, WORDS, address=ADDRESS) is Strength.PASSWORD
