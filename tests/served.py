"""The whole service on a loopback port, cells in memory, with people who come by HTTP.

`served(...)` runs it in this process; `python -m tests.served HOME PORT` runs it in one of its own
(see `main`). A `Visit` is a browser without a screen: cookies, forms, the token in each form.
"""

from __future__ import annotations

import html
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from service import wiring
from service.app.repositories import Repository
from service.changes import Change
from service.people import EVERYWHERE, LinkKind, Role
from service.settings import Settings
from tests import house
from tests.fakes_engine import FakeEngine

PASSWORD = "a long enough phrase 42"  # noqa: S105 (of accounts that live for seconds)
AGENT = "tests"

PEOPLE: Mapping[str, tuple[Role, ...]] = {
    "olga": (Role.ADMINISTRATOR,),
    "rita": (Role.REQUESTER,),
    "aron": (Role.APPROVER,),
    "bela": (Role.APPROVER, Role.POLICY_OWNER),
    "vera": (Role.VIEWER,),
}
"""Who there is, and what they may do everywhere."""


class Visit:
    """Somebody with a browser that shows nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(
            base_url=url, follow_redirects=False, timeout=30, headers={"User-Agent": AGENT}
        )

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def post(
        self, path: str, data: Mapping[str, Any], *, page: str | None = None, **headers: str
    ) -> httpx.Response:
        """Send a form as a browser does from `page` (default: `path`), with the page's token."""
        sent = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", **headers}
        fields = dict(data)
        if "csrf" not in fields:
            fields["csrf"] = self.csrf(page or path)
        return self.http.post(path, data=fields, headers=sent)

    def csrf(self, page: str) -> str:
        """The token that a form on `page` carries; "" where there is none."""
        found = re.search(r'name="csrf"\s+value="([^"]*)"', self.get(page).text)
        return html.unescape(found.group(1)) if found else ""

    def sign_in(self, login: str, password: str = PASSWORD) -> httpx.Response:
        return self.post("/sign-in", {"login": login, "password": password})

    def close(self) -> None:
        self.http.close()


@dataclass(frozen=True)
class Served:
    """A service that is up, and how to come to it."""

    up: wiring.Serving
    url: str
    home: Path
    bare: Path
    repository: Repository
    ids: Mapping[str, str]
    """Login -> account id."""

    def visit(self, login: str | None = None) -> Visit:
        """A new browser, signed in where a login is given."""
        visit = Visit(self.url)
        if login is not None:
            answer = visit.sign_in(login)
            if answer.status_code != 303:
                raise AssertionError(f"{login} can't sign in: {answer.status_code} {answer.text}")
        return visit

    def change(self, ident: str) -> Change:
        return self.up.services.store.get(ident)  # type: ignore[arg-type]

    def until(self, ident: str, *stages: str, seconds: float = 60) -> Change:
        """The change once it is in one of `stages`; AssertionError where that never comes."""
        deadline = time.monotonic() + seconds
        while True:
            change = self.change(ident)
            if change.stage.value in stages:
                return change
            if time.monotonic() > deadline:
                said = [s.body for s in self.up.services.following.steps(change.id)][-5:]
                raise AssertionError(f"still {change.stage.value} ({change.why}): {said}")
            time.sleep(0.02)

    def decide(
        self, visit: Visit, ident: str, verdict: str = "approve", **fields: str
    ) -> httpx.Response:
        """Send the decision form of a change's page, by password, with what `fields` replaces."""
        binding = self.change(ident).binding or ""
        given = {
            "binding": binding,
            "verdict": verdict,
            "reason": "I read the diff and both logs, and nothing is lost on the draft.",
            "question": "Yes: the runbook line about counting goes; open failures fall to 0.",
            "password": PASSWORD,
            "typed": "duplicate" if verdict == "reject" else "",
            **fields,
        }
        return visit.post(f"/changes/{ident}/decision", given, page="/account")

    def ask(self, visit: Visit, text: str = house.WORDS) -> str:
        """File a request by the API's door for sessions; answers the change's id."""
        answer = visit.http.post(
            "/api/v1/requests",
            json={"repository": self.repository.id, "text": text},
            headers={
                "Origin": self.url,
                "Sec-Fetch-Site": "same-origin",
                "X-Pawl-CSRF": visit.csrf("/account"),
            },
        )
        if answer.status_code not in (200, 201, 202):
            raise AssertionError(f"{answer.status_code} {answer.text}")
        return str(answer.json()["id"])


