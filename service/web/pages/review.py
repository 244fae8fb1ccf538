"""The review of a change: what blocks, the evidence, the diff, and the decision of a person.

What is decided, answered or taken back here goes to `service.app.decisions`; what a file shows is
rendered by `service.web.diff`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from service.app.decisions import Verdict
from service.app.precedents import RejectedFor
from service.app.review import Cell, File, Review, Reviews
from service.changes import Change, ChangeId, Person, Stage
from service.people import No, SignedIn
from service.web import sessions
from service.web.diff import Line, Rendering, Role, Shown, prose, visible
from service.web.forms import Form
from service.web.render import page, refused, see
from service.web.services import Services
from service.web.sessions import Sent, Who

INLINE_FILES = 5
INLINE_ROWS = 1_500
"""Files, and lines of theirs, that come with the page; the rest comes when it is looked at."""
TRIALS = 60
"""Rows of a part of the proof that come with the page; all of them are a link away."""
_LOG_LINES = 600

Ident = Annotated[str, Path(max_length=60)]
Number = Annotated[int, Path(ge=0, le=1_000_000)]

_ROLES = {
    "carries": ("carries the proof", "shield-check"),
    "needed": ("needed for the normal job", "check"),
    "idle": ("not needed with what is left", "circle"),
    "untried": ("kept without a try", "circle-question-mark"),
}
_DONE = {
    Verdict.APPROVE: "Approved. It is on record; the change merges when nothing else blocks it.",
    Verdict.REJECT: "Rejected. The change has ended, with your reason on record.",
    Verdict.REQUEST_CHANGES: "Sent back to the planner, with your words.",
}


@dataclass(frozen=True)
class Strip:
    """A row above lines of a diff: what the hunk does for the proof."""

    role: str
    words: str
    icon: str
    why: str


def routes(services: Services) -> APIRouter:
    """The page's routes."""
    router = APIRouter()
    reviews = Reviews(services.store, services.people, services.repositories, services.decisions)
    shows = _Shows(reviews)
    _reading(router, reviews, shows)
    _deciding(router, services, reviews, shows)
    return router


def _reading(router: APIRouter, reviews: Reviews, shows: _Shows) -> None:
    @router.get("/changes/{ident}")
    def review(request: Request, who: Who, ident: Ident) -> Response:
        return shows.review(request, who, ident)

    @router.get("/changes/{ident}/diff/{number}")
    def diff(
        request: Request,
        who: Who,
        ident: Ident,
        number: Number,
        since: Annotated[bool, Query()] = False,
    ) -> Response:
        return shows.file(request, who, ident, number, since=since)

    @router.get("/changes/{ident}/news")
    def news(request: Request, who: Who, ident: Ident) -> Response:
        return shows.news(request, who, ident)

    @router.get("/changes/{ident}/cells")
    def cells(request: Request, who: Who, ident: Ident) -> Response:
        read = reviews.read(who, ident)
        if isinstance(read, No):
            return refused(request, read)
        return page(request, "review_cells.html", review=read, change=read.change, visible=visible)

    @router.get("/changes/{ident}/cells/{number}")
    def cell(request: Request, who: Who, ident: Ident, number: Number) -> Response:
        change, found = reviews.find(who, ident), reviews.cell(who, ident, number)
        if isinstance(found, No) or isinstance(change, No):
            return refused(request, found if isinstance(found, No) else _GONE)
        sides = _side_by_side(found)
        return page(
            request, "review_cell.html", cell=found, change=change, sides=sides, visible=visible
        )

    @router.get("/changes/{ident}/cells/{number}/log")
    def log(request: Request, who: Who, ident: Ident, number: Number) -> Response:
        found = reviews.log(who, ident, number)
        return refused(request, found) if isinstance(found, No) else _plain(found)

    @router.get("/changes/{ident}/patch")
    def patch(request: Request, who: Who, ident: Ident) -> Response:
        found = reviews.patch(who, ident)
        if isinstance(found, No):
            return refused(request, found)
        return _plain(found, f"pawl-{ident}.patch")

    @router.post("/changes/{ident}/read")
    def read(request: Request, who: Who, sent: Sent, ident: Ident) -> Response:
        number = sent.line("number")
        marked = reviews.mark(
            who,
            ident,
            int(number) if number.isdecimal() and len(number) < 7 else -1,
            sent.line("mark"),
            read=sent.has("on"),
        )
        if isinstance(marked, No):
            return refused(request, marked)
        if "hx-request" in request.headers:
            again = reviews.file(who, ident, marked.number)
            return page(request, "review_read.html", file=again, ident=ident, visible=visible)
        return see(f"/changes/{ident}#f{marked.number}")

    @router.post("/changes/{ident}/seen")
    def seen(request: Request, who: Who, sent: Sent, ident: Ident) -> Response:
        found = reviews.looked(who, ident)
        return refused(request, found) if isinstance(found, No) else see(f"/changes/{ident}")


