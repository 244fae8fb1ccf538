"""Rows of accounts, sessions, passkeys, links, tokens, roles, attempts. Nothing here decides."""

from __future__ import annotations

from sqlalchemy import Connection


class People:
    """The rows, within one transaction or view."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
