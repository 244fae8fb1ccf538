"""Which decisive neighbours are kept: a bounded number, spread over kinds, commands and entries.

Pure choice; writing them into a rehearsal is the matter of `sandbox.rehearsal`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
MOST = 12


def spread(items: Iterable[tuple[Hashable, T]], most: int = MOST) -> tuple[T, ...]:
    """At most `most` of `items` ((group, item)), taken in turns from every group, in order."""
    groups: dict[Hashable, list[T]] = {}
    for group, item in items:
        groups.setdefault(group, []).append(item)
    chosen: list[T] = []
    queues: Sequence[list[T]] = list(groups.values())
    while queues and len(chosen) < most:
        for queue in queues:
            if len(chosen) < most:
                chosen.append(queue.pop(0))
        queues = [queue for queue in queues if queue]
    return tuple(chosen)