def _deciding(router: APIRouter, services: Services, reviews: Reviews, shows: _Shows) -> None:
    decisions = services.decisions

    @router.post("/changes/{ident}/prepare")
    def prepare(request: Request, who: Who, sent: Sent, ident: Ident) -> Response:
        said = _verdict(sent, services, reviews, who, ident)
        if isinstance(said, No):
            return refused(request, said)
        made = decisions.prepare(who, ChangeId(ident), **said)
        if isinstance(made, No):
            return refused(request, made)
        return JSONResponse(
            {"options": made.options, "nonce": made.nonce, "digest": made.digest},
            headers={"Cache-Control": "no-store"},
        )

    @router.post("/changes/{ident}/decision")
    def decide(request: Request, who: Who, sent: Sent, ident: Ident) -> Response:
        done = _take(sent, services, reviews, who, ident, sessions.address(request))
        if isinstance(done, No):
            return shows.review(request, who, ident, no=done, sent=sent)
        reviews.looked(who, ident)
        return see(f"/changes/{ident}", said=_DONE[Verdict(sent.line("verdict"))])

    @router.post("/changes/{ident}/approvals/{approval}/revoke")
    def revoke(
        request: Request, who: Who, sent: Sent, ident: Ident, approval: Annotated[str, Path()]
    ) -> Response:
        done = decisions.revoke(who, approval, sent.line("why"))
        return _then(request, done, f"/changes/{ident}", "Your approval is taken back.")

    @router.post("/changes/{ident}/adopt")
    def adopt(request: Request, who: Who, sent: Sent, ident: Ident) -> Response:
        done = decisions.adopt(who, ChangeId(ident))
        said = "You answer for this request from now on; somebody else approves it."
        return _then(request, done, f"/changes/{ident}", said)

    @router.post("/changes/{ident}/answers")
    def answer(request: Request, who: Who, sent: Sent, ident: Ident) -> Response:
        done = decisions.answer(who, ChangeId(ident), sent.texts("answer"))
        return _then(request, done, f"/changes/{ident}/live", "Thank you. It goes on from here.")

    @router.post("/changes/{ident}/withdraw")
    def withdraw(request: Request, who: Who, sent: Sent, ident: Ident) -> Response:
        done = decisions.withdraw(who, ChangeId(ident), sent.line("why"))
        return _then(request, done, f"/changes/{ident}", "Withdrawn. Nothing was merged.")


class _Shows:
    """Draws what reviews hold; remembers rendered files."""

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews
        self._rendering = Rendering()

    def review(
        self,
        request: Request,
        who: SignedIn,
        ident: str,
        *,
        no: No | None = None,
        sent: Form | None = None,
    ) -> Response:
        """The page; with `no`, the answer to a form that was sent and is shown again as it was."""
        read = self._reviews.read(who, ident)
        if isinstance(read, No):
            return refused(request, read)
        return page(
            request,
            "review.html",
            status=no.status if no is not None else 200,
            review=read,
            change=read.change,
            shown=self._inline(read.files),
            rows=rows,
            facts=tuple(_facts(read)),
            checklist=tuple(_checklist(read)),
            next_request=lambda text: _next_request(read.change, text),
            kind=read.plan["kind"] if read.plan else "",
            trials=TRIALS,
            visible=visible,
            prose=prose,
            no=no,
            sent=sent or Form(),
            passkeys=who.account.passkeys,
            typed=[(one.value, one.words) for one in RejectedFor],
        )

    def file(
        self, request: Request, who: SignedIn, ident: str, number: int, *, since: bool
    ) -> Response:
        found = self._reviews.file(who, ident, number, since=since)
        if isinstance(found, No):
            return refused(request, found)
        shown = self._rendering.file(found.path, found.old, found.new)
        part = "hx-request" in request.headers
        return page(
            request,
            "diff_part.html" if part else "diff.html",
            file=found,
            shown=shown,
            rows=rows,
            ident=ident,
            since=since,
            visible=visible,
        )

    def news(self, request: Request, who: SignedIn, ident: str) -> Response:
        change = self._reviews.find(who, ident)
        if isinstance(change, No):
            return refused(request, change)
        files = self._reviews.since(who, change)
        return page(
            request,
            "diff_news.html",
            change=change,
            files=files,
            shown=self._inline(files),
            rows=rows,
            visible=visible,
        )

    def _inline(self, files: Sequence[File]) -> Mapping[int, Shown]:
        """The files that come with the page: the first ones, as long as they are not too long."""
        made: dict[int, Shown] = {}
        room = INLINE_ROWS
        for file in files[:INLINE_FILES]:
            shown = self._rendering.file(file.path, file.old, file.new)
            if shown.rows > room:
                continue
            room -= shown.rows
            made[file.number] = shown
        return made


