"""The real `Prover`: re-enacts failures in the cells of an engine.

Only the face is here; a proof's steps are in `sandbox.proving`, its cells in `sandbox.session`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from sandbox import (
    Cell,
    Files,
    Proof,
    Surroundings,
    Trial,
    Watch,
)
from sandbox.engine import Engine
from sandbox.proving import Proving
from sandbox.rehearsal import (
    parse,
)
from sandbox.session import Limits, Session


class CellProver:
    """Re-enacts failures in an engine's cells; see `sandbox.Prover`."""

    def __init__(
        self,
        engine: Engine,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._limits = limits or Limits()
        self._clock = clock

    def try_rehearsal(
        self, rehearsal: Files, tree: Files, around: Surroundings, watch: Watch, *, name: str
    ) -> Trial:
        """Run control and the declared faults of `rehearsal` on `tree`, in every repeat."""
        with Session(self._engine, parse(rehearsal), name, watch, self._limits) as session:
            return session.trial(tree, around)

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
        started = self._clock()
        parsed = {key: parse(files) for key, files in ratchet.items()}
        with Session(self._engine, parse(rehearsal), name, watch, self._limits) as session:
            proof = Proving(session, base, draft, around, parsed, self._clock).proof()
        return replace(proof, image=self._engine.image, seconds=round(self._clock() - started, 3))

    def rehearse(
        self, rehearsals: Mapping[str, Files], tree: Files, base: Files | None, watch: Watch
    ) -> tuple[Cell, ...]:
        """Run the ratchet on one tree: control, declared, frozen; beside `base`, if given."""
        cells: list[Cell] = []
        for key, files in rehearsals.items():
            with Session(self._engine, parse(files), key, watch, self._limits) as session:
                cells += session.rehearse(tree, base)
        return tuple(cells)
