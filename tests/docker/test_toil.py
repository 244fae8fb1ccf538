"""Toil in real cells: what makes a step needless is accepted, what looks like it is refused."""

from __future__ import annotations

import pytest

from sandbox import CellKind, Files, Outcome, Progress, Proof, Side, Surroundings
from sandbox.engine import Engine
from sandbox.prover import CellProver
from sandbox.toil.play import CellPlayer, Commit, Deed
from tests.unit.sandbox.toil_jetty import (
    BY_EDIT,
    CI,
    GUARDED,
    REFUSED_BY,
    REHEARSAL,
    RIGHT,
    WRONG,
    base,
    counted,
    from_board,
    guard,
    rehearsal,
)

pytestmark = [pytest.mark.docker, pytest.mark.enable_socket]


PUBLISH = b"""#!/bin/bash
set -e
rm -rf /srv/www/*
cp site.html /srv/www/index.html
"""
SAFE = b"""#!/bin/bash
set -e
cp site.html /srv/www/.new
mv /srv/www/.new /srv/www/index.html
rm -f /srv/www/old.html
"""
SITE = (0o100644, b"<p>berths</p>\n")
FAULT = b"""schema: rehearsal/v1
story: A copy that fails must not take the page away.
failure: destructive-publish
entry: [./publish.sh]
world: {files: {/srv/www: [index.html, old.html]}}
faults:
  - {command: cp, call: 1, does: fail, exit: 1}
repeats: 1
"""


def _quiet(_: Progress) -> None:
    pass


def _proof(engine: Engine, draft: Files, text: str = REHEARSAL, old: Files | None = None) -> Proof:
    return CellProver(engine).prove(
        base=base() if old is None else old,
        draft=draft,
        rehearsal=rehearsal(text),
        name="berths",
        ratchet={},
        around=Surroundings(),
        watch=_quiet,
    )


def test_on_base_leaving_out_any_place_is_silent(engine: Engine) -> None:
    trial = CellProver(engine).try_rehearsal(
        rehearsal(), base(), Surroundings(), _quiet, name="berths"
    )
    left_out = {c.fault["left out"] for c in trial.cells if c.fault and c.outcome is Outcome.HIT}
    assert trial.control_good
    assert trial.hits
    assert left_out == {"board.md", "signs/berths.json", "radio.conf", "a place"}


@pytest.mark.parametrize("draft", RIGHT.values(), ids=RIGHT.keys())
def test_a_step_that_is_gone_is_proven(engine: Engine, draft: Files) -> None:
    proof = _proof(engine, draft)
    assert proof.holds, proof.why
    assert {c.kind for c in proof.cells if c.side is Side.DRAFT} == {
        *(CellKind.CONTROL, CellKind.OPERATION, CellKind.DRIFT, CellKind.DECLARED)
    }


@pytest.mark.parametrize("name", WRONG)
def test_what_only_looks_like_it_is_refused(engine: Engine, name: str) -> None:
    proof = _proof(engine, WRONG[name])
    bad = [c for c in proof.cells if c.side is Side.DRAFT and c.outcome is not Outcome.HELD]
    assert not proof.holds
    assert bad[0].kind is REFUSED_BY.get(name, CellKind.DRIFT), bad[0].why
    assert {c.outcome for c in bad} == {Outcome.HIT}


def test_a_blessing_is_seen_only_by_the_operation_on_top_of_drift(engine: Engine) -> None:
    proof = _proof(engine, WRONG["a blessing by checksums"])
    hits = [c.fault for c in proof.cells if c.kind is CellKind.DRIFT and c.outcome is Outcome.HIT]
    assert hits
    assert all("then" in (fault or {}) for fault in hits)


def test_the_old_rehearsal_catches_a_step_that_is_taken_out_of_ci(engine: Engine) -> None:
    good = RIGHT["a list, rendered and checked"]
    prover = CellProver(engine)
    rehearsals = {"berths": rehearsal()}
    held = prover.rehearse(rehearsals, good, None, _quiet)
    taken_out = {**good, ".github/workflows/check.yml": (0o100644, CI.encode())}
    hit = prover.rehearse(rehearsals, taken_out, good, _quiet)
    assert {cell.outcome for cell in held} == {Outcome.HELD}
    assert {c.kind for c in hit if c.outcome is Outcome.HIT} == {CellKind.DRIFT}


