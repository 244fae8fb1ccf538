"""What people decided, in the words of the pool: may it run, may it merge, has something moved.

Asks the use cases and keeps nothing of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from service.app.decisions import Decisions, Switch
from service.changes import Change


class Decided:
    """`service.worker.pool.People` over the real decisions."""

    def __init__(self, decisions: Decisions, watch: Callable[[Change], Change | None]) -> None:
        """`watch` takes a waiting change back where something moved under it."""
        self._decisions = decisions
        self._watch = watch

    def agents_frozen(self) -> bool:
        return any(one.switch is Switch.AGENTS for one in self._decisions.frozen())

    def may_merge(self, change: Change) -> bool:
        return not isinstance(self._decisions.sufficient(change), str)

    def expire(self) -> object:
        return self._decisions.expire()

    def watch(self, change: Change) -> bool:
        return self._watch(change) is not None
