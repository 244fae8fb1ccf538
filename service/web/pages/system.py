"""The service itself: engine, disk, log, what runs and waits, and the switches that stop things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.app.decisions import Switch
from service.changes import ChangeId, UnknownChange
from service.people import No, SignedIn
from service.web.render import page, see
from service.web.services import Services
from service.web.sessions import Sent, Who

_NO_SWITCH = No("no-switch", "There is no such switch.", "", 422)
_NO_REASON = No("no-reason", "Say why: it is shown to everybody, and kept.", "", 422)
_LITTLE_DISK = 2 * 10**9


@dataclass(frozen=True)
class Listed:
    """A change that runs or waits for room; without words where `who` may not see it."""

    id: str
    title: str
    seen: bool


def routes(services: Services) -> APIRouter:
    """/system and its switches."""
    router = APIRouter()
    decisions, store, worker = services.decisions, services.store, services.worker

    def listed(who: SignedIn, ident: ChangeId) -> Listed:
        try:
            change = store.get(ident)
        except UnknownChange:
            return Listed(ident, "", seen=False)
        title = change.title or change.request.text.strip().partition("\n")[0]
        return Listed(ident, title[:120], seen=who.may_see(change.repository))

    def show(request: Request, who: SignedIn, no: No | None = None) -> Response:
        state = worker.state()
        on = {one.switch: one for one in decisions.frozen()}
        return page(
            request,
            "system.html",
            status=no.status if no is not None else 200,
            state=_whole(state),
            little=_LITTLE_DISK,
            size=store.size,
            checkpoint=store.latest_checkpoint(),
            warnings=store.warnings,
            running=[listed(who, one) for one in worker.running()],
            queued=[listed(who, one) for one in worker.queued()],
            switches=[(one.value, on.get(one)) for one in Switch],
            administrator=who.is_administrator(),
            problem=no,
        )

    @router.get("/system")
    def system(request: Request, who: Who) -> Response:
        return show(request, who)

    @router.post("/system/switch")
    def turn(request: Request, who: Who, sent: Sent) -> Response:
        name, why = sent.text("switch"), services.mask(sent.line("why"))
        if name not in set(Switch):
            return show(request, who, _NO_SWITCH)
        if not why:
            return show(request, who, _NO_REASON)
        freeze = sent.text("to") == "on"
        no = (decisions.freeze if freeze else decisions.thaw)(who, Switch(name), why[:500])
        if no is not None:
            return show(request, who, no)
        what = name.capitalize()
        return see("/system", said=f"{what} are frozen." if freeze else f"{what} go on.")

    return router


def _whole(state: Mapping[str, Any]) -> dict[str, Any]:
    """The worker's state with every field that the page shows."""
    return {
        "engine": {"ok": False, "text": "not known"},
        "image": None,
        "slots": 0,
        "disk": {"free": 0, "total": 0},
        "policy": "not known",
        "runs": {"count": 0, "ms": 0},
        "left": (),
        **state,
    }
