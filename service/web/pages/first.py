"""The first steps: an empty service leads its first administrator from the account to a request."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.people import SignedIn
from service.web.pages.people import can_decide
from service.web.render import page
from service.web.services import Services
from service.web.sessions import Away, Who, services, who


@dataclass(frozen=True)
class Step:
    """One of the steps: whether it is done, and where it is done."""

    done: bool
    title: str
    why: str
    url: str
    verb: str
    optional: bool = False


def lead(request: Request) -> None:
    """Send an administrator of an empty service to the first steps; a dependency of the queue."""
    if request.url.path != "/" or request.method != "GET":
        return
    found = who(request)
    if found is not None and found.session is not None and _empty(services(request), found):
        raise Away("/first")


def routes(services: Services) -> APIRouter:
    """/first."""
    router = APIRouter()

    @router.get("/first")
    def first(request: Request, who: Who) -> Response:
        return page(request, "first.html", steps=_steps(services, who))

    return router


def _empty(use: Services, found: SignedIn) -> bool:
    return found.is_administrator() and not use.store.list(limit=1)


def _steps(use: Services, found: SignedIn) -> tuple[Step, ...]:
    account = use.people.account(found.account.id) or found.account
    own = Step(True, "You have an account", f"You sign in as {account.login}.", "/account", "Look")
    key = Step(
        account.passkeys > 0,
        "Add a passkey",
        "A touch of your device then signs exactly what you approve. Without one, your password "
        "does, and the log says so.",
        "/account#passkeys",
        "Add a passkey",
        optional=True,
    )
    ask = Step(
        bool(use.store.list(limit=1)),
        "Ask for the first change",
        "Say in your own words what went wrong, or which step you are tired of.",
        "/ask",
        "Ask",
    )
    if not found.is_administrator():
        return own, key, ask
    second = Step(
        can_decide(use.people.accounts(), use.people.grants()) > 1,
        "Invite a second person",
        "Let them ask and you approve: for what you ask yourself, an approver you invited needs "
        "a third person beside. Alone, you can take a proposal as a branch or a patch.",
        "/people#invite",
        "Invite",
        optional=True,
    )
    add = Step(
        bool(use.repositories.list()),
        "Add a repository",
        "A path or an address. Pawl makes a mirror, reads it and says what it can start and try.",
        "/repositories#add",
        "Add a repository",
    )
    return own, key, add, ask, second