def rows(file: File, shown: Shown) -> Iterator[tuple[str, Any]]:
    """What a diff's table holds, in order: ("gap", hunk), ("role", strip), ("line", line)."""
    roles = [Role(role, why, header) for role, why, header in file.roles]
    last: Role | None = None
    for hunk in shown.hunks:
        yield "gap", hunk
        for line in hunk.lines:
            role = _role(roles, line) if line.kind else None
            if role is not None and role is not last:
                words, icon = _ROLES.get(role.role, (role.role, "circle"))
                yield "role", Strip(role.role, words, icon, role.why)
                last = role
            yield "line", line


def _role(roles: Sequence[Role], line: Line) -> Role | None:
    return next((role for role in roles if role.covers(line.old, line.new)), None)


# --- deciding ---------------------------------------------------------------------------------


def _verdict(
    sent: Form, services: Services, reviews: Reviews, who: SignedIn, ident: str
) -> dict[str, Any] | No:
    """What the form says, as `Decisions.prepare` takes it; or what is missing in it."""
    chosen = sent.line("verdict")
    if chosen not in set(Verdict):
        return _NO_VERDICT
    verdict = Verdict(chosen)
    if verdict is Verdict.REJECT and not sent.line("typed"):
        return _NO_TYPED
    answers = {
        name.removeprefix("answer:"): services.mask(values[0].strip())
        for name, values in sent.fields.items()
        if name.startswith("answer:") and values and values[0].strip()
    }
    if verdict is Verdict.APPROVE:
        read = reviews.read(who, ident)
        if isinstance(read, No):
            return read
        open_ = [one.title for one in read.asking if one.rule not in answers]
        if open_ and not read.standing.why_not:
            return No("unanswered", f"A finding waits for your answer: {open_[0]}.", "", 422)
    return {
        "verdict": verdict,
        "reason": services.mask(sent.text("reason")),
        "question": services.mask(sent.text("question")),
        "binding": sent.line("binding"),
        "answers": answers,
        "typed": sent.line("typed"),
    }


def _take(
    sent: Form, services: Services, reviews: Reviews, who: SignedIn, ident: str, address: str
) -> Change | No:
    """Decide by the passkey's answer to what was prepared, else by password in one go."""
    decisions = services.decisions
    signed = sent.object("answer")
    if signed is not None:
        if sent.line("verdict") not in set(Verdict):
            return _NO_VERDICT
        return decisions.decide(who, sent.line("nonce"), assertion=signed, address=address)
    said = _verdict(sent, services, reviews, who, ident)
    if isinstance(said, No):
        return said
    if not sent.text("password"):
        return _NO_PROOF
    made = decisions.prepare(who, ChangeId(ident), **said)
    if isinstance(made, No):
        return made
    return decisions.decide(who, made.nonce, password=sent.text("password"), address=address)


def _then(request: Request, done: object, url: str, said: str) -> Response:
    return refused(request, done) if isinstance(done, No) else see(url, said=said)


_NO_VERDICT = No("no-verdict", "You chose no verdict.", "Choose one of the three.", 422)
_NO_TYPED = No(
    "no-typed-reason",
    "A rejection says what kind of reason it has.",
    "Choose one: later plans for this repository go by it.",
    422,
)
_NO_PROOF = No(
    "prove-yourself", "A decision takes your passkey or your password.", "Give one.", 401
)
_GONE = No("not-found", "There is no such run.", "", 404)


