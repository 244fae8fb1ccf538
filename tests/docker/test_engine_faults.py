"""A fault happens where it was said, by its effects, and counts only if it fired."""

from __future__ import annotations

import time

import pytest

from sandbox import SandboxError
from sandbox.engine import Ended, Fault, Ran, Run, World
from tests.docker.conftest import Open

pytestmark = pytest.mark.docker

FEED = {f"/srv/feed/{n}.txt": f"text of {n}\n".encode() * 20 for n in range(6)}


def bash(script: str, *faults: Fault, **more: object) -> Run:
    return Run(("bash", "-c", script), faults=faults, **more)  # type: ignore[arg-type]


def listed(ran: Ran, folder: str) -> list[str]:
    return sorted(a.removeprefix(folder) for a in ran.state if a.startswith(folder))


def test_fail_does_nothing_and_answers_with_its_code(opened: Open) -> None:
    ran = opened({}, World(content=FEED)).run(
        bash("cp /srv/feed/1.txt /repo/; echo $?", Fault("cp", "fail", exit=23))
    )
    assert ran.output.splitlines()[-1] == b"23"
    assert "/repo/1.txt" not in ran.state
    assert ran.fired == (Fault("cp", "fail", exit=23),)


def test_noop_does_nothing_and_says_it_did(opened: Open) -> None:
    ran = opened({}, World(content=FEED)).run(
        bash("rm -r /srv/feed; echo $?; ls /srv/feed | wc -l", Fault("rm", "noop"))
    )
    assert ran.output == b"0\n6\n"
    assert len(ran.fired) == 1


def test_a_cut_copy_leaves_the_earlier_half_and_half_a_file(opened: Open) -> None:
    ran = opened({}, World(content=FEED)).run(
        bash("cp -r /srv/feed /srv/copy; echo $?", Fault("cp", "cut", exit=12))
    )
    assert ran.output == b"12\n"
    assert listed(ran, "/srv/copy/") == ["0.txt", "1.txt", "2.txt", "3.txt"]
    whole = [
        n for n in range(4) if ran.state[f"/srv/copy/{n}.txt"] == ran.state[f"/srv/feed/{n}.txt"]
    ]
    assert whole == [0, 1, 2]


def test_a_short_copy_leaves_whole_files_only_and_says_it_did_all(opened: Open) -> None:
    ran = opened({}, World(content=FEED)).run(
        bash("cp -r /srv/feed /srv/copy; echo $?", Fault("cp", "short"))
    )
    assert ran.output == b"0\n"
    assert listed(ran, "/srv/copy/") == ["0.txt", "1.txt", "2.txt"]
    assert all(ran.state[f"/srv/copy/{n}.txt"] == ran.state[f"/srv/feed/{n}.txt"] for n in range(3))


def test_a_cut_removal_has_removed_the_earlier_half_and_the_rest_is_as_it_was(
    opened: Open,
) -> None:
    ground = opened({}, World(content=FEED))
    script = "chmod 600 /srv/feed/5.txt; touch -d @7 /srv/feed/5.txt; rm -r /srv/feed; cd /srv/feed"
    ran = ground.run(bash(f"{script}; stat -c '%a %Y' 5.txt", Fault("rm", "cut", exit=1)))
    assert listed(ran, "/srv/feed/") == ["3.txt", "4.txt", "5.txt"]
    assert all(ran.state[a] == ground.state[a] for a in FEED if a in ran.state)
    assert ran.output == b"600 7\n"


def test_effects_are_taken_back_from_the_end_created_changed_removed(opened: Open) -> None:
    """A mirror that was cut has copied and not yet deleted: only then it is a fair cut."""
    new = {f"/srv/new/{n}": b"new" for n in "abcd"}
    old = {"/srv/live/a": b"older", **{f"/srv/live/{n}": b"old" for n in "xyz"}}
    ran = opened({}, World(content={**new, **old})).run(
        bash("rsync -rc --delete /srv/new/ /srv/live/", Fault("rsync", "short"))
    )
    # created b c d; changed a; removed x y z: seven effects, of which b c d stay
    assert listed(ran, "/srv/live/") == ["a", "b", "c", "d", "x", "y", "z"]
    assert ran.state["/srv/live/a"] != ran.state["/srv/new/a"]


def test_a_cut_takes_back_to_what_the_run_itself_had_written_before(opened: Open) -> None:
    ran = opened({"a": "tree"}).run(
        bash("echo run > a; ln -s old l; rm -f a l; cat a; readlink l", Fault("rm", "short"))
    )
    assert listed(ran, "/repo/") == ["l"]
    assert ran.state["/repo/l"] == "->old"
    again = opened({"a": "tree"}).run(
        bash("echo run > a; cp /etc/debian_version b; rm -f a b; cat b", Fault("rm", "short"))
    )
    assert listed(again, "/repo/") == ["b"]
    assert again.output.startswith(b"12")


@pytest.mark.parametrize(("does", "code"), [("cut", b"5"), ("short", b"0")])
def test_output_without_effects_is_halved(opened: Open, does: str, code: bytes) -> None:
    ran = opened().run(
        bash("seq 10 > in; sort -n in > out; echo $?; cat out", Fault("sort", does, exit=5))
    )
    assert ran.output == code + b"\n1\n2\n3\n4\n5\n"


def test_kill_ends_the_caller(opened: Open) -> None:
    ground = opened({"job.sh": "#!/bin/bash\necho one\ncp a b\necho two\n", "a": "x"})
    ran = ground.run(Run(("./job.sh",), faults=[Fault("cp", "kill")]))
    assert (ran.ended, ran.code, ran.output) == (Ended.SIGNALLED, 137, b"one\n")
    inner = ground.run(bash("./job.sh; echo after $?", Fault("cp", "kill")))
    assert (inner.ended, inner.output.splitlines()[-1]) == (Ended.EXITED, b"after 137")


