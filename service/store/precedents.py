"""Changes that ended, and what the log says of them. Values come out; nothing here ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, or_, select, true

from service.changes import ChangeId, Stage
from service.ledger import Judgment, Kind, entry
from service.store.rows import METADATA

_CHANGE = METADATA.tables["change"]
_ENTRY = METADATA.tables["entry"]
_ENDED = (Stage.MERGED, Stage.REFUSED, Stage.WITHDRAWN, Stage.NOTHING_FITS)
REJECTED, ALIKE = 200, 50
"""Rejections, and others of each ending that share a word, that are found at most."""
LOOKED_AT = 500
"""Changes of each ending that are looked at, the newest: words are compared one by one."""
_OF_A_CHANGE = tuple(_CHANGE.c[name] for name in ("id", "text", "title", "why", "updated"))
_KINDS = (Kind.REHEARSAL_WRITTEN, Kind.PLAN_MADE, Kind.DECISION)


@dataclass(frozen=True)
class EndedChange:
    """A change that ended, with the judgments of it that matter later, oldest first."""

    change: ChangeId
    stage: Stage
    text: str  # of the request
    title: str
    why: str
    updated: datetime
    judgments: tuple[Judgment, ...] = ()


class Precedents:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ended(
        self, repository: str, but: ChangeId, words: Sequence[str]
    ) -> tuple[EndedChange, ...]:
        """The newest changes of `repository` that ended otherwise than rejected and hold one of
        `words`, and the newest that were rejected, whatever they hold: what a person refused is
        never missed for its words."""
        named = [
            column.contains(word, autoescape=True)
            for word in words
            for column in (_CHANGE.c.text, _CHANGE.c.title, _CHANGE.c.why)
        ]
        found = self._newest(repository, but, Stage.REJECTED, true(), REJECTED)
        for stage in _ENDED if named else ():
            found += self._newest(repository, but, stage, or_(*named), ALIKE)
        said = self._said([one.change for one in found])
        return tuple(replace(one, judgments=tuple(said.get(one.change, ()))) for one in found)

    def _newest(
        self,
        repository: str,
        but: ChangeId,
        stage: Stage,
        fits: ColumnElement[bool],
        most: int,
    ) -> list[EndedChange]:
        """At most `most` that fit, of the newest `LOOKED_AT` in that stage."""
        there = and_(_CHANGE.c.repository == repository, _CHANGE.c.stage == stage.value)
        newest = _CHANGE.c.number.desc()
        last = select(_CHANGE.c.number).where(there).order_by(newest).limit(1).offset(LOOKED_AT - 1)
        since = self._connection.execute(last).scalar() or 0
        query = select(*_OF_A_CHANGE).where(
            there, _CHANGE.c.number >= since, _CHANGE.c.id != but, fits
        )
        rows = self._connection.execute(query.order_by(newest).limit(most))
        return [
            EndedChange(ChangeId(ident), stage, text, title or "", why, updated)
            for ident, text, title, why, updated in rows
        ]

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
