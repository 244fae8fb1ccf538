"""Rows of calls to models: one a try, never taken away. Values come out; nothing here decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, select, update

from service.store.rows import METADATA

_CALL = METADATA.tables["call"]


@dataclass(frozen=True)
class CallRow:
    """A try, or (state `kept`) what is remembered of a trial in a cell."""

    number: int
    change: str
    role: str
    model: str
    template: str
    digest: str
    state: str  # sent | done | failed | kept
    code: str  # why it failed
    status: int
    request: str | None  # digest of an artifact
    reply: str | None  # digest of an artifact
    reserved: int
    charged: int
    prompt: int
    completion: int
    estimated: bool
    cost: int  # millionths of the currency that prices are set in
    day: str
    sent_at: datetime
    ended_at: datetime | None


class Calls:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, row: CallRow) -> None:
        self._connection.execute(_CALL.insert().values(**vars(row)))

    def next_number(self) -> int:
        last = self._connection.execute(select(func.max(_CALL.c.number))).scalar()
        return int(last or 0) + 1

    def get(self, number: int) -> CallRow:
        row = self._connection.execute(select(_CALL).where(_CALL.c.number == number)).mappings()
        return CallRow(**row.one())

    def end(self, number: int, **values: object) -> bool:
        """Put what came of a try into its row, once; what was reserved stays as it was."""
        ended = self._connection.execute(
            update(_CALL).where(_CALL.c.number == number, _CALL.c.state == "sent").values(**values)
        )
        return ended.rowcount == 1

    def found(self, change: str, digest: str, state: str = "done") -> CallRow | None:
        """The first try of `digest` for `change` that ended so."""
        row = self._connection.execute(
            select(_CALL)
            .where(_CALL.c.change == change, _CALL.c.digest == digest, _CALL.c.state == state)
            .order_by(_CALL.c.number)
            .limit(1)
        ).mappings()
        first = row.first()
        return None if first is None else CallRow(**first)

    def of(self, change: str) -> tuple[CallRow, ...]:
        """All of a change, oldest first."""
        rows = self._connection.execute(
            select(_CALL).where(_CALL.c.change == change).order_by(_CALL.c.number)
        ).mappings()
        return tuple(CallRow(**row) for row in rows)

    def spent(self, *, change: str | None = None, day: str | None = None) -> int:
        """Tokens that a change or a day was charged with; what is still out counts whole."""
        counted = case((_CALL.c.state == "sent", _CALL.c.reserved), else_=_CALL.c.charged)
        query = select(func.coalesce(func.sum(counted), 0))
        if change is not None:
            query = query.where(_CALL.c.change == change)
        if day is not None:
            query = query.where(_CALL.c.day == day)
        return int(self._connection.execute(query).scalar_one())
