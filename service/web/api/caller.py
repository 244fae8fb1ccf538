"""Who calls the API: a token, or a browser's session with its proof that the page is ours.

Who is behind a request is `service.web.sessions`' business; here is what the API answers.
"""

from __future__ import annotations

from fastapi import Request

from service.people import No, SignedIn
from service.web import sessions
from service.web.api.refusals import Stop

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_NOBODY = No(
    "not-signed-in",
    "The API needs to know who calls.",
    "make a token on your account's page and send it as `Authorization: Bearer ...`",
    401,
)
_NO_PROOF = No("no-csrf-proof", "The request did not come from one of Pawl's pages.", "", 403)


def caller(request: Request) -> SignedIn:
    """Who calls. Raises `Stop` 401 for nobody, 403 for a session without its proof."""
    who = sessions.who(request)
    if who is None:
        raise Stop(_NOBODY)
    by_session = who.session is not None and request.method not in _SAFE
    if by_session and not sessions.proved(request, request.headers.get(sessions.CSRF_HEADER, "")):
        raise Stop(_NO_PROOF)
    return who
