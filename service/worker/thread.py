"""Those who follow a change from elsewhere: each step of a run is kept, masked, in order.

A run never waits for the disk here: one writer takes what has come up and keeps it in one go.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from sandbox import Cell, Progress
from service.app.live import Following, fault_words
from service.changes import Change, ChangeId
from service.flow.parts import Thread

_LOG = logging.getLogger("pawl.steps")
_BATCH = 200
_LONGEST = 4000
"""Characters of a text that are kept; who wants all of it reads the evidence."""

Said = tuple[ChangeId, str, dict[str, Any]]


class Steps:
    """The one writer of steps in this process."""

    def __init__(self, following: Following, mask: Callable[[str], str]) -> None:
        self._following = following
        self._mask = mask
        self._queue: queue.SimpleQueue[Said | threading.Event | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="steps", daemon=True)
        self._writer.start()

    def of(self, change: ChangeId, also: Thread | None = None) -> Followed:
        """A thread of the flow for `change`; `also` hears the same."""
        return Followed(self, change, also)

    def put(self, change: ChangeId, kind: str, body: dict[str, Any]) -> None:
        """Keep a step soon; texts are masked by the writer."""
        self._queue.put((change, kind, body))

    def flush(self) -> None:
        """Wait until all that was put is kept."""
        done = threading.Event()
        self._queue.put(done)
        done.wait(timeout=30)

    def close(self) -> None:
        """Keep what is left and end the writer."""
        self._queue.put(None)
        self._writer.join(timeout=30)

    def _write(self) -> None:
        while True:
            batch, others = [], []
            one = self._queue.get()
            while True:
                if isinstance(one, tuple):
                    batch.append(one)
                else:
                    others.append(one)
                if others or len(batch) == _BATCH or self._queue.empty():
                    break
                one = self._queue.get()
            self._keep(batch)
            for other in others:
                if other is None:
                    return
                other.set()

    def _keep(self, batch: list[Said]) -> None:
        try:
            self._following.keep([(c, kind, self._masked(body)) for c, kind, body in batch])
        except Exception:  # noqa: BLE001 - a step that is lost must not end a run
            _LOG.exception("steps were not kept", extra={"code": "steps-lost"})

    def _masked(self, body: dict[str, Any]) -> dict[str, Any]:
        return {name: self._clean(value) for name, value in body.items()}

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return _printable(self._mask(value[:_LONGEST]))
        if isinstance(value, dict):
            return self._masked(value)
        return value


class Followed:
    """A flow's `Thread` whose steps are kept."""

    def __init__(self, steps: Steps, change: ChangeId, also: Thread | None) -> None:
        self._steps = steps
        self._change = change
        self._also = also
        self._told: set[str] = set()

    def stage(self, change: Change, text: str) -> None:
        self._steps.put(self._change, "stage", {"stage": change.stage.value, "text": text})
        if self._also is not None:
            self._also.stage(change, text)

    def say(self, text: str) -> None:
        self._steps.put(self._change, "say", {"text": text})
        if self._also is not None:
            self._also.say(text)

    def progress(self, progress: Progress) -> None:
        """A cell is always kept, a line of news once: it is said again with each cell."""
        if progress.cell is not None or progress.text not in self._told:
            self._told.add(progress.text)
            body = {"text": progress.text, "done": progress.done, "total": progress.total}
            cell = None if progress.cell is None else cell_step(progress.cell)
            self._steps.put(self._change, "cell", {**body, "cell": cell})
        if self._also is not None:
            self._also.progress(progress)


def cell_step(cell: Cell) -> dict[str, Any]:
    """What is shown of a cell while a proof runs; the proof's document holds the rest."""
    return {
        "id": cell.id,
        "side": cell.side.value,
        "kind": cell.kind.value,
        "entry": " ".join(cell.entry),
        "fault": fault_words(cell.fault),
        "outcome": cell.outcome.value,
        "why": cell.why,
        "ms": round(cell.seconds * 1000),
    }


def _printable(text: str) -> str:
    """`text` without what no database and no page takes: half characters and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")
