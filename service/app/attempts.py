"""Attempts to sign in: counted by name and by address, refused where too many failed.

What is counted and how long to wait is said in `service.people.limits`; here it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.app import membership
from service.ledger import Kind
from service.people import No, limits
from service.store import Store, View, Work


@dataclass(frozen=True)
class Turn:
    """An attempt that was let through, and is counted as a failure until it passed."""

    keys: tuple[limits.Key, ...]
    numbers: tuple[int, ...]


class Attempts:
    """Counts attempts. Each is counted before it is judged, so that many at once gain nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, keys: tuple[limits.Key, ...], said: Mapping[str, Any]) -> Turn | No:
        """Let an attempt through, or answer No 429. `said` is what goes on record of a refusal."""
        with self._store.reading() as view:
            late = _late(view, keys)
            if late is not None and _quiet(view, keys):
                return late  # a flood costs no write
        with self._store.writing() as work:
            work.people.prune_attempts(work.now - limits.WINDOW)
            late = _late(work, keys)
            if late is not None:
                _note_refused(work, keys, {**said, "limited": True})
                return late
            return Turn(keys, tuple(work.people.add_attempt(key.name, work.now) for key in keys))

    def failed(self, turn: Turn, said: Mapping[str, Any]) -> None:
        """Leave the attempt counted, and put it on record if the log is quiet about it."""
        with self._store.writing() as work:
            self.refused(work, turn, said)

    def refused(self, work: Work, turn: Turn, said: Mapping[str, Any]) -> None:
        """The same within a transaction."""
        _note_refused(work, turn.keys, {**said, "limited": False})

    def passed(self, work: Work, turn: Turn) -> None:
        """Take the attempt back; of a name also those before it."""
        for key, number in zip(turn.keys, turn.numbers, strict=True):
            if key.wiped:
                work.people.forget_attempts(key.name)
            else:
                work.people.take_back_attempt(number)


def _late(view: View, keys: tuple[limits.Key, ...]) -> No | None:
    """No 429 where one of `keys` has failed too often."""
    after = view.now - limits.WINDOW
    wait = max(limits.wait(key, view.people.attempts(key.name, after), view.now) for key in keys)
    if wait == 0:
        return None
    minutes = -(-wait // 60)
    mend = f"Wait {minutes} minute{'' if minutes == 1 else 's'}, then try again."
    return No("too-many", "Too many attempts failed.", mend, 429, wait)


def _quiet(view: View, keys: tuple[limits.Key, ...]) -> bool:
    """Whether the log has heard of one of `keys` just now."""
    after = view.now - limits.QUIET
    return any(view.people.attempts(_told(key), after) for key in keys)


def _told(key: limits.Key) -> str:
    return f"told:{key.name}"


def _note_refused(work: Work, keys: tuple[limits.Key, ...], said: Mapping[str, Any]) -> None:
    if _quiet(work, keys):
        return
    after = work.now - limits.WINDOW
    failures = max(len(work.people.attempts(key.name, after)) for key in keys)
    for key in keys:
        work.people.add_attempt(_told(key), work.now)
    why = "an attempt to sign in was refused"
    membership.note(work, Kind.SIGN_IN_REFUSED, membership.ME, why, failures=failures, **said)
