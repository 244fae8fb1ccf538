"""Tables, as SQLModel rows. They never leave this package: values come out of it.

What these classes say and what `migrations` build is held equal by a test.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Index, LargeBinary, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class Utc(TypeDecorator[datetime]):
    """A moment: with a zone in Python, in UTC and without one in the table."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs a zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class ChangeRow(SQLModel, table=True):
    """A change. `number` gives the order, `id` the name that people and branches use."""

    __tablename__ = "change"
    __table_args__ = (
        # One open change per key; ended ones may be many.
        Index("change_key", "key", unique=True, sqlite_where=text("open")),
        Index("change_stage", "stage", "number"),
        Index("change_repository", "repository", "stage", "number"),
    )

    number: int = Field(primary_key=True)
    id: str = Field(unique=True)
    key: str
    open: bool
    repository: str
    text: str
    by_kind: str
    by_id: str
    source: str
    base: str
    branch: str
    stage: str
    attempts: int
    returned: int
    tree: str | None
    survey: str | None
    rehearsal: str | None
    plan: str | None
    draft: str | None
    proof: str | None
    facts: str | None
    verdict: str | None
    patch: str | None
    binding: str | None
    ending: str | None
    shapers: str  # JSON: [[kind, id], ...]
    reviewers: str
    adopter: str | None
    told: str  # JSON: [text, ...]
    why: str
    title: str | None
    created: datetime = Field(sa_type=Utc)
    updated: datetime = Field(sa_type=Utc)
    prediction_due: datetime | None = Field(sa_type=Utc)


class EntryRow(SQLModel, table=True):
    """An entry of the log. `body` is what counts; `kind` and `change` are there to find it by."""

    __tablename__ = "entry"
    __table_args__ = (
        Index("entry_change", "change", "seq", sqlite_where=text("change IS NOT NULL")),
    )

    seq: int = Field(primary_key=True)
    kind: str
    change: str | None = Field(foreign_key="change.id")
    body: str


class NodeRow(SQLModel, table=True):
    """The root of a complete subtree of the log's tree."""

    __tablename__ = "node"
    __table_args__ = {"sqlite_with_rowid": False}

    level: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    hash: bytes = Field(sa_type=LargeBinary)


class CheckpointRow(SQLModel, table=True):
    """A signed checkpoint of the log."""

    __tablename__ = "checkpoint"

    size: int = Field(primary_key=True)
    note: str


class LeaseRow(SQLModel, table=True):
    """Who works on a change at this moment, and where, so that a dead holder is known as dead."""

    __tablename__ = "lease"

    change: str = Field(primary_key=True, foreign_key="change.id")
    token: str
    holder: str
    node: str
    boot: str
    namespace: str
    pid: int
    started: str
    until: datetime = Field(sa_type=Utc)


class AccountRow(SQLModel, table=True):
    """An account of a human being."""

    __tablename__ = "account"

    id: str = Field(primary_key=True)
    login: str = Field(unique=True)
    name: str
    password: str | None  # argon2 hash
    made_by: str | None
    made_at: datetime = Field(sa_type=Utc)
    closed_at: datetime | None = Field(sa_type=Utc)
    reset_by: str | None
    reset_at: datetime | None = Field(sa_type=Utc)
    same_as: str | None


class PasskeyRow(SQLModel, table=True):
    """A passkey: `id` and `key` are base64url."""

    __tablename__ = "passkey"
    __table_args__ = (Index("passkey_account", "account"),)

    id: str = Field(primary_key=True)
    account: str = Field(foreign_key="account.id")
    key: str
    counter: int
    name: str
    made_at: datetime = Field(sa_type=Utc)
    used_at: datetime | None = Field(sa_type=Utc)


class SessionRow(SQLModel, table=True):
    """A signed-in browser; `id` is the digest of its cookie."""

    __tablename__ = "session"
    __table_args__ = (Index("session_account", "account"),)

    id: str = Field(primary_key=True)
    account: str = Field(foreign_key="account.id")
    csrf: str
    made_at: datetime = Field(sa_type=Utc)
    seen_at: datetime = Field(sa_type=Utc)
    strong_at: datetime = Field(sa_type=Utc)
    strong_how: str
    agent: str
    address: str
    ended_at: datetime | None = Field(sa_type=Utc)


class ChallengeRow(SQLModel, table=True):
    """A passkey challenge that was given out: used once, soon, for one purpose."""

    __tablename__ = "challenge"

    id: str = Field(primary_key=True)  # the challenge, base64url
    purpose: str  # "register", "sign-in"; decisions keep theirs in `decision`
    account: str | None
    expires_at: datetime = Field(sa_type=Utc)


class LinkRow(SQLModel, table=True):
    """A one-time link; `id` is the digest of its token."""

    __tablename__ = "link"

    id: str = Field(primary_key=True)
    kind: str
    account: str | None = Field(foreign_key="account.id")
    made_by: str | None
    expires_at: datetime = Field(sa_type=Utc)
    used_at: datetime | None = Field(sa_type=Utc)


