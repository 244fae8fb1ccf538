"""The queue: what needs me, what waits and for whom, what is done; for one person at a time.

Read only. Shows nothing of a repository that the person may not see.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from service.app import records
from service.app.people import People
from service.app.repositories import Repositories
from service.changes import ENDED, OPEN, Change, Digest, Stage
from service.people import EVERYWHERE, No, Role, SignedIn
from service.store import Store, StoreError
from service.store.queue import Numbered, Turn, Wanted
from service.store.queue import Queue as Rows

MOST = 1_000
"""Counts above are shown as "1,000+"."""
LONGEST_WORDS = 100
_SIZES = 4_096

_SIGNS = frozenset({Role.APPROVER, Role.POLICY_OWNER})
_ASKS = frozenset({Role.REQUESTER, Role.APPROVER, Role.POLICY_OWNER, Role.ADMINISTRATOR})
_RUNS = {
    Stage.ASKED: "read and survey the repository",
    Stage.SURVEYED: "re-enact the failure",
    Stage.REHEARSED: "make a plan",
    Stage.PLANNED: "prove the plan",
    Stage.PROVEN: "be judged by the rules",
    Stage.GATED: "go to people",
    Stage.MERGING: "be merged",
}
_DONE = {
    Stage.MERGED: "Merged",
    Stage.NOTHING_FITS: "Nothing fits",
    Stage.NOT_REPRODUCED: "Not reproduced",
    Stage.NOT_PROVEN: "Not proven",
    Stage.REFUSED: "Refused by the rules",
    Stage.REJECTED: "Rejected",
    Stage.WITHDRAWN: "Withdrawn",
    Stage.EXPIRED: "Expired",
    Stage.FAILED: "Failed",
}


class Section(StrEnum):
    NEEDS = "needs"  # the next step is up to whoever looks
    WAITS = "waits"  # for somebody else, or for the engine
    DONE = "done"


@dataclass(frozen=True)
class Filters:
    """What a person narrows the queue to; "" or None: not narrowed."""

    repository: str = ""
    stage: Stage | None = None
    requester: str = ""
    words: str = ""

    def mark(self) -> str:
        """A few letters that differ where filters differ: a cursor fits only its own."""
        parts = [self.repository, self.stage or "", self.requester, self.words]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A change in the queue."""

    id: str
    title: str
    repository: str
    repository_name: str
    stage: Stage
    state: str  # one or two words
    tone: str  # you | run | wait | good | bad
    waits: str  # a sentence: for whom or what, and why
    requester: str
    requester_known: bool  # False: a command line or a bot; nobody answers for it yet
    created: datetime
    updated: datetime
    asks: int | None  # findings that ask for somebody
    added: int | None  # lines of the proposal
    removed: int | None


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One section: some rows, how many there are, and the cursor of the next page."""

    section: Section
    rows: tuple[Row, ...]
    count: str  # "12", "1,000+", or "" where counting would cost too much
    next: str


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the filters offer: (value, shown)."""

    repositories: tuple[tuple[str, str], ...]
    requesters: tuple[tuple[str, str], ...]


