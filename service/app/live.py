"""What a person who follows along sees of a run: stages, steps, cells; kept, so that a reload or
another process can go on from any of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
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
    """Keeps steps and hands them out. May be used from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._listeners: dict[int, Callable[[], None]] = {}
        self._tickets = 0

    def keep(self, steps: Sequence[tuple[ChangeId, str, dict[str, Any]]]) -> None:
        """Keep (change, kind, body) in order, in one transaction; then wake who listens."""
        if not steps:
            return
        with self._store.writing() as work:
            work.live.add(steps, work.now)
        with self._lock:
            listeners = tuple(self._listeners.values())
        for wake in listeners:
            wake()

    def steps(self, change: ChangeId, *, after: int = 0, limit: int = 500) -> tuple[Step, ...]:
        """Steps of a change with a number above `after`, oldest first."""
        with self._store.reading() as view:
            return tuple(Step(*row) for row in view.live.steps(change, after, limit))

    def newest(self) -> int:
        """The number of the newest step of all."""
        with self._store.reading() as view:
            return view.live.newest()

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` (from any thread) after each step of this process; answers how to stop."""
        with self._lock:
            self._tickets += 1
            ticket = self._tickets
            self._listeners[ticket] = wake

        def stop() -> None:
            with self._lock:
                self._listeners.pop(ticket, None)

        return stop


def fault_words(fault: Mapping[str, Any] | None) -> str:
    """A fault as a person says it: "rsync: cut (call 1)"."""
    if fault is None:
        return "(no fault)"
    if "command" in fault:
        call = f"call {fault.get('call', 1)}" + (" on" if fault.get("persistent") else "")
        return f"{fault['command']}: {fault.get('does')} ({call})"
    if "input" in fault:
        return f"{fault['input']} = {fault.get('value')!r}"
    if "limit" in fault:
        return f"no file above {fault['limit']} bytes"
    return ", ".join(f"{key} {value}" for key, value in fault.items())
