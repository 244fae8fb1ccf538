"""A run as a stream of server-sent events: what happened since, then what happens, then the end.

Ids are the numbers of kept steps, so any process answers a reconnect from the store. Nothing here
draws: a page hands in what turns steps into HTML.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from service.app.live import Step
from service.changes import Change, ChangeId, Stage
from service.web.services import Services

MOST = 4
"""Streams that one session may have open: on HTTP/1.1 a browser gives six connections a host, and
the page that wants a seventh does not load at all."""
_PAGE = 500
_LATEST = 6
END = "end"
"""The event after which a page does not connect again."""

Cell = dict[str, Any]


@dataclass(frozen=True)
class Timing:
    """How long a stream waits for what, in seconds."""

    tick: float = 1.0  # a run in another process is looked for this often
    gather: float = 0.15  # what comes up meanwhile goes out together
    refresh: float = 5.0  # elapsed times are drawn again
    keep_alive: float = 12.0  # proxies cut a stream that is silent for a minute, some sooner
    check: float = 30.0  # is the session still one, may it still see the change
    longest: float = 900.0  # then the browser connects again


@dataclass
class Board:
    """What the steps of a change come to: the cells of the proof that was tried last."""

    last: int = 0
    """Number of the newest step that is in here."""
    round: int = 0
    """Counts up each time that cells begin anew."""
    text: str = ""
    done: int = 0
    total: int = 0
    cells: dict[str, Cell] = field(default_factory=dict)
    latest: deque[Cell] = field(default_factory=lambda: deque(maxlen=_LATEST))

    def add(self, steps: Sequence[Step]) -> tuple[Cell, ...]:
        """Take steps in; answer the cells that are new on the board."""
        fresh: list[Cell] = []
        for step in steps:
            self.last = step.number
            if step.kind == "stage" and step.body.get("stage") in _BEGINS:
                self._begin()
                fresh.clear()
            elif step.kind == "cell":
                cell = self._cell(step.body)
                fresh += [cell] if cell is not None else []
        return tuple(fresh)

    def tally(self, side: str, kinds: Sequence[str]) -> Counter[str]:
        """Outcome -> how many cells of `side` in `kinds`."""
        return Counter(
            str(one["outcome"])
            for one in self.cells.values()
            if one["side"] == side and one["kind"] in kinds
        )

    def _begin(self) -> None:
        self.round += 1
        self.text, self.done, self.total = "", 0, 0
        self.cells.clear()
        self.latest.clear()

    def _cell(self, body: dict[str, Any]) -> Cell | None:
        self.text = str(body.get("text", ""))
        self.done = int(body.get("done") or 0)
        self.total = int(body.get("total") or 0)
        cell: Cell | None = body.get("cell")
        if cell is None:
            return None
        known = str(cell["id"]) in self.cells
        self.cells[str(cell["id"])] = cell
        self.latest.append(cell)
        return None if known else cell


_BEGINS = frozenset({Stage.SURVEYED.value, Stage.PLANNED.value})
"""A rehearsal is tried after the first, a draft after the second: cells begin anew."""


@dataclass(frozen=True)
class News:
    """What a page draws: the change as it is, the board with `steps` in it, what is new there."""

    change: Change
    board: Board
    steps: tuple[Step, ...]
    cells: tuple[Cell, ...]
    anew: bool
    """Whether cells began anew within `steps`."""
    going: bool
    """Whether something runs, or is about to."""


Draw = Callable[[News], str]
"""HTML for what is new; "" where a page need not show it."""


def notable(step: Step) -> bool:
    """Whether a step is worth a line: of cells only what was declared, and what is bad news."""
    if step.kind != "cell":
        return True
    cell = step.body.get("cell")
    if cell is None:
        return bool(step.body.get("text"))
    if cell["kind"] in ("declared", "control", "ratchet", "check"):
        return True
    return bool(cell["side"] == "draft" and cell["outcome"] != "held")


def going(services: Services, change: Change) -> bool:
    """Whether the engine runs `change`, or will when there is room."""
    return not change.ended and change.id in (
        *services.worker.running(),
        *services.worker.queued(),
    )


def history(services: Services, change: ChangeId, upto: int | None = None) -> tuple[Step, ...]:
    """All steps of a change with a number of at most `upto` (None: all), oldest first."""
    found: list[Step] = []
    after = 0
    while True:
        page = services.following.steps(change, after=after, limit=_PAGE)
        found += [one for one in page if upto is None or one.number <= upto]
        if len(page) < _PAGE or (upto is not None and page[-1].number > upto):
            return tuple(found)
        after = page[-1].number


def resumed_at(request: Request) -> int:
    """The number of the last step that whoever connects has: the header of a reconnect wins over
    what the page was drawn with."""
    for text in (request.headers.get("last-event-id"), request.query_params.get("after")):
        if text is not None and text.isascii() and text.isdigit() and len(text) < 19:
            return int(text)
    return 0


class Streams:
    """The open streams of this process."""

    def __init__(self, services: Services, timing: Timing | None = None) -> None:
        self._services = services
        self._timing = timing or Timing()
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()
        self._newest = (0.0, 0)

    def response(
        self,
        request: Request,
        change: ChangeId,
        *,
        session: str,
        may: Callable[[], bool],
        draw: Draw,
        full: str,
    ) -> StreamingResponse:
        """The stream of `change` for `session`. `may` is asked again and again whether it may still
        be seen; `full` is shown where the session has too many streams."""
        events = self._events(request, change, session, may, draw, full)
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    async def _events(
        self,
        request: Request,
        change: ChangeId,
        session: str,
        may: Callable[[], bool],
        draw: Draw,
        full: str,
    ) -> AsyncIterator[bytes]:
        if not self._enter(session):
            yield _event(full)
            yield _event("", name=END)
            return
        try:
            async for event in self._follow(request, change, may, draw):
                yield event
        finally:
            self._leave(session)

    async def _follow(
        self, request: Request, change: ChangeId, may: Callable[[], bool], draw: Draw
    ) -> AsyncIterator[bytes]:
        timing, now = self._timing, time.monotonic
        run = _Run(self._services, change, draw)
        await asyncio.to_thread(run.catch_up, resumed_at(request))
        began = checked = drawn = spoke = now()
        first, over = True, False
        with _Bell(self._services) as bell:
            while now() - began < timing.longest and not self._services.stopping.is_set():
                seen = await asyncio.to_thread(self._latest)
                due = now() - drawn > timing.refresh or run.going is not run.runs()
                if first or over or seen > run.board.last or due:
                    event = await asyncio.to_thread(run.next)
                    drawn = now()
                    if event:
                        spoke = now()
                        yield event
                    if over and not run.going:
                        yield _event("", name=END)
                        return
                    over = not run.going  # its last steps may still be on their way
                first = False
                if now() - spoke > timing.keep_alive:
                    spoke = now()
                    yield b": still here\n\n"
                if now() - checked > timing.check:
                    checked = now()
                    if not await asyncio.to_thread(may):
                        return
                if await request.is_disconnected():
                    return
                await bell.wait(timing.tick)
                await asyncio.sleep(timing.gather)

    def _latest(self) -> int:
        """The newest step of all, looked up once for all streams that ask at the same time."""
        with self._lock:
            at, newest = self._newest
            if time.monotonic() - at > self._timing.gather:
                newest = self._services.following.newest()
                self._newest = (time.monotonic(), newest)
            return newest

    def _enter(self, session: str) -> bool:
        with self._lock:
            if self._open[session] >= MOST:
                return False
            self._open[session] += 1
            return True

    def _leave(self, session: str) -> None:
        with self._lock:
            self._open[session] -= 1
            if not self._open[session]:
                del self._open[session]


class _Run:
    """One change as one stream has told it so far."""

    def __init__(self, services: Services, change: ChangeId, draw: Draw) -> None:
        self._services = services
        self._ident = change
        self._draw = draw
        self._sent = ""
        self.board = Board()
        self.going = True

    def runs(self) -> bool:
        """Whether the engine has the change at this moment."""
        worker = self._services.worker
        return self._ident in (*worker.running(), *worker.queued())

    def catch_up(self, after: int) -> None:
        """Take in what the page has already."""
        self.board.add(history(self._services, self._ident, after))
        self.board.last = max(self.board.last, after)

    def next(self) -> bytes:
        """The event with what is new; b"" where nothing is."""
        before = self.board.round
        running = going(self._services, self._services.store.get(self._ident))
        steps = self._services.following.steps(self._ident, after=self.board.last, limit=_PAGE)
        # Read after the steps: a stage is never older than the steps that it is shown with.
        change = self._services.store.get(self._ident)
        self.going = running or len(steps) == _PAGE
        cells = self.board.add(steps)
        html = self._draw(
            News(change, self.board, steps, cells, self.board.round != before, self.going)
        )
        if html == self._sent:
            return b""
        self._sent = html
        return _event(html, ident=self.board.last if steps else None)


class _Bell:
    """Rings in this stream's loop when a step of this process was kept."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def __enter__(self) -> _Bell:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._stop = self._services.following.listen(self._ring)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _ring(self) -> None:
        with suppress(RuntimeError):  # the loop ended between two steps
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)
        self._rung.clear()


def _event(html: str, *, ident: int | None = None, name: str = "") -> bytes:
    """One event in the wire format; each line of `html` is a line of data."""
    lines = [f"id: {ident}"] if ident is not None else []
    lines += [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in html.splitlines() or [""]]
    return ("\n".join(lines) + "\n\n").encode()
