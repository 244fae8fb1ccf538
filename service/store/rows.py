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


METADATA = SQLModel.metadata