def test_hang_ends_by_time_and_is_never_an_exit(opened: Open) -> None:
    ran = opened().run(bash("cp a b", Fault("cp", "hang"), timeout=2.0))
    assert ran.ended is Ended.TIMEOUT
    assert len(ran.fired) == 1


def test_slow_does_the_work_late(opened: Open) -> None:
    ground = opened({"a": "x"})
    began = time.monotonic()
    ran = ground.run(bash("cp a b", Fault("cp", "slow", seconds=1.5)))
    assert time.monotonic() - began > 1.5
    assert "/repo/b" in ran.state


@pytest.mark.parametrize("first", ["#!/bin/bash\n", "", "#!/usr/bin/python3\n"])
def test_a_script_plays_the_broken_command(opened: Open, first: str) -> None:
    body = "import sys; print('played', *sys.argv[1:])" if "python" in first else 'echo played "$@"'
    fault = Fault("curl", "play", script=(first + body + "\n").encode())
    ran = opened().run(bash("curl -s 'a b' c; echo $?", fault))
    assert ran.output == b"played -s a b c\n0\n"


def test_only_the_nth_call_fails_and_a_lasting_fault_goes_on(opened: Open) -> None:
    script = "for i in 1 2 3 4; do touch f$i; done; ls"
    once = opened().run(bash(script, Fault("touch", "fail", call=2)))
    assert listed(once, "/repo/") == ["f1", "f3", "f4"]
    lasting = opened().run(bash(script, Fault("touch", "fail", call=2, persistent=True)))
    assert listed(lasting, "/repo/") == ["f1"]


def test_a_fault_means_the_verbs_it_names(opened: Open) -> None:
    script = "git init -q .; git -c user.name=x status; echo $?; git -C . log; echo $?"
    ran = opened().run(bash(script, Fault("git log", "fail", exit=77)))
    assert ran.output.splitlines()[-1] == b"77"
    assert ran.output.count(b"77") == 1
    all_of_git = opened().run(bash("git init -q .; echo $?", Fault("git", "fail", exit=77)))
    assert all_of_git.output.splitlines()[-1] == b"77"


WAYS = {
    "by its path": "/usr/bin/cp a b",
    "by the other path": "/bin/cp a b",
    "without an environment": "env -i /bin/cp a b",
    "command -p": "command -p cp a b",
    "under another name": "exec -a something cp a b",
    "by xargs": "echo a b | xargs cp",
    "by find": "find a -exec cp {} b ';'",
    "by a shell": "sh -c 'cp a b'",
    "by python": 'python3 -c \'import subprocess; subprocess.run(["cp", "a", "b"])\'',
    "by make": "printf 'b: a\\n\\tcp a b\\n' > Makefile; make",
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_calling_goes_round_a_fault(opened: Open, way: str) -> None:
    ran = opened({"a": "x"}).run(bash(WAYS[way], Fault("cp", "fail", exit=3)))
    assert "/repo/b" not in ran.state
    assert len(ran.fired) == 1


def test_a_linked_command_is_met_by_the_name_it_was_called_by(opened: Open) -> None:
    ran = opened().run(bash("awk 'BEGIN {print 1}'; echo $?", Fault("awk", "fail", exit=8)))
    assert ran.output.splitlines()[-1] == b"8"
    ran = opened().run(bash("python3 -c 'print(1)'; echo $?", Fault("python3", "fail", exit=8)))
    assert ran.output.splitlines()[-1] == b"8"


def test_a_script_of_the_tree_is_a_call_of_its_interpreter(opened: Open) -> None:
    ground = opened({"cp": "#!/usr/bin/python3\nprint('my own')\n"})
    assert ground.run(bash("./cp", Fault("cp", "fail", exit=8))).output == b"my own\n"
    ran = ground.run(bash("./cp; echo $?", Fault("python3", "fail", exit=8)))
    assert ran.output.splitlines()[-1] == b"8"


def test_calls_at_once_are_counted_one_by_one(opened: Open) -> None:
    script = "seq 8 | xargs -P8 -I{} touch f{}; ls | wc -l"
    ran = opened().run(bash(script, Fault("touch", "fail", call=5)))
    assert ran.output.splitlines()[-1] == b"7"
    assert not ran.broken


def test_a_fault_that_was_never_reached_did_not_fire(opened: Open) -> None:
    ran = opened().run(bash("touch a", Fault("touch", "fail", call=2), Fault("no-such", "fail")))
    assert ran.fired == ()
    assert ran.ended is Ended.EXITED


def test_signals_reach_a_command_that_is_watched(opened: Open) -> None:
    script = "timeout -s TERM 1 rsync --version > /dev/null; echo $?; timeout 1 sed q; echo $?"
    ran = opened().run(bash(f"sleep 60 | ({script})", Fault("sed", "cut", exit=4), timeout=20))
    assert ran.output.splitlines() == [b"0", b"124"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault("cp", "melt"), id="an unknown kind"),
        pytest.param(Fault("", "fail"), id="no command"),
        pytest.param(Fault("cp", "fail", call=0), id="no call"),
    ],
)
def test_a_fault_that_can_not_be_is_refused_before_anything_runs(
    opened: Open, fault: Fault
) -> None:
    with pytest.raises(SandboxError) as refused:
        opened().run(bash("cp a b", fault))
    assert refused.value.code == "bad-run"


def test_an_entry_without_a_command_is_refused(opened: Open) -> None:
    with pytest.raises(SandboxError):
        opened().run(Run(()))
