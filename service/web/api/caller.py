"""Who calls the API: a token, or a browser's session with its proof that the page is ours.

Where an Authorization header is, cookies are not looked at.
"""

from __future__ import annotations

import hmac

from fastapi import Request

from service.people import No, SignedIn
from service.web import sessions
from service.web.api.refusals import Stop
from service.web.services import Services

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_NOBODY = No(
    "not-signed-in",
    "The API needs to know who calls.",
    "make a token on your account's page and send it as `Authorization: Bearer ...`",
    401,
)


def caller(services: Services, request: Request) -> SignedIn:
    """Who calls. Raises `Stop` 401 for nobody, 403 for a session without its proof."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        who = services.people.bearer(token.strip()) if scheme.lower() == "bearer" else None
        if who is None:
            raise Stop(_NOBODY)
        return who
    secure = services.public_url.startswith("https:")
    cookie = request.cookies.get(sessions.SECURE_COOKIE if secure else sessions.PLAIN_COOKIE)
    who = services.people.signed_in(cookie) if cookie else None
    if who is None or who.session is None:
        raise Stop(_NOBODY)
    if request.method not in _SAFE:
        sent = request.headers.get(sessions.CSRF_HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(sent, who.session.csrf.encode()):
            raise Stop(
                No("no-csrf-proof", "The request did not come from one of Pawl's pages.", "", 403)
            )
    return who