# --- what the head of the page says -----------------------------------------------------------


def _facts(review: Review) -> Iterator[tuple[str, str, str]]:
    """Reach, if it is wrong, undo, toil: (term, value, smaller words)."""
    proof, plan = review.proof, review.plan
    if plan is None:
        return
    tried = {" ".join(cell["entry"]) for cell in proof["cells"]} if proof else set()
    entries = review.survey["entry_points"] if review.survey else []
    reached = [one for one in entries if " ".join(one["argv"]) in tried]
    words = "; ".join(f"{' '.join(one['argv'])} ({one['started_by']})" for one in reached[:3])
    ways = "1 way to start it" if len(reached) == 1 else f"{len(reached)} ways to start it"
    yield "Reach", ways if reached else "Not known", words or "no entry point was tried"
    if proof is None:
        yield "If it is wrong", "Not proven", "there is no proof on record yet"
    else:
        lost = review.runs("draft", "hit")
        runs = sum(1 for cell in proof["cells"] if cell["side"] == "draft")
        value = f"Nothing lost in {runs} runs" if not lost else f"Lost in {lost} of {runs} runs"
        yield "If it is wrong", value, _worst(proof)
    yield "Undo", "Revert one commit", "not drilled: what was tried is the way forward"
    prediction = plan["prediction"]
    readout = str(prediction["readout"])
    change = f"{prediction['before']} to {prediction['after']} {readout}"
    yield ("Toil" if "step" in readout else "Prediction"), change, "predicted, and looked at later"


def _worst(proof: Mapping[str, Any]) -> str:
    if proof["degrades"]:
        return str(proof["degrades"][0])
    if proof["residuals"]:
        return f"as on base: {proof['residuals'][0]}"
    return "no object is altered in any of them"


def _checklist(review: Review) -> Iterator[tuple[Any, str, str]]:
    """What has to be before it can merge: (done, words, words at the end)."""
    change, standing, proof = review.change, review.standing, review.proof
    if proof is not None:
        holds = bool(proof["holds"])
        yield holds or "now", "Failure proven, then prevented", f"{review.cells} runs"
    if review.gate is not None:
        asks = sum(1 for one in review.findings if one.level == "ask")
        denies = any(one.level == "deny" for one in review.findings)
        words = f"{review.gate['loaded']} rules" + (f", {asks} to answer" if asks else "")
        yield not denies and not review.gate["broke"], "Rules", words
    if change.stage in (Stage.WAITING, Stage.MERGING):
        owned = isinstance(change.requester, Person)
        yield owned or "now", "A person answers for the request", ""
        left = len(review.unread)
        total = len(review.files)
        yield left == 0, "Your reading of the diff", f"{total - left} of {total} files"
        yield (
            not standing.needs or "now",
            "A decision by somebody else than who asked",
            ", ".join(standing.needs) if standing.needs else "given",
        )
        for one in standing.frozen:
            if one.switch == "merges":
                yield "now", "Merges are frozen", one.why


def _next_request(change: Change, text: str) -> str:
    """The address where a request about a residual begins."""
    words = f"{text[:1].upper()}{text[1:]}. Found while change {change.id} was proven."
    return f"/ask?{urlencode({'repository': change.repository, 'text': words[:2000]})}"


# --- cells ------------------------------------------------------------------------------------


def _side_by_side(cell: Cell) -> list[tuple[int, Any, Any, bool]]:
    """Lines of both logs, base left: (number, base, draft, whether they differ)."""
    mine, theirs = cell.log.split("\n"), cell.other_log.split("\n")
    base, draft = (mine, theirs) if cell.document["side"] == "base" else (theirs, mine)
    most = min(max(len(base), len(draft)), _LOG_LINES)
    lines: list[tuple[int, Any, Any, bool]] = []
    for n in range(most):
        a, b = base[n : n + 1], draft[n : n + 1]
        if a in ([""], []) and b in ([""], []) and n == most - 1:
            continue  # what stands behind the last newline
        left, right = visible(a[0]) if a else "", visible(b[0]) if b else ""
        lines.append((n + 1, left, right, a != b))
    return lines


def _plain(content: bytes, name: str = "") -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'} if name else {}
    return PlainTextResponse(content, headers=headers)
