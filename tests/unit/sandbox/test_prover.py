from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sandbox import (
    BadRehearsal,
    CellKind,
    Files,
    Mirroring,
    Outcome,
    Progress,
    Proof,
    SandboxError,
    Setting,
    Side,
)
from sandbox import Surroundings as Around
from sandbox.engine import Ended, Ran, Run
from sandbox.prover import CellProver
from sandbox.rehearsal import freeze
from tests.fakes_engine import FakeEngine
from tests.unit.sandbox import gallery


def quiet(_: Progress) -> None:
    """Nobody waits."""


def prove(
    draft: Files,
    *,
    base: Files | None = None,
    rehearsal: Files | None = None,
    ratchet: dict[str, Files] | None = None,
    around: Around = gallery.AROUND,
    engine: FakeEngine | None = None,
    watch: Callable[[Progress], None] = quiet,
) -> Proof:
    return CellProver(engine or FakeEngine()).prove(
        base=base or gallery.tree(),
        draft=draft,
        rehearsal=rehearsal or gallery.rehearsal(),
        name="scans",
        ratchet=ratchet or {},
        around=around,
        watch=watch,
    )


def test_a_good_fix_is_proven_at_every_entry_point_and_in_every_repeat() -> None:
    proof = prove(gallery.add_only())
    assert proof.holds, proof.why
    declared = [c for c in proof.cells if c.kind is CellKind.DECLARED]
    assert {(c.side, c.seed, c.outcome) for c in declared} == {
        (Side.BASE, 1, Outcome.HIT),
        (Side.BASE, 2, Outcome.HIT),
        (Side.DRAFT, 1, Outcome.HELD),
        (Side.DRAFT, 2, Outcome.HELD),
    }
    assert {c.entry for c in proof.cells} == set(gallery.AROUND.entry_points)
    assert {c.kind for c in proof.cells} >= {CellKind.HONEST, CellKind.LYING, CellKind.INPUT}
    assert proof.decisive
    assert proof.image == "fake:0"


@pytest.mark.parametrize(
    "draft",
    [
        gallery.strict_only,
        gallery.one_door,
        gallery.retries,
        gallery.does_nothing,
        gallery.tree,
    ],
    ids=lambda draft: draft.__name__,
)
def test_a_wrong_fix_is_refused(draft: Callable[[], Files]) -> None:
    proof = prove(draft())
    assert not proof.holds
    assert proof.why
    assert proof.evidence["refused"]["why"] in proof.why


def test_every_ground_is_closed() -> None:
    engine = FakeEngine()
    prove(gallery.add_only(), engine=engine)
    prove(gallery.strict_only(), engine=engine)
    assert all(ground.closed for ground in engine.grounds)


def test_the_edits_that_carry_are_told_from_those_that_do_not() -> None:
    proof = prove(gallery.add_only())
    roles = {role.path: role.role for role in proof.load_bearing}
    assert roles["README.md"] == "idle"
    assert roles["nightly.sh"] == "carries"
    assert roles["publish.sh"] == "carries"


def test_a_hunk_without_which_work_stops_is_needed() -> None:
    draft = gallery.tree(
        build_sh=gallery.SAFE_BUILD + "cp tools/stamp.txt out/stamp.txt\n",
        publish_sh=gallery.PUBLISH.replace(
            "aws s3 sync out s3://gallery --delete", "./send.sh"
        ).replace("#!/bin/sh\n", "#!/bin/sh\nset -e\n"),
    )
    draft["send.sh"] = (0o100755, b"#!/bin/sh\nset -e\naws s3 sync out s3://gallery\n")
    draft["tools/stamp.txt"] = (0o100644, b"stamp\n")
    around = replace(gallery.AROUND, entry_points=(("./publish.sh",),))
    proof = prove(draft, around=around)
    assert proof.holds, proof.why
    roles = {role.path: role.role for role in proof.load_bearing}
    assert roles["send.sh"] == "needed"
    assert roles["publish.sh"] == "carries"


