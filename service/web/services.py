"""What the web layer works with: the use cases, joined by wiring."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from service.app.decisions import Decisions
from service.app.live import Following
from service.app.people import People
from service.app.queue import Queue
from service.app.repositories import Repositories
from service.changes import ChangeId
from service.store import Store


class Worker(Protocol):
    """The engine that runs changes, as far as pages need it."""

    def wake(self, change: ChangeId) -> None:
        """Run `change` when there is room."""
        ...

    def stop(self, change: ChangeId) -> bool:
        """Ask the run of `change` to stop after the step it is in; False where none runs."""
        ...

    def running(self) -> tuple[ChangeId, ...]: ...

    def queued(self) -> tuple[ChangeId, ...]: ...

    def state(self) -> dict[str, Any]:
        """For the system page: engine {ok, text}, image, slots, disk {free, total}, policy."""
        ...


@dataclass(frozen=True)
class Services:
    store: Store
    people: People
    repositories: Repositories
    decisions: Decisions
    following: Following
    worker: Worker
    clock: Callable[[], datetime]
    public_url: str
    """scheme://host[:port] as browsers see it: cookies, CSRF and passkeys follow from it."""
    mask: Callable[[str], str] = field(default=lambda text: text)
    """Blanks secrets out of words of people before they are kept."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the service begins to shut down: open streams end, or the server would wait."""

    @cached_property
    def queue(self) -> Queue:
        """One for all pages: it remembers the sizes of proposals."""
        return Queue(self.store, self.people, self.repositories)
