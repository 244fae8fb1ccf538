"""The API over real use cases and a real repository, called in memory; no run ever begins."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from service.app.decisions import Decisions
from service.app.live import Following
from service.app.people import Entered, People
from service.app.repositories import Repositories, Repository
from service.changes import ChangeId
from service.people import Role, SignedIn
from service.store import Store
from service.web import api, health
from service.web.services import Services
from service.wiring import reader
from tests.house import repository
from tests.unit.service.people.kit import URL, first, joined, quick, sign_in, yes
from tests.unit.service.store.conftest import Clock


@dataclass
class Idle:
    """A worker with nobody at it; remembers who was woken."""

    woken: list[ChangeId] = field(default_factory=list)

    def wake(self, change: ChangeId) -> None:
        self.woken.append(change)

    def stop(self, change: ChangeId) -> bool:
        return False

    def running(self) -> tuple[ChangeId, ...]:
        return ()

    def queued(self) -> tuple[ChangeId, ...]:
        return tuple(self.woken)

    def state(self) -> dict[str, Any]:
        return {
            "engine": {"ok": False, "text": "nobody is here"},
            "runs": {"count": 2, "ms": 3500},
        }


@dataclass
class Site:
    """A service with one repository, an administrator and whoever joins."""

    services: Services
    worker: Idle
    ada: SignedIn
    repository: Repository
    app: FastAPI

    def join(self, login: str, *roles: Role, where: str = "*") -> str:
        """Somebody new; answers an API token of theirs."""
        who = joined(self.services.people, self.ada, login, *roles, repository=where)
        return yes(self.services.people.make_token(who, "script", 30))[1]

    def enter(self, login: str) -> Entered:
        return yes(sign_in(self.services.people, login))

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        entered: Entered | None = None,
        csrf: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One request, as a script (token) or a browser (entered) sends it."""
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if entered is not None:
            headers["cookie"] = f"pawl_session={entered.token}"
        if csrf is not None:
            headers["x-pawl-csrf"] = csrf.encode("latin-1")

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(send())


def site(tmp_path: Path, store: Store, clock: Clock) -> Site:
    """A fresh one."""
    people = People(store, clock, URL, hasher=quick())
    repositories = Repositories(store, reader(), tmp_path / "mirrors", clock)
    worker = Idle()
    services = Services(
        store=store,
        people=people,
        repositories=repositories,
        decisions=Decisions(store, people, clock, wake=worker.wake),
        following=Following(store),
        worker=worker,
        clock=clock,
        public_url=URL,
        mask=lambda text: text.replace("hunter2", "****"),
    )
    ada = first(people)
    bare = repository(tmp_path / "gallery.git")
    registered = yes(repositories.register(ada, name="gallery", url=str(bare), branch="main"))
    app = FastAPI(docs_url=None, redoc_url=None)
    app.state.services = services
    app.include_router(api.routes(services))
    app.include_router(health.routes(services))
    return Site(services, worker, ada, registered, app)
