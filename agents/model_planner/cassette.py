"""A ledger that answers from what was kept of an earlier run, and asks nobody.

A question that is not on the cassette is an error that shows where it begins to differ.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents import AgentError

SCHEMA = "cassette/v1"


@dataclass(frozen=True)
class Cassette:
    """A `Ledger` over a document of `cassette/v1`."""

    replies: Mapping[str, tuple[int, bytes]]
    requests: Sequence[str]
    kept: dict[str, bytes] = field(default_factory=dict)

    def find(self, change: str, digest: str) -> tuple[int, bytes] | None:
        """The reply, whichever change it was paid for."""
        return self.replies.get(digest)

    def begin(self, *, role: str, request: bytes, **_: Any) -> int:
        """Nothing may be sent: the model is not there. Always raises."""
        raise AgentError(
            f"the {role} asks what is not on the cassette: {_differs(request, self.requests)}",
            code="model-not-on-cassette",
            mend="the prompts, the tree or the request have changed since: record it anew",
        )

    def done(self, number: int, status: int, body: bytes, **_: Any) -> None:
        """Nothing comes back, since nothing is sent."""

    def failed(self, number: int, code: str, **_: Any) -> None:
        """Nothing comes back, since nothing is sent."""

    def recall(self, change: str, key: str) -> bytes | None:
        """What came of a trial then."""
        return self.kept.get(key)

    def remember(self, change: str, key: str, what: bytes) -> None:
        """Keep it for this run alone."""
        self.kept[key] = what


def load(text: str) -> Cassette:
    """Read a cassette. Raises `AgentError` for anything else."""
    try:
        document = json.loads(text)
        calls = {SCHEMA: document["calls"]}[document["schema"]]
        return Cassette(
            {c["digest"]: (int(c["status"]), c["reply"].encode()) for c in calls},
            [_words(c["request"]) for c in calls],
            {key: what.encode() for key, what in document["trials"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise AgentError("that is no cassette", code="model-bad-cassette") from wrong


def _words(request: Mapping[str, Any]) -> str:
    return "\n".join(str(m["content"]) for m in request["messages"])


def _differs(request: bytes, known: Sequence[str]) -> str:
    """The first lines in which the nearest question on the cassette differs."""
    asked = _words(json.loads(request)).splitlines()
    if not known:
        return "it is empty"
    near = max(known, key=lambda k: _common(asked, k.splitlines()))
    lines = [
        line[:160]
        for line in difflib.unified_diff(near.splitlines(), asked, lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    return " | ".join(lines[:6]) or "only its settings differ"


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    return len(set(one) & set(other))
