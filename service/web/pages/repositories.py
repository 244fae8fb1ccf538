"""Repositories: which ones Pawl looks after, and what a test sees in them. It runs nothing."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.app.repositories import Looked, Repository
from service.people import No, Role, SignedIn
from service.web.render import page, refused, see
from service.web.services import Services
from service.web.sessions import Sent, Who

_UNKNOWN = No("unknown-repository", "There is no such repository here.", "look at the list", 404)


def routes(services: Services) -> APIRouter:
    """/repositories and /repositories/{id}."""
    router = APIRouter()
    repositories = services.repositories

    def every(
        request: Request, who: SignedIn, no: No | None = None, filled: dict[str, str] | None = None
    ) -> Response:
        return page(
            request,
            "repositories.html",
            status=no.status if no is not None else 200,
            repositories=repositories.list(who),
            administrator=who.is_administrator(),
            problem=no,
            filled=filled or {},
        )

    def seen(who: SignedIn, ident: str) -> Repository | None:
        found = repositories.get(ident)
        return found if found is not None and who.may_see(found.id) else None

    def one(
        request: Request,
        who: SignedIn,
        found: Repository,
        no: No | None = None,
        looked: Looked | None = None,
    ) -> Response:
        roles = who.roles(found.id)
        return page(
            request,
            "repositories_one.html",
            status=no.status if no is not None else 200,
            repository=found,
            looked=looked,
            may_ask=bool(roles - {Role.VIEWER}),
            may_remove=Role.ADMINISTRATOR in roles,
            problem=no,
        )

    @router.get("/repositories")
    def show(request: Request, who: Who) -> Response:
        return every(request, who)

    @router.post("/repositories")
    def register(request: Request, who: Who, sent: Sent) -> Response:
        filled = {key: sent.line(key) for key in ("name", "url", "branch")}
        made = repositories.register(who, **filled)
        if isinstance(made, No):
            return every(request, who, made, filled)
        return see(
            f"/repositories/{made.id}", said=f"{made.name} is looked after now. Test it next."
        )

    @router.get("/repositories/{ident}")
    def show_one(request: Request, who: Who, ident: str) -> Response:
        found = seen(who, ident)
        return one(request, who, found) if found is not None else refused(request, _UNKNOWN)

    @router.post("/repositories/{ident}/test")
    def test(request: Request, who: Who, ident: str, sent: Sent) -> Response:
        found = seen(who, ident)
        if found is None:
            return refused(request, _UNKNOWN)
        looked = repositories.look(found.id)
        fresh = repositories.get(found.id) or found
        if isinstance(looked, No):
            return one(request, who, fresh, looked)
        return one(request, who, fresh, looked=looked)

    @router.post("/repositories/{ident}/remove")
    def remove(request: Request, who: Who, ident: str, sent: Sent) -> Response:
        found = seen(who, ident)
        if found is None:
            return refused(request, _UNKNOWN)
        no = repositories.remove(who, found.id)
        if no is not None:
            return one(request, who, found, no)
        return see("/repositories", said=f"{found.name} is no longer looked after.")

    return router