def test_a_change_about_something_else_is_held_to_the_old_rehearsal(engine: Engine) -> None:
    good = RIGHT["a list, rendered and checked"]
    before = {**good, "site.html": SITE, "publish.sh": (0o100755, PUBLISH)}
    after = {**before, "publish.sh": (0o100755, SAFE)}
    broken = {**after, ".github/workflows/check.yml": (0o100644, CI.encode())}
    answers = [
        CellProver(engine).prove(
            base=before,
            draft=draft,
            rehearsal={"rehearsal.yaml": (0o100644, FAULT)},
            name="publish",
            ratchet={"berths": rehearsal()},
            around=Surroundings(),
            watch=_quiet,
        )
        for draft in (after, broken)
    ]
    assert answers[0].holds, answers[0].why
    assert not answers[1].holds
    assert "berths" in answers[1].why


def test_a_toil_change_is_held_to_an_old_fault(engine: Engine) -> None:
    before = {**base(), "site.html": SITE, "publish.sh": (0o100755, SAFE)}
    good = {**before, **RIGHT["a list, rendered and checked"]}
    bad = {**good, "publish.sh": (0o100755, PUBLISH)}
    answers = [
        CellProver(engine).prove(
            base=before,
            draft=draft,
            rehearsal=rehearsal(),
            name="berths",
            ratchet={"publish": {"rehearsal.yaml": (0o100644, FAULT)}},
            around=Surroundings(),
            watch=_quiet,
        )
        for draft in (good, bad)
    ]
    assert answers[0].holds, answers[0].why
    assert not answers[1].holds
    assert "publish" in answers[1].why


def test_a_deed_leaves_nothing_for_the_next_one_but_what_it_committed(engine: Engine) -> None:
    litter = (
        "echo x > ~/mine; echo x > /var/tmp/mine; (sleep 60 &) ; echo x > kept; echo x > /etc/mine"
    )
    look = "test ! -e ~/mine && test ! -e /var/tmp/mine && test ! -e /etc/mine && test -e kept"
    chain = [Deed(run=(("bash", "-c", litter),)), Deed(run=(("bash", "-c", look),), away=True)]
    first, second = CellPlayer(engine).deeds({}, [chain])[0]
    assert first.changed == {"kept": (0o100644, b"x\n")}
    assert second.code == 0, second.said


def test_a_check_alone_is_a_guard_and_is_not_sold_as_more(engine: Engine) -> None:
    guarded = _proof(engine, guard(), GUARDED)
    sold = _proof(engine, guard())
    assert guarded.holds, guarded.why
    left_out = [c for c in guarded.cells if c.kind is CellKind.OMISSION and c.side is Side.DRAFT]
    assert {c.why.split(":")[0] for c in left_out} == {"Noticed"}
    assert not sold.holds


def test_a_guard_that_counts_is_refused(engine: Engine) -> None:
    proof = _proof(engine, counted(), GUARDED)
    assert not proof.holds
    assert "Drift" in proof.why


def test_one_edit_and_one_command_may_be_the_operation(engine: Engine) -> None:
    proof = _proof(engine, from_board(), BY_EDIT)
    assert proof.holds, proof.why


def test_two_edits_by_hand_are_no_operation(engine: Engine) -> None:
    text = BY_EDIT.replace("{edit: board.md}", "{edit: board.md}, {edit: radio.conf}", 1)
    proof = _proof(engine, from_board(), text)
    assert not proof.holds
    assert "2 of them edits by hand" in proof.why


def test_without_an_operation_the_step_is_not_gone(engine: Engine) -> None:
    text = REHEARSAL[: REHEARSAL.index("  operation:")] + "repeats: 1\n"
    proof = _proof(engine, from_board(), text)
    assert not proof.holds
    assert "No operation is named" in proof.why


def test_base_that_disagrees_with_itself_is_a_question(engine: Engine) -> None:
    board = base()["board.md"][1].replace(b"| 31 |", b"| 13 |")
    odd: Files = {**base(), "board.md": (0o100644, board)}
    trial = CellProver(engine).try_rehearsal(
        rehearsal(), odd, Surroundings(), _quiet, name="berths"
    )
    assert not trial.control_good
    assert "channel of mole-1 is" in trial.why


def test_toil_that_is_noticed_already_is_not_reproduced(engine: Engine) -> None:
    trial = CellProver(engine).try_rehearsal(
        rehearsal(), guard(), Surroundings(), _quiet, name="berths"
    )
    assert trial.control_good
    assert not trial.hits
    assert {c.outcome for c in trial.cells} == {Outcome.HELD}


def test_a_check_that_can_only_be_guessed_at_is_broken_and_not_held(engine: Engine) -> None:
    good = RIGHT["a list, rendered and checked"]
    text = CI + "      - uses: somebody/berth-check@v1\n"
    proof = _proof(engine, {**good, ".github/workflows/check.yml": (0o100644, text.encode())})
    assert not proof.holds
    assert "somebody/berth-check@v1" in proof.why
    bare = [c for c in proof.cells if c.kind is CellKind.DRIFT and "then" not in (c.fault or {})]
    assert {c.outcome for c in bare} == {Outcome.BROKEN}


