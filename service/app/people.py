"""People: accounts, ways to sign in, sessions, roles, tokens; each deed on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.people import (
    Account,
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
)
from service.store import Store


@dataclass(frozen=True)
class Entered:
    """A session that began: `token` goes into the cookie and is kept nowhere."""

    token: str
    signed_in: SignedIn


class People:
    """The use cases about people. `public_url` is where browsers reach Pawl (scheme://host:port);
    its host is the passkeys' relying party."""

    def __init__(self, store: Store, clock: Callable[[], datetime], public_url: str) -> None:
        self._store = store
        self._clock = clock
        self._public_url = public_url

    # --- one-time links -------------------------------------------------------------------
    def first_link(self) -> str | None:
        """A fresh token of a first-run link, or None where an administrator is there already."""
        raise NotImplementedError

    def link(self, token: str) -> Link | No:
        """Look at a link without burning it (for GET). No: 404 unknown, 410 used or expired."""
        raise NotImplementedError

    def sign_up(
        self, token: str, *, login: str, name: str, password: str, agent: str, address: str
    ) -> Entered | No:
        """Burn a FIRST, INVITE or RESET link: set name and password, sign in. For FIRST the account
        becomes administrator, approver, policy owner and requester everywhere."""
        raise NotImplementedError

    def enter_by_link(self, token: str, *, agent: str, address: str) -> Entered | No:
        """Burn a SIGN_IN link (the demo's) and begin a session of strength LINK."""
        raise NotImplementedError

    # --- signing in -----------------------------------------------------------------------
    def sign_in(self, login: str, password: str, *, agent: str, address: str) -> Entered | No:
        """By password. No: 401 (the same words for an unknown login), 429 with retry_after."""
        raise NotImplementedError

    def sign_in_options(self) -> Mapping[str, Any]:
        """Options for `navigator.credentials.get` (JSON form), discoverable credentials."""
        raise NotImplementedError

    def sign_in_by_passkey(
        self, answer: Mapping[str, Any], *, agent: str, address: str
    ) -> Entered | No:
        raise NotImplementedError

    def signed_in(self, token: str) -> SignedIn | None:
        """Who holds the cookie `token`: None where unknown, idle for 1 h, older than 12 h, revoked,
        or the account is closed. Writes `seen` at most once a minute."""
        raise NotImplementedError

    def bearer(self, token: str) -> SignedIn | None:
        """Who holds an API token; its session is None, so nothing of it decides."""
        raise NotImplementedError

    def sign_out(self, who: SignedIn) -> None:
        raise NotImplementedError

    # --- proving to be there (step-up) -----------------------------------------------------
    def check_password(self, who: SignedIn, password: str, *, address: str) -> Strength | No:
        """Strength.PASSWORD, or No 401/429; sets the session's `strong_at`."""
        raise NotImplementedError

    def assertion_options(self, who: SignedIn, challenge: bytes) -> Mapping[str, Any] | No:
        """Options for a passkey that signs `challenge`; No where the account has no passkey."""
        raise NotImplementedError

    def check_assertion(
        self, who: SignedIn, answer: Mapping[str, Any], challenge: bytes
    ) -> Mapping[str, str] | No:
        """Verify that one of `who`'s passkeys signed `challenge`, user verified. Answers what goes
        on record: credential id, public key, clientDataJSON, authenticatorData, signature."""
        raise NotImplementedError

    # --- own account ----------------------------------------------------------------------
    def passkey_options(self, who: SignedIn) -> Mapping[str, Any]:
        """Options for `navigator.credentials.create`."""
        raise NotImplementedError

    def add_passkey(self, who: SignedIn, answer: Mapping[str, Any], name: str) -> Passkey | No:
        raise NotImplementedError

    def remove_passkey(self, who: SignedIn, passkey: str) -> No | None:
        raise NotImplementedError

    def change_password(self, who: SignedIn, old: str, new: str, *, address: str) -> No | None:
        raise NotImplementedError

    def passkeys(self, account: str) -> tuple[Passkey, ...]:
        raise NotImplementedError

    def sessions(self, account: str) -> tuple[Session, ...]:
        """Those that still run, newest first."""
        raise NotImplementedError

    def end_session(self, who: SignedIn, session: str) -> No | None:
        """End one of one's own sessions (administrators: anybody's)."""
        raise NotImplementedError

    def tokens(self, account: str) -> tuple[ApiToken, ...]:
        raise NotImplementedError

    def make_token(self, who: SignedIn, name: str, days: int) -> tuple[ApiToken, str] | No:
        """A token and its secret, which is shown once. At most 365 days. Needs a session."""
        raise NotImplementedError

    def revoke_token(self, who: SignedIn, token: str) -> No | None:
        raise NotImplementedError

    # --- administration -------------------------------------------------------------------
    def accounts(self) -> tuple[Account, ...]:
        """All accounts, by name."""
        raise NotImplementedError

    def account(self, ident: str) -> Account | None:
        raise NotImplementedError

    def names(self) -> Mapping[str, str]:
        """Account id -> name as shown, closed accounts too."""
        raise NotImplementedError

    def grants(
        self, account: str | None = None, repository: str | None = None
    ) -> tuple[Grant, ...]:
        raise NotImplementedError

    def invite(
        self, who: SignedIn, *, name: str, login: str, roles: tuple[tuple[str, Role], ...]
    ) -> tuple[Account, str] | No:
        """Make an account with roles [(repository or "*", role)] and the token of its link."""
        raise NotImplementedError

    def reset(self, who: SignedIn, account: str) -> str | No:
        """Take an account's ways to sign in away, end its sessions; answer the link's token."""
        raise NotImplementedError

    def close(self, who: SignedIn, account: str) -> No | None:
        """Close an account: sessions and tokens end; its approvals no longer count. Never the last
        administrator."""
        raise NotImplementedError

    def grant(self, who: SignedIn, account: str, repository: str, role: Role) -> No | None:
        """Give a role. Needs administrator there (or everywhere) and a session."""
        raise NotImplementedError

    def revoke(self, who: SignedIn, account: str, repository: str, role: Role) -> No | None:
        """Take a role. Never the last administrator's."""
        raise NotImplementedError

    def say_same(self, who: SignedIn, account: str, other: str | None) -> No | None:
        """Say that two accounts are the same human being (None: that they are not)."""
        raise NotImplementedError

    def make_link(self, kind: LinkKind, account: str | None) -> str:
        """For the command line and the demo alone: the token of a fresh link."""
        raise NotImplementedError

    def make_account(
        self, *, login: str, name: str, roles: tuple[tuple[str, Role], ...]
    ) -> Account:
        """For the demo and tests alone: an account without a way to sign in yet."""
        raise NotImplementedError
