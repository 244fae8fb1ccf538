"""What deeds about people write: accounts, roles, links, sessions, each with its entry of the log.

Within the caller's transaction. Who may do what is asked before, in `service.app.present`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from webauthn.helpers import bytes_to_base64url

from service.app import present
from service.changes import Principal, System
from service.ledger import Judgment, Kind
from service.people import (
    EVERYWHERE,
    Account,
    AccountId,
    Grant,
    Link,
    LinkKind,
    No,
    Role,
    Session,
    SignedIn,
    Strength,
    limits,
    names,
    tokens,
)
from service.store import View, Work

LINK_LASTS = timedelta(hours=24)
CHALLENGE_LASTS = timedelta(minutes=5)
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_KEPT = timedelta(days=30)
ME = System("people")
COMMAND_LINE = System("command-line")
_FIRST_ROLES = (Role.ADMINISTRATOR, Role.APPROVER, Role.POLICY_OWNER, Role.REQUESTER)
NO_LINK = No("no-link", "There is no such link.", "Ask for a new one.", 404)
_LINK_OVER = No("link-over", "This link was used or is too old.", "Ask for a new one.", 410)


@dataclass(frozen=True)
class Entered:
    """A session that began: `token` goes into the cookie and is kept nowhere."""

    token: str
    signed_in: SignedIn


def enter(
    work: Work, ident: AccountId, strength: Strength, agent: str, address: str, *, how: str
) -> Entered:
    """Begin a session under a fresh token, whatever the browser sent before."""
    token = tokens.fresh()
    session = Session(
        id=tokens.digest(token),
        account=ident,
        csrf=tokens.fresh(),
        made_at=work.now,
        seen_at=work.now,
        strong_at=work.now,
        strong_how=strength,
        agent="".join(letter for letter in agent if letter.isprintable())[:200],
        address=address[:64],
    )
    work.people.forget_sessions(ident, work.now - _KEPT)
    work.people.add_session(session)
    account = present.known(work, ident)
    note(
        work,
        Kind.SIGN_IN,
        account.person,
        f"signed in by {how}",
        how=strength.value,
        session=session.id[:12],
        network=limits.network(address),
    )
    return Entered(token, SignedIn(account, work.people.grants(ident), session))


def end(work: Work, who: SignedIn, session: Session) -> None:
    """End a session, by `who`."""
    work.people.end_session(session.id, work.now)
    note(
        work,
        Kind.SIGN_OUT,
        who.person,
        "a session was ended",
        account=session.account,
        session=session.id[:12],
    )


def shut_out(work: Work, account: str) -> None:
    """End all by which somebody may be in, or come in by a link."""
    work.people.end_sessions(account, work.now)
    work.people.revoke_tokens(account, work.now)
    work.people.void_links(work.now, account=account)


def find_link(view: View, token: str) -> Link | No:
    """The link that `token` opens. No: 404 unknown, 410 used, too old or pointless by now."""
    link = view.people.link(tokens.digest(token))
    if link is None:
        return NO_LINK
    if link.used_at is not None or view.now >= link.expires_at:
        return _LINK_OVER
    if link.kind is LinkKind.FIRST and view.people.administrators():
        return _LINK_OVER
    if link.account is not None and isinstance(present.open_account(view, link.account), No):
        return _LINK_OVER
    return link


def make_link(work: Work, kind: LinkKind, account: str | None, by: Principal) -> str:
    """A fresh link; older ones for the same purpose open nothing any more."""
    token = tokens.fresh()
    if kind is not LinkKind.SIGN_IN:
        work.people.void_links(work.now, account=account)
    link = Link(
        id=tokens.digest(token),
        kind=kind,
        account=account,
        made_by=by.id if by.kind == "person" else None,
        expires_at=_NEVER if kind is LinkKind.FIRST else work.now + LINK_LASTS,
        used_at=None,
    )
    work.people.add_link(link)
    why = f"a one-time link was made ({kind})"
    note(work, Kind.SETTING_CHANGED, by, why, link=link.id[:12], account=account)
    return token


def give_out(work: Work, challenge: bytes, purpose: str, account: str | None) -> None:
    """Keep a challenge for a passkey to answer, for `CHALLENGE_LASTS`."""
    work.people.add_challenge(
        bytes_to_base64url(challenge),
        purpose=purpose,
        account=account,
        now=work.now,
        expires_at=work.now + CHALLENGE_LASTS,
    )


def chosen(link: Link, account: Account | None, login: str, name: str) -> tuple[str, str] | No:
    """Login and name of whoever signs up."""
    if link.kind is LinkKind.SIGN_IN:
        return NO_LINK
    wanted = account.login if account is not None and not login.strip() else names.login(login)
    if isinstance(wanted, No):
        return wanted
    if account is not None and wanted != account.login:
        return No("login-fixed", f"The login of this account is {account.login}.", status=422)
    called = account.name if account is not None and not name.strip() else names.shown(name)
    return called if isinstance(called, No) else (wanted, called)


def taken(login: str) -> No:
    """The refusal of a login that somebody has, or had."""
    return No("login-taken", f"Somebody has the login {login}.", "Choose another.", 409)


def make_first(work: Work, login: str, name: str) -> AccountId:
    """The account of the first administrator."""
    ident = add_account(work, login, name, ME, made_by=None)
    for role in _FIRST_ROLES:
        give(work, ME, None, ident, EVERYWHERE, role)
    return ident


def start_anew(work: Work, account: Account, name: str) -> None:
    """Make room for a new way to sign in: nothing from before a reset opens the account."""
    work.people.end_sessions(account.id, work.now)
    work.people.remove_passkeys(account.id)
    work.people.void_links(work.now, account=account.id)
    if name != account.name:
        work.people.set_name(account.id, name)


def add_account(
    work: Work, login: str, name: str, by: Principal, *, made_by: str | None
) -> AccountId:
    """Make an account without roles and without a way to sign in. Look at `by_login` before."""
    ident = tokens.account_id()
    work.people.add_account(ident, login=login, name=name, made_by=made_by, made_at=work.now)
    note(work, Kind.ACCOUNT_MADE, by, "an account was made", account=ident)
    return ident


def give(
    work: Work, by: Principal, giver: str | None, account: str, repository: str, role: Role
) -> None:
    """Give a role; what is held already is not on record again."""
    grant = Grant(account=account, repository=repository, role=role, by=giver, at=work.now)
    if work.people.grant(grant):
        _note_role(work, by, giver, account, repository, role, True)


def take(work: Work, by: SignedIn, account: str, repository: str, role: Role) -> None:
    """Take a role; what was not held is not on record."""
    if work.people.revoke(account, repository, role):
        _note_role(work, by.person, by.account.id, account, repository, role, False)


def _note_role(
    work: Work,
    by: Principal,
    giver: str | None,
    account: str,
    repository: str,
    role: Role,
    given: bool,
) -> None:
    """On record: also that somebody did it to themselves, which decisions look at."""
    note(
        work,
        Kind.ROLE_CHANGE,
        by,
        f"a role was {'given' if given else 'taken'}: {role}",
        account=account,
        repository=repository,
        role=role.value,
        given=given,
        self=giver == account,
    )


def note_own(work: Work, who: SignedIn, what: str, **more: str) -> None:
    """On record: `who` changed their own way to sign in."""
    why = f"a way to sign in changed: {what}"
    note(work, Kind.SETTING_CHANGED, who.person, why, what=what, **more)


def note(work: Work, kind: Kind, by: Principal, why: str, **payload: object) -> None:
    """An entry about people; it belongs to no change."""
    work.note(Judgment(kind=kind, actor=by, change=None, why=why, payload=payload))
