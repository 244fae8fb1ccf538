"""Rows of what a person who follows along sees. Values come out; nothing here decides."""

from __future__ import annotations

from sqlalchemy import Connection


class Live:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
