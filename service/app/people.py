"""People: accounts, ways to sign in, sessions, roles, tokens; each deed on record."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from service.app import membership, present
from service.app.attempts import Attempts
from service.app.membership import COMMAND_LINE, Entered, enter
from service.errors import UsageError
from service.ledger import Kind
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
from service.store import Store, Work

__all__ = ["Entered", "People"]

SEEN = timedelta(minutes=1)
"""`seen` and `used` are written at most once in this time."""
CHALLENGES = 10_000
"""Sign-in challenges that are kept at once: anybody may ask for them."""
TOKEN_DAYS = 365
_WRONG = No(
    "wrong-sign-in",
    "That name and password don't belong together.",
    "Try again; an administrator can reset the way to sign in.",
    401,
)
_WRONG_PASSWORD = No("wrong-password", "That is not your password.", "Try again.", 401)
_LAST = No(
    "last-administrator",
    "Nobody else who can sign in is an administrator.",
    "Make somebody else an administrator first, and have them sign in.",
    409,
)
_TOO_LATE = No("passkey-too-late", "That took too long, or was sent twice.", "Begin again.", 409)


class People:
    """The use cases about people. `public_url` is where browsers reach Pawl (scheme://host:port);
    its host is the passkeys' relying party. `clock` is the store's, too."""

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
        self._attempts = Attempts(store)

    # --- one-time links -------------------------------------------------------------------
    def first_link(self) -> str | None:
        """A fresh token of a first-run link, or None where an administrator is there already."""
        with self._store.writing() as work:
            if work.people.administrators():
                return None
            return membership.make_link(work, LinkKind.FIRST, None, COMMAND_LINE)

    def link(self, token: str) -> Link | No:
        """Look at a link without burning it (for GET). No: 404 unknown, 410 used or expired."""
        with self._store.reading() as view:
            return membership.find_link(view, token)

    def sign_up(
        self, token: str, *, login: str, name: str, password: str, agent: str, address: str
    ) -> Entered | No:
        """Burn a FIRST, INVITE or RESET link: set name and password, sign in. For FIRST the account
        becomes administrator, approver, policy owner and requester everywhere.

        An account that is there keeps its login: `login` is that or "", and a `name` of "" leaves
        the name as it is.
        """
        with self._store.reading() as view:
            link = membership.find_link(view, token)
            if isinstance(link, No):
                return link
            account = view.people.account(link.account) if link.account is not None else None
        chosen = membership.chosen(link, account, login, name)
        if isinstance(chosen, No):
            return chosen
        refusal = passwords.refuse(password, login=chosen[0], name=chosen[1])
        if refusal is not None:
            return refusal
        kept = self._passwords.hash(password)
        with self._store.writing() as work:
            found = membership.find_link(work, token)  # again: this time the write lock is held
            if isinstance(found, No):
                return found
            if account is None and work.people.by_login(chosen[0]) is not None:
                return membership.taken(chosen[0])
            work.people.burn_link(link.id, work.now)
            if account is None:
                ident = membership.make_first(work, *chosen)
            else:
                ident = account.id
                membership.start_anew(work, account, chosen[1])
            work.people.set_password(ident, kept)
            return enter(work, ident, Strength.PASSWORD, agent, address, how=f"{link.kind} link")

    def enter_by_link(self, token: str, *, agent: str, address: str) -> Entered | No:
        """Burn a SIGN_IN link (the demo's) and begin a session of strength LINK."""
        with self._store.writing() as work:
            link = membership.find_link(work, token)
            if isinstance(link, No):
                return link
            if link.kind is not LinkKind.SIGN_IN or link.account is None:
                return membership.NO_LINK
            work.people.burn_link(link.id, work.now)
            return enter(work, AccountId(link.account), Strength.LINK, agent, address, how="link")

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
            return enter(work, account.id, Strength.PASSWORD, agent, address, how="password")

    def sign_in_options(self) -> Mapping[str, Any]:
        """Options for `navigator.credentials.get` (JSON form), discoverable credentials."""
        challenge = secrets.token_bytes(32)
        with self._store.writing() as work:
            membership.give_out(work, challenge, "sign-in", None)
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
            return enter(work, account.id, Strength.PASSKEY, agent, address, how="passkey")

    def signed_in(self, token: str) -> SignedIn | None:
        """Who holds the cookie `token`: None where unknown, idle for 1 h, older than 12 h, revoked,
        or the account is closed. Writes `seen` at most once a minute."""
        ident = tokens.digest(token)
        with self._store.reading() as view:
            session = view.people.session(ident)
            if session is None or not present.runs(session, view.now):
                return None
            here = present.behind(view, session)
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
                membership.end(work, who, who.session)

    # --- proving to be there (step-up) -----------------------------------------------------
    def check_password(self, who: SignedIn, password: str, *, address: str) -> Strength | No:
        """Strength.PASSWORD, or No 401/429; sets the session's `strong_at`."""
        kept = self._own_password(who, password, address)
        if isinstance(kept, No):
            return kept
        with self._store.writing() as work:
            here = present.now(work, who)
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
            here = present.now(work, who)
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
    def may_add(self, who: SignedIn) -> bool:
        """Whether `who` may get a new way to sign in now, without proving to be there first."""
        with self._store.reading() as view:
            return not isinstance(present.fresh(view, who), No)

    def passkey_options(self, who: SignedIn) -> Mapping[str, Any]:
        """Options for `navigator.credentials.create`."""
        challenge = secrets.token_bytes(32)
        with self._store.writing() as work:
            membership.give_out(work, challenge, "register", who.account.id)
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
            here = present.fresh(work, who)
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
            membership.note_own(work, here, "passkey-added", passkey=made.id)
            return passkey

    def remove_passkey(self, who: SignedIn, passkey: str) -> No | None:
        """Take one of one's own away; never the last way to sign in."""
        with self._store.writing() as work:
            here = present.now(work, who)
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
            membership.note_own(work, here, "passkey-removed", passkey=passkey)
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
            here = present.now(work, who) if kept is not None else present.fresh(work, who)
            if isinstance(here, No):
                return here
            if work.people.password(here.account.id) != kept:
                return _WRONG_PASSWORD  # it was changed elsewhere meanwhile
            work.people.set_password(here.account.id, renewed)
            work.people.end_sessions(here.account.id, work.now, keep=here.session.id)
            membership.note_own(work, here, "password-changed")
        return None

    def passkeys(self, account: str) -> tuple[Passkey, ...]:
        with self._store.reading() as view:
            return view.people.passkeys(account)

    def sessions(self, account: str) -> tuple[Session, ...]:
        """Those that still run, newest first."""
        with self._store.reading() as view:
            return tuple(
                one for one in view.people.sessions(account) if present.runs(one, view.now)
            )

    def end_session(self, who: SignedIn, session: str) -> No | None:
        """End one of one's own sessions (administrators: anybody's)."""
        with self._store.writing() as work:
            here = present.now(work, who)
            if isinstance(here, No):
                return here
            found = work.people.session(session)
            if found is None or not present.own_or_administrator(here, found.account):
                return No("no-session", "There is no such session.", status=404)
            membership.end(work, here, found)
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
            here = present.now(work, who)
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
            membership.note(work, Kind.TOKEN_MADE, here.person, why, token=ident, days=days)
        return token, whole

    def revoke_token(self, who: SignedIn, token: str) -> No | None:
        """Revoke one of one's own tokens (administrators: anybody's)."""
        with self._store.writing() as work:
            here = present.now(work, who)
            if isinstance(here, No):
                return here
            found = work.people.token(token)
            if found is None or not present.own_or_administrator(here, found[0].account):
                return No("no-token", "There is no such token.", status=404)
            if found[0].revoked_at is None:
                work.people.revoke_token(token, work.now)
                membership.note(
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
            here = present.now(work, who)
            if isinstance(here, No):
                return here
            places = {repository for repository, _ in roles} or {EVERYWHERE}
            if not all(present.administers(here, place) for place in places):
                return present.NOT_ADMINISTRATOR
            if work.people.by_login(wanted) is not None:
                return membership.taken(wanted)
            me, mine = here.person, here.account.id
            ident = membership.add_account(work, wanted, called, me, made_by=mine)
            for repository, role in roles:
                membership.give(work, me, mine, ident, repository, role)
            token = membership.make_link(work, LinkKind.INVITE, ident, me)
            return present.known(work, ident), token

    def reset(self, who: SignedIn, account: str) -> str | No:
        """Take an account's ways to sign in away, end its sessions; answer the link's token."""
        with self._store.writing() as work:
            here = present.administrator(work, who)
            if isinstance(here, No):
                return here
            found = present.open_account(work, account)
            if isinstance(found, No):
                return found
            if found.id == here.account.id and present.last(work, here, found.id):
                return _LAST
            membership.shut_out(work, found.id)
            work.people.set_password(found.id, None)
            work.people.remove_passkeys(found.id)
            # A reset of one's own account does not hide who gave the way in that did it.
            own = found.id == here.account.id
            by = (found.reset_by if own else None) or here.account.id
            work.people.set_reset(found.id, by, work.now)
            membership.note(
                work,
                Kind.ACCOUNT_RESET,
                here.person,
                "the ways to sign in were taken away",
                account=found.id,
            )
            return membership.make_link(work, LinkKind.RESET, found.id, here.person)

    def close(self, who: SignedIn, account: str) -> No | None:
        """Close an account: sessions and tokens end; its approvals no longer count. Never the last
        administrator."""
        with self._store.writing() as work:
            here = present.administrator(work, who)
            if isinstance(here, No):
                return here
            found = present.open_account(work, account)
            if isinstance(found, No):
                return found
            if present.last(work, here, found.id):
                return _LAST
            membership.shut_out(work, found.id)
            work.people.set_closed(found.id, work.now)
            why = "the account was closed"
            membership.note(work, Kind.ACCOUNT_CLOSED, here.person, why, account=found.id)
        return None

    def grant(self, who: SignedIn, account: str, repository: str, role: Role) -> No | None:
        """Give a role. Needs administrator there (or everywhere) and a session."""
        with self._store.writing() as work:
            here = present.administrator(work, who, repository)
            if isinstance(here, No):
                return here
            found = present.open_account(work, account)
            if isinstance(found, No):
                return found
            membership.give(work, here.person, here.account.id, found.id, repository, role)
        return None

    def revoke(self, who: SignedIn, account: str, repository: str, role: Role) -> No | None:
        """Take a role. Never the last administrator's."""
        with self._store.writing() as work:
            here = present.administrator(work, who, repository)
            if isinstance(here, No):
                return here
            found = work.people.account(account)
            if found is None:
                return present.NO_ACCOUNT
            highest = repository == EVERYWHERE and role is Role.ADMINISTRATOR
            if highest and present.last(work, here, found.id):
                return _LAST
            membership.take(work, here, found.id, repository, role)
        return None

    def say_same(self, who: SignedIn, account: str, other: str | None) -> No | None:
        """Say that two accounts are the same human being (None: that they are not)."""
        with self._store.writing() as work:
            here = present.administrator(work, who)
            if isinstance(here, No):
                return here
            one = work.people.account(account)
            two = None if other is None else work.people.account(other)
            if one is None or (other is not None and two is None):
                return present.NO_ACCOUNT
            # Whoever is said to be somebody else stops being who they were said to be.
            leaves = two is None or one.same_as not in (None, present.human(two))
            if leaves and present.human(here.account) in {present.human(one), one.id}:
                return No(
                    "own-account",
                    "Nobody can say of themselves that they are two people.",
                    "Ask another administrator.",
                )
            same = None if two is None else present.human(two)
            if same == one.id or same == one.same_as:
                return None
            work.people.set_same(one.id, same)
            membership.note(
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
                found = present.open_account(work, account)
                if isinstance(found, No):
                    raise UsageError(found.why)
            if kind is LinkKind.RESET and account is not None:
                work.people.set_reset(account, None, work.now)
                why = "a new way to sign in was allowed from the command line"
                membership.note(work, Kind.ACCOUNT_RESET, COMMAND_LINE, why, account=account)
            return membership.make_link(work, kind, account, COMMAND_LINE)

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
                raise UsageError(membership.taken(wanted).why)
            ident = membership.add_account(work, wanted, called, COMMAND_LINE, made_by=None)
            for repository, role in roles:
                membership.give(work, COMMAND_LINE, None, ident, repository, role)
            return present.known(work, ident)

    # --- inside ---------------------------------------------------------------------------
    def _own_password(self, who: SignedIn, password: str, address: str) -> str | No:
        """The hash that `password` fits, where it is the one of `who`; attempts are counted."""
        with self._store.reading() as view:
            here = present.now(view, who)
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