def test_the_first_verdict_comes_before_repeats_and_neighbours() -> None:
    told: list[Progress] = []
    prove(gallery.add_only(), watch=told.append)
    first = next(i for i, p in enumerate(told) if "first verdict" in p.text)
    before = [p.cell for p in told[:first] if p.cell is not None]
    assert {(c.side, c.kind, c.outcome) for c in before} == {
        (Side.BASE, CellKind.CONTROL, Outcome.HELD),
        (Side.DRAFT, CellKind.CONTROL, Outcome.HELD),
        (Side.BASE, CellKind.DECLARED, Outcome.HIT),
        (Side.DRAFT, CellKind.DECLARED, Outcome.HELD),
    }
    assert all(p.done <= p.total for p in told)


def test_a_failure_that_base_does_not_have_is_not_reproduced() -> None:
    proof = prove(gallery.add_only(), base=gallery.add_only() | {"x": (0o100644, b"x\n")})
    assert not proof.holds
    assert "Not reproduced" in proof.why


def test_a_fault_that_is_never_reached_on_base_proves_nothing() -> None:
    text = gallery.REHEARSAL.replace("command: rsync", "command: scp")
    proof = prove(gallery.add_only(), rehearsal=gallery.rehearsal(text))
    assert not proof.holds
    assert "never reached" in proof.why


def test_a_fault_that_the_draft_no_longer_meets_is_said_plainly() -> None:
    text = gallery.REHEARSAL.replace(
        "{command: rsync, call: 1, does: cut, exit: 12}", "{command: cp, call: 2, does: fail}"
    )
    draft = gallery.add_only()
    build = gallery.SAFE_BUILD.replace("cp -R in/. out/scans/", "rsync -r in/ out/scans/")
    build = build.replace(
        "cp pages/front.html out/front.html", "cat pages/front.html > out/front.html"
    )
    draft["build.sh"] = (0o100755, build.encode())
    proof = prove(draft, rehearsal=gallery.rehearsal(text))
    declared = [c for c in proof.cells if c.kind is CellKind.DECLARED and c.side is Side.DRAFT]
    assert [c.reached for c in declared] == [False, False]
    assert any("never reached on the draft" in text for text in proof.not_covered)


def test_a_run_that_hangs_is_broken_and_never_held() -> None:
    draft = gallery.add_only()
    draft["build.sh"] = (
        0o100755,
        gallery.SAFE_BUILD.replace("rsync", "sleep 999 || rsync").encode(),
    )

    proof = prove(draft)
    assert not proof.holds


def test_an_unknown_call_breaks_the_cell_and_is_named() -> None:
    draft = gallery.add_only()
    draft["build.sh"] = (
        0o100755,
        (gallery.SAFE_BUILD + "aws ec2 describe-hosts || true\n").encode(),
    )
    proof = prove(draft)
    assert not proof.holds
    assert "describe-hosts" in proof.why


def test_an_engine_error_is_tried_once_more_and_never_judged() -> None:
    failed: set[str] = set()

    def once(run: Run, ran: Ran) -> Ran:
        key = repr(run)
        if key in failed:
            return ran
        failed.add(key)
        return replace(ran, ended=Ended.ENGINE_ERROR, error="gone")

    assert prove(gallery.add_only(), engine=FakeEngine(spoil=once)).holds

    def always(run: Run, ran: Ran) -> Ran:
        return replace(ran, ended=Ended.ENGINE_ERROR) if run.faults else ran

    assert not prove(gallery.add_only(), engine=FakeEngine(spoil=always)).holds


def test_a_time_stamp_in_what_is_made_is_no_harm() -> None:
    stamp = "date > out/made.txt\n"
    base = gallery.tree(build_sh=gallery.BUILD + stamp)
    draft = gallery.add_only() | {"build.sh": (0o100755, (gallery.SAFE_BUILD + stamp).encode())}
    proof = prove(draft, base=base)
    assert proof.holds, proof.why


def test_the_ratchet_holds_what_held() -> None:
    # the ratchet's rehearsal holds on base (add-only) and hits on the draft (removing again)
    base = gallery.add_only()
    text = gallery.REHEARSAL.replace("[./publish.sh]", "[./nightly.sh]")
    broken = gallery.tree(nightly_sh=gallery.NIGHTLY)
    draft = base | {"nightly.sh": broken["nightly.sh"], "build.sh": broken["build.sh"]}
    cells = CellProver(FakeEngine()).rehearse({"old": gallery.rehearsal(text)}, draft, base, quiet)
    assert {c.outcome for c in cells if c.kind is CellKind.DECLARED} == {Outcome.HIT}
    cells = CellProver(FakeEngine()).rehearse({"old": gallery.rehearsal(text)}, base, None, quiet)
    assert {c.outcome for c in cells} == {Outcome.HELD}


