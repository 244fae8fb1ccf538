"""The queue: what needs whoever looks, what waits and for whom, what is done. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from service.app.queue import LONGEST_WORDS, Filters, Listed, Section
from service.changes import ENDED, Stage
from service.people import No
from service.web.render import page, refused
from service.web.services import Services
from service.web.sessions import Who

_FIRST = {Section.NEEDS: 50, Section.WAITS: 25, Section.DONE: 10}
"""How many rows of each section the start page shows."""
_PAGE = 50


def routes(services: Services) -> APIRouter:
    """The page's routes."""
    router = APIRouter()
    queue = services.queue

    @router.get("/")
    @router.get("/queue")
    def show(
        request: Request,
        who: Who,
        repository: Annotated[str, Query(max_length=300)] = "",
        stage: Annotated[str, Query(max_length=30)] = "",
        requester: Annotated[str, Query(max_length=300)] = "",
        q: Annotated[str, Query(max_length=LONGEST_WORDS)] = "",
        section: Annotated[str, Query(max_length=10)] = "",
        after: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        filters = Filters(
            repository=repository,
            stage=Stage(stage) if stage in set(Stage) else None,
            requester=requester,
            words=q.strip(),
        )
        asked = {"repository": repository, "stage": stage, "requester": requester, "q": q.strip()}
        kept = {key: value for key, value in asked.items() if value}
        one = Section(section) if section in set(Section) else None
        listed: list[Listed] = []
        for each in Section if one is None else (one,):
            limit = _FIRST[each] if one is None else _PAGE
            found = queue.section(who, each, filters, limit=limit, after=after if one else "")
            if isinstance(found, No):
                return refused(request, found)
            listed.append(found)
        return page(
            request,
            "queue.html",
            listed=listed,
            one=one,
            paged=bool(after),
            filters=filters,
            narrowed=bool(kept),
            choices=queue.choices(who),
            stages=[(s.value, s.value.replace("-", " "), s in ENDED) for s in Stage],
            link=lambda section, after="": _link(kept, section, after),
        )

    return router


def _link(kept: Mapping[str, str], section: str, after: str) -> str:
    """The address of a section's page with the same filters."""
    parts = {**kept, "section": section, **({"after": after} if after else {})}
    return f"/queue?{urlencode({key: value for key, value in parts.items() if value})}"
