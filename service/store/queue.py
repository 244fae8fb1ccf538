"""Pages of changes for the queue: walked by index, never counted or skipped from the start.

Every walk looks at a bounded number of rows, so that a filter that fits nothing costs no more than
one that fits all; where it stopped before it found enough, the next page goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, not_, or_, select, true

from service.changes import Change, Stage
from service.store import values
from service.store.decisions import STANDING
from service.store.rows import METADATA

_CHANGE = METADATA.tables["change"]
_APPROVAL = METADATA.tables["approval"]
SCAN = 2_000
"""Rows of one index range that a page looks at, at most."""
APART = 20
"""Up to so many repositories are walked one by one; more are walked together, and filtered."""


@dataclass(frozen=True)
class Turn:
    """Whose turn is asked about: an account, and where it may sign and where it may ask.

    None in place of repositories: in each of them.
    """

    account: str
    signs: tuple[str, ...] | None
    asks: tuple[str, ...] | None


@dataclass(frozen=True)
class Wanted:
    """Which changes a page holds. `repositories` None: all of them."""

    stages: tuple[Stage, ...]
    repositories: tuple[str, ...] | None = None
    requester: str = ""
    words: str = ""
    turn: Turn | None = None
    """Only those that wait for this account ..."""
    others: Turn | None = None
    """... or only those that don't."""

    @property
    def narrow(self) -> bool:
        """Whether more than stage and repository decides."""
        return bool(self.requester or self.words or self.turn or self.others)


@dataclass(frozen=True)
class Numbered:
    """A change with the number that it is ordered by."""

    number: int
    change: Change


@dataclass(frozen=True)
class Page:
    """A page; `next` is where the following one goes on, None at the end."""

    rows: tuple[Numbered, ...]
    next: int | None


@dataclass(frozen=True)
class _Walk:
    """Some numbers in order, and where looking stopped: None where all of them were looked at."""

    numbers: tuple[int, ...]
    stopped: int | None


