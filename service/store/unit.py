"""Units of work: one transaction over changes, people, decisions, repositories and the log.

`Store.writing()` gives a `Work`, `Store.reading()` a `View`. What a use case does in one `writing`
block takes effect whole, with its judgments, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from service.changes import Change, ChangeId, Move
from service.ledger import Judgment

if TYPE_CHECKING:
    from service.store.calls import Calls
    from service.store.decisions import Decisions
    from service.store.live import Live
    from service.store.people import People
    from service.store.precedents import Precedents
    from service.store.repositories import Repositories


class View:
    """What is committed, as one unchanging picture."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        from service.store.calls import Calls
        from service.store.decisions import Decisions
        from service.store.live import Live
        from service.store.people import People
        from service.store.precedents import Precedents
        from service.store.repositories import Repositories

        self.connection = connection
        self.now = now
        """When the unit began; every row written in it carries this time."""
        self.people: People = People(connection)
        self.decisions: Decisions = Decisions(connection)
        self.repositories: Repositories = Repositories(connection)
        self.live: Live = Live(connection)
        self.calls: Calls = Calls(connection)
        self.precedents: Precedents = Precedents(connection)

    def change(self, ident: ChangeId) -> Change:
        """The change with that id. Raises `UnknownChange`."""
        from service.store.store import get_change

        return get_change(self.connection, ident)


class Work(View):
    """A transaction that holds the write lock."""

    def __init__(
        self,
        connection: Connection,
        now: datetime,
        note: Callable[[Sequence[Judgment]], range],
        record: Callable[[ChangeId, Move, Judgment, Sequence[Judgment]], Change],
    ) -> None:
        super().__init__(connection, now)
        self._note = note
        self._record = record

    def note(self, *judgments: Judgment) -> range:
        """Write judgments without a move; answer their places in the log."""
        return self._note(judgments)

    def record(
        self, change: ChangeId, move: Move, judgment: Judgment, evidence: Sequence[Judgment] = ()
    ) -> Change:
        """A move with its judgments, as `Store.record`, within this transaction."""
        return self._record(change, move, judgment, evidence)
