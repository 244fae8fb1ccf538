"""Merging through the graph, with real git: what was approved, once, or back with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from policies import Level
from service.changes import Stage
from service.ledger import Kind
from tests.unit.service.flow.merging import GOOD, LONG, Crash, Scene, git
from tests.unit.service.flow.parts import TREE, finding, verdict

Made = Callable[..., Scene]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Made]:
    made: list[Scene] = []

    def one(**how: object) -> Scene:
        made.append(Scene(tmp_path, **how))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for scene in made:
        scene.close()


@pytest.fixture
def scene(make: Made) -> Scene:
    return make()


# --- exactly what was approved --------------------------------------------------------------


def test_what_was_approved_is_what_the_branch_holds(scene: Scene) -> None:
    change = scene.waiting()
    base = scene.at()
    merged = scene.run(change)
    assert merged.stage is Stage.MERGED
    assert scene.shows("bin/publish") == GOOD.decode().strip()
    assert scene.at("main^") == base
    assert scene.merges(change) == [scene.at()]
    assert scene.yes.redeemed == [(change.id, scene.at())]


def test_a_merge_says_who_on_which_evidence_and_where_the_log_stood(scene: Scene) -> None:
    change = scene.waiting(title="Stop before publishing")
    scene.run(change)
    text = git(scene.origin, "show", "-s", "--format=%B", "main")
    lines = text.splitlines()
    assert lines[0] == "Stop before publishing"
    assert f"Pawl-Change: {change.id}" in lines
    assert "Pawl-Requested-By: ana" in lines
    assert "Pawl-Approved-By: bo" in lines
    assert f"Pawl-Evidence: sha256:{change.binding}" in lines
    size, root = next(x for x in lines if x.startswith("Pawl-Checkpoint")).split()[1:]
    note = git(scene.origin, "show", "refs/pawl/checkpoint:checkpoint")
    assert note.splitlines()[1:3] == [size, root]
    assert scene.store.check(note + "\n").size == int(size)
    assert git(scene.origin, "show", "refs/pawl/checkpoint:log.pub") == str(scene.store.public_key)


def test_the_intent_is_on_record_before_the_branch_moves(scene: Scene) -> None:
    change = scene.waiting()
    scene.run(change)
    assert scene.kinds(change)[-3:] == [
        Kind.MERGE_INTENDED,
        Kind.MERGED,
        Kind.CHECKPOINT_PUBLISHED,
    ]
    assert scene.store.audit() == ()


def test_on_an_unmoved_base_nothing_is_run_again_and_it_is_said(scene: Scene) -> None:
    change = scene.waiting()
    proofs = scene.prover.proofs
    scene.run(change)
    assert (scene.prover.proofs, scene.prover.ratchets) == (proofs, 0)
    assert "proven tree is the future tree" in scene.last(change, Kind.MERGE_INTENDED).judgment.why


def test_a_waiting_proposal_lies_on_a_branch_that_goes_with_the_merge(scene: Scene) -> None:
    change = scene.waiting()
    branch = f"refs/heads/pawl/{change.id}"
    assert branch in scene.refs()
    assert scene.shows("bin/publish", branch) == GOOD.decode().strip()
    scene.run(change)
    assert scene.refs() == ["refs/heads/main", "refs/pawl/checkpoint"]


def test_without_enough_approvals_nothing_moves(scene: Scene) -> None:
    change = scene.waiting()
    scene.yes.missing = "an approver"
    before = scene.at()
    assert scene.run(change).stage is Stage.WAITING
    assert scene.at() == before


# --- a base that moved ----------------------------------------------------------------------


def test_a_base_that_moved_elsewhere_is_merged_onto_after_the_ratchet_held(scene: Scene) -> None:
    change = scene.waiting()
    theirs = scene.push({"README.md": "other words\n"})
    proofs = scene.prover.proofs
    assert scene.run(change).stage is Stage.MERGED
    assert scene.at("main^") == theirs
    assert scene.shows("README.md") == "other words"
    assert (scene.prover.proofs, scene.prover.ratchets) == (proofs, 1)


def test_what_the_entry_point_reaches_has_moved_so_the_whole_proof_runs(scene: Scene) -> None:
    change = scene.waiting()
    scene.push({"lib/common.sh": "helper\n"})
    proofs = scene.prover.proofs
    assert scene.run(change).stage is Stage.MERGED
    assert scene.prover.proofs == proofs + 1


def test_a_ratchet_that_holds_no_more_takes_the_change_back(scene: Scene) -> None:
    change = scene.waiting()
    theirs = scene.push({"lib/common.sh": "broken\n"})
    scene.prover.holds = lambda text: False
    with pytest.raises(IndexError):  # the scripted planner has no second plan
        scene.run(change)
    back = scene.store.get(change.id)
    assert scene.last(change, Kind.VOID).judgment.payload["what"].startswith("main moved to")
    assert back.base == theirs
    assert scene.at() == theirs
    assert back.stage is Stage.REHEARSED


def test_the_same_file_elsewhere_voids_and_is_proven_again_on_the_new_base(make: Made) -> None:
    scene = make(tree={**TREE, "bin/publish": (0o100755, LONG)})
    change = scene.waiting()
    theirs = scene.push({"bin/publish": LONG.decode().replace("echo 19", "echo nineteen")})
    scene.meddled.after["void"] = lambda: setattr(scene.yes, "missing", "an approver")
    back = scene.run(change)
    assert back.stage is Stage.WAITING
    assert back.base == theirs
    assert back.binding not in (None, change.binding)
    assert scene.at() == theirs
    scene.yes.missing = ""
    assert scene.run(change).stage is Stage.MERGED
    assert "echo nineteen" in scene.shows("bin/publish")
    assert "--delete" not in scene.shows("bin/publish")


def test_a_conflict_goes_back_to_the_plan_and_says_where(scene: Scene) -> None:
    change = scene.waiting()
    theirs = scene.push({"bin/publish": "#!/bin/sh\nmake-it\nmirror --delete --fast\n"})
    scene.planner.plans = []
    with pytest.raises(IndexError):
        scene.run(change)
    back = scene.store.get(change.id)
    assert back.stage is Stage.REHEARSED
    assert back.base == theirs
    assert "bin/publish" in back.told[-1]
    assert scene.at() == theirs


def test_a_renamed_file_is_never_followed(scene: Scene) -> None:
    change = scene.waiting()
    theirs = scene.push({"bin/publish": None, "bin/publish-it": TREE["bin/publish"][1].decode()})
    with pytest.raises(IndexError):
        scene.run(change)
    assert scene.store.get(change.id).stage is Stage.REHEARSED
    assert scene.at() == theirs


def test_a_decoy_base_does_not_carry_an_approval_back(scene: Scene) -> None:
    """Approved where the branch held a small difference; then the branch was put back."""
    start = scene.at()
    scene.push({"bin/publish": TREE["bin/publish"][1].decode() + "# decoy\n"})
    scene.tree = {**TREE, "bin/publish": (0o100755, TREE["bin/publish"][1] + b"# decoy\n")}
    change = scene.waiting()
    git(scene.origin, "update-ref", "refs/heads/main", start)
    with pytest.raises(IndexError):
        scene.run(change)
    assert scene.store.get(change.id).stage is not Stage.MERGED
    assert scene.at() == start


def test_rules_that_changed_void_what_was_approved(scene: Scene) -> None:
    change = scene.waiting()
    scene.gate.verdicts = [verdict(finding(Level.ASK))]
    scene.meddled.after["void"] = lambda: setattr(scene.yes, "missing", "an approver")
    back = scene.run(change)
    assert Kind.VOID in scene.kinds(change)
    assert back.stage is Stage.WAITING
    assert scene.merges(change) == []


def test_a_gate_that_can_not_answer_voids_nothing(scene: Scene) -> None:
    change = scene.waiting()
    scene.gate.verdicts = [verdict(broke="the engine hung")]
    assert scene.run(change).stage is Stage.WAITING
    assert Kind.VOID not in scene.kinds(change)
    assert scene.merges(change) == []


# --- somebody else's hands ------------------------------------------------------------------


def test_a_commit_on_the_proposals_branch_voids_and_stays_where_it_is(scene: Scene) -> None:
    change = scene.waiting()
    theirs = scene.push({"bin/publish": "#!/bin/sh\nevil\n"}, to=f"pawl/{change.id}")
    scene.meddled.after["void"] = lambda: setattr(scene.yes, "missing", "an approver")
    back = scene.run(change)
    assert theirs[:12] in scene.last(change, Kind.VOID).judgment.why
    assert back.stage is Stage.WAITING
    assert scene.at(f"pawl/{change.id}") == theirs
    assert f"refs/heads/pawl/{change.id}-2" in scene.refs()
    scene.yes.missing = ""
    assert scene.run(change).stage is Stage.MERGED
    assert "evil" not in scene.shows("bin/publish")


def test_a_change_that_went_back_merges_onto_a_base_that_had_moved_elsewhere(scene: Scene) -> None:
    change = scene.waiting()
    theirs = scene.push({"README.md": "other words\n"})
    scene.push({"bin/publish": "#!/bin/sh\nevil\n"}, to=f"pawl/{change.id}")
    scene.meddled.after["void"] = lambda: setattr(scene.yes, "missing", "an approver")
    back = scene.run(change)
    assert (back.stage, back.base, back.binding) == (Stage.WAITING, theirs, change.binding)
    assert scene.shows("README.md", f"refs/heads/pawl/{change.id}-2") == "other words"
    scene.yes.missing = ""
    assert scene.run(change).stage is Stage.MERGED
    assert scene.at("main^") == theirs
    assert scene.shows("README.md") == "other words"


def test_a_checked_out_branch_is_never_moved(make: Made) -> None:
    scene = make(bare=False)
    change = scene.waiting()
    before = scene.at()
    assert scene.run(change).stage is Stage.WAITING
    assert scene.at() == before
    assert any("checked out" in line for line in scene.listener.lines)


def test_a_race_between_fetch_and_push_is_lost_and_run_again(scene: Scene) -> None:
    change = scene.waiting()
    pushed: list[str] = []

    def somebody() -> None:
        if len(pushed) < 3:
            pushed.append(scene.push({"README.md": f"words {len(pushed)}\n"}))

    scene.meddled.before["push"] = somebody
    assert scene.run(change).stage is Stage.MERGED
    assert scene.at("main^") == pushed[-1]
    assert scene.merges(change) == [scene.at()]
    assert scene.prover.ratchets == 1
    why = scene.last(change, Kind.MERGE_INTENDED).judgment.why
    assert "not run again" in why
    assert scene.store.audit() == ()


def test_a_branch_that_never_rests_is_left_for_the_next_run(scene: Scene) -> None:
    change = scene.waiting()
    count = iter(range(100))

    def somebody() -> None:
        scene.push({"README.md": f"words {next(count)}\n"})

    scene.meddled.before["push"] = somebody
    assert scene.run(change).stage is Stage.MERGING
    assert next(count) == 8
    scene.meddled.before.clear()
    assert scene.run(change).stage is Stage.MERGED
    assert len(scene.merges(change)) == 1


def test_a_race_in_the_touched_file_is_not_merged_over(scene: Scene) -> None:
    change = scene.waiting()

    def somebody() -> None:
        scene.meddled.before.clear()
        scene.push({"bin/publish": "#!/bin/sh\nsomething else\n"})

    scene.meddled.before["push"] = somebody
    with pytest.raises(IndexError):
        scene.run(change)
    assert scene.store.get(change.id).stage is Stage.REHEARSED
    assert scene.shows("bin/publish") == "#!/bin/sh\nsomething else"


def test_a_freeze_in_between_stops_before_the_push(scene: Scene) -> None:
    change = scene.waiting()
    before = scene.at()

    def freeze() -> None:
        with scene.store.writing() as work:
            work.decisions.switch("merges", on=True, by="root", why="fire drill", now=work.now)

    scene.meddled.before["push"] = freeze
    assert scene.run(change).stage is Stage.MERGING
    assert scene.at() == before
    assert any("fire drill" in line for line in scene.listener.lines)
    scene.meddled.before.clear()
    assert scene.run(change).stage is Stage.MERGING
    with scene.store.writing() as work:
        work.decisions.switch("merges", on=False, by="root", why="over", now=work.now)
    assert scene.run(change).stage is Stage.MERGED


def test_an_approval_that_ends_in_between_takes_the_change_back(scene: Scene) -> None:
    change = scene.waiting()
    before = scene.at()

    def crash() -> None:
        raise Crash

    scene.meddled.after["intend"] = crash
    with pytest.raises(Crash):
        scene.run(change)
    scene.meddled.after.clear()
    scene.yes.missing = "an approver"
    assert scene.run(change).stage is Stage.WAITING
    assert "no longer stands" in scene.last(change, Kind.VOID).judgment.why
    assert scene.at() == before


def test_an_approval_that_ends_while_the_tree_is_judged_does_not_merge(scene: Scene) -> None:
    change = scene.waiting()
    before = scene.at()
    scene.meddled.before["intend"] = lambda: setattr(scene.yes, "missing", "an approver")
    assert scene.run(change).stage is Stage.WAITING
    assert scene.at() == before


def test_a_change_that_is_taken_back_while_the_tree_is_judged_does_not_merge(scene: Scene) -> None:
    change = scene.waiting()
    before = scene.at()

    def watcher() -> None:
        scene.merging.void(scene.store.get(change.id), "it was looked at")
        scene.yes.missing = "an approver"

    scene.meddled.before["intend"] = watcher
    assert scene.run(change).stage is Stage.WAITING
    assert Kind.MERGE_INTENDED not in scene.kinds(change)
    assert scene.at() == before


# --- crashes --------------------------------------------------------------------------------

STEPS = [
    (when, deed)
    for deed in ("ground", "landed", "foreign", "future", "sufficient", "intend", "push", "finish")
    for when in ("before", "after")
]


@pytest.mark.parametrize(("when", "deed"), STEPS, ids=[f"{w}-{d}" for w, d in STEPS])
@pytest.mark.parametrize("moves", [False, True], ids=["base-rests", "base-moves"])
def test_a_crash_anywhere_ends_merged_once(scene: Scene, when: str, deed: str, moves: bool) -> None:
    change = scene.waiting()
    if moves:
        scene.push({"README.md": "before\n"})

    def crash() -> None:
        raise Crash

    getattr(scene.meddled, when)[deed] = crash
    with pytest.raises(Crash):
        scene.run(change)
    getattr(scene.meddled, when).clear()
    if moves:
        scene.push({"README.md": "after\n"})
    (scene.home / "flow.sqlite").unlink(missing_ok=True)
    assert scene.store.get(change.id).stage in (Stage.WAITING, Stage.MERGING, Stage.MERGED)
    merged = scene.run(change)
    assert merged.stage is Stage.MERGED
    assert len(scene.merges(change)) == 1
    assert scene.yes.redeemed == [(change.id, scene.merges(change)[0])]
    assert scene.shows("bin/publish") == GOOD.decode().strip()
    assert scene.refs() == ["refs/heads/main", "refs/pawl/checkpoint"]
    assert scene.kinds(change).count(Kind.MERGED) == 1
    assert scene.store.audit() == ()
    assert scene.run(change).stage is Stage.MERGED
    assert len(scene.merges(change)) == 1


def test_a_push_whose_answer_is_lost_is_not_pushed_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.repos import RepositoryError, mirrors

    change = scene.waiting()
    real = mirrors.push

    def deaf(*args: object) -> object:
        real(*args)  # type: ignore[arg-type]
        raise RepositoryError("the connection broke", code="push-broke-off")

    monkeypatch.setattr(mirrors, "push", deaf)
    assert scene.run(change).stage is Stage.MERGED
    assert len(scene.merges(change)) == 1


# --- watching -------------------------------------------------------------------------------


def test_what_moved_under_a_waiting_change_is_told(scene: Scene) -> None:
    change = scene.waiting()
    assert scene.merging.moved(change) is None
    scene.push({"README.md": "elsewhere\n"})
    scene.clock.now += (
        scene.clock() - scene.clock() + 10 * (scene.clock() - scene.clock()).__neg__()
    )
    assert scene.merging.moved(change) is None
    scene.push({"bin/publish": "#!/bin/sh\nmoved\n"})
    scene.clock.now += timedelta(seconds=10)
    what = scene.merging.moved(change)
    assert what is not None
    assert "bin/publish" in what
    back = scene.merging.watch(change)
    assert back is not None
    assert back.stage is Stage.REHEARSED
    assert scene.merging.watch(back) is None


# --- many -----------------------------------------------------------------------------------


def test_fifty_approved_changes_all_merge_while_the_branch_moves_all_the_time(
    scene: Scene,
) -> None:
    scene.prover.holds = lambda text: True
    found = scene.repositories.snapshot(scene.repository.id)
    changes = [scene.added(f"n{n}", found) for n in range(50)]
    count = iter(range(10_000))

    def somebody() -> None:
        number = next(count)
        if number % 2:
            scene.push({"README.md": f"words {number}\n"})

    scene.meddled.before["push"] = somebody
    for _ in range(3):
        for change in changes:
            if scene.store.get(change.id).stage is not Stage.MERGED:
                scene.run(change)
    assert {scene.store.get(c.id).stage for c in changes} == {Stage.MERGED}
    assert all(len(scene.merges(c)) == 1 for c in changes)
    assert next(count) <= 150
    assert scene.store.audit() == ()
