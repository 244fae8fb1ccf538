"""The pool: runs changes in this process, a few at once, until they wait for people or end.

It decides when a change runs and never what becomes of it. Truth is in the store, so a pool that
dies loses nothing: the next one picks up every open change that waits for nobody.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from service.changes import Change, ChangeId, LeaseTaken, MoveRefused, Stage, UnknownChange
from service.flow.graph import Stopped
from service.flow.parts import Thread
from service.worker.thread import Followed, Steps

_LOG = logging.getLogger("pawl.pool")

WORK = (
    Stage.ASKED,
    Stage.SURVEYED,
    Stage.REHEARSED,
    Stage.PLANNED,
    Stage.PROVEN,
    Stage.GATED,
    Stage.MERGING,
)
"""Stages at which a change waits for nobody."""
_MERGES = frozenset({Stage.WAITING, Stage.MERGING})
_PAUSES = (5.0, 30.0, 120.0)
"""Seconds before a run that failed is tried again; after the last one a change is left alone."""
_ENGINE_GONE = frozenset({"engine-down"})
_PAGE = 500


class Changes(Protocol):
    """The store, as far as the pool needs it."""

    def get(self, change: ChangeId) -> Change: ...

    def list(self, stages: Iterable[Stage] | None = None, limit: int = 50) -> tuple[Change, ...]:
        """Newest first."""
        ...

    @property
    def size(self) -> int: ...

    def checkpoint(self) -> Any: ...


class Runs(Protocol):
    def run(self, change: ChangeId) -> Change: ...


class Bench(Protocol):
    """What a run works with: engine, gate, planner."""

    def open(self, say: Callable[[str], None]) -> None:
        """Make all ready; may take minutes. Raises what is missing, with `code` and `mend`."""
        ...

    def inline(self, change: Change, thread: Thread, stop: Callable[[], bool]) -> Runs:
        """What runs `change`. Only after `open`."""
        ...

    def reap(self) -> None:
        """Remove what dead processes left in the engine."""
        ...

    def state(self) -> dict[str, Any]:
        """image, slots, disk, policy: for people who look after the service."""
        ...

    def close(self) -> None:
        """Let go of the engine; runs that still use it fail."""
        ...


class People(Protocol):
    """What people decided, as far as the pool needs it."""

    def agents_frozen(self) -> bool: ...

    def may_merge(self, change: Change) -> bool:
        """Whether nothing but the merge itself is left to do."""
        ...

    def expire(self) -> object: ...

    def watch(self, change: Change) -> bool:
        """Void a waiting change under which something has moved; whether it was."""
        ...


@dataclass(frozen=True)
class Rhythm:
    """How often the pool looks at what, in seconds."""

    tick: float = 10.0
    reap: float = 60.0
    checkpoint: float = 300.0
    reopen: float = 30.0
    pauses: tuple[float, ...] = _PAUSES
    taken: float = 10.0  # somebody else holds the lease


@dataclass
class _Run:
    stop: threading.Event = field(default_factory=threading.Event)
    again: bool = False  # woken meanwhile


class Pool:
    """Runs changes. Safe for several threads; `start` once, `close` once."""

    def __init__(
        self,
        changes: Changes,
        bench: Bench,
        steps: Steps,
        people: People,
        *,
        at_once: int = 2,
        here: Callable[[Change], bool] = lambda _: True,
        also: Callable[[ChangeId], Thread | None] = lambda _: None,
        rhythm: Rhythm | None = None,
    ) -> None:
        """`here` says whether a change is this service's to run; `also` who else follows it."""
        self._changes = changes
        self._bench = bench
        self._steps = steps
        self._people = people
        self._here = here
        self._also = also
        self._rhythm = rhythm or Rhythm()
        self._turn = threading.Condition()
        self._closing = threading.Event()
        self._queue: OrderedDict[ChangeId, float] = OrderedDict()  # when it may run
        self._running: dict[ChangeId, _Run] = {}
        self._failures: dict[ChangeId, int] = {}
        self._left: set[ChangeId] = set()  # until somebody wakes it
        self._ready = False
        self._engine = "the sandbox engine is being opened"
        self._trouble = ""  # the code of why it is not there
        self._ran = 0
        self._ran_ms = 0
        runners = [
            threading.Thread(target=self._work, name=f"run-{n}", daemon=True)
            for n in range(at_once)
        ]
        self._runners = runners
        self._others = [
            threading.Thread(target=self._keep_open, name="engine", daemon=True),
            threading.Thread(target=self._tend, name="tick", daemon=True),
        ]

    # --- for pages ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to run; what is open and waits for nobody is picked up at once."""
        for thread in (*self._runners, *self._others):
            thread.start()

    def wake(self, change: ChangeId) -> None:
        """Run `change` when there is room, however often it failed before."""
        with self._turn:
            self._left.discard(change)
            self._failures.pop(change, None)
            run = self._running.get(change)
            if run is not None:
                run.again = True
            else:
                self._queue[change] = 0.0
            self._turn.notify_all()

    def stop(self, change: ChangeId) -> bool:
        """Ask the run of `change` to stop after the step it is in; False where none runs."""
        with self._turn:
            queued = self._queue.pop(change, None) is not None
            run = self._running.get(change)
            if run is not None:
                run.stop.set()
                run.again = False
            if queued or run is not None:
                self._left.add(change)
            return queued or run is not None

    def running(self) -> tuple[ChangeId, ...]:
        with self._turn:
            return tuple(self._running)

    def queued(self) -> tuple[ChangeId, ...]:
        with self._turn:
            return tuple(self._queue)

    def left(self) -> tuple[ChangeId, ...]:
        """Changes that nobody runs until somebody wakes them: stopped, or failed too often."""
        with self._turn:
            return tuple(sorted(self._left))

    def state(self) -> dict[str, Any]:
        """engine {ok, text, code}, runs {count, ms}, left, and what the bench says of itself."""
        known = self._bench.state()
        with self._turn:
            return {
                **known,
                "engine": {"ok": self._ready, "text": self._engine, "code": self._trouble},
                "runs": {"count": self._ran, "ms": self._ran_ms},
                "left": sorted(self._left),
            }

    def close(self, patience: float = 25.0) -> None:
        """Let each run end the step it is in, at most `patience` seconds; changes stay where they
        are, and the next pool goes on with them."""
        self._closing.set()
        with self._turn:
            self._turn.notify_all()
        deadline = time.monotonic() + patience
        for thread in self._runners:
            _join(thread, deadline)
        self._bench.close()  # a step that would take longer ends here, and is done again later
        for thread in (*self._runners, *self._others):
            _join(thread, time.monotonic() + 5.0)
        self._steps.close()

    # --- runs -----------------------------------------------------------------------------

    def _work(self) -> None:
        while (change := self._next()) is not None:
            self._run(change)

    def _next(self) -> ChangeId | None:
        """The next change to run; None when the pool closes."""
        with self._turn:
            while not self._closing.is_set():
                now = time.monotonic()
                ready = self._queue if self._ready else ()
                for change in ready:
                    if self._queue[change] <= now and change not in self._running:
                        del self._queue[change]
                        self._running[change] = _Run()
                        return change
                due = [at - now for at in self._queue.values() if at > now]
                self._turn.wait(min(due, default=None) if self._ready else None)
            return None

    def _run(self, ident: ChangeId) -> None:
        run = self._running[ident]
        began = time.monotonic()
        thread = self._steps.of(ident, self._also(ident))
        try:
            change = self._changes.get(ident)
            if self._runs(change):
                _LOG.info("a run begins", extra={"change": ident, "stage": change.stage.value})
                self._go(change, thread, run, began)
        except UnknownChange:
            _LOG.warning("no such change", extra={"change": ident, "code": "unknown-change"})
        except Exception as wrong:  # noqa: BLE001 - each part has its own family of errors
            self._failed(ident, thread, wrong)
        finally:
            with self._turn:
                del self._running[ident]
                if run.again and ident not in self._left:
                    self._queue[ident] = 0.0
                self._turn.notify_all()

    def _go(self, change: Change, thread: Followed, run: _Run, began: float) -> None:
        def stop() -> bool:
            return run.stop.is_set() or self._closing.is_set()

        try:
            after = self._bench.inline(change, thread, stop).run(change.id)
        except Stopped:
            if not self._closing.is_set():
                thread.say("stopped; it goes on from here when somebody lets it")
            return
        except LeaseTaken:
            self._later(change.id, self._rhythm.taken)
            return
        took = round((time.monotonic() - began) * 1000)
        with self._turn:
            self._ran += 1
            self._ran_ms += took
            self._failures.pop(change.id, None)
            if after.stage is change.stage and after.stage in WORK:
                self._queue[change.id] = time.monotonic() + self._rhythm.pauses[-1]
        _LOG.info(
            "a run ended", extra={"change": change.id, "stage": after.stage.value, "ms": took}
        )

    def _runs(self, change: Change) -> bool:
        """Whether there is something to do for `change`, and it may be done."""
        if change.ended or not self._here(change):
            return False
        if change.stage is Stage.WAITING:
            return self._people.may_merge(change)
        if change.stage not in WORK:
            return False
        return change.stage in _MERGES or not self._people.agents_frozen()

    def _later(self, change: ChangeId, seconds: float) -> None:
        with self._turn:
            self._queue[change] = time.monotonic() + seconds
            self._turn.notify_all()

    def _failed(self, ident: ChangeId, thread: Followed, wrong: Exception) -> None:
        """A run could not go on: the change stays at its stage and is tried again, thrice."""
        code = str(getattr(wrong, "code", "internal-error"))
        if self._closing.is_set():
            return  # the engine was taken away under it
        if isinstance(wrong, MoveRefused) and self._changes.get(ident).ended:
            return  # somebody ended it meanwhile
        own = not hasattr(wrong, "code")
        _LOG.error(
            "a run failed", exc_info=wrong if own else None, extra={"change": ident, "code": code}
        )
        if code in _ENGINE_GONE:
            thread.say(f"the sandbox engine is not there: {wrong} [{code}]; it goes on by itself")
            with self._turn:
                self._ready, self._trouble = False, code
                self._engine = f"{wrong} [{code}]"
                self._queue[ident] = 0.0
            return
        with self._turn:
            failures = self._failures[ident] = self._failures.get(ident, 0) + 1
            pauses = self._rhythm.pauses
            given_up = failures > len(pauses)
            if given_up:
                self._left.add(ident)
            else:
                self._queue[ident] = time.monotonic() + pauses[failures - 1]
        what = f"{type(wrong).__name__}: {wrong}" if own else str(wrong)
        mend = str(getattr(wrong, "mend", "")) if not own else ""
        then = (
            "it is left here until somebody lets it go on"
            if given_up
            else "it is tried again from here"
        )
        thread.say(
            f"could not go on: {what} [{code}]" + (f"; {mend}" if mend else "") + f"; {then}"
        )

    # --- the engine -----------------------------------------------------------------------

    def _keep_open(self) -> None:
        """Open the engine, and open it again where it was lost."""
        while not self._closing.is_set():
            if not self._ready:
                self._open()
            self._closing.wait(self._rhythm.reopen if not self._ready else 1.0)

    def _open(self) -> None:
        try:
            self._bench.open(self._says)
        except Exception as wrong:  # noqa: BLE001 - the service runs without an engine
            code = str(getattr(wrong, "code", "internal-error"))
            mend = str(getattr(wrong, "mend", ""))
            self._says(f"{wrong} [{code}]" + (f"; to mend it: {mend}" if mend else ""), code)
            _LOG.warning("changes wait for the engine", extra={"code": code})
            return
        with self._turn:
            self._ready, self._engine, self._trouble = True, "ready", ""
            self._turn.notify_all()
        _LOG.info("the engine is ready")

    def _says(self, text: str, trouble: str = "") -> None:
        with self._turn:
            self._engine, self._trouble = text, trouble

    # --- by the clock ---------------------------------------------------------------------

    def _tend(self) -> None:
        last = {"reap": time.monotonic(), "checkpoint": time.monotonic()}
        size = self._changes.size
        while True:
            self._guarded("pick-up", self._pick_up)
            if self._closing.wait(self._rhythm.tick):
                return
            self._guarded("expire", self._people.expire)
            self._guarded("watch", self._watch)
            now = time.monotonic()
            if self._ready and now - last["reap"] >= self._rhythm.reap:
                last["reap"] = now
                self._guarded("reap", self._bench.reap)
            if now - last["checkpoint"] >= self._rhythm.checkpoint:
                last["checkpoint"] = now
                if self._changes.size > size:
                    self._guarded("checkpoint", self._changes.checkpoint)
                    size = self._changes.size

    def _pick_up(self) -> None:
        """Queue every open change that waits for nobody, oldest first."""
        frozen = self._people.agents_frozen()
        stages = (Stage.MERGING,) if frozen else WORK
        for change in reversed(self._changes.list(stages, limit=_PAGE)):
            if self._here(change):
                self._enqueue(change.id)

    def _watch(self) -> None:
        """Look after changes that wait for people: void what moved, merge what is approved."""
        for change in self._changes.list((Stage.WAITING,), limit=_PAGE):
            if self._closing.is_set():
                return
            if self._here(change) and (
                self._people.watch(change) or self._people.may_merge(change)
            ):
                self._enqueue(change.id)

    def _enqueue(self, change: ChangeId) -> None:
        with self._turn:
            if change not in self._running and change not in self._left:
                self._queue.setdefault(change, 0.0)
                self._turn.notify_all()

    def _guarded(self, what: str, deed: Callable[[], object]) -> None:
        """A job that fails is said and done again at the next tick."""
        try:
            deed()
        except Exception as wrong:  # noqa: BLE001 - one job must not end the others
            code = str(getattr(wrong, "code", "internal-error"))
            _LOG.error("%s failed", what, exc_info=wrong, extra={"code": code})


def _join(thread: threading.Thread, deadline: float) -> None:
    if thread.is_alive():
        thread.join(timeout=max(0.0, deadline - time.monotonic()))