def test_a_fix_that_brings_an_old_failure_back_is_refused() -> None:
    # base: publish removes, nightly is safe; the draft mends publish and spoils nightly
    safe = gallery.add_only()
    base = gallery.tree() | {"nightly.sh": safe["nightly.sh"]}
    draft = safe | {"nightly.sh": gallery.tree()["nightly.sh"]}
    lying = gallery.REHEARSAL.replace("[./publish.sh]", "[./nightly.sh]").replace(
        "{command: rsync, call: 1, does: cut, exit: 12}",
        '{input: "scanner:/scans", value: half}',
    )
    around = replace(gallery.AROUND, entry_points=(("./publish.sh",),))
    good = prove(safe, base=base, ratchet={"old": gallery.rehearsal(lying)}, around=around)
    assert good.holds, good.why
    proof = prove(draft, base=base, ratchet={"old": gallery.rehearsal(lying)}, around=around)
    assert not proof.holds
    assert "old rehearsal" in proof.why.lower()


def test_an_open_failure_in_the_ratchet_does_not_block_another_fix() -> None:
    lying = gallery.REHEARSAL.replace("[./publish.sh]", "[./nightly.sh]")
    around = replace(gallery.AROUND, entry_points=(("./publish.sh",),))
    safe = gallery.add_only()
    draft = safe | {
        "nightly.sh": gallery.tree()["nightly.sh"],
        "build.sh": gallery.tree()["build.sh"],
    }
    strict = gallery.PUBLISH.replace("#!/bin/sh\n", "#!/bin/sh\nset -e\n").replace(" --delete", "")
    draft["publish.sh"] = (0o100755, strict.replace("./build.sh", "./careful.sh").encode())
    draft["careful.sh"] = (0o100755, gallery.SAFE_BUILD.encode())
    proof = prove(draft, ratchet={"open": gallery.rehearsal(lying)}, around=around)
    assert proof.holds, proof.why
    assert any("open" in text for text in proof.residuals)


def test_checks_of_the_repository_count_unless_base_fails_them_too() -> None:
    base = gallery.tree() | {
        "ok.sh": (0o100755, b"#!/bin/sh\n[ -e README.md ] || exit 1\n"),
        "bad.sh": (0o100755, b"#!/bin/sh\nexit 3\n"),
    }
    draft = gallery.add_only() | {k: base[k] for k in ("ok.sh", "bad.sh")}
    around = replace(gallery.AROUND, checks=(("./ok.sh",), ("./bad.sh",)))
    proof = prove(draft, base=base, around=around)
    assert proof.holds, proof.why
    assert any("check fails on base" in text for text in proof.not_covered)
    del draft["README.md"]
    proof = prove(draft, base=base, around=around)
    assert not proof.holds
    assert "check" in proof.why


def test_priming_of_the_draft_may_leave_its_own_marker() -> None:
    marker = "cp pages/front.html /srv/marker\n"
    draft = gallery.add_only()
    draft["build.sh"] = (
        0o100755,
        gallery.SAFE_BUILD.replace("mkdir", "rm -f /srv/marker\nmkdir", 1).encode()
        + marker.encode(),
    )
    text = gallery.REHEARSAL.replace("[object-storage]", "[object-storage, files]")
    proof = prove(draft, rehearsal=gallery.rehearsal(text))
    assert proof.holds, proof.why


def test_a_fix_that_only_works_the_first_time_is_refused() -> None:
    draft = gallery.add_only()
    publish = draft["publish.sh"][1].decode()
    once = publish.replace("./build.sh", "[ -e /srv/done ] && exit 4\n./build.sh")
    draft["publish.sh"] = (0o100755, once.encode() + b"touch /srv/done\nrm -f /srv/fresh\n")
    # each run makes what the next one trips over; priming is followed by a fresh start
    draft["nightly.sh"] = (0o100755, draft["nightly.sh"][1] + b"touch /srv/done\n")
    text = gallery.REHEARSAL.replace("prime: [entry]", "prime: [[./nightly.sh], [./reset.sh]]")
    reset = (0o100755, b"#!/bin/sh\nrm -f /srv/done\n")
    proof = prove(
        draft | {"reset.sh": reset},
        base=gallery.tree() | {"reset.sh": reset},
        rehearsal=gallery.rehearsal(text),
    )
    assert not proof.holds
    assert "right after" in proof.why


