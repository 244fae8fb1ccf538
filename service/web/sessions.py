"""Who stands behind a request, as dependencies of routes; cookies, and where to go when signed out.

`Visitor` is whoever came, `Who` somebody signed in with a session, `Sent` a form whose token fits.
"""

from __future__ import annotations

import hmac
from typing import Annotated, cast
from urllib.parse import quote, urlsplit

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from service.people import No, SignedIn
from service.web import forms
from service.web.forms import Form
from service.web.services import Services

SECURE_COOKIE = "__Host-pawl_session"
PLAIN_COOKIE = "pawl_session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-pawl-csrf"

_SIGNED_OUT = No("signed-out", "You are not signed in, or your session ended.", "sign in", 401)
_NOT_FROM_HERE = No(
    "not-from-here",
    "This form does not belong to your session, so nothing was done.",
    "load the page again and send the form once more",
    403,
)


class Refused(Exception):
    """Ends a request with a "no" from within a dependency."""

    def __init__(self, no: No) -> None:
        super().__init__(no.why)
        self.no = no


class Away(Exception):
    """Ends a request by sending the browser elsewhere from within a dependency."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


def services(request: Request) -> Services:
    """The use cases, from anywhere that has the request."""
    return cast(Services, request.app.state.services)


def who(request: Request) -> SignedIn | None:
    """Who is behind `request`: by token where an Authorization header came, else by cookie.

    With an Authorization header the cookie is never looked at, so that a token can't borrow the
    rights of a session that happens to be in the same client.
    """
    if not hasattr(request.state, "who"):
        request.state.who = _look_up(request)
    return cast("SignedIn | None", request.state.who)


def need(request: Request) -> SignedIn:
    """Somebody signed in with a session; whoever is not is led to the sign-in page and back."""
    found = who(request)
    if found is None or found.session is None:
        if wants_json(request) or "authorization" in request.headers:
            raise Refused(_SIGNED_OUT)
        raise Away(f"/sign-in?next={quote(_back(request), safe='/')}")
    return found


def proved(request: Request, token: str) -> bool:
    """Whether `token` is the one of the session behind `request`."""
    found = who(request)
    if found is None or found.session is None:
        return False
    return hmac.compare_digest(found.session.csrf.encode(), token.encode())


def form(request: Request, sent: Annotated[Form, Depends(forms.read)]) -> Form:
    """The form that was sent. Refuses one without its session's token; a visitor who is not signed
    in has none, and is covered by the guard's look at where the request came from."""
    found = who(request)
    token = sent.text(CSRF_FIELD) or request.headers.get(CSRF_HEADER, "")
    if found is not None and not proved(request, token):
        raise Refused(_NOT_FROM_HERE)
    return sent


Visitor = Annotated[SignedIn | None, Depends(who)]
Who = Annotated[SignedIn, Depends(need)]
Sent = Annotated[Form, Depends(form)]


def safe_next(text: str) -> str:
    """Where to go after signing in: a path of this service, else the start page."""
    fine = (
        text.startswith("/")
        and not text.startswith(("//", "/\\"))
        and all(" " < letter < "\x7f" and letter != "\\" for letter in text)
        and not urlsplit(text).netloc
    )
    return text if fine else "/"


def address(request: Request) -> str:
    """Where the request came from, as far as the server knows."""
    return request.client.host if request.client is not None else ""


def agent(request: Request) -> str:
    """What the browser calls itself, shortened."""
    return request.headers.get("user-agent", "")[:200]


def wants_json(request: Request) -> bool:
    """Whether a script asks, not a person's browser."""
    return request.url.path.startswith("/api/") or "application/json" in request.headers.get(
        "accept", ""
    )


def remember(request: Request, response: Response, token: str) -> None:
    """Give the browser its session."""
    secure = _secure(request)
    response.set_cookie(
        SECURE_COOKIE if secure else PLAIN_COOKIE,
        token,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def forget(request: Request, response: Response) -> None:
    """Take the session away from the browser."""
    secure = _secure(request)
    response.delete_cookie(
        SECURE_COOKIE if secure else PLAIN_COOKIE,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def _look_up(request: Request) -> SignedIn | None:
    people = services(request).people
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        return people.bearer(token.strip()) if scheme.lower() == "bearer" else None
    cookie = request.cookies.get(SECURE_COOKIE if _secure(request) else PLAIN_COOKIE)
    return people.signed_in(cookie) if cookie else None


def _secure(request: Request) -> bool:
    return services(request).public_url.startswith("https:")


def _back(request: Request) -> str:
    """The page that a person who has to sign in wanted to see."""
    if request.method == "GET":
        query = f"?{request.url.query}" if request.url.query else ""
        return safe_next(request.url.path + query)
    referer = urlsplit(request.headers.get("referer", ""))
    if f"{referer.scheme}://{referer.netloc}" != services(request).public_url:
        return "/"
    return safe_next(referer.path)
