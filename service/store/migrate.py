"""Brings the tables up to date, in one transaction that the caller holds.

Alembic is loaded only where there is something to do: it costs a good part of a second.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from service.store.errors import StoreTooNew
from service.store.migrations import HEAD


def upgrade(connection: Connection) -> None:
    """Run the scripts that the database has not seen. Raises `StoreTooNew`.

    `connection` is inside a transaction that holds the write lock, so that of two processes one
    migrates and the other finds it done; either all scripts take effect or none.
    """
    if _version(connection) == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise StoreTooNew(
            f"the store is of version {_version(connection)}, which this Pawl does not know",
            mend="use the version of Pawl that last opened it, or a newer one",
        ) from error


def _version(connection: Connection) -> str | None:
    known = connection.exec_driver_sql(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    ).first()
    if known is None:
        return None
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if version is None else str(version)
