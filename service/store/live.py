"""Rows of what a person who follows along sees. Values come out; nothing here decides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from service.store.rows import METADATA

_STEP = METADATA.tables["step"]


class Live:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, steps: Sequence[tuple[str, str, dict[str, Any]]], at: datetime) -> None:
        """Keep (change, kind, body) in order, each under the next number."""
        last = self.newest()
        self._connection.execute(
            _STEP.insert(),
            [
                {
                    "number": number,
                    "change": change,
                    "at": at,
                    "kind": kind,
                    "body": json.dumps(body, ensure_ascii=True, separators=(",", ":")),
                }
                for number, (change, kind, body) in enumerate(steps, last + 1)
            ],
        )

    def steps(
        self, change: str, after: int, limit: int
    ) -> tuple[tuple[int, str, datetime, str, dict[str, Any]], ...]:
        """(number, change, at, kind, body) with a number above `after`, oldest first."""
        query = (
            select(_STEP)
            .where(_STEP.c.change == change, _STEP.c.number > after)
            .order_by(_STEP.c.number)
            .limit(limit)
        )
        return tuple(
            (row["number"], row["change"], row["at"], row["kind"], json.loads(row["body"]))
            for row in self._connection.execute(query).mappings()
        )

    def newest(self) -> int:
        """The number of the newest step of all; 0 where there is none."""
        found = self._connection.execute(select(func.max(_STEP.c.number))).scalar()
        return int(found or 0)
