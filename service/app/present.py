"""Who is here: somebody as they are at this moment, and whether they may do what they ask for.

Reads only. A value that was read before may be of somebody who was shut out since, so each deed
asks again within its own transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.people import EVERYWHERE, Account, No, Role, Session, SignedIn, Strength
from service.store import View

IDLE = timedelta(hours=1)
LONGEST = timedelta(hours=12)
"""A session ends after this, however busy it is."""
FRESH = timedelta(minutes=5)
"""How long a proof to be there counts where somebody gets a new way to sign in."""
_NEEDS_SESSION = No(
    "needs-session",
    "A token can't do this; it needs a person who is signed in.",
    "Sign in with a browser.",
)
_SESSION_OVER = No("session-over", "You are not signed in any more.", "Sign in again.", 401)
_NOT_FRESH = No(
    "not-fresh",
    "You have to prove that it is you before a new way to sign in is added.",
    "Confirm your password, or sign out and in again, then do this within five minutes.",
    401,
)
NOT_ADMINISTRATOR = No(
    "not-administrator",
    "Only an administrator may do this.",
    "Ask one; the page of people shows who they are.",
)
NO_ACCOUNT = No("no-account", "There is no such account.", status=404)
_CLOSED = No("closed", "That account is closed.", "Invite the person anew.", 409)


@dataclass(frozen=True)
class Here(SignedIn):
    """Somebody who is signed in at this moment, by a browser."""

    session: Session


def runs(session: Session, at: datetime) -> bool:
    """Whether a session that was not ended still counts."""
    return at - session.seen_at < IDLE and at - session.made_at < LONGEST


def behind(view: View, session: Session) -> Here | None:
    """Whose session it is, unless the account is closed."""
    account = view.people.account(session.account)
    if account is None or not account.open:
        return None
    return Here(account, view.people.grants(account.id), session)


def now(view: View, who: SignedIn) -> Here | No:
    """`who` as they are at this moment. No 403 for a token, 401 where the session is over."""
    if who.session is None:
        return _NEEDS_SESSION
    session = view.people.session(who.session.id)
    if session is None or not runs(session, view.now):
        return _SESSION_OVER
    return behind(view, session) or _SESSION_OVER


def fresh(view: View, who: SignedIn) -> Here | No:
    """The same, where they proved to be there just now. A sign-in link may only make a first way
    to sign in, but has as long for it as its session: there is nothing else to prove it by."""
    here = now(view, who)
    if isinstance(here, No):
        return here
    if here.session.strong_how is Strength.LINK:
        return _NOT_FRESH if here.account.can_sign_in else here
    return _NOT_FRESH if view.now - here.session.strong_at > FRESH else here


def administrator(view: View, who: SignedIn, repository: str = EVERYWHERE) -> Here | No:
    """The same, where they are administrator of `repository`."""
    here = now(view, who)
    if isinstance(here, No):
        return here
    return here if administers(here, repository) else NOT_ADMINISTRATOR


def administers(here: SignedIn, repository: str) -> bool:
    """Whether they may give roles in `repository`."""
    return Role.ADMINISTRATOR in here.roles(repository)


def own_or_administrator(here: SignedIn, account: str) -> bool:
    """Whether what belongs to `account` is theirs to end."""
    return account == here.account.id or here.is_administrator()


def last(view: View, here: SignedIn, account: str) -> bool:
    """Whether without `account` nobody would be left who can administer. Whoever does it counts."""
    return not any(
        one.id != account and (one.can_sign_in or one.id == here.account.id)
        for one in view.people.administrators()
    )


def open_account(view: View, ident: str) -> Account | No:
    """The account, where it is open. No: 404 unknown, 409 closed."""
    account = view.people.account(ident)
    if account is None:
        return NO_ACCOUNT
    return account if account.open else _CLOSED


def known(view: View, ident: str) -> Account:
    """An account that must be there. Raises `LookupError`."""
    account = view.people.account(ident)
    if account is None:
        raise LookupError(ident)
    return account


def human(account: Account) -> str:
    """The account that stands for the human being."""
    return account.same_as or account.id
