"""The record says what each call did, and a tree can neither read its key nor write in it."""

from __future__ import annotations

import pytest

from sandbox.engine import Call, Ended, Fault, Run, Tool, World
from tests.docker.conftest import Open

pytestmark = pytest.mark.docker

DIARY = {f"/srv/diary/{n}.txt": f"day {n}\n".encode() for n in range(3)}


def recorded(script: str, *faults: Fault) -> Run:
    return Run(("bash", "-c", script), record=True, faults=faults)


def named(calls: tuple[Call, ...], signature: str) -> list[Call]:
    return [call for call in calls if call.signature == signature]


def test_each_call_is_there_with_what_it_did(opened: Open) -> None:
    ground = opened({"a": "a"}, World(content=DIARY))
    script = """
    mkdir -p out; cp a out/; cd out; cp a b; gzip b; rm -r /srv/diary; sed -i s/a/z/ a
    git init -q x; false; grep nothing a
    """
    ran = ground.run(recorded(script))
    assert (ran.ended, ran.broken) == (Ended.EXITED, "")
    assert [(c.signature, c.number) for c in ran.calls][:7] == [
        ("mkdir", 1),
        ("cp", 1),
        ("cp", 2),
        ("gzip", 1),
        ("rm", 1),
        ("sed", 1),
        ("git init", 1),
    ]
    first, second = named(ran.calls, "cp")
    assert first.created == ("/repo/out/a",)
    assert (second.argv, second.cwd) == (("cp", "a", "b"), "/repo/out")
    (gzip,) = named(ran.calls, "gzip")
    assert (gzip.created, gzip.removed) == (("/repo/out/b.gz",), ("/repo/out/b",))
    assert named(ran.calls, "rm")[0].removed == tuple(sorted(DIARY))
    assert named(ran.calls, "sed")[0].changed == ("/repo/out/a",)
    assert named(ran.calls, "git init")[0].effectful
    assert named(ran.calls, "grep")[0].code == 1
    assert not named(ran.calls, "grep")[0].effectful


def test_a_recorded_run_leaves_what_a_plain_one_leaves(opened: Open) -> None:
    script = """
    for n in 1 2 3; do echo $n | tr 1-3 a-c >> log; done; seq 5 | sort -r | head -2 > top
    tar cf - log | gzip -n > log.tgz; awk '{print $1}' log > col; python3 -c 'print(1)' > one
    find . -name one -delete; printf x | tee t1 > t2; xz -k top
    printf 'all:\\n\\ttouch m\\n' | make -f -
    """
    ground = opened({"keep": "x"})
    plain, watched = ground.run(Run(("bash", "-c", script))), ground.run(recorded(script))
    assert plain.output.replace(b"make[1]", b"make") == watched.output
    names = {a for a in plain.state if a.startswith("/repo/")}
    assert {a for a in watched.state if a.startswith("/repo/")} == names
    stable = names - {"/repo/log.tgz"}  # tar keeps times
    assert all(plain.state[a] == watched.state[a] for a in stable)


def test_a_call_that_was_killed_is_there_with_its_effects(opened: Open) -> None:
    script = (
        "timeout -s KILL 1 python3 -c \"open('x', 'w').write('x'); import time; time.sleep(9)\""
    )
    ran = opened().run(recorded(script))
    (call,) = named(ran.calls, "python3")
    assert (call.code, call.created) == (None, ("/repo/x",))


def test_words_that_are_no_text_are_kept(opened: Open) -> None:
    ran = opened().run(recorded("touch $'a\\nb \"\\\\' $'caf\\xc3\\xa9' $'\\xff'"))
    (call,) = ran.calls
    assert call.argv == ("touch", 'a\nb "\\', "café", "\udcff")
    assert call.created == tuple(sorted(f"/repo/{word}" for word in call.argv[1:]))


def test_a_record_with_a_fault_says_what_was_left_of_the_call(opened: Open) -> None:
    ran = opened({}, World(content=DIARY)).run(
        recorded("cp -r /srv/diary /repo/; true", Fault("cp", "cut", exit=2))
    )
    assert len(ran.fired) == 1
    assert not ran.broken
    assert named(ran.calls, "cp")


