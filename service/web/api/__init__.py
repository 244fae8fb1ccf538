"""The API below /api/v1: what scripts ask for. A token counts as its owner, as requester only.

Nothing here decides about a change: that is done on its page, by a person who is there.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import HTTPBearer

from service.app import listing
from service.app.decisions import Switch
from service.app.outcome import outcome
from service.app.requests import ask_here
from service.changes import Change, ChangeId, Source, Stage
from service.ledger import Judgment, Kind
from service.people import EVERYWHERE, No, SignedIn
from service.web.api import models
from service.web.api.caller import caller
from service.web.api.refusals import UNKNOWN, Route, Stop, Wrong, got
from service.web.services import Services

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Wrong} for status in (400, 401, 403, 404, 409, 413, 422, 429, 503)
}
_BIGGEST = 2**53


def routes(services: Services) -> APIRouter:
    """The routes of the API over `services`."""

    def signed_in(
        request: Request, _: Annotated[object, Depends(HTTPBearer(auto_error=False))]
    ) -> SignedIn:
        return caller(request)

    Caller = Annotated[SignedIn, Depends(signed_in)]
    router = APIRouter(prefix="/api/v1", route_class=Route, responses=_REFUSALS, tags=["v1"])

    def out(change: Change) -> models.ChangeOut:
        return models.ChangeOut.of(change, services.people.names(), services.public_url)

    @router.get("/me")
    def me(who: Caller) -> models.Me:
        """Whom the token or session speaks for."""
        return models.Me(
            id=who.account.id,
            login=who.account.login,
            name=who.account.name,
            by="token" if who.session is None else "session",
            roles=[models.RoleOut(repository=g.repository, role=g.role) for g in who.grants],
        )

    @router.post("/requests", status_code=201)
    def ask(who: Caller, asking: models.Asking) -> models.ChangeOut:
        """File an incident or a piece of toil; the same words on the same commit are one change."""
        change = got(
            ask_here(
                services.store,
                services.repositories,
                who,
                asking.repository,
                asking.text,
                source=Source.API,
                mask=services.mask,
                frozen=lambda: _frozen(services),
            )
        )
        services.worker.wake(change.id)
        return out(change)

    @router.get("/changes")
    def changes(
        who: Caller,
        stage: Annotated[list[Stage] | None, Query(max_length=len(Stage))] = None,
        repository: Annotated[str | None, Query(max_length=200)] = None,
        after: Annotated[str | None, Query(max_length=40)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> models.ChangePage:
        """Changes that you may see, newest first."""
        page = listing.changes(
            services.store,
            repositories=_visible(services, who, repository),
            stages=stage or None,
            after=None if after is None else ChangeId(after),
            limit=limit + 1,
        )
        if page is None:
            raise Stop(No("bad-cursor", "`after` names no change.", "start without it", 422))
        names = services.people.names()
        shown = page[:limit]
        return models.ChangePage(
            changes=[models.ChangeOut.of(c, names, services.public_url) for c in shown],
            next=shown[-1].id if len(page) > limit else None,
        )

    @router.get("/changes/{ident}")
    def change(who: Caller, ident: str) -> models.ChangeWhole:
        """A change with everything that was found."""
        found = _seen(services, who, ident)
        document = outcome(found, services.store.artifacts)
        return models.ChangeWhole(change=out(found), document=document)

    @router.get("/changes/{ident}/log")
    def log(
        who: Caller,
        ident: str,
        before: Annotated[int | None, Query(ge=0, le=_BIGGEST)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> models.LogPage:
        """The newest judgments about a change, oldest of them first."""
        found = _seen(services, who, ident)
        entries = services.store.entries(found.id, newest=limit, before=before)
        names = services.people.names()
        return models.LogPage(
            entries=[models.EntryOut.of(entry, names) for entry in entries],
            before=entries[0].seq if len(entries) == limit else None,
        )

    @router.get("/changes/{ident}/steps")
    def steps(
        who: Caller,
        ident: str,
        after: Annotated[int, Query(ge=0, le=_BIGGEST)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 500,
    ) -> models.StepPage:
        """What happened in the runs of a change behind step `after`, oldest first."""
        found = _seen(services, who, ident)
        page = services.following.steps(found.id, after=after, limit=limit)
        busy = {*services.worker.running(), *services.worker.queued()}
        return models.StepPage(
            stage=found.stage,
            running=found.id in busy,
            steps=[models.StepOut.of(step) for step in page],
        )

    @router.post("/changes/{ident}/withdraw")
    def withdraw(who: Caller, ident: str, withdrawing: models.Withdrawing) -> models.ChangeOut:
        """End a change that you asked for."""
        found = _seen(services, who, ident)
        why = services.mask(withdrawing.why)
        return out(got(services.decisions.withdraw(who, found.id, why)))

    @router.post("/changes/{ident}/answer")
    def answer(who: Caller, ident: str, answering: models.Answering) -> models.ChangeOut:
        """Answer the questions of a change, in their order."""
        found = _seen(services, who, ident)
        words = [services.mask(one) for one in answering.answers]
        answered = got(services.decisions.answer(who, found.id, words))
        services.worker.wake(answered.id)
        return out(answered)

    @router.post("/changes/{ident}/adopt")
    def adopt(who: Caller, ident: str) -> models.ChangeOut:
        """Answer for a request that no person made. Takes a session: a token is no person."""
        found = _seen(services, who, ident)
        if who.session is None:
            raise Stop(_needs_page(services, found, "Adopting a request"))
        return out(got(services.decisions.adopt(who, found.id)))

    @router.post("/changes/{ident}/decision")
    def decide(who: Caller, ident: str) -> models.ChangeOut:
        """Always refused: decisions are taken on the change's page. The attempt is logged."""
        found = _seen(services, who, ident)
        no = _needs_page(services, found, "A decision")
        services.store.note(
            Judgment(
                kind=Kind.DECISION,
                actor=who.person,
                change=found.id,
                why=no.why,
                payload={
                    "verdict": "refused",
                    "code": no.code,
                    "by": "token" if who.session is None else "session",
                    "token": "" if who.token is None else who.token.id,
                },
            )
        )
        raise Stop(no)

    @router.get("/repositories")
    def repositories(who: Caller) -> models.RepositoryList:
        """Repositories that you may see."""
        found = services.repositories.list(who)
        return models.RepositoryList(repositories=[models.RepositoryOut.of(r) for r in found])

    @router.post("/repositories", status_code=201)
    def register(who: Caller, registering: models.Registering) -> models.RepositoryOut:
        """Look after one more repository. Administrators, with a session."""
        made = services.repositories.register(
            who, name=registering.name, url=registering.url, branch=registering.branch
        )
        return models.RepositoryOut.of(got(made))

    return router


