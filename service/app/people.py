"""People: accounts, ways to sign in, sessions, roles, tokens; each deed on record."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from service.changes import Principal, System
from service.errors import UsageError
from service.ledger import Judgment, Kind
from service.people import (
    EVERYWHERE,
    Account,
    AccountId,
    ApiToken,
    Grant,
    Link,
    LinkKind,
    No,
    Passkey,
    Role,
    Session,
    SignedIn,
    Strength,
    limits,
    names,
    passkeys,
    passwords,
    tokens,
)
from service.people.passkeys import Claimed
from service.store import Store, View, Work

IDLE = timedelta(hours=1)
LONGEST = timedelta(hours=12)
"""A session ends after this, however busy it is."""
SEEN = timedelta(minutes=1)
"""`seen` and `used` are written at most once in this time."""
FRESH = timedelta(minutes=5)
"""How long a proof to be there counts where somebody gets a new way to sign in."""
LINK_LASTS = timedelta(hours=24)
CHALLENGE_LASTS = timedelta(minutes=5)
CHALLENGES = 10_000
"""Sign-in challenges that are kept at once: anybody may ask for them."""
TOKEN_DAYS = 365

_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_KEPT = timedelta(days=30)
_ME = System("people")
_COMMAND_LINE = System("command-line")
_FIRST_ROLES = (Role.ADMINISTRATOR, Role.APPROVER, Role.POLICY_OWNER, Role.REQUESTER)

_WRONG = No(
    "wrong-sign-in",
    "That name and password don't belong together.",
    "Try again; an administrator can reset the way to sign in.",
    401,
)
_WRONG_PASSWORD = No("wrong-password", "That is not your password.", "Try again.", 401)
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
_NOT_ADMINISTRATOR = No(
    "not-administrator",
    "Only an administrator may do this.",
    "Ask one; the page of people shows who they are.",
)
_LAST = No(
    "last-administrator",
    "Nobody else who can sign in is an administrator.",
    "Make somebody else an administrator first, and have them sign in.",
    409,
)
_NO_ACCOUNT = No("no-account", "There is no such account.", status=404)
_CLOSED = No("closed", "That account is closed.", "Invite the person anew.", 409)
_NO_LINK = No("no-link", "There is no such link.", "Ask for a new one.", 404)
_LINK_OVER = No("link-over", "This link was used or is too old.", "Ask for a new one.", 410)
_TOO_LATE = No("passkey-too-late", "That took too long, or was sent twice.", "Begin again.", 409)


@dataclass(frozen=True)
class Entered:
    """A session that began: `token` goes into the cookie and is kept nowhere."""

    token: str
    signed_in: SignedIn


class People:
    """The use cases about people. `public_url` is where browsers reach Pawl (scheme://host:port);
    its host is the passkeys' relying party."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        public_url: str,
        *,
        hasher: passwords.Passwords | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._party = passkeys.RelyingParty(public_url)
        self._passwords = passwords.Passwords() if hasher is None else hasher
        self._attempts = _Attempts(store)

    # --- one-time links -------------------------------------------------------------------
    def first_link(self) -> str | None:
        """A fresh token of a first-run link, or None where an administrator is there already."""
        with self._store.writing() as work:
            if work.people.administrators():
                return None
            return _make_link(work, LinkKind.FIRST, None, _COMMAND_LINE)

    def link(self, token: str) -> Link | No:
        """Look at a link without burning it (for GET). No: 404 unknown, 410 used or expired."""
        with self._store.reading() as view:
            return _find_link(view, token)

    def sign_up(
        self, token: str, *, login: str, name: str, password: str, agent: str, address: str
    ) -> Entered | No:
        """Burn a FIRST, INVITE or RESET link: set name and password, sign in. For FIRST the account
        becomes administrator, approver, policy owner and requester everywhere.

        An account that is there keeps its login: `login` is that or "", and a `name` of "" leaves
        the name as it is.
        """
        with self._store.reading() as view:
            link = _find_link(view, token)
            if isinstance(link, No):
                return link
            account = view.people.account(link.account) if link.account is not None else None
        chosen = _chosen(link, account, login, name)
        if isinstance(chosen, No):
            return chosen
        refusal = passwords.refuse(password, login=chosen[0], name=chosen[1])
        if refusal is not None:
            return refusal
        kept = self._passwords.hash(password)
        with self._store.writing() as work:
            found = _find_link(work, token)  # again: this time the write lock is held
            if isinstance(found, No):
                return found
            if account is None and work.people.by_login(chosen[0]) is not None:
                return _taken(chosen[0])
            work.people.burn_link(link.id, work.now)
            if account is None:
                ident = _make_first(work, *chosen)
            else:
                ident = account.id
                _start_anew(work, account, chosen[1])
            work.people.set_password(ident, kept)
            return _enter(work, ident, Strength.PASSWORD, agent, address, how=f"{link.kind} link")

    def enter_by_link(self, token: str, *, agent: str, address: str) -> Entered | No:
        """Burn a SIGN_IN link (the demo's) and begin a session of strength LINK."""
        with self._store.writing() as work:
            link = _find_link(work, token)
            if isinstance(link, No):
                return link
            if link.kind is not LinkKind.SIGN_IN or link.account is None:
                return _NO_LINK
            work.people.burn_link(link.id, work.now)
            return _enter(work, AccountId(link.account), Strength.LINK, agent, address, how="link")

    # --- signing in -----------------------------------------------------------------------
    def sign_in(self, login: str, password: str, *, agent: str, address: str) -> Entered | No:
        """By password. No: 401 (the same words for an unknown login), 429 with retry_after."""
        keys = (limits.by_login(login), limits.by_address(address))
        said = {
            "login": names.masked(login),
            "network": limits.network(address),
            "how": Strength.PASSWORD.value,
        }
        turn = self._attempts.begin(keys, said)
        if isinstance(turn, No):
            return turn
        wanted = names.login(login)
        with self._store.reading() as view:
            account = None if isinstance(wanted, No) else view.people.by_login(wanted)
            kept = None if account is None else view.people.password(account.id)
        right = self._passwords.fits(password, kept)  # as long for a name that nobody has
        if account is None or kept is None or not right:
            self._attempts.failed(turn, said)
            return _WRONG
        renewed = self._passwords.hash(password) if self._passwords.outdated(kept) else kept
        with self._store.writing() as work:
            now = work.people.account(account.id)
            if now is None or not now.open or work.people.password(account.id) != kept:
                self._attempts.refused(work, turn, said)
                return _WRONG
            self._attempts.passed(work, turn)
            work.people.set_password(account.id, renewed)
            return _enter(work, account.id, Strength.PASSWORD, agent, address, how="password")

    def sign_in_options(self) -> Mapping[str, Any]:
        """Options for `navigator.credentials.get` (JSON form), discoverable credentials."""
        challenge = secrets.token_bytes(32)
        with self._store.writing() as work:
            _give_out(work, challenge, "sign-in", None)
            work.people.crowd_challenges("sign-in", CHALLENGES)
        return self._party.request(challenge)

    def sign_in_by_passkey(
        self, answer: Mapping[str, Any], *, agent: str, address: str
    ) -> Entered | No:
        """By a passkey that answers `sign_in_options`. No: 401, 409 too late, 429."""
        said = {"network": limits.network(address), "how": Strength.PASSKEY.value}
        turn = self._attempts.begin((limits.by_address(address),), said)
        if isinstance(turn, No):
            return turn
        claimed = passkeys.claimed(answer)
        with self._store.writing() as work:
            if isinstance(claimed, No):
                self._attempts.refused(work, turn, said)
                return claimed
            if not work.people.take_challenge(
                claimed.challenge, purpose="sign-in", account=None, now=work.now
            ):
                self._attempts.refused(work, turn, said)
                return _TOO_LATE
            passkey = self._asserted(work, answer, claimed, whose=claimed.account)
            account = None if passkey is None else work.people.account(passkey.account)
            if passkey is None or account is None or not account.open:
                self._attempts.refused(work, turn, said)
                return passkeys.REFUSED
            self._attempts.passed(work, turn)
            return _enter(work, account.id, Strength.PASSKEY, agent, address, how="passkey")

    def signed_in(self, token: str) -> SignedIn | None:
        """Who holds the cookie `token`: None where unknown, idle for 1 h, older than 12 h, revoked,
        or the account is closed. Writes `seen` at most once a minute."""
        ident = tokens.digest(token)
        with self._store.reading() as view:
            session = view.people.session(ident)
            if session is None or not _runs(session, view.now):
                return None
            here = _who(view, session)
            stale = view.now - session.seen_at >= SEEN
        if here is None:
            return None
        if stale:
            with self._store.writing() as work:
                work.people.see_session(ident, work.now)
        return SignedIn(here.account, here.grants, here.session)

    def bearer(self, token: str) -> SignedIn | None:
        """Who holds an API token; its session is None, so nothing of it decides."""
        parsed = tokens.parse_api_token(token)
        if parsed is None:
            return None
        ident, secret = parsed
        with self._store.reading() as view:
            found = view.people.token(ident)
            if found is None or not tokens.fits(secret, found[1]):
                return None
            known = found[0]
            account = view.people.account(known.account)
            if known.revoked_at is not None or view.now >= known.expires_at:
                return None
            if account is None or not account.open:
                return None
            who = SignedIn(account, view.people.grants(account.id), None, known)
            stale = known.used_at is None or view.now - known.used_at >= SEEN
        if stale:
            with self._store.writing() as work:
                work.people.use_token(ident, work.now)
        return who

    def sign_out(self, who: SignedIn) -> None:
        """End the session that `who` came in by."""
        if who.session is None:
            return
        with self._store.writing() as work:
            if work.people.session(who.session.id) is not None:
                _end(work, who, who.session)

    # --- proving to be there (step-up) -----------------------------------------------------
    def check_password(self, who: SignedIn, password: str, *, address: str) -> Strength | No:
        """Strength.PASSWORD, or No 401/429; sets the session's `strong_at`."""
        kept = self._own_password(who, password, address)
        if isinstance(kept, No):
            return kept
        with self._store.writing() as work:
            here = _here(work, who)
            if isinstance(here, No):
                return here
            work.people.strengthen_session(here.session.id, work.now, Strength.PASSWORD)
        return Strength.PASSWORD

    def assertion_options(self, who: SignedIn, challenge: bytes) -> Mapping[str, Any] | No:
        """Options for a passkey that signs `challenge`; No where the account has no passkey."""
        known = self.passkeys(who.account.id)
        if not known:
            return No(
                "no-passkey",
                "You have no passkey.",
                "Add one on your page, or use your password.",
                409,
            )
        return self._party.request(challenge, known)

    def check_assertion(
        self, who: SignedIn, answer: Mapping[str, Any], challenge: bytes
    ) -> Mapping[str, str] | No:
        """Verify that one of `who`'s passkeys signed `challenge`, user verified. Answers what goes
        on record: credential, publicKey, clientDataJSON, authenticatorData, signature (base64url).

        Writes the passkey's counter in a transaction of its own: call it outside of any other.
        """
        said = {"account": who.account.id, "how": Strength.PASSKEY.value, "step_up": True}
        turn = self._attempts.begin((limits.by_account(who.account.id),), said)
        if isinstance(turn, No):
            return turn
        claimed = passkeys.claimed(answer)
        with self._store.writing() as work:
            here = _here(work, who)
            if isinstance(here, No):
                return here
            passkey = None
            if not isinstance(claimed, No) and claimed.challenge == bytes_to_base64url(challenge):
                passkey = self._asserted(
                    work, answer, claimed, whose=claimed.account or here.account.id
                )
            if passkey is None or passkey.account != here.account.id:
                self._attempts.refused(work, turn, said)
                return passkeys.REFUSED
            self._attempts.passed(work, turn)
            work.people.strengthen_session(here.session.id, work.now, Strength.PASSKEY)
        return passkeys.record(answer, passkey)

    # --- own account ----------------------------------------------------------------------
    def passkey_options(self, who: SignedIn) -> Mapping[str, Any]:
        """Options for `navigator.credentials.create`."""
        challenge = secrets.token_bytes(32)
        with self._store.writing() as work:
            _give_out(work, challenge, "register", who.account.id)
            known = work.people.passkeys(who.account.id)
        return self._party.creation(who.account, challenge, known)

    def add_passkey(self, who: SignedIn, answer: Mapping[str, Any], name: str) -> Passkey | No:
        """Keep the passkey that answers `passkey_options`.

        No 401 `not-fresh` where the person did not prove to be there within five minutes: whoever
        finds an open browser must not get a way in of their own.
        """
        called = names.shown(name or "Passkey")
        if isinstance(called, No):
            return called
        challenge = passkeys.challenge_of(answer)
        with self._store.writing() as work:
            here = _fresh(work, who)
            if isinstance(here, No):
                return here
            if not work.people.take_challenge(
                challenge, purpose="register", account=here.account.id, now=work.now
            ):
                return _TOO_LATE
            made = self._party.created(answer, base64url_to_bytes(challenge))
            if isinstance(made, No):
                return made
            if work.people.passkey(made.id) is not None:
                return No("passkey-known", "That passkey is known already.", status=409)
            passkey = Passkey(
                id=made.id,
                account=here.account.id,
                key=made.key,
                counter=made.counter,
                name=called,
                made_at=work.now,
                used_at=None,
            )
            work.people.add_passkey(passkey)
            _note_own(work, here, "passkey-added", passkey=made.id)
            return passkey

    def remove_passkey(self, who: SignedIn, passkey: str) -> No | None:
        """Take one of one's own away; never the last way to sign in."""
        with self._store.writing() as work:
            here = _here(work, who)
            if isinstance(here, No):
                return here
            found = work.people.passkey(passkey)
            if found is None or found.account != here.account.id:
                return No("no-passkey", "You have no such passkey.", status=404)
            if not here.account.has_password and here.account.passkeys == 1:
                return No(
                    "last-way",
                    "Without it you could not sign in any more.",
                    "Set a password or add another passkey first.",
                    409,
                )
            work.people.remove_passkey(passkey)
            _note_own(work, here, "passkey-removed", passkey=passkey)
        return None

    def change_password(self, who: SignedIn, old: str, new: str, *, address: str) -> No | None:
        """Set a new password and end the account's other sessions. Who has none yet needs no
        `old`, but must have proven to be there within five minutes."""
        refusal = passwords.refuse(new, login=who.account.login, name=who.account.name)
        if refusal is not None:
            return refusal
        with self._store.reading() as view:
            kept = view.people.password(who.account.id)
        if kept is not None:
            checked = self._own_password(who, old, address)
            if isinstance(checked, No):
                return checked
            kept = checked
        renewed = self._passwords.hash(new)
        with self._store.writing() as work:
            here = _here(work, who) if kept is not None else _fresh(work, who)
            if isinstance(here, No):
                return here
            if work.people.password(here.account.id) != kept:
                return _WRONG_PASSWORD  # it was changed elsewhere meanwhile
            work.people.set_password(here.account.id, renewed)
            work.people.end_sessions(here.account.id, work.now, keep=here.session.id)
            _note_own(work, here, "password-changed")
        return None

    def passkeys(self, account: str) -> tuple[Passkey, ...]:
        with self._store.reading() as view:
            return view.people.passkeys(account)

    def sessions(self, account: str) -> tuple[Session, ...]:
        """Those that still run, newest first."""
        with self._store.reading() as view:
            return tuple(one for one in view.people.sessions(account) if _runs(one, view.now))

    def end_session(self, who: SignedIn, session: str) -> No | None:
        """End one of one's own sessions (administrators: anybody's)."""
        with self._store.writing() as work:
            here = _here(work, who)
            if isinstance(here, No):
                return here
            found = work.people.session(session)
            if found is None or not _own_or_administrator(here, found.account):
                return No("no-session", "There is no such session.", status=404)
            _end(work, here, found)
        return None

    def tokens(self, account: str) -> tuple[ApiToken, ...]:
        """All of an account, revoked and expired ones too, newest first."""
        with self._store.reading() as view:
            return view.people.tokens(account)

    def make_token(self, who: SignedIn, name: str, days: int) -> tuple[ApiToken, str] | No:
        """A token and its secret, which is shown once. At most 365 days. Needs a session."""
        called = names.shown(name)
        if isinstance(called, No):
            return called
        if not 1 <= days <= TOKEN_DAYS:
            return No("bad-days", f"A token lasts 1 to {TOKEN_DAYS} days.", status=422)
        ident, secret, whole = tokens.api_token()
        with self._store.writing() as work:
            here = _here(work, who)
            if isinstance(here, No):
                return here
            token = ApiToken(
                id=ident,
                account=here.account.id,
                name=called,
                made_at=work.now,
                expires_at=work.now + timedelta(days=days),
                used_at=None,
                revoked_at=None,
            )
            work.people.add_token(token, tokens.digest(secret))
            why = f"a token for {days} days"
            _note(work, Kind.TOKEN_MADE, here.person, why, token=ident, days=days)
        return token, whole

    def revoke_token(self, who: SignedIn, token: str) -> No | None:
        """Revoke one of one's own tokens (administrators: anybody's)."""
        with self._store.writing() as work:
            here = _here(work, who)
            if isinstance(here, No):
                return here
            found = work.people.token(token)
            if found is None or not _own_or_administrator(here, found[0].account):
                return No("no-token", "There is no such token.", status=404)
            if found[0].revoked_at is None:
                work.people.revoke_token(token, work.now)
                _note(
                    work,
                    Kind.TOKEN_REVOKED,
                    here.person,
                    "a token was revoked",
                    token=token,
                    account=found[0].account,
                )
        return None

    # --- administration -------------------------------------------------------------------
    def accounts(self) -> tuple[Account, ...]:
        """All accounts, by name."""
        with self._store.reading() as view:
            return view.people.accounts()

    def account(self, ident: str) -> Account | None:
        with self._store.reading() as view:
            return view.people.account(ident)

    def names(self) -> Mapping[str, str]:
        """Account id -> name as shown, closed accounts too."""
        with self._store.reading() as view:
            return view.people.names()

    def grants(
        self, account: str | None = None, repository: str | None = None
    ) -> tuple[Grant, ...]:
        """Roles as they are held, of closed accounts too; a closed account's count for nothing."""
        with self._store.reading() as view:
            return view.people.grants(account, repository)

    def invite(
        self, who: SignedIn, *, name: str, login: str, roles: tuple[tuple[str, Role], ...]
    ) -> tuple[Account, str] | No:
        """Make an account with roles [(repository or "*", role)] and the token of its link."""
        wanted, called = names.login(login), names.shown(name)
        if isinstance(wanted, No):
            return wanted
        if isinstance(called, No):
            return called
        with self._store.writing() as work:
            here = _here(work, who)
            if isinstance(here, No):
                return here
            places = {repository for repository, _ in roles} or {EVERYWHERE}
            if not all(_administers(here, place) for place in places):
                return _NOT_ADMINISTRATOR
            if work.people.by_login(wanted) is not None:
                return _taken(wanted)
            ident = _add_account(work, wanted, called, here.person, made_by=here.account.id)
            for repository, role in roles:
                _give(work, here.person, here.account.id, ident, repository, role)
            token = _make_link(work, LinkKind.INVITE, ident, here.person)
            return _known(work, ident), token

    def reset(self, who: SignedIn, account: str) -> str | No:
        """Take an account's ways to sign in away, end its sessions; answer the link's token."""
        with self._store.writing() as work:
            here = _administrator(work, who)
            if isinstance(here, No):
                return here
            found = _open_account(work, account)
            if isinstance(found, No):
                return found
            if found.id == here.account.id and _last(work, here, found.id):
                return _LAST
            _shut_out(work, found.id)
            work.people.set_password(found.id, None)
            work.people.remove_passkeys(found.id)
            work.people.set_reset(found.id, here.account.id, work.now)
            _note(
                work,
                Kind.ACCOUNT_RESET,
                here.person,
                "the ways to sign in were taken away",
                account=found.id,
            )
            return _make_link(work, LinkKind.RESET, found.id, here.person)

    def close(self, who: SignedIn, account: str) -> No | None:
        """Close an account: sessions and tokens end; its approvals no longer count. Never the last
        administrator."""
        with self._store.writing() as work:
            here = _administrator(work, who)
            if isinstance(here, No):
                return here
            found = _open_account(work, account)
            if isinstance(found, No):
                return found
            if _last(work, here, found.id):
                return _LAST
            _shut_out(work, found.id)
            work.people.set_closed(found.id, work.now)
            why = "the account was closed"
            _note(work, Kind.ACCOUNT_CLOSED, here.person, why, account=found.id)
        return None

    def grant(self, who: SignedIn, account: str, repository: str, role: Role) -> No | None:
        """Give a role. Needs administrator there (or everywhere) and a session."""
        with self._store.writing() as work:
            here = _administrator(work, who, repository)
            if isinstance(here, No):
                return here
            found = _open_account(work, account)
            if isinstance(found, No):
                return found
            _give(work, here.person, here.account.id, found.id, repository, role)
        return None

    def revoke(self, who: SignedIn, account: str, repository: str, role: Role) -> No | None:
        """Take a role. Never the last administrator's."""
        with self._store.writing() as work:
            here = _administrator(work, who, repository)
            if isinstance(here, No):
                return here
            found = work.people.account(account)
            if found is None:
                return _NO_ACCOUNT
            highest = repository == EVERYWHERE and role is Role.ADMINISTRATOR
            if highest and _last(work, here, found.id):
                return _LAST
            if work.people.revoke(found.id, repository, role):
                _note_role(work, here.person, here.account.id, found.id, repository, role, False)
        return None

    def say_same(self, who: SignedIn, account: str, other: str | None) -> No | None:
        """Say that two accounts are the same human being (None: that they are not)."""
        with self._store.writing() as work:
            here = _administrator(work, who)
            if isinstance(here, No):
                return here
            one = work.people.account(account)
            two = None if other is None else work.people.account(other)
            if one is None or (other is not None and two is None):
                return _NO_ACCOUNT
            if two is None and _human(here.account) in {_human(one), one.id}:
                return No(
                    "own-account",
                    "Nobody can say of themselves that they are two people.",
                    "Ask another administrator.",
                )
            same = None if two is None else _human(two)
            if same == one.id or same == one.same_as:
                return None
            work.people.set_same(one.id, same)
            _note(
                work,
                Kind.ROLE_CHANGE,
                here.person,
                "said who is the same human being",
                account=one.id,
                same_as=same,
            )
        return None

    def make_link(self, kind: LinkKind, account: str | None) -> str:
        """For the command line and the demo alone: the token of a fresh link.

        Raises `UsageError` where the account and the kind don't go together.
        """
        with self._store.writing() as work:
            if (account is None) is not (kind is LinkKind.FIRST):
                raise UsageError(
                    f"a {kind} link {'needs an' if account is None else 'has no'} account"
                )
            if account is not None:
                found = _open_account(work, account)
                if isinstance(found, No):
                    raise UsageError(found.why)
            if kind is LinkKind.RESET and account is not None:
                work.people.set_reset(account, None, work.now)
                why = "a new way to sign in was allowed from the command line"
                _note(work, Kind.ACCOUNT_RESET, _COMMAND_LINE, why, account=account)
            return _make_link(work, kind, account, _COMMAND_LINE)

    def make_account(
        self, *, login: str, name: str, roles: tuple[tuple[str, Role], ...]
    ) -> Account:
        """For the demo and tests alone: an account without a way to sign in yet.

        Raises `UsageError` where login or name can't be one, or the login is taken.
        """
        wanted, called = names.login(login), names.shown(name)
        if isinstance(wanted, No):
            raise UsageError(wanted.why)
        if isinstance(called, No):
            raise UsageError(called.why)
        with self._store.writing() as work:
            if work.people.by_login(wanted) is not None:
                raise UsageError(_taken(wanted).why)
            ident = _add_account(work, wanted, called, _COMMAND_LINE, made_by=None)
            for repository, role in roles:
                _give(work, _COMMAND_LINE, None, ident, repository, role)
            return _known(work, ident)

    # --- inside ---------------------------------------------------------------------------
    def _own_password(self, who: SignedIn, password: str, address: str) -> str | No:
        """The hash that `password` fits, where it is the one of `who`; attempts are counted."""
        with self._store.reading() as view:
            here = _here(view, who)
            if isinstance(here, No):
                return here
            kept = view.people.password(here.account.id)
        said = {
            "account": here.account.id,
            "network": limits.network(address),
            "how": Strength.PASSWORD.value,
            "step_up": True,
        }
        keys = (limits.by_account(here.account.id), limits.by_address(address))
        turn = self._attempts.begin(keys, said)
        if isinstance(turn, No):
            return turn
        if not self._passwords.fits(password, kept) or kept is None:
            self._attempts.failed(turn, said)
            return _WRONG_PASSWORD
        with self._store.writing() as work:
            self._attempts.passed(work, turn)
        return kept

    def _asserted(
        self, work: Work, answer: Mapping[str, Any], claimed: Claimed, whose: str | None
    ) -> Passkey | None:
        """The passkey that signed what `claimed` names, where it is `whose`; keeps its counter."""
        passkey = work.people.passkey(claimed.passkey)
        if passkey is None or passkey.account != whose:
            return None
        counter = self._party.asserted(answer, base64url_to_bytes(claimed.challenge), passkey)
        if isinstance(counter, No):
            return None
        work.people.use_passkey(passkey.id, counter, work.now)
        return passkey


@dataclass(frozen=True)
class _Turn:
    """An attempt that was let through, and is counted as a failure until it passed."""

    keys: tuple[limits.Key, ...]
    numbers: tuple[int, ...]


class _Attempts:
    """Counts attempts. Each is counted before it is judged, so that many at once gain nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, keys: tuple[limits.Key, ...], said: Mapping[str, Any]) -> _Turn | No:
        """Let an attempt through, or answer No 429. `said` is what goes on record of a refusal."""
        with self._store.reading() as view:
            late = _late(view, keys)
            if late is not None and _quiet(view, keys):
                return late  # a flood costs no write
        with self._store.writing() as work:
            work.people.prune_attempts(work.now - limits.WINDOW)
            late = _late(work, keys)
            if late is not None:
                _note_refused(work, keys, {**said, "limited": True})
                return late
            return _Turn(keys, tuple(work.people.add_attempt(key.name, work.now) for key in keys))

    def failed(self, turn: _Turn, said: Mapping[str, Any]) -> None:
        with self._store.writing() as work:
            self.refused(work, turn, said)

    def refused(self, work: Work, turn: _Turn, said: Mapping[str, Any]) -> None:
        """The same within a transaction."""
        _note_refused(work, turn.keys, {**said, "limited": False})

    def passed(self, work: Work, turn: _Turn) -> None:
        """Take the attempt back; of a name also those before it."""
        for key, number in zip(turn.keys, turn.numbers, strict=True):
            if key.wiped:
                work.people.forget_attempts(key.name)
            else:
                work.people.take_back_attempt(number)


# --- attempts -----------------------------------------------------------------------------


def _late(view: View, keys: tuple[limits.Key, ...]) -> No | None:
    """No 429 where one of `keys` has failed too often."""
    after = view.now - limits.WINDOW
    wait = max(limits.wait(key, view.people.attempts(key.name, after), view.now) for key in keys)
    if wait == 0:
        return None
    minutes = -(-wait // 60)
    mend = f"Wait {minutes} minute{'' if minutes == 1 else 's'}, then try again."
    return No("too-many", "Too many attempts failed.", mend, 429, wait)


def _quiet(view: View, keys: tuple[limits.Key, ...]) -> bool:
    """Whether the log has heard of one of `keys` just now."""
    after = view.now - limits.QUIET
    return any(view.people.attempts(_told(key), after) for key in keys)


def _told(key: limits.Key) -> str:
    return f"told:{key.name}"


def _note_refused(work: Work, keys: tuple[limits.Key, ...], said: Mapping[str, Any]) -> None:
    if _quiet(work, keys):
        return
    after = work.now - limits.WINDOW
    failures = max(len(work.people.attempts(key.name, after)) for key in keys)
    for key in keys:
        work.people.add_attempt(_told(key), work.now)
    why = "an attempt to sign in was refused"
    _note(work, Kind.SIGN_IN_REFUSED, _ME, why, failures=failures, **said)


# --- who is here --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Here(SignedIn):
    """Somebody who is signed in at this moment, by a browser."""

    session: Session


def _runs(session: Session, now: datetime) -> bool:
    """Whether a session that was not ended still counts."""
    return now - session.seen_at < IDLE and now - session.made_at < LONGEST


def _who(view: View, session: Session) -> _Here | None:
    account = view.people.account(session.account)
    if account is None or not account.open:
        return None
    return _Here(account, view.people.grants(account.id), session)


def _here(view: View, who: SignedIn) -> _Here | No:
    """`who` as they are now: a value from before may be of somebody who was shut out since."""
    if who.session is None:
        return _NEEDS_SESSION
    session = view.people.session(who.session.id)
    if session is None or not _runs(session, view.now):
        return _SESSION_OVER
    return _who(view, session) or _SESSION_OVER


def _fresh(view: View, who: SignedIn) -> _Here | No:
    """The same, where they proved to be there just now. A sign-in link may only make a first way
    to sign in: it is no stronger than an invitation."""
    here = _here(view, who)
    if isinstance(here, No):
        return here
    linked = here.session.strong_how is Strength.LINK and _can_sign_in(here.account)
    if linked or view.now - here.session.strong_at > FRESH:
        return _NOT_FRESH
    return here


def _administrator(view: View, who: SignedIn, repository: str = EVERYWHERE) -> _Here | No:
    here = _here(view, who)
    if isinstance(here, No):
        return here
    return here if _administers(here, repository) else _NOT_ADMINISTRATOR


def _administers(here: SignedIn, repository: str) -> bool:
    return Role.ADMINISTRATOR in here.roles(repository)


def _own_or_administrator(here: SignedIn, account: str) -> bool:
    return account == here.account.id or here.is_administrator()


def _can_sign_in(account: Account) -> bool:
    return account.has_password or account.passkeys > 0


def _last(view: View, here: SignedIn, account: str) -> bool:
    """Whether without `account` nobody would be left who can administer. Whoever does it counts."""
    return not any(
        one.id != account and (_can_sign_in(one) or one.id == here.account.id)
        for one in view.people.administrators()
    )


def _open_account(view: View, ident: str) -> Account | No:
    account = view.people.account(ident)
    if account is None:
        return _NO_ACCOUNT
    return account if account.open else _CLOSED


def _known(view: View, ident: str) -> Account:
    account = view.people.account(ident)
    if account is None:
        raise LookupError(ident)
    return account


def _human(account: Account) -> str:
    """The account that stands for the human being."""
    return account.same_as or account.id


# --- sessions, links, challenges ----------------------------------------------------------


def _enter(
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
    account = _known(work, ident)
    _note(
        work,
        Kind.SIGN_IN,
        account.person,
        f"signed in by {how}",
        how=strength.value,
        session=session.id[:12],
        network=limits.network(address),
    )
    return Entered(token, SignedIn(account, work.people.grants(ident), session))


def _end(work: Work, who: SignedIn, session: Session) -> None:
    work.people.end_session(session.id, work.now)
    _note(
        work,
        Kind.SIGN_OUT,
        who.person,
        "a session was ended",
        account=session.account,
        session=session.id[:12],
    )


def _shut_out(work: Work, account: str) -> None:
    """End all by which somebody may be in, or come in by a link."""
    work.people.end_sessions(account, work.now)
    work.people.revoke_tokens(account, work.now)
    work.people.void_links(work.now, account=account)


def _find_link(view: View, token: str) -> Link | No:
    link = view.people.link(tokens.digest(token))
    if link is None:
        return _NO_LINK
    if link.used_at is not None or view.now >= link.expires_at:
        return _LINK_OVER
    if link.kind is LinkKind.FIRST and view.people.administrators():
        return _LINK_OVER
    if link.account is not None and isinstance(_open_account(view, link.account), No):
        return _LINK_OVER
    return link


def _make_link(work: Work, kind: LinkKind, account: str | None, by: Principal) -> str:
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
    _note(work, Kind.SETTING_CHANGED, by, why, link=link.id[:12], account=account)
    return token


def _give_out(work: Work, challenge: bytes, purpose: str, account: str | None) -> None:
    work.people.add_challenge(
        bytes_to_base64url(challenge),
        purpose=purpose,
        account=account,
        now=work.now,
        expires_at=work.now + CHALLENGE_LASTS,
    )


# --- accounts and roles -------------------------------------------------------------------


def _chosen(link: Link, account: Account | None, login: str, name: str) -> tuple[str, str] | No:
    """Login and name of whoever signs up."""
    if link.kind is LinkKind.SIGN_IN:
        return _NO_LINK
    wanted = account.login if account is not None and not login.strip() else names.login(login)
    if isinstance(wanted, No):
        return wanted
    if account is not None and wanted != account.login:
        return No("login-fixed", f"The login of this account is {account.login}.", status=422)
    called = account.name if account is not None and not name.strip() else names.shown(name)
    return called if isinstance(called, No) else (wanted, called)


def _taken(login: str) -> No:
    return No("login-taken", f"Somebody has the login {login}.", "Choose another.", 409)


def _make_first(work: Work, login: str, name: str) -> AccountId:
    ident = _add_account(work, login, name, _ME, made_by=None)
    for role in _FIRST_ROLES:
        _give(work, _ME, None, ident, EVERYWHERE, role)
    return ident


def _start_anew(work: Work, account: Account, name: str) -> None:
    """Make room for a new way to sign in: nothing from before a reset opens the account."""
    work.people.end_sessions(account.id, work.now)
    work.people.remove_passkeys(account.id)
    work.people.void_links(work.now, account=account.id)
    if name != account.name:
        work.people.set_name(account.id, name)


def _add_account(
    work: Work, login: str, name: str, by: Principal, *, made_by: str | None
) -> AccountId:
    ident = tokens.account_id()
    work.people.add_account(ident, login=login, name=name, made_by=made_by, made_at=work.now)
    _note(work, Kind.ACCOUNT_MADE, by, "an account was made", account=ident)
    return ident


def _give(
    work: Work, by: Principal, giver: str | None, account: str, repository: str, role: Role
) -> None:
    grant = Grant(account=account, repository=repository, role=role, by=giver, at=work.now)
    if work.people.grant(grant):
        _note_role(work, by, giver, account, repository, role, True)


# --- the log ------------------------------------------------------------------------------


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
    _note(
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


def _note_own(work: Work, who: SignedIn, what: str, **more: str) -> None:
    why = f"a way to sign in changed: {what}"
    _note(work, Kind.SETTING_CHANGED, who.person, why, what=what, **more)


def _note(work: Work, kind: Kind, by: Principal, why: str, **payload: object) -> None:
    work.note(Judgment(kind=kind, actor=by, change=None, why=why, payload=payload))