class TokenRow(SQLModel, table=True):
    """A personal token; `digest` is that of its secret."""

    __tablename__ = "token"
    __table_args__ = (Index("token_account", "account"),)

    id: str = Field(primary_key=True)
    digest: str = Field(unique=True)
    account: str = Field(foreign_key="account.id")
    name: str
    made_at: datetime = Field(sa_type=Utc)
    expires_at: datetime = Field(sa_type=Utc)
    used_at: datetime | None = Field(sa_type=Utc)
    revoked_at: datetime | None = Field(sa_type=Utc)


class GrantRow(SQLModel, table=True):
    """A role of an account in a repository ("*": in each)."""

    __tablename__ = "grant"

    account: str = Field(primary_key=True, foreign_key="account.id")
    repository: str = Field(primary_key=True)
    role: str = Field(primary_key=True)
    by: str | None
    at: datetime = Field(sa_type=Utc)


class AttemptRow(SQLModel, table=True):
    """A failed attempt to sign in, counted by name and by address."""

    __tablename__ = "attempt"
    __table_args__ = (Index("attempt_key", "key", "at"),)

    number: int = Field(primary_key=True)
    key: str
    at: datetime = Field(sa_type=Utc)


class RepositoryRow(SQLModel, table=True):
    """A repository that Pawl looks after."""

    __tablename__ = "repository"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    url: str  # a path, or ssh/https
    branch: str
    made_by: str | None
    made_at: datetime = Field(sa_type=Utc)
    removed_at: datetime | None = Field(sa_type=Utc)
    head: str | None  # commit of the branch when it was last fetched
    fetched_at: datetime | None = Field(sa_type=Utc)
    trouble: str  # why the last fetch failed; "" where it did not


class DecisionRow(SQLModel, table=True):
    """A decision that a page prepared: one nonce, one body, used once or never."""

    __tablename__ = "decision"
    __table_args__ = (Index("decision_change", "change"),)

    id: str = Field(primary_key=True)  # the nonce
    change: str = Field(foreign_key="change.id")
    binding: str
    account: str = Field(foreign_key="account.id")
    session: str
    verdict: str
    body: str  # canonical JSON of what is decided; its digest is the passkey's challenge
    digest: str
    made_at: datetime = Field(sa_type=Utc)
    expires_at: datetime = Field(sa_type=Utc)
    used_at: datetime | None = Field(sa_type=Utc)


class ApprovalRow(SQLModel, table=True):
    """A person's yes. Ends redeemed, voided, expired or revoked; a row is never taken away."""

    __tablename__ = "approval"
    __table_args__ = (Index("approval_change", "change", "state"),)

    id: str = Field(primary_key=True)  # the decision it came from
    change: str = Field(foreign_key="change.id")
    binding: str
    account: str = Field(foreign_key="account.id")
    how: str  # passkey | password
    reason: str
    question: str  # does this pass make the next one cheaper, and how would we see it?
    at: datetime = Field(sa_type=Utc)
    expires_at: datetime = Field(sa_type=Utc)
    state: str  # standing | redeemed | voided | expired | revoked
    ended_at: datetime | None = Field(sa_type=Utc)
    ended_by: str  # which merge, what voided it, who revoked it


class SwitchRow(SQLModel, table=True):
    """A freeze switch: `merges` or `agents`."""

    __tablename__ = "switch"

    name: str = Field(primary_key=True)
    on: bool
    by: str | None
    why: str
    at: datetime = Field(sa_type=Utc)


class StepRow(SQLModel, table=True):
    """What a person who follows along sees of a run; the log holds what was judged."""

    __tablename__ = "step"
    __table_args__ = (Index("step_change", "change", "number"),)

    number: int = Field(primary_key=True)
    change: str = Field(foreign_key="change.id")
    at: datetime = Field(sa_type=Utc)
    kind: str  # stage | say | cell
    body: str  # JSON


class SeenRow(SQLModel, table=True):
    """What a person has read of a change: which draft, which files of it."""

    __tablename__ = "seen"

    account: str = Field(primary_key=True, foreign_key="account.id")
    change: str = Field(primary_key=True, foreign_key="change.id")
    draft: str
    files: str  # JSON: {path: blob id that was marked read}
    at: datetime = Field(sa_type=Utc)


class PublishedRow(SQLModel, table=True):
    """The branch of a change in its repository, as Pawl last put it there."""

    __tablename__ = "published"

    change: str = Field(primary_key=True, foreign_key="change.id")
    ref: str
    commit: str  # what Pawl put there
    binding: str
    at: datetime = Field(sa_type=Utc)


class CallRow(SQLModel, table=True):
    """A try at a call to a model, or what is remembered of a trial; a row is never taken away."""

    __tablename__ = "call"
    __table_args__ = (
        Index("call_digest", "change", "digest"),
        Index("call_day", "day"),
    )

    number: int = Field(primary_key=True)
    change: str = Field(foreign_key="change.id")
    role: str
    model: str
    template: str  # digest of the role's template
    digest: str  # of what was asked
    state: str  # sent | done | failed | kept
    code: str  # why it failed
    status: int  # of HTTP; 0: none came
    request: str | None  # artifacts
    reply: str | None
    reserved: int  # tokens
    charged: int
    prompt: int
    completion: int
    estimated: bool
    cost: int  # millionths of the currency that prices are set in
    day: str
    sent_at: datetime = Field(sa_type=Utc)
    ended_at: datetime | None = Field(sa_type=Utc)


METADATA = SQLModel.metadata
