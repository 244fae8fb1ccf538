"""The whole application over real use cases and a real repository; no run begins by itself.

`Site` of the API's tests with every page, a worker that is told what runs, and streams as ASGI.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from service.app.people import Entered
from service.changes import Change, ChangeId, Stage
from service.store import Store
from service.web.app import make
from tests import kit_changes
from tests.unit.service.people.kit import URL
from tests.unit.service.store.conftest import Clock
from tests.unit.service.web_api.kit import Site
from tests.unit.service.web_api.kit import site as api_site


@dataclass
class Told:
    """A worker that runs what the test says, and an engine that is there or not."""

    runs: list[ChangeId] = field(default_factory=list)
    waits: list[ChangeId] = field(default_factory=list)
    stopped: list[ChangeId] = field(default_factory=list)
    missing: str = ""

    def wake(self, change: ChangeId) -> None:
        self.waits.append(change)

    def stop(self, change: ChangeId) -> bool:
        self.stopped.append(change)
        there = change in (*self.runs, *self.waits)
        self.runs = [one for one in self.runs if one != change]
        self.waits = [one for one in self.waits if one != change]
        return there

    def running(self) -> tuple[ChangeId, ...]:
        return tuple(self.runs)

    def queued(self) -> tuple[ChangeId, ...]:
        return tuple(self.waits)

    def state(self) -> dict[str, Any]:
        return {"engine": {"ok": not self.missing, "text": self.missing}}


@dataclass
class Served(Site):
    """A site with pages."""

    told: Told = field(default_factory=Told)

    def get(self, path: str, entered: Entered | None, **more: Any) -> Any:
        return self.call("GET", path, entered=entered, **more)

    def post(self, path: str, entered: Entered, data: dict[str, str], **more: Any) -> Any:
        """Send a form as the page of `entered` would."""
        session = entered.signed_in.session
        assert session is not None
        headers = {"sec-fetch-site": "same-origin", **more.pop("headers", {})}
        sent = {"csrf": session.csrf, **data}
        return self.call("POST", path, entered=entered, data=sent, headers=headers, **more)

    def change(self, to: Stage = Stage.ASKED, **more: Any) -> Change:
        """A change of this site's repository, at `to`."""
        made = kit_changes.ask(self.services.store, repository=self.repository.id, **more)
        return kit_changes.bring(self.services.store, made, to)

    def say(self, change: Change, *texts: str) -> None:
        keep = self.services.following.keep
        keep([(change.id, "say", {"text": text}) for text in texts])

    def cell(self, change: Change, ident: str, **body: Any) -> None:
        """A cell was judged."""
        cell = {
            "id": ident,
            "side": "draft",
            "kind": "declared",
            "entry": "ops/publish.sh live",
            "fault": "rsync: cut (call 1)",
            "outcome": "held",
            "why": "",
            "ms": 1200,
            **body,
        }
        step = {"text": "proving", "done": 1, "total": 9, "cell": cell}
        self.services.following.keep([(change.id, "cell", step)])


def served(tmp_path: Path, store: Store, clock: Clock) -> Served:
    """A fresh one."""
    plain = api_site(tmp_path, store, clock)
    told = Told()
    services = replace(plain.services, worker=told)
    return Served(services, plain.worker, plain.ada, plain.repository, make(services), told)


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    id: int | None
    name: str
    data: str


Each = Callable[[list[Event]], Awaitable[bool]]


def listen(
    site: Served,
    path: str,
    entered: Entered,
    *,
    last: int | None = None,
    each: Each | None = None,
) -> list[Event]:
    """Follow a stream until it ends, or until `each` (called after every event) answers False."""
    return asyncio.run(asyncio.wait_for(follow(site, path, entered, last=last, each=each), 30))


async def follow(
    site: Served,
    path: str,
    entered: Entered,
    *,
    last: int | None = None,
    each: Each | None = None,
) -> list[Event]:
    """The same within a loop."""
    found: list[Event] = []
    gone = asyncio.Event()
    rest = ""
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal rest
        if message["type"] == "http.response.start":
            assert message["status"] == 200, message
            return
        rest += message.get("body", b"").decode()
        *whole, rest = rest.split("\n\n")
        fresh = [event for event in map(_parsed, whole) if event is not None]
        found.extend(fresh)
        if fresh and each is not None and not await each(found):
            gone.set()

    await site.app(_scope(path, entered, last), receive, send)  # type: ignore[arg-type]
    return found


def _scope(path: str, entered: Entered, last: int | None) -> dict[str, Any]:
    where, _, query = path.partition("?")
    cookie = f"pawl_session={entered.token}".encode()
    resumed = [] if last is None else [(b"last-event-id", str(last).encode())]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": where,
        "raw_path": where.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", URL.removeprefix("http://").encode()), (b"cookie", cookie), *resumed],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 8080),
    }


def _parsed(text: str) -> Event | None:
    ident: int | None = None
    name, data = "", []
    for line in text.split("\n"):
        key, _, value = line.partition(": ")
        if key == "id":
            ident = int(value)
        elif key == "event":
            name = value
        elif key == "data":
            data.append(value)
    return Event(ident, name, "\n".join(data)) if data or name else None


def numbers(html: str) -> list[int]:
    """The steps that a page or an event shows, in order."""
    return [int(found) for found in re.findall(r'id="step-(\d+)"', html)]