def _visible(services: Services, who: SignedIn, repository: str | None) -> tuple[str, ...] | None:
    """Ids of the repositories to list from; None: all that there are."""
    if repository is not None:
        found = services.repositories.get(repository)
        if found is None or not who.may_see(found.id):
            raise Stop(No("unknown-repository", "There is no such repository here.", "", 404))
        return (found.id,)
    if who.may_see(EVERYWHERE):
        return None
    return tuple({grant.repository for grant in who.grants})


def _seen(services: Services, who: SignedIn, ident: str) -> Change:
    """The change, where `who` may see it; else it does not exist for them."""
    if not ident.isascii() or len(ident) > 40:
        raise Stop(UNKNOWN)
    change = services.store.get(ChangeId(ident))
    if not who.may_see(change.repository):
        raise Stop(UNKNOWN)
    return change


def _frozen(services: Services) -> str:
    """Why agents are frozen; "" where they are not."""
    found = (f.why for f in services.decisions.frozen() if f.switch is Switch.AGENTS)
    return next((why or "somebody froze them" for why in found), "")


def _needs_page(services: Services, change: Change, what: str) -> No:
    return No(
        "needs-a-person",
        f"{what} takes a person who is there, and no token is one.",
        f"sign in and do it at {services.public_url}/changes/{change.id}",
        403,
    )
