"""The whole application in memory, and browsers of the people of a house."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from service.app.live import Following
from service.app.people import Entered
from service.app.repositories import Repositories
from service.people import SignedIn
from service.web.app import make
from service.web.services import Services
from tests.unit.service.app.kit import URL, WORDS, House, yes
from tests.unit.service.web_api.kit import Idle


def application(house: House, repositories: Repositories) -> FastAPI:
    """The application over the use cases of `house`."""
    return make(
        Services(
            store=house.store,
            people=house.people,
            repositories=repositories,
            decisions=house.decisions,
            following=Following(house.store),
            worker=Idle(),
            clock=house.clock,
            public_url=URL,
            mask=lambda text: text.replace("hunter2", "****"),
        )
    )


@dataclass
class Browser:
    """A browser without script in which somebody is signed in."""

    app: FastAPI
    entered: Entered

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._send("GET", path, headers)

    def post(self, path: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
        """A form as a page of Pawl's sends it."""
        session = self.entered.signed_in.session
        assert session is not None
        sent = {"csrf": session.csrf, **fields}
        return self._send("POST", path, {"sec-fetch-site": "same-origin", **headers}, data=sent)

    def _send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
                cookie = {"cookie": f"pawl_session={self.entered.token}"}
                named = {key.replace("_", "-"): value for key, value in headers.items()}
                return await client.request(method, path, headers={**cookie, **named}, **more)

        return asyncio.run(send())


def browser(app: FastAPI, house: House, who: SignedIn) -> Browser:
    """A browser in which `who` signs in."""
    login = who.account.login
    return Browser(app, yes(house.people.sign_in(login, WORDS, agent="test", address="::1")))
