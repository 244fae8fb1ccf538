"""How the tables came to be: Alembic scripts, run by `service.store.migrate` when a store opens.

Each script says whether it suits the code before it. No script ever loses an entry of the log.
"""

from __future__ import annotations

from service.store.errors import StoreError

HEAD = "v0003"
"""The newest script. Known here, so that opening an up-to-date store does not load Alembic."""


def no_way_back() -> None:
    """The `downgrade` of every script: a log that only grows has none. Raises `StoreError`."""
    raise StoreError(
        "the log is append-only, so its tables never go back to an older version",
        code="no-way-back",
        mend="put a backup back and begin an epoch",
    )
