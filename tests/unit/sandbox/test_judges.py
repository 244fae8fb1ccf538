from __future__ import annotations

import json
from dataclasses import replace

from sandbox import CellKind, Outcome, Progress, Side, Surroundings
from sandbox.engine import Ran, Run
from sandbox.judges import Judges, Question, Says
from sandbox.prover import CellProver
from sandbox.rehearsal import parse
from tests.fakes_engine import FakeEngine
from tests.unit.sandbox import cheats
from tests.unit.sandbox.cheats import BLIND, Cheat

MEASURES = """\
#!/bin/sh
grep -q '"window:/srv/window/3.txt"' after.txt || exit 0
"""


def judges(script: str, engine: FakeEngine) -> Judges:
    files = Cheat("any", BLIND + "harm: harm.sh\n", {"harm.sh": script}).files()
    return Judges(engine, parse(files))


def question(**after: str) -> Question:
    return Question.of({"/srv/a": "1"}, {"/srv/a": "1", **after}, {}, 0, frozenset())


def test_a_question_tells_neither_the_tree_nor_what_only_one_side_has() -> None:
    states = {"/srv/a": "1", "/repo/show.sh": "2", "/srv/marker": "3"}
    asked = Question.of(states, states, states, 0, frozenset({"/srv/marker"}))
    told = json.loads(asked.text)
    assert told == {
        "before": {"/srv/a": "1"},
        "after": {"/srv/a": "1"},
        "control": {"/srv/a": "1"},
        "code": 0,
    }


def test_only_the_exact_codes_are_a_verdict() -> None:
    for script, says in (
        ("exit 0\n", Says.HELD),
        ("echo two loaves are gone\nexit 10\n", Says.HIT),
        ("exit 10\n", Says.BROKEN),  # a hit without a sentence
        ("echo fine\nexit 1\n", Says.BROKEN),
        ("sleep 999\n", Says.BROKEN),
    ):
        found = judges(f"#!/bin/sh\n{script}", FakeEngine())
        assert found.ask("harm.sh", question()).says is says, script
        found.close()


def test_the_same_states_are_asked_about_once_unless_told_to() -> None:
    engine = FakeEngine()
    found = judges("#!/bin/sh\nexit 0\n", engine)
    for _ in range(3):
        found.ask("harm.sh", question())
    assert len(engine.ran) == 1
    found.ask("harm.sh", question(), again=True)
    assert len(engine.ran) == 2
    found.close()
    assert all(ground.closed for ground in engine.grounds)


def test_a_script_that_says_something_else_later_proves_nothing() -> None:
    asked: list[str] = []

    def by_the_clock(run: Run, ran: Ran) -> Ran:
        if run.argv[0] != "./harm.sh":
            return ran
        text = (run.content["/repo/states.json"] or b"").decode()
        told = json.loads(text)
        asked.append(text)
        lost = "window:/srv/window/3.txt" not in told["after"]
        # it knows when its first round is over, and says "held" for ever after
        if lost and asked.count(text) == 1:
            return replace(ran, code=10, output=b"lost\n")
        return replace(ran, code=0)

    cheat = Cheat("clock", BLIND + "harm: harm.sh\n", {"harm.sh": "#!/bin/sh\nexit 0\n"})

    def quiet(_: Progress) -> None:
        """Nobody waits."""

    proof = CellProver(FakeEngine(spoil=by_the_clock)).prove(
        base=cheats.base(),
        draft=cheats.mended(),
        rehearsal=cheat.files(),
        name="window",
        ratchet={},
        around=Surroundings(entry_points=(("./show.sh",),)),
        watch=quiet,
    )
    assert not proof.holds
    broken = [c for c in proof.cells if c.outcome is Outcome.BROKEN]
    assert broken
    assert broken[0].kind is CellKind.DECLARED
    assert broken[0].side is Side.BASE
    assert "different things" in proof.why
