"""Load-bearing edits: leave hunks out, one after another, while work is done and nothing hits.

Only the search is here; a trial is a function that the caller hands in. What stays is one
sufficient set: what was dropped is "not needed with what is left", never "useless".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Without(StrEnum):
    """What happens without some hunks."""

    FINE = "fine"
    HIT = "hit"
    BREAKS = "breaks"  # control no longer does the normal job
    UNKNOWN = "unknown"  # not tried (no time left) or not judged: stays in


@dataclass(frozen=True)
class Shrunk:
    """Each hunk's part by number: HIT carries, BREAKS is needed, FINE is idle, UNKNOWN untried."""

    parts: Mapping[int, Without]

    @property
    def sufficient(self) -> frozenset[int]:
        """The hunks that stay."""
        return frozenset(i for i, part in self.parts.items() if part is not Without.FINE)


def shrink(
    count: int,
    together: Sequence[Sequence[int]],
    trial: Callable[[frozenset[int]], Without],
    confirm: Callable[[frozenset[int]], Without] | None = None,
) -> Shrunk:
    """Find one sufficient set of `count` hunks.

    `trial(left_out)` says what happens without those hunks. `together` are groups that are first
    left out at once (docs, say); where that is not fine, their hunks are tried one by one. At least
    one hunk always stays: without any of them the draft is base, which is known to hit. `confirm`
    is a sharper and dearer trial: what stays must pass it, else hunks come back, the last first.
    """
    out: frozenset[int] = frozenset()
    dropped: list[int] = []
    parts: dict[int, Without] = {}
    for group in together:
        whole = frozenset(group)
        if len(whole) < 2 or len(out | whole) >= count:
            continue
        if trial(out | whole) is Without.FINE:
            out |= whole
            dropped += sorted(whole)
            parts |= dict.fromkeys(whole, Without.FINE)
    for number in range(count):
        if number in parts:
            continue
        if len(out) + 1 >= count:  # the last one: without it nothing is left of the draft
            parts[number] = Without.HIT
            continue
        answer = trial(out | {number})
        parts[number] = answer
        if answer is Without.FINE:
            out |= {number}
            dropped.append(number)
    if confirm is not None:
        for number in reversed(dropped):
            answer = confirm(out)
            if answer is Without.FINE:
                break
            out -= {number}
            parts[number] = answer
    return Shrunk(dict(sorted(parts.items())))
