"""What people decided, in the words of the pool: may it run, may it merge, has something moved.

Asks the use cases and keeps nothing of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from service.app.decisions import Decisions, Switch
from service.changes import Change


class Decided:
    """`service.worker.pool.People` over the real decisions."""

    def __init__(self, decisions: Decisions, moved: Callable[[Change], str | None]) -> None:
        self._decisions = decisions
        self._moved = moved

    def agents_frozen(self) -> bool:
        return any(one.switch is Switch.AGENTS for one in self._decisions.frozen())

    def may_merge(self, change: Change) -> bool:
        return not isinstance(self._decisions.sufficient(change), str)

    def expire(self) -> object:
        return self._decisions.expire()

    def watch(self, change: Change) -> bool:
        what = self._moved(change)
        if what is None:
            return False
        self._decisions.void(change.id, what, also_merging=False)
        return True
