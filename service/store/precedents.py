"""Changes that ended, and what the log says of them. Values come out; nothing here ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from service.changes import Change, ChangeId, Stage
from service.ledger import Judgment, Kind, entry
from service.store.rows import METADATA
from service.store.values import change_of

_CHANGE = METADATA.tables["change"]
_ENTRY = METADATA.tables["entry"]
_ENDED = (Stage.MERGED, Stage.REFUSED, Stage.WITHDRAWN, Stage.NOTHING_FITS)
_KINDS = (Kind.REHEARSAL_WRITTEN, Kind.PLAN_MADE, Kind.DECISION)


@dataclass(frozen=True)
class EndedChange:
    """A change that ended, with the judgments of it that matter later, oldest first."""

    change: Change
    judgments: tuple[Judgment, ...]


class Precedents:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ended(
        self, repository: str, but: ChangeId, words: Sequence[str], *, limit: int = 200
    ) -> tuple[EndedChange, ...]:
        """The newest changes of `repository` that ended otherwise than rejected and hold one of
        `words`, and all the newest that were rejected: what was refused by a person is never
        missed for its words."""
        named = [
            column.contains(word, autoescape=True)
            for word in words
            for column in (_CHANGE.c.text, _CHANGE.c.title, _CHANGE.c.why)
        ]
        like = [_CHANGE.c.stage.in_([s.value for s in _ENDED]), or_(*named)] if named else None
        found = self._page(repository, but, [_CHANGE.c.stage == Stage.REJECTED.value], limit)
        if like is not None:
            found += self._page(repository, but, like, limit)
        said = self._said([one.id for one in found])
        return tuple(EndedChange(one, tuple(said.get(one.id, ()))) for one in found)

    def _page(
        self, repository: str, but: ChangeId, conditions: Sequence[object], limit: int
    ) -> list[Change]:
        query = (
            select(_CHANGE)
            .where(_CHANGE.c.repository == repository, _CHANGE.c.id != but, *conditions)  # type: ignore[arg-type]
            .order_by(_CHANGE.c.number.desc())
            .limit(limit)
        )
        return [change_of(row) for row in self._connection.execute(query).mappings()]

    def _said(self, changes: Sequence[ChangeId]) -> dict[str, list[Judgment]]:
        query = (
            select(_ENTRY.c.change, _ENTRY.c.body)
            .where(_ENTRY.c.change.in_(changes), _ENTRY.c.kind.in_([k.value for k in _KINDS]))
            .order_by(_ENTRY.c.seq)
        )
        said: dict[str, list[Judgment]] = {}
        for change, body in self._connection.execute(query):
            said.setdefault(change, []).append(entry.read(body.encode()).judgment)
        return said
