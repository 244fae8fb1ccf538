"""`pawl serve`: pages, API and the engine that runs changes, in one process, until it is ended.

Ends cleanly on SIGTERM and Ctrl-C: streams close, each run ends its step, changes stay as they are.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from service import settings as environment
from service import wiring
from service.errors import SomethingMissing, UsageError
from service.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

LINK_FILE = "first-run-link"
_GRACE = 5
"""Seconds that open streams get to end."""


def serve(host: str, port: int, public_url: str | None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    from service.worker import journal

    settings = environment.load()
    wiring.home(settings)
    with alone(settings.home), ended_by_signal(), listening(host, port) as listener:
        bound = int(listener.getsockname()[1])
        url = checked_url(public_url) if public_url else local_url(host, bound)
        journal.begin()
        with wiring.serving(settings, public_url=url) as up:
            link = up.services.people.first_link()
            _tell(settings, url, link)
            run(up.app, listener)


def run(app: FastAPI, listener: socket.socket) -> None:
    """Serve `app` on `listener` until a signal comes; streams that are open end with it."""
    import uvicorn

    stopping = app.state.services.stopping

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            stopping.set()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # a path may hold a one-time link
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    with suppress(KeyboardInterrupt, _Ended):
        Server(config).run(sockets=[listener])


class _Ended(BaseException):
    """SIGTERM came."""


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """Turn SIGTERM and Ctrl-C into an end with exit 0, whatever the process is doing."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise _Ended

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with suppress(_Ended):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, had before anything is promised. Raises SomethingMissing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise SomethingMissing(
            f"{host}:{port} can't be listened on: {error.strerror or error}",
            code="missing-port",
            mend="name another one with --port, or end whoever listens there",
        ) from error
    with listener:
        yield listener


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Let one service at a time work over `home`. Raises SomethingMissing."""
    with (home / "serve.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SomethingMissing(
                f"another `pawl serve` works over {home}",
                code="missing-room",
                mend="end it first, or set PAWL_HOME to another folder",
            ) from error
        yield


def checked_url(url: str) -> str:
    """`url` as scheme://host[:port]. Raises UsageError."""
    parts = urlsplit(url)
    plain = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.hostname or url.rstrip("/") != plain:
        raise UsageError(
            f"--public-url {url!r} is not scheme://host[:port]",
            mend="write what people type into their browsers, such as https://pawl.example.org",
        )
    return plain


def local_url(host: str, port: int) -> str:
    """Where a browser finds it. Loopback is called localhost: passkeys want a name."""
    name = "localhost" if _loopback(host) else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tell(settings: Settings, url: str, link: str | None) -> None:
    """Say where it is; while there is no administrator, also the link that makes the first one."""
    file = settings.home / LINK_FILE
    file.unlink(missing_ok=True)
    click.echo(f"Pawl is at {url}")
    if link is None:
        return
    address = f"{url}/link/{link}"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(address + "\n")
    click.echo(f"Nobody administers it yet. This link makes the first account, once: {address}")
    click.echo(f"It also lies in {file}, readable by you alone.")
