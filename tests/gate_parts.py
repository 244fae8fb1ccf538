"""What tests of the gate share: the engine in place, many facts judged by one process.

No test and no expectation lives here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from policies import rules
from policies.engine import install
from policies.engine.process import Limits, Process

Facts = dict[str, Any]
Path = tuple[str | int, ...]


def rules_that_speak(facts: Sequence[Facts], level: str = "deny") -> list[set[str]]:
    """Ids of the rules of `level` that speak on each of `facts`, by Pawl's own modules alone.

    One process for all of them: a verdict each would take minutes.
    """
    process = Process(install.install(), Limits(cpu=300, collect=True))
    try:
        process.tell(
            {
                "do": "load",
                "rules": dict(rules.own().modules),
                "query": "data.pawl.gate.findings",
                "canaries": [json.dumps(one) for one in facts],
            }
        )
        judged = process.answer(300)["canaries"]
    finally:
        process.kill()
    return [{finding["rule"] for finding in one[level]} for one in judged]


def leaves(value: Any, at: Path = ()) -> Iterator[Path]:
    """Paths of all that a document holds, objects and arrays included, the root left out."""
    if at:
        yield at
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, (*at, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from leaves(part, (*at, index))


def without(document: Facts, path: Path) -> Facts:
    """A copy of `document` that lacks the field at `path`."""
    changed = copy.deepcopy(document)
    *above, last = path
    at: Any = changed
    for step in above:
        at = at[step]
    del at[last]
    return changed


def having(document: Facts, path: Path, value: Any) -> Facts:
    """A copy of `document` with another value at `path`."""
    changed = copy.deepcopy(document)
    *above, last = path
    at: Any = changed
    for step in above:
        at = at[step]
    at[last] = value
    return changed


def other_values(value: Any) -> Iterable[Any]:
    """Values of the same type that are not `value`."""
    candidates: dict[type, list[Any]] = {
        bool: [True, False],
        int: [0, 1, 7],
        str: ["", "eliminate", "document", "open failures", "none", "true", "approved"],
    }
    if isinstance(value, list):
        return [[], ["something else"]]
    return [other for other in candidates[type(value)] if other != value]
