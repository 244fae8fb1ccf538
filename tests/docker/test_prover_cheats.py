"""Rehearsals that cheat, in real cells: none of them may prove anything, the honest one must."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sandbox import Progress, Proof, Surroundings
from sandbox.engine import Engine
from sandbox.engine.docker import open_engine
from sandbox.prover import CellProver
from sandbox.session import Limits
from tests.unit.sandbox import cheats
from tests.unit.sandbox.cheats import Cheat

pytestmark = pytest.mark.docker
LIMITS = Limits(neighbours=12, base_cells=4, shrink_seconds=0, cell_seconds=10)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = open_engine("cheats", f"cheats-{os.getpid()}")
    yield made
    made.close()


def prove(engine: Engine, cheat: Cheat, *, mended: bool) -> Proof:
    def quiet(_: Progress) -> None:
        """Nobody waits."""

    return CellProver(engine, limits=LIMITS).prove(
        base=cheats.base(),
        draft=cheats.mended() if mended else cheats.tidied(),
        rehearsal=cheat.files(),
        name="window",
        ratchet={},
        around=Surroundings(entry_points=(("./show.sh",),)),
        watch=quiet,
    )


def test_the_honest_rehearsal_proves_the_mended_tree_and_not_the_tidied_one(
    engine: Engine,
) -> None:
    mended = prove(engine, Cheat("honest"), mended=True)
    assert mended.holds, mended.why
    assert not prove(engine, Cheat("honest"), mended=False).holds


def test_an_honest_script_is_as_good_as_an_invariant(engine: Engine) -> None:
    mended = prove(engine, cheats.SCRIPTED, mended=True)
    assert mended.holds, mended.why
    tidied = prove(engine, cheats.SCRIPTED, mended=False)
    assert not tidied.holds
    assert "loaves are gone" in tidied.why


@pytest.mark.parametrize("cheat", cheats.CHEATS, ids=lambda cheat: cheat.name)
def test_a_rehearsal_that_cheats_does_not_prove_a_tree_that_only_looks_different(
    engine: Engine, cheat: Cheat
) -> None:
    proof = prove(engine, cheat, mended=False)
    assert not proof.holds
    assert proof.why
