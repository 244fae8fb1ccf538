"""A view is fresh, everything in it can be lost there, and nothing of it stays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox import Files, SandboxError
from sandbox.engine import Ended, Engine, Ground, Ran, Run, World
from tests.docker.conftest import Open

pytestmark = pytest.mark.docker


def bash(script: str, **more: object) -> Run:
    return Run(("bash", "-c", script), **more)  # type: ignore[arg-type]


def moved(ground: Ground, ran: Ran) -> dict[str, str | None]:
    """What differs from the ground: address -> value, None for what is gone."""
    before, after = ground.state, ran.state
    changes: dict[str, str | None] = {a: v for a, v in after.items() if before.get(a) != v}
    return changes | {a: None for a in before if a not in after}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


HERD = {f"/srv/herd/{name}.txt": name.encode() for name in ("ann", "bob", "cid", "dot")}


def test_the_tree_and_the_world_stand_at_their_places(opened: Open) -> None:
    ground = opened(
        {"bin/count": "#!/bin/sh\nls /srv/herd | wc -l; cat /data/deep/er/x; ls /empty\n"},
        World(content={**HERD, "/data/deep/er/x": b"deep\n"}, empty=("/empty/box",)),
    )
    assert ground.state["/srv/herd/ann.txt"] == digest(b"ann")
    assert ground.state["/repo/bin/count"].isalnum()
    ran = ground.run(Run(("bin/count",)))
    assert ran.output == b"4\ndeep\nbox\n"
    assert moved(ground, ran) == {}


def test_a_removal_at_an_absolute_path_is_an_effect_and_the_next_cell_is_whole(
    opened: Open,
) -> None:
    ground = opened({}, World(content=HERD))
    ran = ground.run(bash("rm -rf /srv/herd; echo new > /etc/motd; mkdir /var/x; touch /var/x/y"))
    changes = moved(ground, ran)
    assert {a for a, v in changes.items() if v is None} == set(HERD)
    assert changes["/etc/motd"] == digest(b"new\n")
    assert "/var/x/y" in changes
    assert moved(ground, ground.run(bash("ls /srv/herd"))) == {}


def test_removing_everything_from_the_root_harms_one_view_only(opened: Open) -> None:
    ground = opened({"keep.txt": "x"}, World(content=HERD))
    ran = ground.run(bash("rm -rf --no-preserve-root / 2> /dev/null; ls /bin"))
    gone = [a for a, v in moved(ground, ran).items() if v is None]
    assert set(HERD) < set(gone)
    assert "/repo/keep.txt" in gone
    assert len(gone) == len(ground.state)
    assert b"rsync" in ran.output  # its tools are still there
    assert moved(ground, ground.run(Run(("true",)))) == {}


def test_nothing_is_followed_out_of_a_view(opened: Open) -> None:
    ground = opened({"real.txt": "x"})
    script = """
    ln -s /etc/passwd a; ln -s ../../../etc/shadow b; ln -s / c; ln -s /nowhere d
    ln real.txt hard; mkfifo pipe; printf x > $'new\\nline'; mkdir e; ln -s /proc/1/root e/f
    python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('sock')"
    """
    changes = moved(ground, ground.run(bash(script)))
    assert changes == {
        "/repo/a": "->/etc/passwd",
        "/repo/b": "->../../../etc/shadow",
        "/repo/c": "->/",
        "/repo/d": "->/nowhere",
        "/repo/e/f": "->/proc/1/root",
        "/repo/hard": digest(b"x"),
        "/repo/new\nline": digest(b"x"),
        "/repo/pipe": "!special",
        "/repo/sock": "!special",
    }


def test_files_and_folders_without_any_mode_are_read_all_the_same(opened: Open) -> None:
    ground = opened({"a/b.txt": "b", "c.txt": "c"})
    ran = ground.run(bash("echo new > a/n; chmod 000 a a/n c.txt 2>/dev/null; chmod 000 a"))
    assert moved(ground, ran) == {"/repo/a/n": digest(b"new\n")}


def test_a_folder_that_moved_over_another_is_seen_though_no_file_was_written(
    opened: Open,
) -> None:
    ground = opened({"live/a": "11", "live/b": "22", "next/a": "33", "next/b": "44"})
    changes = moved(ground, ground.run(bash("mv live old; mv next live")))
    assert changes["/repo/live/a"] == digest(b"33")
    assert changes["/repo/old/b"] == digest(b"22")
    assert changes["/repo/next/a"] is None


def test_a_rename_of_a_folder_is_atomic_in_a_view(opened: Open) -> None:
    ran = opened({"d/a": "1"}).run(Run(("python3", "-c", "import os; os.rename('d', 'e')")))
    assert (ran.ended, ran.code, ran.output) == (Ended.EXITED, 0, b"")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("head -c 900M /dev/zero > /repo/f", id="the tree's disk"),
        pytest.param("head -c 900M /dev/zero > /srv/f", id="the world's disk"),
        pytest.param("head -c 900M /dev/zero > /tmp/f", id="the temporary folder"),
        pytest.param("for i in $(seq 5); do head -c 100M /dev/zero > /var/$i; done", id="a sum"),
    ],
)
def test_a_full_disk_is_a_full_disk_and_the_next_cell_has_room(opened: Open, script: str) -> None:
    ground = opened()
    ran = ground.run(bash(script))
    assert ran.ended is Ended.EXITED
    assert b"No space left" in ran.output or b"File too large" in ran.output
    for _ in range(4):
        again = ground.run(bash("head -c 200M /dev/zero > /repo/f && echo fits"))
        assert again.output == b"fits\n"


def test_a_hundred_gigabytes_of_nothing_are_not_read_back(opened: Open) -> None:
    ran = opened().run(bash("truncate -s 100G big; truncate -s 200M small; ls"))
    assert ran.ended is Ended.EXITED
    assert ran.seconds < 60


def test_a_fork_bomb_ends_with_its_cell(opened: Open) -> None:
    ground = opened()
    ran = ground.run(bash("f() { f | f & }; f; sleep 1; echo over", timeout=20))
    assert ran.ended in {Ended.EXITED, Ended.TIMEOUT}
    assert ground.run(bash("echo fine")).output == b"fine\n"


def test_many_inodes_end_at_the_cap(opened: Open) -> None:
    ground = opened()
    ran = ground.run(
        Run(("python3", "-c", "for i in range(200000): open(f'/tmp/{i}', 'w').close()"))
    )
    assert b"No space left" in ran.output
    assert ground.run(bash("touch /tmp/a && echo ok")).output == b"ok\n"


def test_two_slots_neither_mix_nor_share_a_disk(opened: Open) -> None:
    ground = opened(
        {"w.sh": "#!/bin/bash\nhead -c 200M /dev/zero > big || exit 9\necho $1 > who\n"}
    )
    with ThreadPoolExecutor(4) as pool:
        names = [f"n{i}" for i in range(8)]
        rans = list(pool.map(lambda name: ground.run(Run(("./w.sh", name))), names))
    assert [(r.ended, r.code) for r in rans] == [(Ended.EXITED, 0)] * 8
    assert [r.state["/repo/who"] for r in rans] == [digest(f"{n}\n".encode()) for n in names]


def test_content_of_a_run_is_there_for_that_run_only(opened: Open) -> None:
    ground = opened({"conf/a": "1", "conf/b": "2"}, World(content=HERD))
    ran = ground.run(
        bash("cat conf/a; ls conf /srv/herd"),
        None,
    )
    assert ran.output == b"1/srv/herd:\nann.txt\nbob.txt\ncid.txt\ndot.txt\n\nconf:\na\nb\n"
    content: Mapping[str, bytes | None] = {
        "/repo/conf/a": b"other\n",
        "/repo/conf/b": None,
        "/srv/herd/": None,
        "/srv/flock/new": b"n",
    }
    changed = ground.run(bash("cat conf/a; ls conf /srv", content=content))
    assert changed.output == b"other\n/srv:\nflock\n\nconf:\na\n"
    assert ground.run(bash("cat conf/a")).output == b"1"


def test_priming_makes_what_a_run_left_the_new_ground(opened: Open) -> None:
    ground = opened(
        {"tick.sh": "#!/bin/bash\nmkdir -p logs/empty; echo x >> logs/n; wc -l < logs/n\n"}
    )
    outputs = [ground.advance(Run(("./tick.sh",))).output for _ in range(3)]
    assert outputs == [b"1\n", b"2\n", b"3\n"]
    assert ground.state["/repo/logs/n"] == digest(b"x\nx\nx\n")
    assert ground.read("/repo/logs/n") == b"x\nx\nx\n"
    assert ground.run(bash("ls logs; ./tick.sh")).output == b"empty\nn\n4\n"
    assert ground.run(Run(("./tick.sh",))).output == b"4\n"


def test_a_stimulus_changes_the_ground_and_leaves_the_rest(opened: Open) -> None:
    ground = opened({"a": "1"}, World(content=HERD))
    ground.place({"/srv/herd/ann.txt": b"changed", "/srv/herd/eve.txt": b"eve", "/repo/a": None})
    assert ground.state["/srv/herd/ann.txt"] == digest(b"changed")
    assert "/repo/a" not in ground.state
    assert ground.read("/srv/herd/bob.txt") == b"bob"
    assert ground.read("/srv/herd/zoe.txt") is None
    assert ground.run(bash("ls; cat /srv/herd/*")).output == b"changedbobciddoteve"


def test_a_cold_workspace_keeps_what_the_tree_itself_has(opened: Open) -> None:
    ground = opened({".gitignore": "build/\n*.o\n", "kept.o": "tracked", "src/a.c": "c"})
    ground.advance(bash("mkdir -p build/x; touch build/x/y a.o src/b.o src/new.c"))
    ground.clear(["build/", "*.o"])
    left = {a for a in ground.state if a.startswith("/repo/")}
    assert left == {"/repo/.gitignore", "/repo/kept.o", "/repo/src/a.c", "/repo/src/new.c"}


def test_the_temporary_folder_is_the_worlds_when_the_world_names_it(opened: Open) -> None:
    ground = opened({}, World(content={"/tmp/spool/job": b"1", "/run/app/pid": b"7"}))
    changes = moved(ground, ground.run(bash("rm -r /tmp/spool; touch /tmp/mine; ls /run/lock")))
    assert changes == {"/tmp/spool/job": None, "/tmp/mine": digest(b"")}


@pytest.mark.parametrize(
    "address", ["/usr/bin/rm", "/bin/x", "/lib/y", "/proc/z", "/srv/../etc/x", "/dev/null"]
)
def test_a_world_can_not_reach_into_the_system(engine: Engine, address: str) -> None:
    with pytest.raises(SandboxError, match=r"system folder|plain absolute"):
        engine.open({}, World(content={address: b"x"}))


def large_tree(files: int) -> Files:
    return {f"d{n % 50}/{n}.txt": (0o100644, b"%d" % n) for n in range(files)}


def test_a_large_tree_behaves_as_a_small_one(engine: Engine) -> None:
    tree = large_tree(5000)
    ground = engine.open(tree, World())
    script = """
    rm -r d1; mkdir d1; echo new > d1/a; rm d2/2.txt; mv d3 moved; echo x > d4/4.txt
    ln -s / d5/link; chmod 000 d6/6.txt; rm -r d7; echo file > d7; rm d8/8.txt; mkdir d8/8.txt
    """
    try:
        changes = moved(ground, ground.run(bash(script)))
        gone = {a for a, v in changes.items() if v is None}
        ones = {f"/repo/d1/{n}.txt" for n in range(1, 5000, 50)}
        threes = {f"/repo/d3/{n}.txt" for n in range(3, 5000, 50)}
        sevens = {f"/repo/d7/{n}.txt" for n in range(7, 5000, 50)}
        assert gone == ones | threes | sevens | {"/repo/d2/2.txt", "/repo/d8/8.txt"}
        assert {a: v for a, v in changes.items() if v and "/moved/" not in a} == {
            "/repo/d1/a": digest(b"new\n"),
            "/repo/d4/4.txt": digest(b"x\n"),
            "/repo/d5/link": "->/",
            "/repo/d7": digest(b"file\n"),
        }
        assert len([a for a in changes if "/moved/" in a]) == 100
        assert moved(ground, ground.run(bash("ls"))) == {}
        assert ground.advance(bash(script)).ended is Ended.EXITED
        assert "/repo/d1/1.txt" not in ground.state
        ground.place({"/repo/d9/9.txt": None, "/repo/d10/": None, "/repo/d11/11.txt": b"new"})
        ran = ground.run(bash("ls d10 d9/9.txt; cat d11/11.txt; ls d1"))
        assert ran.output.count(b"No such file") == 2
        assert ran.output.endswith(b"newa\n")
    finally:
        ground.close()


def test_a_draft_of_a_large_tree_has_exactly_its_own_files(engine: Engine) -> None:
    base = engine.open(large_tree(5000), World())
    tree = {
        p: v for p, v in large_tree(5000).items() if not p.startswith("d1/") and p != "d2/2.txt"
    }
    tree |= {"d3/3.txt": (0o100644, b"edited"), "new/file": (0o100755, b"#!/bin/sh\n")}
    tree = {p: v for p, v in tree.items() if not p.startswith("d4/")} | {"d4": (0o120000, b"d5")}
    draft = engine.open(tree, World())
    try:
        expected = {f"/repo/{path}" for path in tree}
        assert {a for a in draft.state if a.startswith("/repo/")} == expected
        ran = draft.run(
            bash("find . -type d | wc -l; find . -type f -o -type l | wc -l; ls d1 | wc -l")
        )
        folders = {p.rpartition("/")[0] for p in tree if "/" in p}
        assert ran.output.decode().split()[:2] == [str(len(folders) + 1), str(len(tree))]
        assert b"cannot access 'd1'" in ran.output
        assert "/repo/d1/1.txt" in base.state
    finally:
        draft.close()
        base.close()