def settings_for(home: Path) -> Settings:
    """Settings that reach no Docker engine."""
    return Settings(home=home, docker_url="unix:///nonexistent", slots=2, opa=None)


def in_memory(_settings: Settings, _say: Callable[[str], None]) -> FakeEngine:
    """Cells in memory."""
    return FakeEngine()


def settle(up: wiring.Serving, bare: Path) -> tuple[Repository, dict[str, str]]:
    """People with passwords, and the repository; what is there already stays."""
    people = up.services.people
    known = {account.login: account.id for account in people.accounts()}
    for login, roles in PEOPLE.items():
        if login not in known:
            account = people.make_account(
                login=login,
                name=login.title(),
                roles=tuple((EVERYWHERE, role) for role in roles),
            )
            token = people.make_link(LinkKind.RESET, account.id)
            entered = people.sign_up(
                token,
                login=login,
                name=login.title(),
                password=PASSWORD,
                agent=AGENT,
                address="127.0.0.1",
            )
            if not hasattr(entered, "signed_in"):
                raise AssertionError(entered)
            known[login] = account.id
    repository = up.services.repositories.get("gallery")
    if repository is None:
        entered = people.sign_in("olga", PASSWORD, agent=AGENT, address="127.0.0.1")
        who = entered.signed_in  # type: ignore[union-attr]
        made = up.services.repositories.register(who, name="gallery", url=str(bare), branch="main")
        if not isinstance(made, Repository):
            raise AssertionError(made)
        repository = made
    return repository, {login: str(ident) for login, ident in known.items()}


@contextmanager
def served(
    folder: Path,
    *,
    clock: Callable[[], datetime] = wiring.clock,
    cells: Any = in_memory,
    settings: Settings | None = None,
) -> Iterator[Served]:
    """The service over `folder`, in this process, until the block ends."""
    bare = folder / "gallery.git"
    if not bare.exists():
        house.repository(bare)
    home = folder / "home"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://localhost:{listener.getsockname()[1]}"
        settings = settings or settings_for(home)
        with wiring.serving(settings, public_url=url, cells=cells, clock_=clock) as up:
            repository, ids = settle(up, bare)
            server = uvicorn.Server(
                uvicorn.Config(
                    up.app, log_config=None, access_log=False, timeout_graceful_shutdown=1
                )
            )
            thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
            thread.start()
            try:
                while not server.started:
                    time.sleep(0.005)
                yield Served(up, url, home, bare, repository, ids)
            finally:
                server.should_exit = True
                thread.join(10)


class _Mortal:
    """Follows a change, and kills this process at the n-th thing that it hears."""

    def __init__(self, at: int) -> None:
        self._left = at

    def stage(self, _change: Change, _text: str) -> None:
        self._heard()

    def say(self, _text: str) -> None:
        self._heard()

    def progress(self, _progress: object) -> None:
        """Cells are too many to die at each."""

    def _heard(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(home: str, port: str, die_at: str = "0") -> None:
    """Serve over HOME on PORT; DIE_AT kills this process at the n-th step of its runs."""
    mortal = _Mortal(int(die_at)) if int(die_at) else None
    with (
        socket.create_server(("127.0.0.1", int(port))) as listener,
        wiring.serving(
            settings_for(Path(home)),
            public_url=f"http://localhost:{port}",
            cells=in_memory,
            also=lambda _: mortal,
        ) as up,
    ):
        uvicorn.Server(uvicorn.Config(up.app, log_config=None)).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
