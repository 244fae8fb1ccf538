"""People as values: accounts, roles, sessions, links, tokens. No database, no clock, no HTTP.

An account's `id` is the person's identity everywhere (`Person.id`, the log); a login or a display
name is only text, and never compared where something is decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from service.changes import Person

EVERYWHERE = "*"
"""In place of a repository's id: the role holds in each of them."""

AccountId = NewType("AccountId", str)
Digest256 = NewType("Digest256", str)
"""SHA-256 of a secret as hexadecimal digits; the secret itself is never kept."""


class Role(StrEnum):
    """What an account may do in a repository. Stored: a name is never changed or reused."""

    VIEWER = "viewer"  # reads
    REQUESTER = "requester"  # asks, answers, adopts, withdraws own; reads
    APPROVER = "approver"  # decides; reads
    POLICY_OWNER = "policy-owner"  # signs changes to rules and old rehearsals; reads
    ADMINISTRATOR = "administrator"  # people, roles, repositories, switches; reads


class Strength(StrEnum):
    """How a person proved to be there."""

    PASSKEY = "passkey"
    PASSWORD = "password"  # noqa: S105 - the name of a way; weaker, and recorded as such
    LINK = "link"  # a one-time link; never enough for a decision


@dataclass(frozen=True, kw_only=True)
class Account:
    """A human being's account."""

    id: AccountId
    login: str  # lower-case ASCII letters, digits, dot, dash, underscore; unique
    name: str  # as shown
    made_by: str | None  # account id; None: by the first-run link or the command line
    made_at: datetime
    has_password: bool = False
    passkeys: int = 0
    closed_at: datetime | None = None
    reset_by: str | None = None  # who last reset the way to sign in
    reset_at: datetime | None = None
    same_as: str | None = None  # account id of the same human being, where the directory knows

    @property
    def person(self) -> Person:
        """The principal that the log and a change know."""
        return Person(self.id)

    @property
    def open(self) -> bool:
        """Whether the account may sign in."""
        return self.closed_at is None

    @property
    def can_sign_in(self) -> bool:
        """Whether there is a way to sign in that does not need a link."""
        return self.has_password or self.passkeys > 0


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role that an account holds in a repository (or EVERYWHERE)."""

    account: str
    repository: str
    role: Role
    by: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Session:
    """A signed-in browser. `id` is the digest of the cookie's token."""

    id: str
    account: str
    csrf: str
    made_at: datetime
    seen_at: datetime
    strong_at: datetime  # when the person last proved to be there
    strong_how: Strength
    agent: str  # what the browser calls itself, shortened
    address: str


@dataclass(frozen=True, kw_only=True)
class Passkey:
    """A passkey of an account. `id` and `key` are base64url."""

    id: str
    account: str
    key: str
    counter: int
    name: str
    made_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ApiToken:
    """A personal token for CLI and API: counts as its owner, as requester only."""

    id: str  # public part, shown in lists
    account: str
    name: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class LinkKind(StrEnum):
    """What a one-time link is for."""

    FIRST = "first"  # makes the first administrator
    INVITE = "invite"  # lets a new account set its way to sign in
    RESET = "reset"  # lets an account set a new way to sign in
    SIGN_IN = "sign-in"  # signs in once; only the demo makes these


@dataclass(frozen=True, kw_only=True)
class Link:
    """A one-time link; a POST burns it, a GET never does."""

    id: str  # digest of its token
    kind: LinkKind
    account: str | None
    made_by: str | None
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True)
class SignedIn:
    """Who stands behind a request: an account, its roles, and how it came in."""

    account: Account
    grants: tuple[Grant, ...]
    session: Session | None  # None: by a token
    token: ApiToken | None = None

    @property
    def person(self) -> Person:
        return self.account.person

    def roles(self, repository: str) -> frozenset[Role]:
        """The roles that count in `repository`."""
        return frozenset(g.role for g in self.grants if g.repository in (repository, EVERYWHERE))

    def may_see(self, repository: str) -> bool:
        """Any role lets its holder read."""
        return bool(self.roles(repository))

    def is_administrator(self) -> bool:
        """Administrator everywhere: people, switches, the service."""
        return any(g.role is Role.ADMINISTRATOR and g.repository == EVERYWHERE for g in self.grants)


@dataclass(frozen=True)
class No:
    """An ordinary refusal: `code` is stable, `why` one sentence for the person, `mend` what to do.

    `status` is what the web layer answers with: 401, 403, 404, 409, 410, 422, 429.
    """

    code: str
    why: str
    mend: str = ""
    status: int = 403
    retry_after: int = 0  # seconds, with 429
