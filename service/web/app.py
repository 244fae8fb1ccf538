"""The web application: guard, static files, pages and API around the use cases of `Services`."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from service.changes import UnknownChange
from service.errors import PawlError
from service.people import No
from service.web import api, health, render
from service.web.guard import Guard
from service.web.pages import (
    account,
    ask,
    first,
    live,
    log,
    people,
    queue,
    repositories,
    review,
    sign_in,
    system,
)
from service.web.services import Services
from service.web.sessions import Away, Refused

PAGES = (sign_in, first, account, people, repositories, system, live, log, ask, queue, review)


def make(services: Services) -> FastAPI:
    """The application. Nothing is started by it and nothing runs before a request comes."""
    app = FastAPI(title="Pawl", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.services = services
    app.add_middleware(Guard, public_url=services.public_url, answer=_before_anybody)
    _answer_errors(app)
    app.mount("/static", _Static(directory=render.HERE / "static"), name="static")
    for one in PAGES:
        leads = [Depends(first.lead)] if one is queue else []
        app.include_router(one.routes(services), include_in_schema=False, dependencies=leads)
    app.include_router(api.routes(services))
    app.include_router(health.routes(services))
    return app


class _Static(StaticFiles):
    """Files that a browser may keep: for a year where the address names their content."""

    def file_response(
        self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        marked = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if marked else "no-cache"
        )
        return response


def _before_anybody(scope: Scope, no: No) -> Response:
    return render.refused_blindly(Request(scope), no)


# --- errors as answers ------------------------------------------------------------------------


def _answer_errors(app: FastAPI) -> None:
    app.add_exception_handler(Away, _away)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(UnknownChange, _unknown)
    app.add_exception_handler(PawlError, _could_not)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(RequestValidationError, _unfit)


def _away(_: Request, error: Exception) -> Response:
    url = error.url if isinstance(error, Away) else "/"
    return RedirectResponse(url, status_code=303)


def _refused(request: Request, error: Exception) -> Response:
    no = error.no if isinstance(error, Refused) else _NOT_FOUND
    return render.refused(request, no)


def _unknown(request: Request, _: Exception) -> Response:
    return render.refused(request, _NOT_FOUND)


def _could_not(request: Request, error: Exception) -> Response:
    code = error.code if isinstance(error, PawlError) else "internal"
    mend = error.mend if isinstance(error, PawlError) else ""
    return render.refused(request, No(code, f"Pawl could not answer: {error}.", mend, 503))


def _plain(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return render.refused(request, _PLAIN.get(status, No("http", "That did not work.", "", status)))


def _unfit(request: Request, _: Exception) -> Response:
    return render.refused(
        request,
        No("unfit", "Something in the address or the form is not what it must be.", "", 422),
    )


_NOT_FOUND = No(
    "not-found",
    "There is nothing here, or nothing that you may see.",
    "check the address, or ask an administrator for a role in its repository",
    404,
)
_UNFIT = No("unfit", "Something in the address or the form is not what it must be.", "", 422)
_PLAIN = {
    400: No("unreadable", "The request could not be read.", "send it again", 400),
    404: _NOT_FOUND,
    405: No("wrong-method", "This address does not take that kind of request.", "", 405),
}
