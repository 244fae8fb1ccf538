"""The real application on a loopback port, and a browser that watches what pages do.

`Site` is the service with a real store and a worker that only says what it is told to; `Watch`
records what the policy refused and every request that leaves the origin.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn
from argon2 import PasswordHasher
from playwright.sync_api import Browser, BrowserContext, Page

from agents.reading.reader import TreeReader
from service.app.decisions import Decisions
from service.app.live import Following
from service.app.people import People
from service.app.repositories import Repositories
from service.changes import ChangeId
from service.people import EVERYWHERE, Account, LinkKind, No, Role
from service.people.passwords import Passwords
from service.store import Store
from service.web.app import make
from service.web.services import Services

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "a field of late barley"  # noqa: S105 - of people who exist in tests alone
AXE = Path(__file__).parents[1] / "assets" / "vendor" / "axe.min.js"
SIZES = {"wide": (1440, 900), "phone": (390, 844)}

_LISTEN = """
window.__refused = [];
document.addEventListener('securitypolicyviolation',
  e => window.__refused.push(e.effectiveDirective + ' ' + e.blockedURI));
"""
_AXE_RUN = "axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].html))"


@dataclass
class HandWorker:
    """A worker that runs nothing and says what it was told to say."""

    at_work: tuple[ChangeId, ...] = ()
    waiting: tuple[ChangeId, ...] = ()
    woken: list[ChangeId] = field(default_factory=list)
    stopped: list[ChangeId] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)

    def wake(self, change: ChangeId) -> None:
        self.woken.append(change)

    def stop(self, change: ChangeId) -> bool:
        self.stopped.append(change)
        return change in self.at_work

    def running(self) -> tuple[ChangeId, ...]:
        return self.at_work

    def queued(self) -> tuple[ChangeId, ...]:
        return self.waiting

    def state(self) -> dict[str, Any]:
        return {
            "engine": {"ok": True, "text": "Docker 28, on this machine"},
            "image": "sha256:5f3c2a9b1e",
            "slots": 2,
            "disk": {"free": 61_000_000_000, "total": 120_000_000_000},
            "policy": "ready",
            "runs": {"count": 3, "ms": 402_000},
            "left": [],
            **self.told,
        }


@dataclass(frozen=True)
class Site:
    """The service, as tests reach it."""

    url: str
    services: Services
    worker: HandWorker

    @property
    def store(self) -> Store:
        return self.services.store

    def account(self, login: str, name: str, *roles: Role, repository: str = EVERYWHERE) -> Account:
        """Somebody who can sign in with PASSWORD."""
        people = self.services.people
        made = people.make_account(
            login=login, name=name, roles=tuple((repository, role) for role in roles)
        )
        entered = people.sign_up(
            people.make_link(LinkKind.INVITE, made.id),
            login="",
            name="",
            password=PASSWORD,
            agent="",
            address="",
        )
        assert not isinstance(entered, No), entered
        people.sign_out(entered.signed_in)
        return entered.signed_in.account

    def administrator(self) -> Account:
        """The first account, which may do everything."""
        people = self.services.people
        token = people.first_link()
        assert token is not None
        entered = people.sign_up(
            token, login="mara", name="Mara Lindqvist", password=PASSWORD, agent="", address=""
        )
        assert not isinstance(entered, No), entered
        people.sign_out(entered.signed_in)
        return entered.signed_in.account

    def enter(self, login: str) -> str:
        """Sign in behind the pages' back; the cookie's token."""
        entered = self.services.people.sign_in(login, PASSWORD, agent="a test", address="")
        assert not isinstance(entered, No), entered
        return entered.token


@contextmanager
def serving(home: Path, clock: Callable[[], datetime]) -> Iterator[Site]:
    """Run the application on a free port of localhost, in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://localhost:{listening.getsockname()[1]}"
    store = Store.open(home, clock)
    hasher = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    people = People(store, clock, url, hasher=hasher)
    worker = HandWorker()
    services = Services(
        store=store,
        people=people,
        repositories=Repositories(store, TreeReader(), home / "mirrors", clock),
        decisions=Decisions(store, people, clock),
        following=Following(store),
        worker=worker,
        clock=clock,
        public_url=url,
    )
    server = uvicorn.Server(
        uvicorn.Config(make(services), log_level="warning", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Site(url, services, worker)
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        store.close()


class Watch:
    """One browser window that notes what it should not do."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self._site = site
        self.context = context
        self.strangers: list[str] = []
        self.errors: list[str] = []
        context.add_init_script(_LISTEN)
        context.on("request", self._note)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.page: Page = context.new_page()

    def _note(self, request: Any) -> None:
        if not request.url.startswith((self._site.url + "/", "data:", "blob:", "about:")):
            self.strangers.append(request.url)

    def go(self, path: str) -> Page:
        """Open a page of the site."""
        self.page.goto(self._site.url + path)
        return self.page

    def enter(self, login: str) -> None:
        """Be signed in as `login`."""
        cookie = {"name": "pawl_session", "value": self._site.enter(login), "url": self._site.url}
        self.context.add_cookies([cookie])  # type: ignore[list-item]

    def with_passkey(self) -> None:
        """Give the window a virtual authenticator that says yes. Before the page asks for one."""
        devtools = self.context.new_cdp_session(self.page)
        devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    def complaints(self) -> list[str]:
        """What the policy refused, what left the origin, which scripts failed, what axe found."""
        refused: list[str] = self.page.evaluate("window.__refused")
        self.page.evaluate(AXE.read_text() + ";0")
        found: list[str] = self.page.evaluate(_AXE_RUN)
        return [*refused, *self.strangers, *self.errors, *found, *self._too_wide()]

    def _too_wide(self) -> list[str]:
        over: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return [f"the page scrolls sideways by {over} px"] if over > 0 else []


@contextmanager
def watching(
    browser: Browser, site: Site, *, size: str = "wide", dark: bool = False, script: bool = True
) -> Iterator[Watch]:
    """A fresh window."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
    )
    context.set_default_timeout(20_000)
    try:
        yield Watch(context, site)
    finally:
        context.close()
