"""What every engine promises, on the fake one and on the real one: same trees, same answers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox import Files, SandboxError
from sandbox.engine import Ended, Engine, Fault, Run, World
from tests.fakes_engine import FakeEngine

COPY = """\
#!/bin/sh
cp -R /srv/flour/. /srv/dough/
echo kneaded
"""
EACH = """\
#!/bin/sh
set -e
cp /srv/flour/a.txt /srv/dough/1.txt
cp /srv/flour/b.txt /srv/dough/2.txt
cp /srv/flour/c.txt /srv/dough/3.txt
"""
OUTER = """\
#!/bin/sh
./each.sh || exit 9
cp /srv/flour/a.txt /srv/dough/outer.txt
"""
SETTING = """\
#!/bin/sh
[ -n "$SHELF" ] || exit 7
echo "$SHELF" > /srv/dough/shelf.txt
"""
SWEEP = """\
#!/bin/sh
rm -rf /srv/flour
"""
FLOUR = {"a.txt": b"a" * 40, "b.txt": b"b" * 40, "c.txt": b"c" * 40, "old/d.txt": b"d" * 40}


def tree(**more: str) -> Files:
    scripts = {
        "copy.sh": COPY,
        "each.sh": EACH,
        "outer.sh": OUTER,
        "setting.sh": SETTING,
        "sweep.sh": SWEEP,
        "fail.sh": "#!/bin/sh\nexit 3\n",
        "slow.sh": "#!/bin/sh\nsleep 60\n",
        ".gitignore": "out/\n*.log\n",
        **more,
    }
    return {
        path: (0o100755 if path.endswith(".sh") else 0o100644, text.encode())
        for path, text in scripts.items()
    }


WORLD = World(
    content={f"/srv/flour/{name}": content for name, content in FLOUR.items()},
    empty=("/srv/dough",),
    env={"SHELF": "top"},
)


@pytest.fixture(scope="module", params=["fake", pytest.param("docker", marks=pytest.mark.docker)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made: Engine
    if request.param == "fake":
        made = FakeEngine()
    else:
        from sandbox.engine.docker import open_engine

        made = open_engine("contract", f"contract-{os.getpid()}")
    yield made
    made.close()


def of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


def test_a_ground_shows_the_tree_and_the_world(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    state = ground.state
    assert state["/repo/copy.sh"] == of(COPY.encode())
    assert state["/srv/flour/old/d.txt"] == of(FLOUR["old/d.txt"])
    assert ground.read("/srv/flour/a.txt") == FLOUR["a.txt"]
    assert ground.read("/srv/flour/none.txt") is None
    ground.close()


def test_a_run_is_thrown_away_and_what_it_left_is_told(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    before = dict(ground.state)
    lines: list[bytes] = []
    ran = ground.run(Run(("./copy.sh",)), lines.append)
    assert (ran.ended, ran.code) == (Ended.EXITED, 0)
    assert ran.state["/srv/dough/old/d.txt"] == of(FLOUR["old/d.txt"])
    assert ran.output == b"kneaded\n"
    assert b"".join(lines).strip() == b"kneaded"
    assert ran.seconds > 0
    assert dict(ground.state) == before
    again = ground.run(Run(("./copy.sh",)))
    assert again.state == ran.state
    ground.close()


def test_an_exit_code_is_told(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ran = ground.run(Run(("./fail.sh",)))
    assert (ran.ended, ran.code) == (Ended.EXITED, 3)
    ground.close()


def test_what_an_advance_leaves_is_the_new_ground(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ran = ground.advance(Run(("./copy.sh",)))
    assert ground.state["/srv/dough/a.txt"] == of(FLOUR["a.txt"])
    assert dict(ground.state) == dict(ran.state)
    swept = ground.run(Run(("./sweep.sh",)))
    assert "/srv/flour/a.txt" not in swept.state
    assert swept.state["/srv/dough/a.txt"] == of(FLOUR["a.txt"])
    ground.close()


def test_content_is_placed_and_taken_away(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ground.place(
        {"/srv/flour/new.txt": b"new\n", "/srv/flour/a.txt": None, "/srv/flour/old/": None}
    )
    assert ground.read("/srv/flour/new.txt") == b"new\n"
    assert "/srv/flour/a.txt" not in ground.state
    assert "/srv/flour/old/d.txt" not in ground.state
    ran = ground.run(Run(("./copy.sh",)))
    assert "/srv/dough/a.txt" not in ran.state
    assert ran.state["/srv/dough/new.txt"] == of(b"new\n")
    ground.close()


def test_content_of_a_run_is_there_for_that_run_only(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    run = Run(("./copy.sh",), content={"/srv/flour/a.txt": None, "/srv/flour/b.txt": b"other"})
    ran = ground.run(run)
    assert "/srv/dough/a.txt" not in ran.state
    assert ran.state["/srv/dough/b.txt"] == of(b"other")
    assert ground.read("/srv/flour/a.txt") == FLOUR["a.txt"]
    ground.close()


def test_what_a_run_left_is_cleared_where_it_is_ignored(engine: Engine) -> None:
    build = """\
