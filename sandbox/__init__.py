"""Who tries: runs untrusted work in throw-away cells and says what happened.

Promises and values only. The real parts (`sandbox.prover`, `sandbox.engine`) are imported by
`service.wiring` alone. Nothing here knows planners, policies or the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

Files = Mapping[str, tuple[int, bytes]]
"""A tree or folder as it crosses a wall: relative posix path (surrogateescape for bytes that are
not UTF-8) -> (git mode 0o100644, 0o100755 or 0o120000; content, for a link its target)."""

Argv = tuple[str, ...]


class Outcome(StrEnum):
    """What a cell ended as. `BROKEN` counts as neither of the others."""

    HELD = "held"
    HIT = "hit"
    BROKEN = "broken"


class CellKind(StrEnum):
    CONTROL = "control"
    DECLARED = "declared"
    HONEST = "honest"  # fail, cut, kill at an effectful call
    LYING = "lying"  # short, noop at the boundary
    INPUT = "input"  # a setting or a source that is wrong
    CHECK = "check"  # the repository's own checks
    RATCHET = "ratchet"  # a rehearsal that the base already has
    OPERATION = "operation"  # toil: what people do once the step is gone, with fresh values
    DRIFT = "drift"  # toil: a place was edited by hand, and that was committed
    OMISSION = "omission"  # toil: the procedure by hand with one step left out


class Side(StrEnum):
    BASE = "base"
    DRAFT = "draft"


@dataclass(frozen=True)
class Setting:
    """A setting that an entry point reads, found by `agents.reading`."""

    name: str
    file: str | None  # path in the tree that assigns it; None: from the environment
    value: str | None
    feeds: str = "other"  # "path": a local path of a destructive command; "remote"; "other"


@dataclass(frozen=True)
class Mirroring:
    """A command that makes a live place equal to a source, as `agents.reading` found it."""

    entry: Argv  # who comes to it; () for a block of CI
    path: str
    line: int
    words: Argv  # its name and the words of it that are known, without patterns


@dataclass(frozen=True)
class Surroundings:
    """What the proof takes from the repository itself; no planner chooses any of it."""

    entry_points: tuple[Argv, ...] = ()
    """Every way to start something that reaches the rehearsal's effect, the entry included."""
    settings: tuple[Setting, ...] = ()
    sources: tuple[str, ...] = ()
    """Addresses (see `sandbox.rehearsal`) of folders that commands read from."""
    checks: tuple[Argv, ...] = ()
    """The repository's own checks, from the *base* commit's `.pawl/config.yaml`."""
    mirrors: tuple[Mirroring, ...] = ()
    """What base's text can do to live places, whether or not a run comes to it."""
    draft_mirrors: tuple[Mirroring, ...] = ()
    """The same of the draft's text."""


@dataclass(frozen=True)
class Cell:
    """One run that was judged."""

    id: str
    rehearsal: str
    entry: Argv
    side: Side
    kind: CellKind
    fault: Mapping[str, Any] | None  # as in rehearsal.yaml
    seed: int
    outcome: Outcome
    why: str  # one sentence
    lost: tuple[str, ...] = ()  # addresses that are gone and should not be
    altered: tuple[str, ...] = ()  # neither as before nor as base's control leaves them
    undone: tuple[str, ...] = ()  # what the normal job makes and a clean run after a fault did not
    reached: bool = True  # the fault fired / the input was in place
    ended: str = "exited"  # see sandbox.engine.Ended
    code: int | None = None
    seconds: float = 0.0
    log: bytes = b""  # the entry's output, capped
    frozen: bool = False  # a neighbour that was frozen into the ratchet


@dataclass(frozen=True)
class HunkRole:
    """What one hunk does for the proof: "carries", "needed", "idle" or "untried"."""

    path: str
    header: str  # the @@ line, or "whole file"
    role: str
    why: str


@dataclass(frozen=True)
class Proof:
    """The table of cells and what follows from it."""

    holds: bool
    why: str  # one sentence: why it holds, or the first reason that it does not
    cells: tuple[Cell, ...] = ()
    residuals: tuple[str, ...] = ()  # losses that base has as well, of another class
    degrades: tuple[str, ...] = ()  # "degrades: N objects ..." for the approver
    load_bearing: tuple[HunkRole, ...] = ()
    not_covered: tuple[str, ...] = ()  # said plainly: never reached, could not judge
    decisive: tuple[Mapping[str, Any], ...] = ()  # neighbours that hit on base, to freeze
    image: str = ""
    seconds: float = 0.0
    evidence: Mapping[str, Any] = field(default_factory=dict)  # first difference etc., JSON only


@dataclass(frozen=True)
class Trial:
    """A rehearsal tried on one tree, before any draft exists."""

    control_good: bool
    hits: bool  # at least one declared fault hit in every repeat
    cells: tuple[Cell, ...]
    calls: tuple[str, ...]  # signatures of the calls that control made, in order
    why: str


@dataclass(frozen=True)
class Progress:
    """One thing that just happened, for people who wait. `cell` when a cell was judged."""

    text: str
    done: int = 0
    total: int = 0
    cell: Cell | None = None


class Watch(Protocol):
    """Takes progress. Must not block; may be called from several threads."""

    def __call__(self, progress: Progress, /) -> None: ...


class Prover(Protocol):
    """Re-enacts failures. Every method raises `SandboxError` when it could not answer at all."""

    def try_rehearsal(
        self, rehearsal: Files, tree: Files, around: Surroundings, watch: Watch, *, name: str
    ) -> Trial:
        """Run control and the declared faults of `rehearsal` on `tree`."""
        ...

    def prove(
        self,
        *,
        base: Files,
        draft: Files,
        rehearsal: Files,
        name: str,
        ratchet: Mapping[str, Files],
        around: Surroundings,
        watch: Watch,
    ) -> Proof:
        """Answer whether `draft` holds what hits on `base`. `ratchet` is base's, by name."""
        ...

    def rehearse(
        self, rehearsals: Mapping[str, Files], tree: Files, base: Files | None, watch: Watch
    ) -> tuple[Cell, ...]:
        """Run the ratchet on one tree (control, declared, frozen), beside `base` if given."""
        ...


class SandboxError(Exception):
    """The sandbox could not answer. `code` can be searched for; `mend` says what to do."""

    def __init__(self, message: str, *, code: str = "sandbox-error", mend: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.mend = mend


class BadRehearsal(SandboxError):
    """A rehearsal folder that can't be read: says what, where, and how to mend it."""

    def __init__(self, message: str, *, mend: str = "") -> None:
        super().__init__(message, code="bad-rehearsal", mend=mend)
