"""Ask: a request in a person's own words, and its thread, where questions are answered.

What is pasted is kept as data and shown as data. Nothing here decides about a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.app.decisions import Switch
from service.app.repositories import Repository
from service.app.requests import ask_here
from service.app.thread import (
    LARGEST_FILE,
    Attached,
    Thread,
    Threads,
    compose,
    find,
    taken_apart,
)
from service.changes import Source
from service.people import No, Role, SignedIn
from service.web import sessions
from service.web.forms import Form
from service.web.pages.live import ENDS
from service.web.render import environment, page, refused, see
from service.web.services import Services
from service.web.sessions import Sent, Who
from service.web.stream import News, Streams, going

_PREFILLED = 4_000
"""Characters of a request that a link may carry: residuals start the next request that way."""
_MAY_ASK = frozenset({Role.REQUESTER, Role.APPROVER, Role.POLICY_OWNER, Role.ADMINISTRATOR})


def routes(services: Services) -> APIRouter:
    router = APIRouter()
    threads = Threads(services.store)
    streams = Streams(services)

    @router.get("/ask")
    def show(request: Request, who: Who) -> Response:
        asked = request.query_params
        filled = {
            "repository": asked.get("repository", "")[:100],
            "text": asked.get("text", "")[:_PREFILLED],
            "pasted": "",
        }
        return _form(services, threads, request, who, filled, None)

    @router.post("/ask")
    def ask(request: Request, who: Who, sent: Sent) -> Response:
        attached = _attached(sent)
        made = attached if isinstance(attached, No) else _ask(services, who, sent, attached)
        if isinstance(made, No):
            filled = {name: sent.text(name) for name in ("repository", "text", "pasted")}
            return _form(services, threads, request, who, filled, made)
        return see(f"/changes/{made}/thread", said="Taken down. Pawl works on it from here.")

    @router.get("/changes/{ident}/thread")
    def thread(request: Request, who: Who, ident: str) -> Response:
        found = threads.get(who, ident)
        if isinstance(found, No):
            return refused(request, found)
        after = services.following.newest()
        return page(
            request,
            "ask_thread.html",
            others=tuple(
                (one, _shortly(one.request.text))
                for one in threads.own(who, limit=8)
                if one.id != found.change.id
            ),
            after=after,
            **_context(services, who, found),
        )

    @router.get("/changes/{ident}/thread/stream")
    def stream(request: Request, who: Who, ident: str) -> Response:
        change = find(services.store, who, ident)
        if isinstance(change, No):
            return refused(request, change)
        template = environment().get_template("ask_news.html")
        names = _Names(services.people.names())
        drawn = ""

        def may() -> bool:
            del request.state.who  # looked up once a request, else
            now = sessions.who(request)
            return now is not None and not isinstance(find(services.store, now, ident), No)

        def draw(news: News) -> str:
            nonlocal drawn
            # Cells come by the dozen and show nothing here.
            if drawn and news.going and all(one.kind == "cell" for one in news.steps):
                return drawn
            found = threads.get(who, ident)
            if isinstance(found, No):
                return ""
            drawn = template.render(
                now=services.clock(), names=names, **_context(services, who, found)
            )
            return drawn

        return streams.response(
            request,
            change.id,
            session=who.session.id if who.session is not None else "",
            may=may,
            draw=draw,
            full=environment().get_template("live_full.html").render(),
        )

    @router.post("/changes/{ident}/thread/answer")
    def answer(request: Request, who: Who, sent: Sent, ident: str) -> Response:
        found = threads.get(who, ident)
        if isinstance(found, No):
            return refused(request, found)
        answers = [
            services.mask(sent.line(f"answer-{number}")) or one.default
            for number, one in enumerate(found.questions, 1)
        ]
        done = services.decisions.answer(who, found.change.id, answers)
        if isinstance(done, No):
            return refused(request, done)
        return see(f"/changes/{ident}/thread", said="Answered. Pawl goes on with that.")

    return router


@dataclass(frozen=True)
class _Names:
    """Names of accounts for the filter `name`, outside a page."""

    known: Mapping[str, str]

    def get(self, ident: str) -> str:
        return self.known.get(ident, ident)


def _ask(services: Services, who: SignedIn, sent: Form, attached: tuple[Attached, ...]) -> str | No:
    words = sent.text("text")
    if not words.strip():
        return No("empty-request", "Say in your own words what happened.", "", 422)
    made = ask_here(
        services.store,
        services.repositories,
        who,
        sent.line("repository"),
        compose(words, attached),
        source=Source.CHAT,
        mask=services.mask,
        frozen=lambda: _frozen(services),
    )
    if isinstance(made, No):
        return made
    services.worker.wake(made.id)
    return made.id


def _attached(sent: Form) -> tuple[Attached, ...] | No:
    """What came with the words; a file that is no text, or too large, is refused by its name."""
    made: list[Attached] = []
    if sent.text("pasted").strip():
        made.append(Attached("pasted", sent.text("pasted")))
    for file in sent.files:
        if file.field != "files":
            continue
        if len(file.content) > LARGEST_FILE:
            return No(
                "file-too-large",
                f"{file.name[:80]} has {len(file.content):,} bytes; a file may have "
                f"{LARGEST_FILE:,}.",
                "attach the part of it that shows what happened",
                422,
            )
        if b"\0" in file.content:
            return No(
                "file-not-text",
                f"{file.name[:80]} is no text file.",
                "paste what it says, or attach a log or a runbook",
                422,
            )
        made.append(Attached(file.name, file.content.decode("utf-8", "replace")))
    return tuple(made)


def _form(
    services: Services,
    threads: Threads,
    request: Request,
    who: SignedIn,
    filled: dict[str, str],
    no: No | None,
) -> Response:
    here = services.repositories.list(who)
    return page(
        request,
        "ask.html",
        status=no.status if no is not None else 200,
        no=no,
        filled=filled,
        repositories=[one for one in here if who.roles(one.id) & _MAY_ASK],
        seen=len(here),
        frozen_why=_frozen(services),
        missing=_missing(services),
        own=tuple((one, _shortly(one.request.text)) for one in threads.own(who)),
        running=frozenset(services.worker.running()),
        repository_names={one.id: one.name for one in here},
    )


def _context(services: Services, who: SignedIn, found: Thread) -> dict[str, Any]:
    """What the thread's page and its stream draw alike."""
    change = found.change
    repository: Repository | None = services.repositories.get(change.repository)
    return {
        "thread": found,
        "change": change,
        "repository": repository.name if repository is not None else change.repository,
        "going": going(services, change),
        "end": ENDS.get(change.stage, ""),
        "frozen_why": _frozen(services) if not change.ended else "",
        "missing": _missing(services) if not change.ended else "",
        "may_answer": bool(who.roles(change.repository) & _MAY_ASK),
        "csrf": who.session.csrf if who.session is not None else "",
    }


def _frozen(services: Services) -> str:
    """Why agents are frozen; "" where they are not."""
    found = [one for one in services.decisions.frozen() if one.switch is Switch.AGENTS]
    return (found[0].why or "no reason was given") if found else ""


def _missing(services: Services) -> str:
    """What is missing for trials; "" where nothing is."""
    engine = services.worker.state().get("engine") or {}
    return "" if engine.get("ok", True) else str(engine.get("text", "")) or "it does not answer"


def _shortly(text: str) -> str:
    """A request in a line."""
    words = " ".join(taken_apart(text)[0].split())
    return words if len(words) <= 110 else words[:109].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
