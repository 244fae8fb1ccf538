from __future__ import annotations

import pytest

from sandbox import Outcome, Progress, Proof, Surroundings
from sandbox.prover import CellProver
from tests.fakes_engine import FakeEngine
from tests.unit.sandbox import cheats
from tests.unit.sandbox.cheats import Cheat

AROUND = Surroundings(entry_points=(("./show.sh",),))


def prove(cheat: Cheat, *, mended: bool) -> Proof:
    def quiet(_: Progress) -> None:
        """Nobody waits."""

    return CellProver(FakeEngine()).prove(
        base=cheats.base(),
        draft=cheats.mended() if mended else cheats.tidied(),
        rehearsal=cheat.files(),
        name="window",
        ratchet={},
        around=AROUND,
        watch=quiet,
    )


def test_the_honest_rehearsal_proves_the_mended_tree_and_not_the_tidied_one() -> None:
    assert prove(Cheat("honest"), mended=True).holds
    proof = prove(Cheat("honest"), mended=False)
    assert not proof.holds
    assert any(c.outcome is Outcome.HIT and c.side.value == "draft" for c in proof.cells)


# those that need a real shell to say anything are tried in real cells (tests/docker)
PURE = [c for c in cheats.CHEATS if c.name in {"always", "printed", "no-fault", "timeout", "note"}]


@pytest.mark.parametrize("cheat", PURE, ids=lambda cheat: cheat.name)
@pytest.mark.parametrize("mended", [False, True], ids=["tidied", "mended"])
def test_a_rehearsal_that_cheats_proves_nothing(cheat: Cheat, mended: bool) -> None:
    proof = prove(cheat, mended=mended)
    assert not proof.holds
    assert proof.why
