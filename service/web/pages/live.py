"""The live run of a change: where it is, its steps, the cells of its proof as they are judged.

Drawn whole by the server, then kept up to date by a stream; without script a link draws it again.
Stopping and going on are asked of the engine here; nothing else changes on this page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.app import records
from service.app.decisions import Switch
from service.app.live import Step
from service.app.thread import find
from service.changes import Change, ChangeId, Stage
from service.errors import PawlError
from service.ledger import Entry
from service.people import No, Role, SignedIn
from service.web import sessions
from service.web.render import environment, page, refused, see
from service.web.services import Services
from service.web.sessions import Sent, Who
from service.web.stream import Board, News, Streams, going, history, notable

SHOWN = 200
"""Lines of a run that are shown at once; all of them behind a link."""
_MAY_STEER = frozenset({Role.REQUESTER, Role.APPROVER, Role.POLICY_OWNER, Role.ADMINISTRATOR})

_STATIONS = (
    ("Read the repository", "reading the repository"),
    ("Re-enact the failure", "re-enacting the failure on base"),
    ("Weigh plans", "weighing plans"),
    ("Prove", "proving: the same failure on base and on the draft, then its neighbours"),
    ("Check the rules", "checking the rules"),
    ("People decide", "looking at the decisions"),
    ("Merge", "merging"),
)
_RANK = {
    Stage.ASKED: 0,
    Stage.SURVEYED: 1,
    Stage.REHEARSED: 2,
    Stage.PLANNED: 3,
    Stage.PROVEN: 4,
    Stage.GATED: 5,
    Stage.WAITING: 5,
    Stage.MERGING: 6,
    Stage.MERGED: 7,
}
_GROUPS = (
    ("Normal work", ("control",)),
    ("The failure itself", ("declared",)),
    ("Neighbours: a command fails, is cut or killed", ("honest",)),
    ("Neighbours: a command lies", ("lying",)),
    ("Neighbours: a setting or source is wrong", ("input",)),
    ("A step of the procedure is left out", ("omission",)),
    ("The operation that takes its place", ("operation",)),
    ("Edits by hand that were committed", ("drift",)),
    ("Rehearsals that were there before", ("ratchet",)),
    ("The repository's own checks", ("check",)),
)
ENDS = {
    Stage.NOTHING_FITS: "Nothing that Pawl knows fits",
    Stage.NOT_REPRODUCED: "The failure could not be re-enacted",
    Stage.NOT_PROVEN: "No plan could be proven",
    Stage.REFUSED: "The rules refused it",
    Stage.REJECTED: "A person rejected it",
    Stage.WITHDRAWN: "It was withdrawn",
    Stage.EXPIRED: "Nobody decided in time",
    Stage.FAILED: "Pawl could not go on",
}
"""What is said first of an end that is no merge."""
_SIDES = ("base", "draft")
_OUTCOMES = ("hit", "held", "broken")


@dataclass(frozen=True)
class Station:
    """A part of the way, and how far it is."""

    name: str
    state: str  # done | now | waits | asks | paused | ended | next
    word: str
    took: str


@dataclass(frozen=True)
class Headline:
    """What is to be said first, and what to do."""

    tone: str  # going | wait | done | end
    icon: str
    title: str
    text: str
    link: str = ""
    link_text: str = ""
    helps: tuple[str, ...] = ()
    stop: bool = False
    go: bool = False


@dataclass(frozen=True)
class Row:
    """A group of cells: how many had which outcome, a side each."""

    name: str
    counts: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]


def routes(services: Services) -> APIRouter:
    router = APIRouter()
    streams = Streams(services)

    @router.get("/changes/{ident}/live")
    def live(request: Request, who: Who, ident: str) -> Response:
        change = find(services.store, who, ident)
        if isinstance(change, No):
            return refused(request, change)
        steps = history(services, change.id)
        board = Board()
        board.add(steps)
        change = services.store.get(change.id)
        runs = going(services, change)
        told = [one for one in steps if notable(one)]
        everything = request.query_params.get("all") == "1"
        shown = told if everything else told[-SHOWN:]
        news = News(change, board, tuple(shown), (), anew=True, going=runs)
        return page(
            request,
            "live.html",
            hidden=len(told) - len(shown),
            **_context(services, who, news),
        )

    @router.get("/changes/{ident}/live/stream")
    def stream(request: Request, who: Who, ident: str) -> Response:
        change = find(services.store, who, ident)
        if isinstance(change, No):
            return refused(request, change)
        session = who.session.id if who.session is not None else ""
        template = environment().get_template("live_news.html")

        def may() -> bool:
            del request.state.who  # looked up once a request, else
            now = sessions.who(request)
            return now is not None and not isinstance(find(services.store, now, ident), No)

        def draw(news: News) -> str:
            return template.render(**_context(services, who, news))

        return streams.response(
            request,
            change.id,
            session=session,
            may=may,
            draw=draw,
            full=environment().get_template("live_full.html").render(),
        )

    @router.post("/changes/{ident}/stop")
    def stop(request: Request, who: Who, sent: Sent, ident: str) -> Response:
        change = _steered(services, who, ident)
        if isinstance(change, No):
            return refused(request, change)
        stopped = services.worker.stop(change.id)
        if stopped:
            _say(services, change.id, f"{who.account.name} stopped the run")
        return see(
            f"/changes/{change.id}/live",
            said="The run stops after the step that it is in."
            if stopped
            else "Nothing was running.",
        )

    @router.post("/changes/{ident}/go")
    def go(request: Request, who: Who, sent: Sent, ident: str) -> Response:
        change = _steered(services, who, ident)
        if isinstance(change, No):
            return refused(request, change)
        if change.ended or change.stage is Stage.NEEDS_ANSWER:
            return see(f"/changes/{change.id}/live", said="There is nothing to go on with.")
        _say(services, change.id, f"{who.account.name} let the run go on")
        services.worker.wake(change.id)
        return see(f"/changes/{change.id}/live", said="It goes on when there is room.")

    return router


def _steered(services: Services, who: SignedIn, ident: str) -> Change | No:
    """The change, where `who` may stop it and let it go on."""
    change = find(services.store, who, ident)
    if isinstance(change, No) or who.roles(change.repository) & _MAY_STEER:
        return change
    return No(
        "may-not-steer",
        "You may read this repository, but not stop or start runs in it.",
        "ask an administrator for the role of requester",
    )


def _say(services: Services, change: ChangeId, text: str) -> None:
    services.following.keep([(change, "say", {"text": text})])


# --- what is drawn ----------------------------------------------------------------------------


def _context(services: Services, who: SignedIn, news: News) -> dict[str, Any]:
    """What the page and the stream draw alike."""
    change = news.change
    entries = services.store.events(change.id)
    now = services.clock()
    return {
        "change": change,
        "going": news.going,
        "stations": _stations(change, entries, news.going, now),
        "headline": _headline(services, who, news, entries),
        "rows": _rows(news.board),
        "board": news.board,
        "strips": _strips(news),
        "anew": news.anew,
        "lines": tuple(_line(one, change.created) for one in news.steps if notable(one)),
        "elapsed": _lasting(now - change.created) if news.going else "",
        "csrf": who.session.csrf if who.session is not None else "",
    }


def _moves(entries: Sequence[Entry]) -> tuple[tuple[datetime, Stage, Stage], ...]:
    """(when, from, to) of each move that was a step, oldest first."""
    return tuple(
        (one.at, Stage(one.move["from"]), Stage(one.move["to"]))
        for one in entries
        if one.move is not None
        and one.move.get("from")
        and not (one.move["from"] == one.move["to"] and one.move["to"] != Stage.PLANNED)
    )


def _reached(change: Change, entries: Sequence[Entry]) -> int:
    """How many stations lie behind the change."""
    if change.stage in _RANK:
        return _RANK[change.stage]
    moves = _moves(entries)
    return _RANK.get(moves[-1][1], 0) if moves else 0


def _stations(
    change: Change, entries: Sequence[Entry], runs: bool, now: datetime
) -> tuple[Station, ...]:
    moves = _moves(entries)
    reached = _reached(change, entries)
    since = moves[-1][0] if moves else change.created
    took = _took(moves, change.created)
    made: list[Station] = []
    for at, (name, _) in enumerate(_STATIONS):
        if at < reached:
            made.append(Station(name, "done", "done", took.get(at, "")))
        elif at > reached:
            made.append(Station(name, "next", "not yet", ""))
        else:
            state, word = _here(change, runs)
            spent = _lasting(now - since) if not change.ended else ""
            made.append(Station(name, state, word, spent))
    return tuple(made)


def _here(change: Change, runs: bool) -> tuple[str, str]:
    """State and word of the station that the change is at."""
    if change.ended:
        return "ended", change.stage.value.replace("-", " ")
    if change.stage is Stage.NEEDS_ANSWER:
        return "asks", "has questions"
    if change.stage is Stage.WAITING and not runs:
        return "waits", "waits for people"
    return ("now", "running") if runs else ("paused", "not running")


def _took(moves: Sequence[tuple[datetime, Stage, Stage]], created: datetime) -> dict[int, str]:
    """Station -> how long it took, the last time that it was gone through."""
    took: dict[int, str] = {}
    before = created
    for at, _, to in moves:
        if to is not Stage.WAITING and to in _RANK and _RANK[to] > 0:
            took[_RANK[to] - 1] = _lasting(at - before)
        before = at
    return took


def _headline(services: Services, who: SignedIn, news: News, entries: Sequence[Entry]) -> Headline:
    change = news.change
    here = f"/changes/{change.id}"
    steers = bool(who.roles(change.repository) & _MAY_STEER)
    if change.ended:
        return _ended(services, change, here)
    if change.stage is Stage.NEEDS_ANSWER:
        return Headline(
            "wait",
            "circle-question-mark",
            "Pawl has questions before it can go on",
            "Each has a default, so that you only change what is different.",
            f"{here}/thread",
            "Answer them",
        )
    if news.going:
        return _runs(services, change, entries, steers)
    if change.stage is Stage.WAITING:
        return Headline(
            "wait",
            "hand",
            "The proposal stands and waits for people",
            "It was proven and passed the rules. Nothing merges before a person who did not ask "
            "for it has read it and said yes.",
            here,
            "Read it and decide",
        )
    why = _why_not(services)
    return Headline("end", "square", "Nothing runs right now", why, go=steers)


def _runs(services: Services, change: Change, entries: Sequence[Entry], steers: bool) -> Headline:
    if change.id not in services.worker.running():
        ahead = len(services.worker.running())
        text = _why_not(services) if not ahead else "Other runs come first; this one follows."
        return Headline("going", "clock", "Waits for room to run", text, stop=steers)
    doing = _STATIONS[min(_reached(change, entries), len(_STATIONS) - 1)][1]
    if change.stage is Stage.MERGING:
        return Headline("going", "git-merge", "Pawl is merging", "This can't be stopped any more.")
    return Headline(
        "going",
        "play",
        f"Pawl is {doing}",
        "You can close this page: the run goes on, and everything is here when you come back.",
        stop=steers,
    )


def _why_not(services: Services) -> str:
    """Why nothing runs, as far as that is known."""
    for one in services.decisions.frozen():
        if one.switch is Switch.AGENTS:
            return f"Agents are frozen: {one.why}"
    engine = services.worker.state().get("engine") or {}
    if not engine.get("ok", True):
        return f"The engine that runs trials is missing: {engine.get('text', '')}"
    return "It was stopped, or a step failed. What was found so far is kept, and it goes on there."


def _ended(services: Services, change: Change, here: str) -> Headline:
    if change.stage is Stage.MERGED:
        return Headline(
            "done",
            "git-merge",
            "Merged",
            "The failure is rehearsed in the repository now, so that it can't come back unseen.",
            here,
            "What was merged",
        )
    known = {
        Stage.NOTHING_FITS: ("Nothing that Pawl knows fits", "It says what it looked for."),
        Stage.NOT_REPRODUCED: (
            "The failure could not be re-enacted",
            "So there is nothing to mend",
        ),
        Stage.NOT_PROVEN: ("No plan could be proven", ""),
        Stage.REFUSED: ("The rules refused it", ""),
        Stage.REJECTED: ("A person rejected it", ""),
        Stage.WITHDRAWN: ("It was withdrawn", ""),
        Stage.EXPIRED: ("Nobody decided in time", ""),
        Stage.FAILED: ("Pawl could not go on", ""),
    }
    title, _ = known[change.stage]
    return Headline(
        "end",
        "flag",
        title,
        _sentence(change.why),
        f"{here}/thread",
        "All that was found",
        helps=would_help(services, change),
    )


def would_help(services: Services, change: Change) -> tuple[str, ...]:
    """What would help where a change ended without a plan."""
    if change.ending is None:
        return ()
    try:
        ending = records.loads(services.store.artifacts.get(change.ending))
    except (PawlError, ValueError, TypeError):
        return ()
    return tuple(str(one) for one in ending.get("would_help", []))


def _sentence(text: str) -> str:
    plain = text.strip()
    if not plain:
        return ""
    return plain[0].upper() + plain[1:] + ("" if plain.endswith((".", "!", "?")) else ".")


def _rows(board: Board) -> tuple[Row, ...]:
    made: list[Row] = []
    for name, kinds in _GROUPS:
        counts = []
        for side in _SIDES:
            tally = board.tally(side, kinds)
            counts.append((side, tuple((o, tally[o]) for o in _OUTCOMES if tally[o])))
        if any(found for _, found in counts):
            made.append(Row(name, tuple(counts)))
    return tuple(made)


def _strips(news: News) -> tuple[tuple[str, tuple[dict[str, Any], ...]], ...]:
    """The cells of each side that a page has to add: all of them where they began anew."""
    cells = tuple(news.board.cells.values()) if news.anew else news.cells
    return tuple((side, tuple(one for one in cells if one["side"] == side)) for side in _SIDES)


@dataclass(frozen=True)
class Line:
    """One step as a line."""

    number: int
    at: datetime
    after: str  # since the request
    kind: str  # stage | say | cell
    word: str
    text: str
    stage: str = ""
    side: str = ""
    fault: str = ""
    entry: str = ""


def _line(step: Step, began: datetime) -> Line:
    body = step.body
    after = _clock(step.at - began)
    cell = body.get("cell")
    if step.kind == "cell" and cell is not None:
        return Line(
            number=step.number,
            at=step.at,
            after=after,
            kind="cell",
            word=str(cell["outcome"]),
            text=str(cell["why"]),
            side=str(cell["side"]),
            fault=str(cell.get("fault") or ""),
            entry=str(cell.get("entry") or ""),
        )
    kind = "stage" if step.kind == "stage" else "say"
    stage = str(body.get("stage", ""))
    return Line(step.number, step.at, after, kind, "", str(body.get("text", "")), stage)


def _lasting(time: timedelta) -> str:
    seconds = max(0, int(time.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"


def _clock(time: timedelta) -> str:
    """A time since the beginning, as a counter shows it."""
    minutes, seconds = divmod(max(0, int(time.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
