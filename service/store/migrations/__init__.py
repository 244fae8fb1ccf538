"""How the tables came to be: Alembic scripts, run by `service.store.migrate` when a store opens.

Each script says whether it suits the code before it. No script ever loses an entry of the log.
"""

from __future__ import annotations

HEAD = "v0003"
"""The newest script. Known here, so that opening an up-to-date store does not load Alembic."""
