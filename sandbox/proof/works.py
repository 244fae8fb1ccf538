"""Whether a control run did the normal job: what base's control makes, the draft's makes too.

Pure functions of states; a rehearsal's own `works` script is run by `sandbox.prover` instead.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from sandbox.engine import State
from sandbox.proof.states import is_log, is_watched, journal


@dataclass(frozen=True)
class Job:
    """What a control run left undone, and what it keeps that base's removes (a price)."""

    missing: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def effects(before: State, after: State, watch: tuple[str, ...]) -> tuple[str, ...]:
    """What a run made, changed or removed among what is watched, journals included."""
    changed = {a for a in before.keys() | after.keys() if before.get(a) != after.get(a)}
    return tuple(sorted(a for a in changed if is_watched(a, watch) or a.startswith("journal:")))


def job(
    base_before: State,
    base_after: State,
    before: State,
    after: State,
    *,
    watch: tuple[str, ...],
    volatile: Set[str] = frozenset(),
) -> Job:
    """Compare a side's control (`before` -> `after`) with base's.

    Content counts, but for logs and for what differs between equal runs. Of each journal that
    base's control wrote to, the side's writes at least one line.
    """
    missing, kept = [], []
    for address in effects(base_before, base_after, watch):
        if address.startswith("journal:"):
            continue
        wanted, found = base_after.get(address), after.get(address)
        if wanted is None:
            if found is not None:
                kept.append(address)
        elif found is None or (found != wanted and not (address in volatile or is_log(address))):
            missing.append(address)
    had, has = journal(before), journal(after)
    base_had = journal(base_before)
    for name, lines in journal(base_after).items():
        if lines > base_had.get(name, 0) and has.get(name, 0) <= had.get(name, 0):
            missing.append(f"journal:{name}")
    return Job(tuple(sorted(missing)), tuple(sorted(kept)))