def test_a_fix_that_removes_on_the_second_run_is_refused() -> None:
    draft = gallery.add_only()
    publish = draft["publish.sh"][1].decode()
    twice = (
        "[ -e /srv/second ] && aws s3 rm s3://gallery/scans/b.tif\n"
        "[ -e /srv/first ] && touch /srv/second\ntouch /srv/first\n"
    )
    draft["publish.sh"] = (0o100755, (publish + twice).encode())
    proof = prove(draft)
    assert not proof.holds
    assert "s3://gallery/scans/b.tif" in proof.why


def test_a_fix_that_leaves_part_of_the_job_out_is_refused() -> None:
    draft = gallery.add_only()
    draft["build.sh"] = (0o100755, (gallery.SAFE_BUILD + "rm -f out/scans/new.tif\n").encode())
    proof = prove(draft)
    assert not proof.holds
    assert "normal job is not done" in proof.why
    assert "scans/new.tif" in proof.why


def test_what_the_draft_keeps_is_shown_as_a_price() -> None:
    text = gallery.REHEARSAL.replace(
        '  add: ["scanner:/scans/new.tif"]', '  remove: ["scanner:/scans/b.tif"]'
    ).replace(
        "{command: rsync, call: 1, does: cut, exit: 12}", '{input: "scanner:/scans", value: half}'
    )
    proof = prove(gallery.add_only(), rehearsal=gallery.rehearsal(text))
    assert proof.holds, proof.why
    assert any("keeps 1 object" in t and "b.tif" in t for t in proof.degrades)


FROZEN = {"entry": ["./nightly.sh"], "fault": {"input": "scanner:/scans", "value": "half"}}


def test_frozen_neighbours_are_tried_when_the_ratchet_runs() -> None:
    files = freeze(gallery.rehearsal(), [FROZEN])
    cells = CellProver(FakeEngine()).rehearse({"scans": files}, gallery.one_door(), None, quiet)
    frozen = [c for c in cells if c.frozen]
    assert [(c.entry, c.outcome) for c in frozen] == [(("./nightly.sh",), Outcome.HIT)]


def test_decisive_neighbours_of_a_proof_can_be_frozen_in() -> None:
    proof = prove(gallery.add_only())
    files = freeze(gallery.rehearsal(), proof.decisive)
    prover = CellProver(FakeEngine())
    held = prover.rehearse({"scans": files}, gallery.add_only(), gallery.tree(), quiet)
    assert {c.outcome for c in held} == {Outcome.HELD}
    back = prover.rehearse({"scans": files}, gallery.strict_only(), gallery.tree(), quiet)
    assert Outcome.HIT in {c.outcome for c in back}


def test_a_rehearsal_is_tried_before_there_is_a_fix() -> None:
    prover = CellProver(FakeEngine())
    trial = prover.try_rehearsal(
        gallery.rehearsal(), gallery.tree(), gallery.AROUND, quiet, name="scans"
    )
    assert trial.control_good
    assert trial.hits
    assert "rsync" in trial.calls
    trial = prover.try_rehearsal(
        gallery.rehearsal(), gallery.add_only(), gallery.AROUND, quiet, name="scans"
    )
    assert trial.control_good
    assert not trial.hits


def test_a_control_that_does_nothing_is_not_good() -> None:
    trial = CellProver(FakeEngine()).try_rehearsal(
        gallery.rehearsal(), gallery.does_nothing(), gallery.AROUND, quiet, name="scans"
    )
    assert not trial.control_good
    assert not trial.hits


def test_a_bad_rehearsal_is_refused_before_anything_runs() -> None:
    engine = FakeEngine()
    with pytest.raises(BadRehearsal):
        prove(gallery.add_only(), rehearsal=gallery.rehearsal("a: 1\n"), engine=engine)
    assert engine.grounds == []


