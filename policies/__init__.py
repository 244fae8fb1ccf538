"""Who refuses: facts in, verdict with reasons out.

Promises and values only. The gate never sees a planner's words as facts and never decides for a
person; the engine runs in a worker process of its own (`policies.gate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Level(StrEnum):
    DENY = "deny"
    ASK = "ask"  # needs a named role
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """What a rule says of the facts."""

    rule: str  # stable id, e.g. "floor.secret-in-diff"
    level: Level
    title: str
    place: str  # "path:line", "path", or "change"
    why: str
    remedy: str
    role: str = ""  # for ask: whose approval it needs
    source: str = ""  # "floor", "pawl" or "repository"


@dataclass(frozen=True)
class Verdict:
    """The gate's answer. `broke` is set when the gate could not judge: that is a refusal too."""

    findings: tuple[Finding, ...]
    rules: str  # digest of the rule set that judged
    engine: str  # name, version and digest of the engine
    loaded: int  # how many rules were loaded
    broke: str = ""

    @property
    def refused(self) -> bool:
        return bool(self.broke) or any(f.level is Level.DENY for f in self.findings)


class Gate(Protocol):
    def judge(self, facts: Mapping[str, Any], repository_rules: Mapping[str, bytes]) -> Verdict:
        """Judge `facts` (schema facts/v1) by Pawl's rules and the base commit's own rules.

        Never raises for a bad rule, a hung or dead engine or facts that don't fit: each of them is
        a verdict with `broke`, which refuses.
        """
        ...

    def selftest(self) -> None:
        """Raise `GateError` unless a canned bad change is denied and a canned good one is not."""
        ...


class GateError(Exception):
    """The gate can't be used at all. `code` can be searched for; `mend` says what to do."""

    def __init__(self, message: str, *, code: str = "gate-error", mend: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.mend = mend
