"""Precedents: how earlier changes of a repository ended, as material for later plans.

They come from the log alone, so they are what was judged, in words that were masked when written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from agents import Precedent
from service.changes import Change, ChangeId
from service.ledger import Kind
from service.people import No
from service.store.precedents import EndedChange

MOST = 12
"""Precedents that a brief or a page holds."""
_WORD = re.compile(r"[\w./-]{4,40}")
_WORDS = 12
_LONGEST = 600


class RejectedFor(StrEnum):
    """The typed reason of a rejection."""

    WRONG_PROBLEM = "wrong-problem"
    UNWRITTEN_INVARIANT = "breaks-an-unwritten-invariant"
    FASTER_TOIL = "only-makes-toil-faster"
    NOT_OPERABLE = "cannot-be-operated-here"
    TOO_MUCH = "too-much-at-once"
    UNCONVINCING = "proof-unconvincing"
    NOT_WORTH_IT = "not-worth-it"
    DUPLICATE = "duplicate"

    @property
    def words(self) -> str:
        """As people read it."""
        return _AS_READ[self]


_AS_READ = {
    RejectedFor.WRONG_PROBLEM: "It solves the wrong problem",
    RejectedFor.UNWRITTEN_INVARIANT: "It breaks a rule that is written nowhere",
    RejectedFor.FASTER_TOIL: "It only makes toil faster",
    RejectedFor.NOT_OPERABLE: "It can't be operated here",
    RejectedFor.TOO_MUCH: "It is too much at once",
    RejectedFor.UNCONVINCING: "The proof does not convince",
    RejectedFor.NOT_WORTH_IT: "It is not worth it",
    RejectedFor.DUPLICATE: "Another change does it already",
}


class Ended(Protocol):
    """The rows of changes that ended."""

    def ended(
        self, repository: str, but: ChangeId, words: Sequence[str]
    ) -> tuple[EndedChange, ...]: ...


class Past(Protocol):
    """A view of the store, as far as precedents need it."""

    @property
    def precedents(self) -> Ended: ...


def checked_typed(typed: str) -> str | No:
    """A typed reason as it is sent; "" stands for none."""
    if typed and typed not in set(RejectedFor):
        return No("no-such-reason", "There is no such kind of reason.", "Choose a listed one.", 422)
    return typed


def precedents(past: Past, change: Change, failure: str = "") -> tuple[Precedent, ...]:
    """The precedents of `change`, most telling first: those of its class `failure`, rejections
    before others, then those that share the most words with its request."""
    words = _words(change.request.text)
    text_of: dict[str, str] = {}
    found: list[Precedent] = []
    for one in past.precedents.ended(change.repository, change.id, words):
        text_of[one.change] = f"{one.text} {one.title}".lower()
        found.append(_precedent(one))

    def weight(one: Precedent) -> tuple[bool, bool, int]:
        of_class = bool(failure) and one.failure == failure
        shared = sum(word in text_of[one.change] for word in words)
        return of_class, of_class and one.outcome == "rejected", shared

    ranked = sorted(found, key=weight, reverse=True)
    return tuple(one for one in ranked if any(weight(one)))[:MOST]


def _precedent(ended: EndedChange) -> Precedent:
    failure = title = kind = typed = ""
    files: tuple[str, ...] = ()
    for said in ended.judgments:
        match said.kind:
            case Kind.REHEARSAL_WRITTEN:
                failure = str(said.payload.get("failure", ""))
            case Kind.PLAN_MADE:
                title, kind = (str(said.payload.get(key, "")) for key in ("title", "kind"))
                files = tuple(str(path) for path in said.payload.get("files", ()))
            case _:
                if said.payload.get("verdict") == "reject":
                    typed = str(said.payload.get("typed", ""))
    return Precedent(
        change=ended.change,
        outcome=ended.stage.value,
        failure=failure,
        title=title,
        kind=kind,
        files=files,
        why=ended.why[:_LONGEST],
        typed=typed,
        on=ended.updated.date().isoformat(),
    )


def _words(text: str) -> tuple[str, ...]:
    """The longest different words of a request: short ones tell little."""
    found = dict.fromkeys(word.strip(".-/").lower() for word in _WORD.findall(text))
    return tuple(sorted((w for w in found if len(w) > 3), key=len, reverse=True)[:_WORDS])
