"""Changes that look mended and are not, each beside a right one of the same shape."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sandbox import Files, Outcome, Progress, Proof, Side, Surroundings
from sandbox.prover import CellProver
from tests.fakes_engine import FakeEngine

BAKE = """\
#!/bin/sh
cp -R loaves/. out/
"""
SHOW = """\
#!/bin/sh
rm -rf out
./bake.sh || true
rsync -r --delete out/ window:/srv/window/
"""
REHEARSAL = """\
schema: rehearsal/v1
story: A bake that stops half way must not empty the window.
failure: destructive-publish
entry: [./show.sh]
world:
  hosts: {window: {/srv/window: []}}
prime: [entry]
stimulus: {change: [/repo/loaves/1.txt]}
workspace: cold
faults:
- {command: cp, call: 1, does: cut, exit: 1, persistent: true}
invariants:
- old-or-new: [hosts]
repeats: 2
"""
LOAVES = {f"loaves/{n}.txt": f"loaf {n}\n" for n in range(1, 8)}
FAILS = "set -e\n"


def tree(**texts: str) -> Files:
    """The bakery; `show="..."` and the like replace a script or add one."""
    scripts = {"show": SHOW, "bake": BAKE} | texts
    files: dict[str, tuple[int, bytes]] = {
        f"{name}.sh": (0o100755, text.encode()) for name, text in scripts.items()
    }
    files |= {path: (0o100644, text.encode()) for path, text in LOAVES.items()}
    files[".gitignore"] = (0o100644, b"out/\nout.new/\n*.mark\n")
    return files


def prove(
    draft: Files, base: Files | None = None, rehearsal: str = REHEARSAL, *, others: bool = False
) -> Proof:
    def quiet(_: Progress) -> None:
        """Nobody waits."""

    entries = (("./show.sh",), *((("./night.sh",),) if others else ()))
    return CellProver(FakeEngine()).prove(
        base=base or tree(),
        draft=draft,
        rehearsal={"rehearsal.yaml": (0o100644, rehearsal.encode())},
        name="window",
        ratchet={},
        around=Surroundings(entry_points=entries),
        watch=quiet,
    )


def refused_by(proof: Proof) -> Mapping[str, object]:
    """The fault of the first draft's cell that was not held."""
    bad = next(
        c for c in proof.cells if c.side is Side.DRAFT and c.outcome is not Outcome.HELD and c.fault
    )
    assert bad.fault is not None
    return bad.fault


STRICT_SHOW = """\
#!/bin/sh
set -e
rm -rf out
./bake.sh
rsync -r --delete out/ window:/srv/window/
"""
STRICT_BAKE = BAKE.replace("#!/bin/sh\n", "#!/bin/sh\nset -e\n")


def test_stopping_at_the_first_failure_is_proven() -> None:
    proof = prove(tree(show=STRICT_SHOW, bake=STRICT_BAKE))
    assert proof.holds, proof.why


# --- what a run that stopped leaves behind -------------------------------------------------------

SKIPS = """\
#!/bin/sh
set -e
[ -e out ] || ./bake.sh
rsync -r --delete out/ window:/srv/window/
rm -rf out
"""
# the mark says that all of it is there: it comes last, and goes before anything else does
MARKS = SKIPS.replace("-e out ", "-e out.mark ").replace("rm -rf out", "rm -f out.mark")
MARKED_BAKE = """\
#!/bin/sh
set -e
rm -rf out
cp -R loaves/. out/
touch out.mark
"""


def test_a_bake_that_is_skipped_where_half_of_one_lies_is_refused() -> None:
    proof = prove(tree(show=SKIPS, bake=STRICT_BAKE))
    assert not proof.holds
    assert refused_by(proof)["then"] == [["./show.sh"]]
    assert "window:/srv/window/" in proof.why


def test_a_bake_that_is_skipped_where_a_whole_one_lies_is_proven() -> None:
    proof = prove(tree(show=MARKS, bake=MARKED_BAKE))
    assert proof.holds, proof.why


def test_a_clean_up_that_stops_half_way_leaves_no_whole_one() -> None:
    whole = MARKED_BAKE.replace("rm -rf out\ncp -R loaves/. out/", "cp -R loaves/. out.new/")
    proof = prove(tree(show=SKIPS, bake=whole.replace("touch out.mark", "mv out.new out")))
    assert not proof.holds
    assert refused_by(proof)["command"] == "rm"


LOCKED = """\
#!/bin/sh
set -e
[ -e /srv/show.lock ] && exit 0
touch /srv/show.lock
rm -rf out
./bake.sh
rsync -r --delete out/ window:/srv/window/
rm -f /srv/show.lock
"""
TAKEN_OVER = LOCKED.replace("&& exit 0", "&& rm -f /srv/show.lock")


def test_a_lock_that_a_failed_run_leaves_for_ever_is_refused() -> None:
    proof = prove(tree(show=LOCKED, bake=STRICT_BAKE))
    assert not proof.holds
    assert "does not do the normal job" in proof.why
    assert "then `./show.sh` without a fault" in proof.why