#!/bin/sh
mkdir -p out
cp /srv/flour/a.txt out/a.txt
cp /srv/flour/a.txt bake.log
cp /srv/flour/a.txt kept.txt
"""
    ground = engine.open(tree(**{"build.sh": build, "tracked.log": "t"}), WORLD)
    ground.advance(Run(("./build.sh",)))
    assert "/repo/out/a.txt" in ground.state
    ground.clear(("out/", "*.log"))
    left = {a for a in ground.state if a.startswith("/repo/")}
    assert {"/repo/kept.txt", "/repo/tracked.log"} <= left
    assert not left & {"/repo/out/a.txt", "/repo/bake.log"}
    ground.close()


def test_an_environment_can_be_set_and_unset_for_a_run(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    assert ground.run(Run(("./setting.sh",))).state["/srv/dough/shelf.txt"] == of(b"top\n")
    other = ground.run(Run(("./setting.sh",), env={"SHELF": "low"}))
    assert other.state["/srv/dough/shelf.txt"] == of(b"low\n")
    assert ground.run(Run(("./setting.sh",), env={"SHELF": None})).code == 7
    assert ground.run(Run(("./setting.sh",), env={"SHELF": ""})).code == 7
    ground.close()


def test_a_record_counts_calls_and_knows_their_effects(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ran = ground.run(Run(("./each.sh",), record=True))
    copies = [c for c in ran.calls if c.signature == "cp"]
    assert [c.number for c in copies] == [1, 2, 3]
    assert [c.created for c in copies] == [(f"/srv/dough/{n}.txt",) for n in (1, 2, 3)]
    assert copies[0].argv[-1] == "/srv/dough/1.txt"
    assert {c.code for c in copies} == {0}
    ground.close()


def test_a_failing_call_is_not_run(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    fault = Fault("cp", "fail", call=2, exit=5)
    ran = ground.run(Run(("./each.sh",), faults=(fault,)))
    assert ran.code == 5
    assert ran.fired == (fault,)
    assert "/srv/dough/1.txt" in ran.state
    assert "/srv/dough/2.txt" not in ran.state
    ground.close()


def test_a_call_that_does_nothing_says_that_it_did(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ran = ground.run(Run(("./each.sh",), faults=(Fault("cp", "noop", call=2),)))
    assert ran.code == 0
    assert "/srv/dough/2.txt" not in ran.state
    assert "/srv/dough/3.txt" in ran.state
    ground.close()


@pytest.mark.parametrize(("does", "code"), [("cut", 12), ("short", 0)])
def test_half_of_a_calls_effects_are_taken_back(engine: Engine, does: str, code: int) -> None:
    ground = engine.open(tree(), WORLD)
    fault = Fault("cp", does, exit=12)
    ran = ground.run(Run(("./copy.sh",), faults=(fault,)))
    assert ran.fired == (fault,)
    whole = [name for name in FLOUR if ran.state.get(f"/srv/dough/{name}") == of(FLOUR[name])]
    assert 0 < len(whole) < len(FLOUR)
    halves = [
        name for name in FLOUR if ran.state.get(f"/srv/dough/{name}") not in (None, of(FLOUR[name]))
    ]
    assert len(halves) == (1 if does == "cut" else 0)
    again = ground.run(Run(("./each.sh",), faults=(Fault("cp", does, exit=12),)))
    assert again.code == code
    ground.close()


def test_a_call_can_lack_the_last_thing_that_it_makes_and_no_file_is_half(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ran = ground.run(Run(("./copy.sh",), faults=(Fault("cp", "cut", exit=12, lacks=1),)))
    there = {a: c for a, c in ran.state.items() if a.startswith("/srv/dough/")}
    assert there == {f"/srv/dough/{n}": of(FLOUR[n]) for n in ("a.txt", "b.txt", "c.txt")}
    ground.close()


def test_a_tree_stands_where_its_world_says_and_is_addressed_as_ever(engine: Engine) -> None:
    scripts = {
        "where.sh": '#!/bin/sh\necho "$PWD" > /srv/dough/where.txt\ncp -R flour/. "$PWD/dough/"\n',
        "flour/a.txt": "a\n",
        "flour/b.txt": "b\n",
        "dough/a.txt": "old a\n",
    }
    ground = engine.open(tree(**scripts), replace(WORLD, folder="/yard/mill"))
    assert ground.read("/repo/flour/a.txt") == b"a\n"
    ran = ground.run(Run(("./where.sh",)))
    assert ran.state["/srv/dough/where.txt"] == of(b"/yard/mill\n")
    assert ran.state["/repo/dough/b.txt"] == of(b"b\n")
    # what went wrong is taken back at that place
    cut = ground.run(Run(("./where.sh",), faults=(Fault("cp", "short", lacks=1),)))
    assert "/repo/dough/b.txt" not in cut.state
    whole = ground.run(Run(("./where.sh",), faults=(Fault("cp", "noop"),)))
    assert whole.state["/repo/dough/a.txt"] == of(b"old a\n")
    ground.close()


HOSTED = replace(
    WORLD,
    hosts=("attic",),
    content={**WORLD.content, "attic:/srv/old/one": b"1\n"},
    empty=(*WORLD.empty, "attic:/srv/new"),
)


def test_a_call_that_lacks_its_last_file_on_a_host_has_taken_nothing_away(engine: Engine) -> None:
    mirror = "#!/bin/sh\nrsync -r --delete /srv/flour/ attic:/srv/old/\n"
    ground = engine.open(tree(**{"mirror.sh": mirror}), HOSTED)
    ran = ground.run(Run(("./mirror.sh",), faults=(Fault("rsync", "cut", exit=12, lacks=1),)))
    assert ran.code == 12
    there = {a.removeprefix("attic:/srv/old/") for a in ran.state if a.startswith("attic:")}
    assert there == {"a.txt", "b.txt", "c.txt", "one"}
    ground.close()


def test_a_host_has_its_empty_folders(engine: Engine) -> None:
    mirror = "#!/bin/sh\nrsync -r /srv/flour/ attic:/srv/new/flour/\n"
    ground = engine.open(tree(**{"mirror.sh": mirror}), HOSTED)
    ran = ground.run(Run(("./mirror.sh",)))
    assert ran.code == 0, ran.output
    assert ran.state["attic:/srv/new/flour/a.txt"] == of(FLOUR["a.txt"])
    ground.close()


def test_a_tree_with_a_large_file_is_seen_and_can_be_changed(engine: Engine) -> None:
    film = b"x" * (70 << 20)
    sweep = "#!/bin/sh\nrm -f film.mov\ncp /srv/flour/a.txt notes.txt\n"
    large = {**tree(**{"cut.sh": sweep}), "film.mov": (0o100644, film)}
    ground = engine.open(large, WORLD)
    assert ground.state["/repo/film.mov"] == of(film)
    ran = ground.run(Run(("./cut.sh",)))
    assert ran.code == 0, ran.output
    assert "/repo/film.mov" not in ran.state
    assert ran.state["/repo/notes.txt"] == of(FLOUR["a.txt"])
    assert "/repo/film.mov" in ground.run(Run(("./copy.sh",))).state
    ground.close()


def test_a_command_that_renames_leaves_no_half_file_when_it_is_cut(engine: Engine) -> None:
    mirror = "#!/bin/sh\nrsync -r /srv/flour/ /srv/dough/\n"
    ground = engine.open(tree(**{"mirror.sh": mirror}), WORLD)
    ran = ground.run(Run(("./mirror.sh",), faults=(Fault("rsync", "cut", exit=12),)))
    assert ran.code == 12
    there = {a: c for a, c in ran.state.items() if a.startswith("/srv/dough/")}
    assert 0 < len(there) < len(FLOUR)
    assert all(c == of(FLOUR[a.removeprefix("/srv/dough/")]) for a, c in there.items())
    ground.close()


def test_a_kill_ends_the_caller_and_the_one_above_goes_on(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ran = ground.run(Run(("./each.sh",), faults=(Fault("cp", "kill", call=2),)))
    assert ran.code == 137
    assert "/srv/dough/3.txt" not in ran.state
    above = ground.run(Run(("./outer.sh",), faults=(Fault("cp", "kill", call=2),)))
    assert above.code == 9
    ground.close()


def test_a_persistent_fault_meets_every_later_call(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    fault = Fault("cp", "noop", call=2, persistent=True)
    ran = ground.run(Run(("./each.sh",), faults=(fault,)))
    assert [n for n in (1, 2, 3) if f"/srv/dough/{n}.txt" in ran.state] == [1]
    assert ran.fired == (fault,)
    ground.close()


def test_a_fault_that_is_never_met_has_not_fired(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ran = ground.run(Run(("./each.sh",), faults=(Fault("cp", "fail", call=9),)))
    assert ran.fired == ()
    assert ran.code == 0
    ground.close()


def test_entry_points_after_it_run_in_the_same_view(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ran = ground.run(Run(("./copy.sh",), then=(("./sweep.sh",),)))
    assert "/srv/dough/a.txt" in ran.state
    assert "/srv/flour/a.txt" not in ran.state
    assert ran.codes == (0, 0)
    ground.close()


def test_a_fault_that_comes_once_is_over_when_the_next_entry_point_runs(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    run = Run(("./each.sh",), faults=(Fault("cp", "kill", call=2),), then=(("./each.sh",),))
    ran = ground.run(run)
    assert ran.codes == (137, 0)
    assert ran.code == 137
    assert {f"/srv/dough/{n}.txt" for n in (1, 2, 3)} <= ran.state.keys()
    ground.close()


def test_a_run_that_does_not_end_is_timed_out(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ran = ground.run(Run(("./slow.sh",), timeout=1.0))
    assert ran.ended is Ended.TIMEOUT
    assert ground.run(Run(("./copy.sh",))).code == 0
    ground.close()


def test_no_file_grows_beyond_the_limit(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ran = ground.run(Run(("./each.sh",), file_limit=16))
    assert ran.code != 0
    assert ran.state.get("/srv/dough/1.txt") != of(FLOUR["a.txt"])
    ground.close()


def test_two_grounds_do_not_see_each_other(engine: Engine) -> None:
    one, two = engine.open(tree(), WORLD), engine.open(tree(), WORLD)
    one.place({"/srv/flour/a.txt": b"mine"})
    assert two.read("/srv/flour/a.txt") == FLOUR["a.txt"]
    one.close()
    two.close()


def test_a_closed_ground_runs_nothing(engine: Engine) -> None:
    ground = engine.open(tree(), WORLD)
    ground.close()
    try:
        ran = ground.run(Run(("./copy.sh",)))
    except SandboxError:
        return
    assert ran.ended in (Ended.ENGINE_ERROR, Ended.CANNOT_START)


def test_an_engine_names_its_image_and_has_a_slot(engine: Engine) -> None:
    assert ":" in engine.image
    assert engine.slots >= 1
