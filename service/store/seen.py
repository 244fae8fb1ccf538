"""Rows of what a person has read of a change. Values come out; nothing here decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from service.store.rows import METADATA

_SEEN = METADATA.tables["seen"]


@dataclass(frozen=True, kw_only=True)
class SeenRow:
    """The draft that somebody looked at, and the files that they marked as read in that form."""

    account: str
    change: str
    draft: str
    files: Mapping[str, str]
    """Path -> what names both versions of the file."""
    at: datetime


class Seen:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, account: str, change: str) -> SeenRow | None:
        """What `account` has read of `change`."""
        query = select(_SEEN).where(_SEEN.c.account == account, _SEEN.c.change == change)
        row = self._connection.execute(query).mappings().first()
        if row is None:
            return None
        return SeenRow(
            account=row["account"],
            change=row["change"],
            draft=row["draft"],
            files=json.loads(row["files"]),
            at=row["at"],
        )

    def put(self, row: SeenRow) -> None:
        """Keep what was read, in place of what was kept before."""
        kept = {"draft": row.draft, "files": json.dumps(dict(row.files)), "at": row.at}
        query = insert(_SEEN).values(account=row.account, change=row.change, **kept)
        self._connection.execute(
            query.on_conflict_do_update(index_elements=["account", "change"], set_=kept)
        )