def test_a_job_that_is_red_before_anything_was_done_is_not_asked(engine: Engine) -> None:
    deploy = b"on: push\njobs:\n  deploy:\n    steps:\n      - run: not-here --deploy\n"
    both = {".github/workflows/deploy.yml": (0o100644, deploy)}
    proof = _proof(
        engine, {**RIGHT["a list, rendered and checked"], **both}, old={**base(), **both}
    )
    assert proof.holds, proof.why
    assert any("deploy.yml" in text for text in proof.not_covered)


CI_SAYS = {
    "a step that fails": ("      - run: 'false'\n", True),
    "nothing": ("      - run: 'true'\n", False),
    "a pipe that fails, in a shell with pipefail": (
        "      - run: false | cat\n        shell: bash\n",
        True,
    ),
    "a pipe that fails, in the usual shell": ("      - run: false | cat\n", False),
    "another folder": ("      - run: test -e in\n        working-directory: sub\n", False),
    "no such folder": ("      - run: 'true'\n        working-directory: nowhere\n", True),
    "what a step exports": (
        "      - run: echo A=1 >> $GITHUB_ENV\n      - run: test $A = 2\n",
        True,
    ),
    "after a failure, always": (
        "      - run: 'false'\n        continue-on-error: true\n"
        "      - run: 'true'\n        if: always()\n",
        False,
    ),
    "the home of a person": ("      - run: test ! -e ~/.gitconfig\n", False),
}


@pytest.mark.parametrize("name", CI_SAYS)
def test_ci_is_played_as_it_runs(engine: Engine, name: str) -> None:
    step, is_red = CI_SAYS[name]
    head = "on: push\njobs:\n  one:\n    steps:\n      - uses: actions/checkout@v4\n"
    tree: Files = {
        ".github/workflows/a.yml": (0o100644, (head + step).encode()),
        "sub/in": (0o100644, b""),
    }
    (said,) = CellPlayer(engine).says(tree, [Commit({"x": (0o100644, b"")})], frozenset())
    assert not said.broken
    assert bool(said.red) is is_red, said.log


def test_without_a_checkout_the_folder_is_empty(engine: Engine) -> None:
    text = 'on: push\njobs:\n  one:\n    steps:\n      - run: test -z "$(ls -A)"\n'
    tree: Files = {".github/workflows/a.yml": (0o100644, text.encode())}
    (said,) = CellPlayer(engine).says(tree, [Commit({"x": (0o100644, b"")})], frozenset())
    assert said.content, said.log


JOBS = """on: push
jobs:
  first:
    steps: [{run: 'false'}]
  second:
    needs: first
    steps: [{run: echo second}]
  last:
    needs: [first, second]
    if: always()
    strategy: {matrix: {part: [a, b]}}
    steps: [{run: 'echo last ${{ matrix.part }}'}]
"""


def test_a_job_waits_for_what_it_needs(engine: Engine) -> None:
    tree: Files = {".github/workflows/a.yml": (0o100644, JOBS.encode())}
    commit = Commit({"x": (0o100644, b"")})
    (said,) = CellPlayer(engine).says(tree, [commit], frozenset(), whole=True)
    assert said.red_keys == {"a.yml first"}
    assert "last a" in said.log
    assert "last b" in said.log
    assert "second" not in said.log


def test_a_deed_cannot_speak_for_the_one_who_watches_it(engine: Engine) -> None:
    forge = (
        "for p in /proc/[0-9]*; do n=${p#/proc/}; [ $n = $$ ] || [ $n = $BASHPID ] && continue; "
        "tr '\\0' ' ' < $p/cmdline | grep -q '^/usr/bin/python3 -IS' || continue; "
        "(echo forged > $p/fd/1) 2>&1; cat $p/environ $p/mem > /dev/null 2>&1 && echo read; done"
    )
    (did,) = CellPlayer(engine).deeds({}, [[Deed(run=(("bash", "-c", forge),))]])[0]
    assert "Permission denied" in did.said
    assert "read" not in did.said.split()
    assert not did.broken


def test_a_deed_that_hangs_on_or_dies_says_so(engine: Engine) -> None:
    chains = [
        [Deed(run=(("not-there",),))],
        [Deed(run=(("bash", "-c", "kill -9 $$"),))],
        [Deed(run=(("bash", "-c", "echo x > made; exit 3"),), probes=(("cat", "made"),))],
    ]
    missing, killed, failed = (one[0] for one in CellPlayer(engine).deeds({}, chains))
    assert (missing.code, killed.code, failed.code) == (127, -9, 3)
    assert (missing.same, failed.same) == (True, False)
    assert failed.probes == ("x\n",)
