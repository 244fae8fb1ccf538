"""Counts of what the log holds, for readouts: each look reads only what was written since.

Kinds and numbers only; no names, no words.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import text

from service.store import Store

_NEW = text("SELECT kind, count(*), max(seq) FROM entry WHERE seq > :after GROUP BY kind")


class Tally:
    """How many entries of each kind there are. Safe for several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._after = -1

    def kinds(self) -> Mapping[str, int]:
        """Kind -> how many entries of it the log holds."""
        with self._lock, self._store.reading() as view:
            for kind, count, last in view.connection.execute(_NEW, {"after": self._after}).all():
                self._counts[kind] += count
                self._after = max(self._after, last)
            return dict(self._counts)