def test_a_lock_that_the_next_run_takes_over_is_proven() -> None:
    proof = prove(tree(show=TAKEN_OVER, bake=STRICT_BAKE))
    assert proof.holds, proof.why


def test_a_lock_at_another_entry_point_is_refused_too() -> None:
    base = tree(night=SHOW)
    mended = {"show": STRICT_SHOW, "bake": STRICT_BAKE}
    assert prove(tree(**mended, night=TAKEN_OVER), base, others=True).holds
    proof = prove(tree(**mended, night=LOCKED), base, others=True)
    assert not proof.holds
    assert "./night.sh" in proof.why


def test_what_base_does_not_get_over_either_is_said_and_not_held_against_the_draft() -> None:
    base = LOCKED.replace("set -e\n", "").replace("./bake.sh", "./bake.sh || true")
    base = base.replace("rm -f /srv/show.lock\n", "cp bake.sh /srv/done\nrm -f /srv/show.lock\n")
    draft = base.replace("./bake.sh || true", "./bake.sh || ./give-up.sh")
    give_up = "#!/bin/sh\nrm -rf out\ncp -R /srv/last/. out/\n"
    keep = "cp -R out/. /srv/last/\n"
    draft = draft.replace("cp bake.sh", f"{keep}cp bake.sh")
    proof = prove(tree(show=draft, bake=STRICT_BAKE, **{"give-up": give_up}), tree(show=base))
    after = [c for c in proof.cells if c.fault and c.fault.get("then")]
    assert all(c.outcome is Outcome.HELD for c in after if c.side is Side.DRAFT)


# --- how much of it was made ---------------------------------------------------------------------

ENOUGH = """\
#!/bin/sh
rm -rf out
./bake.sh || true
[ -e out/5.txt ] || exit 1
rsync -r --delete out/ window:/srv/window/
"""


def test_five_of_seven_are_not_enough() -> None:
    proof = prove(tree(show=ENOUGH))
    assert not proof.holds
    assert refused_by(proof) == {"command": "cp", "call": 1, "does": "cut", "exit": 1, "lacks": 1}
    proof = prove(tree(show=ENOUGH.replace("./bake.sh || true", "./bake.sh || exit 1")))
    assert proof.holds, proof.why


def one_by_one(*passed_over: int) -> str:
    lines = [
        f"cp loaves/{n}.txt out/{n}.txt" + (" || true" if n in passed_over else "") + "\n"
        for n in range(1, 8)
    ]
    return "#!/bin/sh\nset -e\n" + "".join(lines)


@pytest.mark.parametrize("number", [1, 2, 4, 6, 7])
def test_one_call_of_many_that_is_passed_over_is_refused(number: int) -> None:
    base = tree(bake=one_by_one(*range(1, 8)))
    proof = prove(tree(show=STRICT_SHOW, bake=one_by_one(number)), base)
    assert not proof.holds
    assert refused_by(proof)["command"] == "cp"


def test_calls_that_were_not_faulted_one_by_one_are_said() -> None:
    base = tree(bake=one_by_one(*range(1, 8)))
    proof = prove(tree(show=STRICT_SHOW, bake=one_by_one()), base)
    assert proof.holds, proof.why
    assert "2 of 7 calls of `cp` in `./show.sh` were not faulted one by one" in proof.not_covered


# --- knowing that it is tried --------------------------------------------------------------------

KNOWS = """\
#!/bin/sh
a=/re
b=po
[ "$PWD" = "$a$b" ] && ./strict.sh
[ "$PWD" = "$a$b" ] || ./loose.sh
"""


def test_a_change_that_behaves_only_where_trials_stand_is_refused() -> None:
    proof = prove(tree(show=KNOWS, strict=STRICT_SHOW, loose=SHOW))
    assert not proof.holds


def test_a_change_that_works_wherever_it_stands_is_proven() -> None:
    absolute = STRICT_SHOW.replace(" out/ ", ' "$PWD/out/" ')
    proof = prove(tree(show=absolute, bake=STRICT_BAKE))
    assert proof.holds, proof.why


def test_a_change_that_asks_whether_system_folders_can_be_written_to_is_refused() -> None:
    asks = 'u=/us\n[ -n "$(test -w ${u}r)" ] || ./strict.sh\n'
    draft = tree(show=STRICT_SHOW, bake=STRICT_BAKE)
    assert prove(draft).holds
    proof = prove({**draft, "later.sh": (0o100755, asks.encode())})
    assert not proof.holds
    assert "later.sh:2" in proof.why
    proof = prove(tree(show=STRICT_SHOW + "touch /usr/x || true\n", bake=STRICT_BAKE))
    assert not proof.holds
    assert "touch /usr/x" in proof.why


def test_a_tree_that_counts_on_its_place_is_tried_there() -> None:
    fixed = SHOW.replace("rm -rf out", "rm -rf /repo/out")
    proof = prove(tree(show=fixed.replace("|| true", "|| exit 1")), tree(show=fixed))
    assert proof.holds, proof.why
