"""The log: a timeline of all that was judged, the proof of each entry, evidence, and what an
auditor takes along. Reads only; who may see what is decided by `service.app.journal`."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import IO

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from service.app.journal import Journal, Proved, Wanted, payload_lines
from service.changes import Change
from service.ledger import Entry, Kind
from service.people import No, SignedIn
from service.web.render import page, refused
from service.web.services import Services
from service.web.sessions import Who

_IN_MEMORY = 4_000_000
_PORTION = 256 * 1024

_GROUPS: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("The way of a change", tuple(Kind)[: tuple(Kind).index(Kind.MODEL_CALL)]),
    ("Models", (Kind.MODEL_CALL, Kind.BUDGET_SPENT)),
    (
        "People",
        tuple(Kind)[tuple(Kind).index(Kind.SIGN_IN) : tuple(Kind).index(Kind.FREEZE)],
    ),
    ("The service", tuple(Kind)[tuple(Kind).index(Kind.FREEZE) : tuple(Kind).index(Kind.KEY_MADE)]),
    ("The log itself", tuple(Kind)[tuple(Kind).index(Kind.KEY_MADE) :]),
)

_UNKNOWN = No("unknown-entry", "The log has no such entry that you may see.", "", 404)


def routes(services: Services) -> APIRouter:
    router = APIRouter()
    journal = Journal(services.store)

    @router.get("/log")
    def log(request: Request, who: Who) -> Response:
        return _timeline(services, journal, request, who, None)

    @router.get("/changes/{ident}/log")
    def log_of_change(request: Request, who: Who, ident: str) -> Response:
        change = journal.change(who, ident)
        if isinstance(change, No):
            return refused(request, change)
        return _timeline(services, journal, request, who, change)

    @router.get("/log/checkpoint")
    def checkpoint(request: Request, who: Who) -> Response:
        signed = journal.checkpoint()
        if signed is None:
            return refused(request, No("no-checkpoint", "Nothing was signed yet.", "", 404))
        return _file(signed.note.encode(), "text/plain; charset=utf-8", "checkpoint")

    @router.get("/log/key")
    def key(who: Who) -> Response:
        return _file(f"{journal.public_key()}\n".encode(), "text/plain; charset=utf-8", "log.pub")

    @router.get("/log/export")
    def export(request: Request, who: Who) -> Response:
        # Closed by `_portions`: it is read after this function has returned.
        file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        no = journal.export(who, file)  # type: ignore[arg-type]
        if no is not None:
            file.close()
            return refused(request, no)
        return StreamingResponse(
            _portions(file),
            media_type="application/jsonl",
            headers={"Content-Disposition": 'attachment; filename="log.jsonl"'},
        )

    @router.get("/log/{seq}")
    def entry(request: Request, who: Who, seq: str) -> Response:
        proved = _proved(journal, who, seq)
        if isinstance(proved, No):
            return refused(request, proved)
        return page(
            request,
            "log_entry.html",
            one=proved.entry,
            proved=proved,
            payload=payload_lines(proved.entry),
            commands=commands(proved),
            body=proved.entry.body.decode(),
        )

    @router.get("/log/{seq}/entry")
    def body(request: Request, who: Who, seq: str) -> Response:
        number = _number(seq)
        found = _UNKNOWN if number is None else journal.entry(who, number)
        if isinstance(found, No):
            return refused(request, found)
        return _file(found.body, "application/json", f"entry-{found.seq}.json")

    @router.get("/log/{seq}/proof")
    def proof(request: Request, who: Who, seq: str) -> Response:
        proved = _proved(journal, who, seq)
        if isinstance(proved, No):
            return refused(request, proved)
        return JSONResponse(proved.document)

    @router.get("/evidence/{digest}")
    def evidence(request: Request, who: Who, digest: str) -> Response:
        found = journal.evidence(who, digest, of=request.query_params.get("of", "")[:64])
        if isinstance(found, No):
            return refused(request, found)
        return PlainTextResponse(
            found, headers={"Content-Disposition": f'inline; filename="{digest[:12]}.txt"'}
        )

    return router


def _timeline(
    services: Services, journal: Journal, request: Request, who: SignedIn, change: Change | None
) -> Response:
    asked = request.query_params
    wanted = Wanted(
        change=change.id if change is not None else asked.get("change", "").strip()[:64],
        kind=asked.get("kind", "") if asked.get("kind", "") in _KINDS else "",
        actor=asked.get("actor", "").strip()[:100],
    )
    before = _number(asked.get("before", ""))
    line = journal.timeline(who, wanted, before=before)
    names = services.people.names()
    others = {
        one.judgment.actor.id for one in line.entries if one.judgment.actor.kind != "person"
    } | ({wanted.actor} - names.keys() - {""})
    return page(
        request,
        "log.html",
        change=change,
        wanted=wanted,
        entries=line.entries,
        days=_by_day(line.entries),
        older=line.older,
        looked_at=line.looked_at,
        newest=before is None,
        groups=_GROUPS,
        people=sorted(names.items(), key=lambda one: one[1].casefold()),
        others=sorted(others),
        size=journal.size,
        checkpoint=journal.checkpoint(),
        warnings=services.store.warnings if who.is_administrator() else (),
    )


def _by_day(entries: Sequence[Entry]) -> tuple[tuple[str, tuple[Entry, ...]], ...]:
    days = itertools.groupby(entries, key=lambda one: one.at.astimezone(UTC).date())
    return tuple((f"{day:%A, %-d %B %Y}", tuple(those)) for day, those in days)


_KINDS = frozenset(kind.value for kind in Kind)


def _number(text: str) -> int | None:
    """A place in the log as an address writes it."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _proved(journal: Journal, who: SignedIn, seq: str) -> Proved | No:
    number = _number(seq)
    return _UNKNOWN if number is None else journal.proof(who, number)


def commands(proved: Proved) -> str:
    """How anybody checks the proof by hand, with tools that every system has."""
    seq = proved.entry.seq
    told = [
        "# 1. the leaf: SHA-256 over a zero byte and the bytes of the entry",
        f"(printf '\\000'; cat entry-{seq}.json) | sha256sum",
        f"# {proved.leaf.hex()}",
    ]
    for number, step in enumerate(proved.steps, 1):
        if number == 1:
            told.append("# 2. up the tree: a one byte, then the two hashes beside each other")
        told += [
            f"printf '01{step.left.hex()}{step.right.hex()}' | xxd -r -p | sha256sum",
            f"# {step.top.hex()}",
        ]
    told += [
        f"# 3. the root over {proved.size} entries, as a checkpoint writes it (its third line)",
        f"printf '{proved.root.hex()}' | xxd -r -p | base64",
    ]
    if proved.checkpoint is not None:
        told.append(f"# {proved.checkpoint.note.splitlines()[2]}")
    return "\n".join(told)


def _file(content: bytes, kind: str, name: str) -> Response:
    disposition = f'attachment; filename="{name}"'
    return Response(content, media_type=kind, headers={"Content-Disposition": disposition})


def _portions(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while portion := file.read(_PORTION):
            yield portion
