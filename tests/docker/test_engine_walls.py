"""The walls of a cell, tried from inside, and what stands when the engine does not keep them."""

from __future__ import annotations

import pytest

from sandbox.engine import Ended, Engine, Run
from tests.docker.conftest import Open

pytestmark = pytest.mark.docker

SYSTEM_CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *arguments):
    done = libc.syscall(number, *arguments)
    print(name, "ALLOWED" if done != -1 else "denied")
if os.uname().machine == "x86_64":
    pid = os.getppid()
    call("ptrace attach", 101, 16, pid, 0, 0)
    call("process_vm_readv", 310, pid, 0, 0, 0, 0, 0)
    call("process_vm_writev", 311, pid, 0, 0, 0, 0, 0)
    call("io_uring_setup", 425, 1, 0)
    call("unshare user", 272, 0x10000000)
    call("mount", 165, 0, 0, 0, 0, 0)
    call("bpf", 321, 0, 0, 0)
    call("perf", 298, 0, 0, 0, 0, 0)
    call("keyctl", 250, 0, 0, 0)
    call("kexec", 246, 0, 0, 0, 0)
    call("init_module", 175, 0, 0, 0)
    call("open_by_handle", 304, 0, 0, 0)
    call("setuid", 105, 0)
    call("chroot", 161, b"/repo")
    call("ptrace by x32", 0x40000000 + 521, 16, pid, 0, 0)
"""


def test_the_probe_found_every_wall(engine: Engine) -> None:
    walls = engine.probe()
    assert walls["interfaces"] == ["lo"]
    assert walls["must_not_write"] == []


def test_dangerous_system_calls_are_denied(opened: Open) -> None:
    ran = opened().run(Run(("python3", "-c", SYSTEM_CALLS)))
    assert b"ALLOWED" not in ran.output
    assert ran.output.count(b"denied") in {0, 15}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("mknod /repo/sda b 8 0", id="a device"),
        pytest.param("mount -t tmpfs none /mnt", id="a mount"),
        pytest.param(
            "cp /bin/bash /repo/b; chmod 4755 /repo/b; /repo/b -p -c '[ $EUID = 0 ]'", id="suid"
        ),
        pytest.param("su -c true root </dev/null", id="su"),
        pytest.param(
            "touch /usr/bin/x || touch /bin/x || touch /lib/x || touch /x", id="the system"
        ),
        pytest.param("rm -f /usr/bin/rsync && [ ! -e /usr/bin/rsync ]", id="a tool"),
        pytest.param("echo 1 > /proc/sys/kernel/panic", id="the kernel's settings"),
        pytest.param("mkdir /sys/fs/cgroup/memory/x || mkdir /sys/fs/cgroup/x", id="a cgroup"),
        pytest.param("ls /var/run/docker.sock || ls /run/docker.sock", id="the engine"),
        pytest.param("ls /ctl /k /s", id="the keeper's folders"),
        pytest.param("curl -sm 2 http://172.17.0.1/ || curl -sm 2 http://1.1.1.1/", id="a network"),
        pytest.param("getent hosts debian.org", id="names"),
        pytest.param("kill -0 1 && kill -STOP 1 && false", id="the first process"),
        pytest.param("nice -n -5 true 2>&1 | grep -q . && false", id="priority"),
        pytest.param("ulimit -n 4096", id="more files"),
        pytest.param("dmesg | grep .", id="the kernel's log"),
    ],
)
def test_an_attack_comes_to_nothing(opened: Open, script: str) -> None:
    ran = opened().run(Run(("bash", "-c", script), timeout=30))
    assert ran.ended is Ended.EXITED
    assert ran.code != 0


def test_one_cell_sees_nothing_of_another(opened: Open) -> None:
    ground = opened()
    leave = """
    touch /tmp/left /dev/shm/left /run/left /home/ops/left /var/tmp/left
    python3 -c "import ctypes; print(ctypes.CDLL(None).shmget(77, 4096, 0o1666))"
    setsid sleep 500 & sleep 0.1
    """
    assert ground.run(Run(("bash", "-c", leave))).ended is Ended.EXITED
    look = """
    ls /tmp /dev/shm /run /home/ops /var/tmp | grep left
    python3 -c "import ctypes; print(ctypes.CDLL(None).shmget(77, 4096, 0))"
    ps -e | grep -c sleep
    """
    for _ in range(2):
        assert ground.run(Run(("bash", "-c", look))).output == b"-1\n0\n"


def test_many_open_files_end_at_their_cap(opened: Open) -> None:
    ran = opened().run(Run(("python3", "-c", "held = [open('/dev/null') for _ in range(5000)]")))
    assert b"Too many open files" in ran.output
