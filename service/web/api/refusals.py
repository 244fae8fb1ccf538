"""How the API says no: one shape for every refusal, and never an error of Pawl's own for bad input.

Knows HTTP and `No`; what may be done is decided by the use cases.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from service.changes import UnknownChange
from service.errors import PawlError
from service.people import No

LARGEST = 1 << 20
"""Bytes that a request's body may have."""

T = TypeVar("T")


class Wrong(BaseModel):
    """Why something was refused. `code` is stable; `mend` says what to do, where that is known."""

    code: str
    why: str
    mend: str = ""


class Stop(Exception):
    """Ends the handling of a request with a refusal. Lives in the web layer alone."""

    def __init__(self, no: No) -> None:
        super().__init__(no.why)
        self.no = no


def got(answer: T | No) -> T:
    """`answer`, unless it is a refusal: then the request ends with it."""
    if isinstance(answer, No):
        raise Stop(answer)
    return answer


def refusal(no: No) -> JSONResponse:
    """A refusal as the API answers it."""
    headers = {}
    if no.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if no.retry_after:
        headers["Retry-After"] = str(no.retry_after)
    body = {"code": no.code, "why": no.why, "mend": no.mend}
    return JSONResponse(body, status_code=no.status, headers=headers)


class Route(APIRoute):
    """A route whose refusals all have the same shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(await _bounded(request))
            except Stop as stop:
                return refusal(stop.no)
            except RequestValidationError as wrong:
                return refusal(No("not-valid", _first(wrong), "see /openapi.json", 422))
            except (HTTPException, StarletteHTTPException) as wrong:
                return refusal(No("bad-request", str(wrong.detail), "", wrong.status_code))
            except UnknownChange:
                return refusal(UNKNOWN)
            except PawlError as wrong:
                return refusal(No(wrong.code, wrong.message, wrong.mend, 503, 5))

        return handle


UNKNOWN = No("unknown-change", "There is no such change here.", "", 404)


async def _bounded(request: Request) -> Request:
    """The request with its body read, at most LARGEST bytes of it."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return request
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise Stop(No("too-large", f"A request has at most {LARGEST} bytes.", "", 413))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return Request(request.scope, receive)


def _first(wrong: RequestValidationError) -> str:
    """What is wrong with the first field that is, without repeating what was sent."""
    for error in wrong.errors():
        place = ".".join(str(part) for part in error["loc"])
        clean = place.encode("ascii", "backslashreplace").decode()[:200]
        return f"{clean}: {error['msg']}".encode("ascii", "backslashreplace").decode()[:500]
    return "not valid"
