"""Rows of decisions, approvals and freeze switches. Values come out; nothing here decides."""

from __future__ import annotations

from sqlalchemy import Connection


class Decisions:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
