"""Rows of repositories and of what Pawl published there. Values come out; nothing here decides."""

from __future__ import annotations

from sqlalchemy import Connection


class Repositories:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