class Queue:
    """The use case. May be used from several threads."""

    def __init__(self, store: Store, people: People, repositories: Repositories) -> None:
        self._store = store
        self._people = people
        self._repositories = repositories
        self._size = lru_cache(_SIZES)(self._read_size)
        self._asks = lru_cache(_SIZES)(self._read_asks)

    def section(
        self,
        who: SignedIn,
        section: Section,
        filters: Filters | None = None,
        *,
        limit: int = 50,
        after: str = "",
    ) -> Listed | No:
        """A page of one section. No 422 for a cursor that is none, or of another list."""
        filters = filters or Filters()
        behind = _behind(section, filters, after)
        if isinstance(behind, No):
            return behind
        wanted = self._wanted(who, section, filters)
        if wanted is None:
            return Listed(section=section, rows=(), count="0", next="")
        with self._store.reading() as view:
            rows = Rows(view.connection)
            page = rows.page(
                wanted, limit=limit, after=behind, oldest_first=section is Section.NEEDS
            )
            counted = "" if filters.words else _capped(rows.count(wanted, most=MOST))
        return Listed(
            section=section,
            rows=self._rows(who, section, page.rows),
            count=counted,
            next="" if page.next is None else _cursor(section, filters, page.next),
        )

    def needs_me(self, who: SignedIn) -> str:
        """How many changes need `who` next, for the head of every page: "", "3", "1,000+"."""
        wanted = self._wanted(who, Section.NEEDS, Filters())
        if wanted is None:
            return ""
        with self._store.reading() as view:
            count = Rows(view.connection).count(wanted, most=MOST)
        return _capped(count) if count else ""

    def choices(self, who: SignedIn) -> Choices:
        """What `who` can narrow the queue to."""
        names = self._people.names()
        with self._store.reading() as view:
            asked = Rows(view.connection).requesters(_seen(who), 200)
        return Choices(
            repositories=tuple((one.id, one.name) for one in self._repositories.list(who)),
            requesters=tuple(
                sorted(((one, names.get(one, one)) for one in asked), key=lambda pair: pair[1])
            ),
        )

    # --- inside ---------------------------------------------------------------------------

    def _wanted(self, who: SignedIn, section: Section, filters: Filters) -> Wanted | None:
        """The question for the store; None where the answer is nothing without asking."""
        seen = _seen(who)
        if filters.repository:
            if not who.may_see(filters.repository):
                return None
            seen = (filters.repository,)
        if seen == ():
            return None
        turn = Turn(who.account.id, _where(who, _SIGNS), _where(who, _ASKS))
        wanted = Wanted(
            stages=_STAGES[section],
            repositories=seen,
            requester=filters.requester,
            words=filters.words.strip()[:LONGEST_WORDS],
        )
        if section is Section.NEEDS:
            wanted = replace(wanted, turn=turn)
        elif section is Section.WAITS:
            wanted = replace(wanted, others=turn)
        if filters.stage is not None:
            if filters.stage not in wanted.stages:
                return None
            wanted = replace(wanted, stages=(filters.stage,))
        return wanted

    def _rows(self, who: SignedIn, section: Section, page: Iterable[Numbered]) -> tuple[Row, ...]:
        changes = [one.change for one in page]
        names = self._people.names()
        called = {one.id: one.name for one in self._repositories.list(who)}
        deciders = self._deciders({c.repository for c in changes if c.stage is Stage.WAITING})
        return tuple(
            self._row(change, section, names, called, deciders.get(change.repository, ()))
            for change in changes
        )

    def _row(
        self,
        change: Change,
        section: Section,
        names: Mapping[str, str],
        called: Mapping[str, str],
        deciders: tuple[str, ...],
    ) -> Row:
        owner = change.requester
        state, tone, waits = _state(change, section, names, deciders)
        size = self._size(change.patch) if change.patch is not None and not change.ended else None
        asks = self._asks(change.verdict) if change.verdict and not change.ended else None
        return Row(
            id=change.id,
            title=change.title or first_line(change.request.text),
            repository=change.repository,
            repository_name=called.get(change.repository, change.repository),
            stage=change.stage,
            state=state,
            tone=tone,
            waits=waits,
            requester=names.get(owner.id, owner.id),
            requester_known=owner.kind == "person",
            created=change.created,
            updated=change.updated,
            asks=asks,
            added=size[0] if size else None,
            removed=size[1] if size else None,
        )

    def _deciders(self, repositories: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Open accounts that may sign, by repository."""
        opened = {one.id for one in self._people.accounts() if one.open}
        everywhere = self._people.grants(repository=EVERYWHERE)
        return {
            repository: tuple(
                dict.fromkeys(
                    grant.account
                    for grant in (*self._people.grants(repository=repository), *everywhere)
                    if grant.role in _SIGNS and grant.account in opened
                )
            )
            for repository in repositories
        }

    def _read_size(self, patch: Digest) -> tuple[int, int] | None:
        try:
            lines = self._store.artifacts.get(patch).split(b"\n")
        except StoreError:
            return None
        added = sum(1 for one in lines if one.startswith(b"+") and not one.startswith(b"+++ "))
        removed = sum(1 for one in lines if one.startswith(b"-") and not one.startswith(b"--- "))
        return added, removed

    def _read_asks(self, verdict: Digest) -> int | None:
        try:
            document = records.loads(self._store.artifacts.get(verdict))
        except StoreError:
            return None
        return sum(1 for one in document["findings"] if one["level"] == "ask")


_STAGES: Mapping[Section, tuple[Stage, ...]] = {
    Section.NEEDS: (Stage.WAITING, Stage.NEEDS_ANSWER),
    Section.WAITS: tuple(sorted(OPEN)),
    Section.DONE: tuple(sorted(ENDED)),
}


def first_line(text: str, most: int = 110) -> str:
    """The first line of a request, shortened at a word, for where there is no title yet."""
    line = next((one.strip() for one in text.splitlines() if one.strip()), "(no words)")
    return line if len(line) <= most else line[: most - 1].rpartition(" ")[0] + "\u2026"


def _seen(who: SignedIn) -> tuple[str, ...] | None:
    return _where(who, frozenset(Role))


def _where(who: SignedIn, roles: frozenset[Role]) -> tuple[str, ...] | None:
    """Where `who` holds one of `roles`; None: everywhere."""
    found = [grant.repository for grant in who.grants if grant.role in roles]
    return None if EVERYWHERE in found else tuple(sorted(set(found)))


def _state(
    change: Change, section: Section, names: Mapping[str, str], deciders: tuple[str, ...]
) -> tuple[str, str, str]:
    """State in a word or two, its tone, and for whom or what it waits."""
    owner = change.requester
    name = names.get(owner.id, owner.id)
    if change.ended:
        tone = "good" if change.stage is Stage.MERGED else "bad"
        return _DONE[change.stage], tone, change.why
    tone = "you" if section is Section.NEEDS else "wait"
    if owner.kind != "person" and change.stage in (Stage.WAITING, Stage.NEEDS_ANSWER):
        return "Needs an owner", tone, "Nobody answers for this request yet: adopt it, or not."
    if change.stage is Stage.NEEDS_ANSWER:
        return "Needs an answer", tone, f"Questions to {name}."
    if change.stage is Stage.WAITING:
        if section is Section.NEEDS:
            return "Your decision", tone, "It stands: proven, and judged by the rules."
        shaped = {one.id for one in (*change.shapers, change.requester, change.request.by)}
        others = [names.get(one, one) for one in deciders if one not in shaped]
        who = _some(others) if others else "somebody with the role: nobody else has it yet"
        return "Needs a decision", tone, f"Waits for {who}."
    return "Running", "run", f"Next it will {_RUNS[change.stage]}."


def _some(names: list[str]) -> str:
    ordered = sorted(names)
    if len(ordered) > 3:
        return f"{', '.join(ordered[:3])} or {len(ordered) - 3} more"
    return " or ".join([", ".join(ordered[:-1]), ordered[-1]] if len(ordered) > 1 else ordered)


def _capped(count: int) -> str:
    return f"{MOST:,}+" if count > MOST else f"{count:,}"


def _cursor(section: Section, filters: Filters, number: int) -> str:
    text = f"{section}.{filters.mark()}.{number}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _behind(section: Section, filters: Filters, cursor: str) -> int | No | None:
    if not cursor:
        return None
    try:
        padded = cursor[:200] + "=" * (-len(cursor[:200]) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return _BAD_CURSOR
    of, _, rest = text.partition(".")
    mark, _, number = rest.partition(".")
    fits = of == section and mark == filters.mark() and number.isdecimal() and len(number) < 16
    return int(number) if fits and cursor == _cursor(section, filters, int(number)) else _BAD_CURSOR


_BAD_CURSOR = No(
    "bad-cursor",
    "This link leads to no page of this list.",
    "Start from the first page.",
    422,
)