FORGE = """
import json, os, socket
def tell(answer):
    s = socket.socket(socket.AF_UNIX); s.connect("/usr/lib/pawl/cell/s")
    nonce = s.recv(33)
    s.sendall(answer)
    s.settimeout(3)
    try:
        print(s.recv(100))
    except OSError:
        print("nothing")
"""


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'%s {"k":"end","oom":0,"steps":1}\n' % (b"0" * 64), id="a wrong signature"),
        pytest.param(b"\n", id="nothing"),
        pytest.param(b"x" * 70 + b"\n", id="noise"),
    ],
)
def test_a_line_that_the_shim_did_not_sign_breaks_the_run(opened: Open, line: bytes) -> None:
    program = FORGE + f"tell({line!r})"
    ran = opened().run(Run(("python3", "-c", program)))
    assert "without its key" in ran.broken


def test_many_open_lines_break_the_run_and_nothing_else(opened: Open) -> None:
    hold = """
import socket, time
held = []
for n in range(300):
    s = socket.socket(socket.AF_UNIX); s.settimeout(1)
    try:
        s.connect("/usr/lib/pawl/cell/s")
    except OSError:
        break
    held.append(s)
time.sleep(7)
"""
    ground = opened()
    ran = ground.run(Run(("python3", "-c", hold), timeout=30))
    assert ran.broken or ran.ended is not Ended.EXITED
    again = ground.run(recorded("touch a"))
    assert (again.ended, again.broken, len(again.calls)) == (Ended.EXITED, "", 1)


LOOK = """
import os
def tries(what, deed):
    try:
        deed(); print("OPEN", what)
    except OSError as error:
        print("shut", what, error.errno)
tries("file", lambda: open("/usr/lib/pawl/enter", "rb").read(1))
tries("copy", lambda: os.link("/usr/lib/pawl/enter", "/repo/enter"))
tries("mode", lambda: os.chmod("/usr/lib/pawl/enter", 0o755))
tries("socket", lambda: os.unlink("/usr/lib/pawl/cell/s"))
tries("socket2", lambda: os.rename("/usr/lib/pawl/cell/s", "/usr/lib/pawl/cell/t"))
for name in ("mem", "maps", "environ", "syscall", "fd/0"):
    tries(name, lambda: open(f"/proc/{os.getppid()}/{name}", "rb").read(1))
"""


def test_the_key_can_not_be_read_from_inside(opened: Open) -> None:
    ran = opened().run(Run(("python3", "-c", LOOK)))
    assert b"OPEN" not in ran.output
    assert ran.output.count(b"shut") == 10


def test_nothing_of_the_loader_gets_into_the_shim(opened: Open) -> None:
    script = "export LD_PRELOAD=/repo/evil.so LD_LIBRARY_PATH=/repo; cp a b 2>/dev/null; echo $?"
    ran = opened({"a": "x"}).run(Run(("bash", "-c", script), faults=[Fault("cp", "fail", exit=6)]))
    assert ran.output.splitlines()[-1] == b"6"


def test_a_tool_that_the_image_lacks_is_recorded_and_faulted_like_any(opened: Open) -> None:
    world = World(tools=(Tool("weave", "builder", output="cloth", count=4),))
    ground = opened({"go.sh": "#!/bin/sh\nweave && ls cloth | head -1\n"}, world)
    ran = ground.run(Run(("./go.sh",), record=True))
    (call,) = named(ran.calls, "weave")
    assert (ran.broken, call.code, len(call.created)) == ("", 0, 4)
    assert not named(ran.calls, "python3")
    cut = ground.run(Run(("./go.sh",), faults=[Fault("weave", "short")]))
    assert len([a for a in cut.state if a.startswith("/repo/cloth/")]) == 2
    same = ground.run(Run(("./go.sh",), seed=0))
    other = ground.run(Run(("./go.sh",), seed=1))
    assert same.state != other.state
