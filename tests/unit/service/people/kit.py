"""What the tests about people share: a cheap hash, short ways to somebody who is signed in."""

from __future__ import annotations

from typing import Any, TypeVar

from argon2 import PasswordHasher

from service.app.people import Entered, People
from service.ledger import Kind
from service.people import EVERYWHERE, No, Role, SignedIn
from service.people.passwords import Passwords
from service.store import Store

URL = "http://localhost:8080"
WORDS = "four words beside another"
OTHER_WORDS = "a second set of words"
AGENT = "a browser"
ADDRESS = "203.0.113.7"
T = TypeVar("T")


def quick() -> Passwords:
    """A hash that costs nothing: the rules are tested here, not argon2."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def yes(answer: T | No) -> T:
    """The answer, which is no refusal."""
    assert not isinstance(answer, No), answer
    return answer


def no(answer: object) -> No:
    """The refusal that the answer is."""
    assert isinstance(answer, No), answer
    return answer


def sign_up(
    people: People, token: str, login: str = "", name: str = "", password: str = WORDS
) -> Entered | No:
    return people.sign_up(
        token, login=login, name=name, password=password, agent=AGENT, address=ADDRESS
    )


def sign_in(
    people: People, login: str, password: str = WORDS, *, address: str = ADDRESS
) -> Entered | No:
    return people.sign_in(login, password, agent=AGENT, address=address)


def first(people: People) -> SignedIn:
    """The first administrator, Ada."""
    token = people.first_link()
    assert token is not None
    return yes(sign_up(people, token, "ada", "Ada")).signed_in


def joined(
    people: People, by: SignedIn, login: str, *roles: Role, repository: str = EVERYWHERE
) -> SignedIn:
    """Somebody whom `by` invited, and who signed up."""
    _, token = yes(
        people.invite(
            by,
            name=login.title(),
            login=login,
            roles=tuple((repository, role) for role in roles) or ((EVERYWHERE, Role.VIEWER),),
        )
    )
    return yes(sign_up(people, token)).signed_in


def by_token(people: People, who: SignedIn) -> SignedIn:
    """The same person, by an API token."""
    _, secret = yes(people.make_token(who, "script", 30))
    found = people.bearer(secret)
    assert found is not None
    return found


def logged(store: Store, kind: Kind) -> list[dict[str, Any]]:
    """Payloads of a kind with who said it, oldest first."""
    return [
        {**entry.judgment.payload, "by": entry.judgment.actor.id}
        for entry in store.entries(newest=1000)
        if entry.judgment.kind is kind
    ]
