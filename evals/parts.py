"""The real parts for the evals, joined in one place by `service.wiring`; and a desk to plan at."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agents import Planner, Reader, Rehearsal, Trial
from sandbox import Files, Outcome, Progress, Prover, Surroundings
from service import settings, wiring
from service.flow.desk import mirrorings, surroundings
from service.repos import ratchet

Say = Callable[[str], None]


@dataclass(frozen=True)
class Parts:
    """What a proof needs."""

    prover: Prover
    planner: Planner
    reader: Reader

    def around(
        self, base: Files, rehearsal: Files, failure: str, draft: Files | None = None
    ) -> Surroundings:
        """What the proof takes from the repository itself, as the product does it."""
        entry = wiring.RehearsalFormat().entry(rehearsal)
        found = self.reader.around(base, entry, failure)
        around = surroundings(found, ratchet.config(base).checks, entry)
        if draft is None:
            return around
        return replace(around, draft_mirrors=mirrorings(self.reader.around(draft, entry, failure)))


@contextmanager
def real(home: Path, say: Say, planner: str = "recipes") -> Iterator[Parts]:
    """Open the sandbox with its store below `home`, and close it. Raises `PawlError`, or
    `SandboxError` when there is no engine."""
    kept = replace(settings.load(), home=home.absolute())
    cells = wiring.engine(kept, say)
    try:
        yield Parts(wiring.prover(cells), wiring.planner(planner), wiring.reader())
    finally:
        cells.close()


def end_by_closing() -> None:
    """Let a polite kill end the process by way of its `finally`s, so that no cell is left over."""

    def end(number: int, _: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)


@dataclass
class EvalDesk:
    """A planner's desk on one tree: the trials are real, the record is the terminal."""

    parts: Parts
    base: Files
    say_line: Say
    watch: Callable[[Progress], None]

    def try_rehearsal(self, rehearsal: Rehearsal) -> Trial:
        """Run control and the declared faults on base."""
        around = self.parts.around(self.base, rehearsal.files, rehearsal.failure)
        trial = self.parts.prover.try_rehearsal(
            rehearsal.files, self.base, around, self.watch, name=rehearsal.name
        )
        hit = next((cell for cell in trial.cells if cell.outcome is Outcome.HIT), None)
        self.say_line(f"tried {rehearsal.name}: {trial.why}")
        return Trial(
            control_good=trial.control_good,
            hits=trial.hits,
            why=trial.why,
            lost=hit.lost if hit else (),
            log=hit.log.decode("utf-8", "replace") if hit else "",
        )

    def say(self, text: str) -> None:
        """One line of progress."""
        self.say_line(text)

    def discard(self, candidate: str, why: str) -> None:
        """A candidate that was weighed and dropped."""
        self.say_line(f"dropped {candidate}: {why}")


def teller(label: str, say: Say, every: float = 5.0) -> Callable[[Progress], None]:
    """Give a watch that tells how far a proof is: at most one line in `every` seconds."""
    told = time.monotonic()

    def watch(progress: Progress) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < every:
            return
        told = now
        counted = f"{progress.done}/{progress.total} cells" if progress.total else ""
        say(f"{label}: {counted} {progress.text}".rstrip())

    return watch