# --- a clean-up on a path from settings ----------------------------------------------------------

CLEAN = """\
#!/bin/sh
. ./shop.env
rm -rf $SHELF/old/*
touch $SHELF/cleaned
"""
SHOP = "SHELF=/srv/shop/shelf\n"
CLEANING = """\
schema: rehearsal/v1
story: A clean-up with a wrong shelf must not take what is not its own.
failure: unguarded-removal
entry: [./clean.sh]
world:
  files:
    /srv/shop/shelf: [old/a.txt, old/b.txt, keep.txt]
    /srv/shop/old: [tax.txt]
    /old: [deed.txt]
faults:
- {input: "/repo/shop.env#SHELF", value: ""}
invariants:
- old-or-new: [files]
repeats: 2
"""
SHELVES = Around(
    entry_points=(("./clean.sh",),),
    settings=(Setting("SHELF", "shop.env", "/srv/shop/shelf", feeds="path"),),
)


def shop(clean: str = CLEAN) -> Files:
    return {
        "clean.sh": (0o100755, clean.encode()),
        "shop.env": (0o100644, SHOP.encode()),
    }


def test_a_guard_against_the_empty_value_alone_is_refused() -> None:
    guarded = CLEAN.replace("rm -rf", '[ -n "$SHELF" ] || exit 1\nrm -rf', 1)
    proof = prove(shop(guarded), base=shop(), rehearsal=gallery.rehearsal(CLEANING), around=SHELVES)
    assert not proof.holds
    assert "shop.env#SHELF" in proof.why


def test_removing_only_where_the_own_mark_lies_is_proven() -> None:
    marked = CLEAN.replace(
        "rm -rf", '[ -n "$SHELF" ] || exit 1\n[ -e "$SHELF/shelf.mark" ] || exit 1\nrm -rf', 1
    )
    text = CLEANING.replace("keep.txt", "shelf.mark")
    proof = prove(shop(marked), base=shop(), rehearsal=gallery.rehearsal(text), around=SHELVES)
    assert proof.holds, proof.why


def test_a_fixed_place_needs_no_setting_and_is_proven() -> None:
    fixed = "#!/bin/sh\nrm -rf /srv/shop/shelf/old/*\ntouch /srv/shop/shelf/cleaned\n"
    proof = prove(shop(fixed), base=shop(), rehearsal=gallery.rehearsal(CLEANING), around=SHELVES)
    assert proof.holds, proof.why


INSTALL = """\
#!/bin/sh
. ./shop.env
rm -rf $SHELF/tins/*
cp -R tins/. $SHELF/tins/
"""
INSTALLING = CLEANING.replace("./clean.sh", "./install.sh").replace(
    "faults:", "prime: [entry]\nstimulus: {change: [/repo/tins/a.txt]}\nfaults:"
)


def test_where_settings_are_wrong_own_files_half_way_are_not_the_harm() -> None:
    base = {
        **shop(),
        "install.sh": (0o100755, INSTALL.encode()),
        "tins/a.txt": (0o100644, b"a\n"),
        "tins/b.txt": (0o100644, b"b\n"),
    }
    base["shop.env"] = (0o100644, b"SHELF=/srv/shop/shelf\n")
    fixed = INSTALL.replace("#!/bin/sh\n", "#!/bin/sh\nset -e\n").replace(
        "$SHELF", "/srv/shop/shelf"
    )
    draft = base | {"install.sh": (0o100755, fixed.encode())}
    around = replace(SHELVES, entry_points=(("./install.sh",),))
    text = INSTALLING.replace("/old: [deed.txt]", "/tins: [deed.txt]")
    proof = prove(draft, base=base, rehearsal=gallery.rehearsal(text), around=around)
    assert proof.holds, proof.why
    cut = [c for c in proof.cells if c.fault and c.fault.get("command") == "rm" and c.code]
    assert cut  # it did stop half way through its own files


