"""What must never happen to an object: old-or-new, as a pure function of recorded states.

Which runs are compared and what follows from a loss is decided elsewhere (`verdict`).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from sandbox.engine import State
from sandbox.proof.states import is_log, is_watched


@dataclass(frozen=True)
class Harm:
    """Objects that a run did wrong by. `lost` are gone; `altered` are neither old nor new."""

    lost: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lost or self.altered)


def old_or_new(
    before: State,
    after: State,
    new: State,
    own: State,
    *,
    watch: tuple[str, ...],
    tracked: Set[str] = frozenset(),
    exempt: Set[str] = frozenset(),
    volatile: Set[str] = frozenset(),
    further: Sequence[State] = (),
) -> Harm:
    """Compare a run with what was there: each object is as before, or as control leaves it.

    `new` is what *base's* control leaves: it alone may say that an object goes. `own` is what the
    side's own control leaves; its content counts as new too. `tracked` are files of the tree,
    judged for loss alone. `exempt` were made by the side's own priming only; `volatile` differ
    between equal runs, so that only their loss means something. `further` states of base's
    controls count like `new` (a sequence of entry points has one of its own).
    """
    lost, altered = [], []
    news = (new, *further)
    for address, old in before.items():
        is_tracked = address in tracked
        if address in exempt or not (is_tracked or is_watched(address, watch)):
            continue
        now = after.get(address)
        if now == old or any(now == one.get(address) for one in news):
            continue
        if now is None:
            lost.append(address)
        elif now != own.get(address) and not (is_tracked or address in volatile or is_log(address)):
            altered.append(address)
    for address, now in after.items():
        if address in before or address in volatile or is_log(address):
            continue
        if not is_watched(address, watch):
            continue
        expected = {one.get(address) for one in (*news, own)} - {None}
        if expected and now not in expected:  # a new object, but not the one that control makes
            altered.append(address)
    return Harm(tuple(sorted(lost)), tuple(sorted(altered)))
