"""What a person who follows along sees of a run: stages, steps, cells; kept, so that a reload or
another process can go on from any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.changes import ChangeId
from service.store import Store


@dataclass(frozen=True)
class Step:
    """`number` grows over all changes; it is the id of the server-sent event."""

    number: int
    change: str
    at: datetime
    kind: str  # stage | say | cell
    body: dict[str, Any]  # stage: {stage, text}; say: {text}; cell: {text, done, total, cell|None}


class Following:
    def __init__(self, store: Store) -> None:
        self._store = store

    def steps(self, change: ChangeId, *, after: int = 0, limit: int = 500) -> tuple[Step, ...]:
        """Steps of a change with a number above `after`, oldest first."""
        raise NotImplementedError

    def newest(self) -> int:
        """The number of the newest step of all."""
        raise NotImplementedError

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` (from any thread) after each step of this process; answers how to stop."""
        raise NotImplementedError
