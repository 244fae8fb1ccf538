"""What the API takes and answers, as its OpenAPI document says it. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.app.live import Step
from service.app.repositories import Repository
from service.changes import Change, Person, Principal, Stage
from service.ledger import Entry

Text = Field(min_length=1, max_length=100_000)
Name = Field(min_length=1, max_length=200)


class Taken(BaseModel):
    """What is sent: a field that is not known is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid")


class Asking(Taken):
    repository: str = Name
    """Name or id."""
    text: str = Text
    """The incident or toil in your own words."""


class Registering(Taken):
    name: str = Name
    url: str = Field(min_length=1, max_length=2000)
    branch: str = Field(default="", max_length=200)


class Withdrawing(Taken):
    why: str = Field(min_length=1, max_length=4000)


class Answering(Taken):
    answers: list[str] = Field(min_length=1, max_length=3)


class Who(BaseModel):
    kind: str
    id: str
    name: str


class ChangeOut(BaseModel):
    id: str
    repository: str
    stage: Stage
    ended: bool
    title: str
    why: str
    requester: Who
    source: str
    base: str
    branch: str
    binding: str | None
    attempts: int
    created: datetime
    updated: datetime
    url: str
    """The page of this change, where people decide."""

    @classmethod
    def of(cls, change: Change, names: Mapping[str, str], public_url: str) -> ChangeOut:
        return cls(
            id=change.id,
            repository=change.repository,
            stage=change.stage,
            ended=change.ended,
            title=change.title,
            why=change.why,
            requester=who(change.requester, names),
            source=change.request.source.value,
            base=change.base,
            branch=change.branch,
            binding=change.binding,
            attempts=change.attempts,
            created=change.created,
            updated=change.updated,
            url=f"{public_url}/changes/{change.id}",
        )


class ChangePage(BaseModel):
    changes: list[ChangeOut]
    next: str | None
    """Send it as `after` to get the next page; null where there is none."""


class ChangeWhole(BaseModel):
    change: ChangeOut
    document: dict[str, Any]
    """The same document that `pawl propose --json` prints."""


class EntryOut(BaseModel):
    seq: int
    at: datetime
    kind: str
    actor: Who
    why: str
    payload: dict[str, Any]
    evidence: list[str]
    move: dict[str, Any] | None

    @classmethod
    def of(cls, entry: Entry, names: Mapping[str, str]) -> EntryOut:
        judgment = entry.judgment
        return cls(
            seq=entry.seq,
            at=entry.at,
            kind=judgment.kind.value,
            actor=who(judgment.actor, names),
            why=judgment.why,
            payload=dict(judgment.payload),
            evidence=[str(one) for one in judgment.evidence],
            move=None if entry.move is None else dict(entry.move),
        )


class LogPage(BaseModel):
    entries: list[EntryOut]
    """Oldest first."""
    before: int | None
    """Send it as `before` to get older ones; null where there are none."""


class StepOut(BaseModel):
    number: int
    at: datetime
    kind: str
    body: dict[str, Any]

    @classmethod
    def of(cls, step: Step) -> StepOut:
        return cls(number=step.number, at=step.at, kind=step.kind, body=step.body)


class StepPage(BaseModel):
    stage: Stage
    running: bool
    steps: list[StepOut]


class RepositoryOut(BaseModel):
    id: str
    name: str
    url: str
    branch: str
    head: str | None
    trouble: str

    @classmethod
    def of(cls, repository: Repository) -> RepositoryOut:
        return cls(
            id=repository.id,
            name=repository.name,
            url=repository.url,
            branch=repository.branch,
            head=repository.head,
            trouble=repository.trouble,
        )


class RepositoryList(BaseModel):
    repositories: list[RepositoryOut]


class RoleOut(BaseModel):
    repository: str
    role: str


class Me(BaseModel):
    id: str
    login: str
    name: str
    by: str
    """session or token."""
    roles: list[RoleOut]


def who(principal: Principal, names: Mapping[str, str]) -> Who:
    """A principal as it is shown: a person by name, the others by id."""
    named = names.get(principal.id) if isinstance(principal, Person) else None
    return Who(kind=principal.kind, id=principal.id, name=named or principal.id)
