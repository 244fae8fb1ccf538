"""Rows of repositories and of what Pawl published there. Values come out; nothing here decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from service.changes import OPEN, ChangeId
from service.store.rows import METADATA

_REPOSITORY = METADATA.tables["repository"]
_PUBLISHED = METADATA.tables["published"]
_CHANGE = METADATA.tables["change"]


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository that Pawl looks after."""

    id: str
    name: str
    url: str
    branch: str
    made_by: str | None
    made_at: datetime
    head: str | None
    fetched_at: datetime | None
    trouble: str


@dataclass(frozen=True, kw_only=True)
class Published:
    """The branch of a change in its repository, as Pawl last put it there."""

    change: str
    ref: str
    commit: str
    binding: str
    at: datetime


class Repositories:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> tuple[Repository, ...]:
        """Those that are looked after, by name."""
        found = self._connection.execute(
            select(_REPOSITORY)
            .where(_REPOSITORY.c.removed_at.is_(None))
            .order_by(_REPOSITORY.c.name)
        ).mappings()
        return tuple(_kept(row) for row in found)

    def get(self, ident: str) -> Repository | None:
        """By id, else by name."""
        for column in (_REPOSITORY.c.id, _REPOSITORY.c.name):
            row = self._first(column == ident)
            if row is not None:
                return row
        return None

    def at(self, url: str, branch: str) -> Repository | None:
        """The one that looks after `branch` of `url`."""
        return self._first((_REPOSITORY.c.url == url) & (_REPOSITORY.c.branch == branch))

    def add(self, kept: Repository) -> None:
        """Keep a repository; its name must be free."""
        self._connection.execute(
            _REPOSITORY.insert().values(
                id=kept.id,
                name=kept.name,
                url=kept.url,
                branch=kept.branch,
                made_by=kept.made_by,
                made_at=kept.made_at,
                removed_at=None,
                head=kept.head,
                fetched_at=kept.fetched_at,
                trouble=kept.trouble,
            )
        )

    def remove(self, ident: str, at: datetime) -> None:
        """Stop looking after it. The row stays, and its name is free again."""
        row = self._first(_REPOSITORY.c.id == ident)
        if row is not None:
            self._set(ident, removed_at=at, name=f"{row.name}~{ident}")

    def fetched(self, ident: str, *, head: str | None, at: datetime) -> None:
        """A fetch went well."""
        self._set(ident, head=head, fetched_at=at, trouble="")

    def troubled(self, ident: str, why: str) -> None:
        """A fetch failed."""
        self._set(ident, trouble=why)

    def open_changes(self, ident: str) -> tuple[ChangeId, ...]:
        """The changes of a repository that have not ended, oldest first."""
        stages = [stage.value for stage in OPEN]
        found = self._connection.execute(
            select(_CHANGE.c.id)
            .where(_CHANGE.c.repository == ident, _CHANGE.c.stage.in_(stages))
            .order_by(_CHANGE.c.number)
        ).scalars()
        return tuple(ChangeId(one) for one in found)

    def published(self, change: str) -> Published | None:
        """What Pawl put on the branch of `change`."""
        row = (
            self._connection.execute(select(_PUBLISHED).where(_PUBLISHED.c.change == change))
            .mappings()
            .first()
        )
        return None if row is None else Published(**row)

    def publish(self, published: Published) -> None:
        """Say what Pawl put there, in place of what it put there before."""
        self.unpublish(published.change)
        self._connection.execute(
            _PUBLISHED.insert().values(
                change=published.change,
                ref=published.ref,
                commit=published.commit,
                binding=published.binding,
                at=published.at,
            )
        )

    def unpublish(self, change: str) -> None:
        """The branch of `change` is gone."""
        self._connection.execute(_PUBLISHED.delete().where(_PUBLISHED.c.change == change))

    def _first(self, condition: Any) -> Repository | None:
        row = (
            self._connection.execute(
                select(_REPOSITORY).where(_REPOSITORY.c.removed_at.is_(None), condition)
            )
            .mappings()
            .first()
        )
        return None if row is None else _kept(row)

    def _set(self, ident: str, **values: Any) -> None:
        self._connection.execute(
            _REPOSITORY.update().where(_REPOSITORY.c.id == ident).values(**values)
        )


def _kept(row: RowMapping) -> Repository:
    return Repository(**{name: value for name, value in row.items() if name != "removed_at"})
