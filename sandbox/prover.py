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
from sandbox.rehearsal import Rehearsal, parse
from sandbox.session import Limits, Session
from sandbox.toil.form import Toil
from sandbox.toil.play import CellPlayer
from sandbox.toil.trying import Trying
from sandbox.toil.verdict import table, with_old


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
        parsed = parse(rehearsal)
        if parsed.toil is not None:
            return self._toiling(parsed, parsed.toil, name, watch).trial(tree)
        with Session(self._engine, parsed, name, watch, self._limits) as session:
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
        new, old = parse(rehearsal), {key: parse(files) for key, files in ratchet.items()}
        if new.toil is not None:
            proof = self._proof_of_toil(new, new.toil, name, base, draft, old, around, watch)
        else:
            faults = {key: one for key, one in old.items() if one.toil is None}
            with Session(self._engine, new, name, watch, self._limits) as session:
                proof = Proving(session, base, draft, around, faults, self._clock).proof()
            proof = self._with_old_toil(proof, base, draft, old, watch)
        return replace(proof, image=self._engine.image, seconds=round(self._clock() - started, 3))

    def rehearse(
        self, rehearsals: Mapping[str, Files], tree: Files, base: Files | None, watch: Watch
    ) -> tuple[Cell, ...]:
        """Run the ratchet on one tree: control, declared, frozen; beside `base`, if given."""
        cells: list[Cell] = []
        for key, files in rehearsals.items():
            parsed = parse(files)
            if parsed.toil is not None:
                cells += self._toiling(parsed, parsed.toil, key, watch).again(tree, base)
                continue
            with Session(self._engine, parsed, key, watch, self._limits) as session:
                cells += session.rehearse(tree, base)
        return tuple(cells)

    # --- toil -----------------------------------------------------------------------------------

    def _toiling(self, rehearsal: Rehearsal, toil: Toil, name: str, watch: Watch) -> Trying:
        return Trying(CellPlayer(self._engine), toil, name, rehearsal.repeats, watch)

    def _proof_of_toil(
        self,
        rehearsal: Rehearsal,
        toil: Toil,
        name: str,
        base: Files,
        draft: Files,
        old: Mapping[str, Rehearsal],
        around: Surroundings,
        watch: Watch,
    ) -> Proof:
        """What the rehearsal says, then the ratchet: old toil, and old faults."""
        trying = self._toiling(rehearsal, toil, name, watch)
        proof = table(trying.proof(base, draft, around), trying.told)
        proof = self._with_old_toil(proof, base, draft, old, watch)
        faults = {key: one for key, one in old.items() if one.toil is None}
        if not proof.holds or not faults:
            return proof
        first, nothing = next(iter(faults.values())), Surroundings()
        with Session(self._engine, first, name, watch, self._limits) as session:
            proving = Proving(session, base, draft, nothing, faults, self._clock)
            return with_old(proof, *proving.ratchet_alone())

    def _with_old_toil(
        self,
        proof: Proof,
        base: Files,
        draft: Files,
        old: Mapping[str, Rehearsal],
        watch: Watch,
    ) -> Proof:
        """A proof that holds so far, held to old rehearsals of toil as well."""
        for key, one in old.items():
            if one.toil is None or not proof.holds:
                continue
            trying = self._toiling(one, one.toil, key, watch)
            cells = trying.old(base, draft)
            proof = with_old(proof, cells, trying.told.residuals, trying.told.unjudged)
        return proof
