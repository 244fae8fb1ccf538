"""The guard in front of every route: where a request may come from, how big it is, which headers
go out. Pure ASGI, so that streams pass through it untouched."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.people import No

LIMIT = 2_500_000
"""Bytes of a body: a request with pasted logs and a few attached files."""

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    # not no-referrer: with that a form post says "Origin: null"
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
HSTS = "max-age=31536000"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_PROBES = frozenset({"/healthz", "/readyz"})

_log = logging.getLogger("pawl.web")

Answer = Callable[[Scope, No], Response]
"""Makes the page (or JSON) that says no."""


class _TooBig(Exception):
    """More came than may come."""


class Guard:
    """Lets through what comes from Pawl's own pages, or from a client with a token."""

    def __init__(self, app: ASGIApp, public_url: str, answer: Answer, limit: int = LIMIT) -> None:
        parts = urlsplit(public_url)
        port = f":{parts.port}" if parts.port is not None else ""
        self._app = app
        self._origin = public_url
        self._answer = answer
        self._limit = limit
        self._host = parts.netloc.lower()
        self._aliases = frozenset(f"{name}{port}" for name in _LOOPBACK) - {self._host}
        self._https = parts.scheme == "https"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        ident = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = ident
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._dress(MutableHeaders(scope=message), scope["path"], ident)
            await send(message)

        early = self._early(scope)
        if early is not None:
            await early(scope, receive, sending)
            return
        try:
            await self._app(scope, self._bounded(receive), sending)
        except _TooBig:
            if not started:
                await self._answer(scope, _too_big(self._limit))(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last place that can answer
            _log.exception("request %s: %s %s", ident, scope["method"], scope["path"])
            if not started:
                await self._answer(scope, _broken(error))(scope, receive, sending)

    def _early(self, scope: Scope) -> Response | None:
        """The answer to what must not come in; None where it may."""
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if host != self._host and scope["path"] not in _PROBES:
            if host not in self._aliases:
                return self._answer(scope, _BAD_HOST)
            if scope["method"] in _SAFE and "text/html" in headers.get("accept", ""):
                # Cookies and passkeys belong to the public name alone.
                query = scope["query_string"].decode("latin-1")
                path = scope["path"].lstrip("/\\")
                url = f"{self._origin}/{path}" + (f"?{query}" if query else "")
                return RedirectResponse(url, status_code=307)
        no = self._no(scope, headers)
        return self._answer(scope, no) if no is not None else None

    def _no(self, scope: Scope, headers: Headers) -> No | None:
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > self._limit:
            return _too_big(self._limit)
        if scope["method"] in _SAFE:
            return None
        if "authorization" in headers:
            return None if scope["path"].startswith("/api/") else _TOKEN_ON_A_PAGE
        site = headers.get("sec-fetch-site")
        if site is not None:
            return None if site == "same-origin" else _CROSS_SITE
        return None if headers.get("origin") == self._origin else _CROSS_SITE

    def _bounded(self, receive: Receive) -> Receive:
        came = 0

        async def receiving() -> Message:
            nonlocal came
            message = await receive()
            if message["type"] == "http.request":
                came += len(message.get("body", b""))
                if came > self._limit:
                    raise _TooBig
            return message

        return receiving

    def _dress(self, headers: MutableHeaders, path: str, ident: str) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        headers["X-Request-Id"] = ident
        if self._https:
            headers["Strict-Transport-Security"] = HSTS
        if "cache-control" not in headers and not path.startswith("/static/"):
            headers["Cache-Control"] = "no-store"


_BAD_HOST = No(
    "bad-host",
    "This name does not belong to this Pawl.",
    "open the address that `pawl serve` printed",
    403,
)
_CROSS_SITE = No(
    "cross-site",
    "This request did not come from a page of this Pawl, so nothing was done.",
    "open the page here and send it again",
    403,
)
_TOKEN_ON_A_PAGE = No(
    "token-on-a-page",
    "Pages that change something take a person's session, never a token.",
    "sign in in a browser",
    403,
)


def _too_big(limit: int) -> No:
    return No(
        "too-big",
        f"That is more than {limit // 1_000_000} MB, so it was not taken.",
        "leave out parts that repeat",
        413,
    )


def _broken(error: Exception) -> No:
    code: Any = getattr(error, "code", None)
    mend: Any = getattr(error, "mend", None)
    return No(
        code if isinstance(code, str) else "internal",
        "Pawl could not answer. Nothing that was not on record before was kept.",
        mend if isinstance(mend, str) and mend else "try again; the log of the service says more",
        500,
    )