def test_where_settings_are_wrong_half_an_installation_may_be_left_alone_and_is_shown() -> None:
    base = {
        **shop(),
        "install.sh": (0o100755, INSTALL.replace("cp -R tins/. ", "rsync -r tins/ ").encode()),
        "tins/a.txt": (0o100644, b"a\n"),
        "tins/b.txt": (0o100644, b"b\n"),
    }
    text = INSTALLING.replace("/old: [deed.txt]", "/tins: [deed.txt]").replace(
        "prime: [entry]\n", ""
    )
    # only what carries its mark is its own: half an installation has none
    own = (
        "#!/bin/sh\nset -e\n[ -e /srv/shop/shelf/tins ] && [ -e /srv/shop/shelf/own ] || ./new.sh\n"
        "rm -rf /srv/shop/shelf/tins/*\nrsync -r tins/ /srv/shop/shelf/tins/\n"
        "touch /srv/shop/shelf/own\n"
    )
    new = "#!/bin/sh\n[ -e /srv/shop/shelf/tins ] && exit 3\nexit 0\n"
    draft = base | {"install.sh": (0o100755, own.encode()), "new.sh": (0o100755, new.encode())}
    around = replace(SHELVES, entry_points=(("./install.sh",),))
    proof = prove(draft, base=base, rehearsal=gallery.rehearsal(text), around=around)
    assert proof.holds, proof.why
    assert any("clean run after the fault" in text for text in proof.degrades)


def test_a_frozen_wrong_path_meets_bait_when_the_ratchet_runs() -> None:
    item = {
        "entry": ["./clean.sh"],
        "fault": {"input": "/repo/shop.env#SHELF", "value": "/srv/neighbour"},
    }
    files = freeze(gallery.rehearsal(CLEANING), [item])
    cells = CellProver(FakeEngine()).rehearse({"shelf": files}, shop(), None, quiet)
    frozen = [c for c in cells if c.frozen]
    assert [c.outcome for c in frozen] == [Outcome.HIT]
    assert all(a.startswith("/srv/neighbour/") for c in frozen for a in c.lost)


PREPARED = CLEANING.replace("    /old: [deed.txt]\n", "") + "prepare: prepare.sh\n"
PREPARE = """\
#!/bin/sh
cp /srv/shop/old/tax.txt /old/deed.txt
echo mine > /repo/notes.txt
"""


def test_a_prepared_world_is_the_same_on_both_sides_and_holds_nothing_of_the_script() -> None:
    fixed = "#!/bin/sh\nrm -rf /srv/shop/shelf/old/*\ntouch /srv/shop/shelf/cleaned\n"
    engine = FakeEngine()
    proof = prove(
        shop(fixed),
        base=shop(),
        rehearsal=gallery.rehearsal(PREPARED, prepare=PREPARE),
        around=SHELVES,
        engine=engine,
    )
    assert proof.holds, proof.why
    hit = next(c for c in proof.cells if c.kind is CellKind.DECLARED and c.side is Side.BASE)
    assert "/old/deed.txt" in hit.lost
    entries = [ran for run, ran in engine.ran if run.argv == ("./clean.sh",)]
    assert not any(
        a in ran.state for ran in entries for a in ("/repo/notes.txt", "/repo/prepare.sh")
    )
    prepared = [run for run, _ in engine.ran if run.argv == ("./prepare.sh",)]
    assert len(prepared) == 2  # once for each seed


def test_a_preparation_that_fails_is_an_error_with_a_remedy() -> None:
    with pytest.raises(SandboxError) as caught:
        prove(
            shop(),
            base=shop(),
            rehearsal=gallery.rehearsal(PREPARED, prepare="#!/bin/sh\nexit 4\n"),
            around=SHELVES,
        )
    assert caught.value.code == "bad-prepare"
    assert caught.value.mend


def test_a_mirror_that_waits_where_no_run_comes_is_not_proven() -> None:
    """A date, a counter, a new script: what was never run was never tried."""
    mirror = ("aws", "s3", "sync", "out", "s3://gallery", "--delete")
    old = tuple(
        Mirroring(entry, entry[0].removeprefix("./"), 4, mirror)
        for entry in gallery.AROUND.entry_points
    )
    around = replace(
        gallery.AROUND,
        mirrors=old,
        draft_mirrors=(Mirroring(("./prune.sh",), "prune.sh", 3, mirror),),
    )
    proof = prove(gallery.add_only(), around=around)
    assert not proof.holds
    assert "prune.sh:3" in proof.why
    assert prove(gallery.add_only(), around=replace(around, draft_mirrors=())).holds