class Queue:
    """The pages, within one view of what is committed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(
        self, wanted: Wanted, *, limit: int, after: int | None = None, oldest_first: bool = False
    ) -> Page:
        """At most `limit` changes behind number `after`."""
        sign = 1 if oldest_first else -1
        walks = [self._walk(wanted, by, limit, after, sign) for by in _ranges(wanted)]
        # What lies behind the first place where a walk stopped may have gaps: it is left for later.
        ends = [walk.stopped for walk in walks if walk.stopped is not None]
        end = min(ends, key=lambda number: number * sign) if ends else None
        found = sorted({n for walk in walks for n in walk.numbers}, key=lambda n: n * sign)
        if end is not None:
            found = [number for number in found if number * sign <= end * sign]
        taken = found[:limit]
        more = len(found) > limit
        rows = self._connection.execute(
            select(_CHANGE).where(_CHANGE.c.number.in_(taken))
        ).mappings()
        by_number = {row["number"]: values.change_of(row) for row in rows}
        return Page(
            tuple(Numbered(number, by_number[number]) for number in taken),
            taken[-1] if more else end,
        )

    def count(self, wanted: Wanted, *, most: int) -> int:
        """How many there are, `most` + 1 where there are more than `most`.

        A narrow question looks at `SCAN` rows of each range at most, so it may answer too few.
        """
        total = 0
        for by in _ranges(wanted):
            found = select(_CHANGE.c.number).where(by)
            if wanted.narrow:
                last = self._scanned(by, 1)
                found = found.where(_up_to(last, 1), _fits(wanted))
            counted = found.limit(most + 1 - total).subquery()
            query = select(func.count()).select_from(counted)
            total += self._connection.execute(query).scalar_one()
            if total > most:
                return most + 1
        return total

    def requesters(self, repositories: tuple[str, ...] | None, most: int) -> tuple[str, ...]:
        """Who asked for the newest changes, for a list to choose from."""
        seen = select(_owner()).distinct().where(_owner() != "")
        seen = seen.where(_up_to(self._scanned(true(), -1), -1))
        if repositories is not None:
            seen = seen.where(_CHANGE.c.repository.in_(repositories))
        return tuple(self._connection.execute(seen.limit(most)).scalars())

    def _walk(
        self, wanted: Wanted, by: ColumnElement[bool], limit: int, after: int | None, sign: int
    ) -> _Walk:
        order = _CHANGE.c.number.asc() if sign > 0 else _CHANGE.c.number.desc()
        where = by
        if after is not None:
            where = and_(by, _CHANGE.c.number > after if sign > 0 else _CHANGE.c.number < after)
        if not wanted.narrow:
            plain = select(_CHANGE.c.number).where(where).order_by(order).limit(limit + 1)
            numbers = tuple(self._connection.execute(plain).scalars())
            return _Walk(numbers, numbers[-1] if len(numbers) > limit else None)
        last = self._scanned(where, sign)
        query = select(_CHANGE.c.number).where(where, _up_to(last, sign), _fits(wanted))
        numbers = tuple(self._connection.execute(query.order_by(order).limit(limit + 1)).scalars())
        return _Walk(numbers, numbers[-1] if len(numbers) > limit else last)

    def _scanned(self, where: ColumnElement[bool], sign: int) -> int | None:
        """The last number that a walk looks at; None where it comes to the end before."""
        order = _CHANGE.c.number.asc() if sign > 0 else _CHANGE.c.number.desc()
        last = select(_CHANGE.c.number).where(where).order_by(order).limit(1).offset(SCAN - 1)
        return self._connection.execute(last).scalar()


def _up_to(last: int | None, sign: int) -> ColumnElement[bool]:
    """Not behind number `last` on a walk that goes up (`sign` 1) or down."""
    if last is None:
        return true()
    return _CHANGE.c.number <= last if sign > 0 else _CHANGE.c.number >= last


def _ranges(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """Conditions that an index answers in order of number, together all that is wanted."""
    repositories = wanted.repositories
    for stage in dict.fromkeys(wanted.stages):
        at = _CHANGE.c.stage == stage.value
        if repositories is None:
            yield at
        elif len(repositories) > APART:
            yield and_(at, _CHANGE.c.repository.in_(repositories))
        else:
            for repository in dict.fromkeys(repositories):
                yield and_(_CHANGE.c.repository == repository, at)


def _fits(wanted: Wanted) -> ColumnElement[bool]:
    tests: list[ColumnElement[bool]] = []
    if wanted.requester:
        tests.append(_owner() == wanted.requester)
    if wanted.words:
        like = f"%{_escaped(wanted.words)}%"
        columns = (_CHANGE.c.title, _CHANGE.c.text, _CHANGE.c.id)
        tests.append(or_(*(func.coalesce(c, "").like(like, escape="\\") for c in columns)))
    if wanted.turn is not None:
        tests.append(_is_turn(wanted.turn))
    if wanted.others is not None:
        tests.append(not_(_is_turn(wanted.others)))
    return and_(true(), *tests)


def _is_turn(turn: Turn) -> ColumnElement[bool]:
    """Whether the next step is up to the account, as far as the row of a change says it."""
    waits = _CHANGE.c.stage == Stage.WAITING.value
    asked = _CHANGE.c.stage == Stage.NEEDS_ANSWER.value
    owner, me = _owner(), turn.account
    needle = json.dumps(["person", me])
    own = and_(_CHANGE.c.by_kind == "person", _CHANGE.c.by_id == me)
    given = exists().where(
        _APPROVAL.c.change == _CHANGE.c.id,
        _APPROVAL.c.account == me,
        _APPROVAL.c.state == STANDING,
        _APPROVAL.c.binding == func.coalesce(_CHANGE.c.binding, ""),
    )
    decides = and_(
        waits,
        _among(turn.signs),
        owner != me,
        not_(own),
        func.instr(_CHANGE.c.shapers, needle) == 0,
        not_(given),
    )
    answers = and_(asked, owner == me)
    adopts = and_(or_(waits, asked), owner == "", _among(turn.asks))
    return or_(decides, answers, adopts)


def _among(repositories: Iterable[str] | None) -> ColumnElement[bool]:
    if repositories is None:
        return true()
    listed = tuple(repositories)
    return _CHANGE.c.repository.in_(listed) if listed else false()


def _owner() -> ColumnElement[str]:
    """Who answers for a request: its adopter, else the person who asked; "" where nobody does."""
    asked = func.iif(_CHANGE.c.by_kind == "person", _CHANGE.c.by_id, "")
    return func.coalesce(_CHANGE.c.adopter, asked)


def _escaped(words: str) -> str:
    """`words` for LIKE, where a percent sign is a percent sign."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
