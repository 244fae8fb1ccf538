"""Which commands of a tree could empty a live place although no control run came to them.

Pure: texts that were read beside calls that were recorded. What was never run was never tried, so a
mirror that waits for a date, a counter, another script or the end of the run proves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sandbox import Argv, Mirroring
from sandbox.engine import Call

Calls = Mapping[Argv, Sequence[Call]]
"""What each entry point's control called; an entry point that was not tried is not in it."""


def unreached(mirrors: Iterable[Mirroring], calls: Calls) -> tuple[Mirroring, ...]:
    """The mirrors that no entry point's control came to, one a place.

    Of equal commands in one run as many count as reached as were called: which of them is not
    known, so the last are said.
    """
    came: set[tuple[str, int]] = set()
    found: dict[tuple[str, int], Mirroring] = {}
    waiting: dict[tuple[Argv, Argv], list[Mirroring]] = {}
    for mirror in mirrors:
        found.setdefault((mirror.path, mirror.line), mirror)
        waiting.setdefault((mirror.entry, mirror.words), []).append(mirror)
    for (entry, words), places in waiting.items():
        times = sum(_is_of(call, words) for call in calls.get(entry, ()))
        came |= {(mirror.path, mirror.line) for mirror in places[:times]}
    return tuple(mirror for place, mirror in found.items() if place not in came)


def never_tried(
    base: Iterable[Mirroring], base_calls: Calls, draft: Iterable[Mirroring], draft_calls: Calls
) -> tuple[Mirroring, ...]:
    """The draft's mirrors that were never run and that base has no such one of, file by file."""
    had = Counter(mirror.path for mirror in unreached(base, base_calls))
    new = []
    for mirror in unreached(draft, draft_calls):
        if had[mirror.path] > 0:
            had[mirror.path] -= 1
        else:
            new.append(mirror)
    return tuple(new)


def _is_of(call: Call, words: Argv) -> bool:
    """Whether a recorded call is one of a command with these known words."""
    if not call.argv or call.argv[0].rsplit("/", 1)[-1] != words[0]:
        return False
    return not Counter(words[1:]) - Counter(call.argv[1:])
