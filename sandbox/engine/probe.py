"""The walls of a cell, looked at from inside: what is asked there, and what the answers must be.

Flags that an engine ignores show only here. Pure but for the text of the program that asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox import SandboxError
from sandbox.engine import hardening
from sandbox.engine.daemon import Limits

PROGRAM = r"""
import ctypes, json, os, socket
def read(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError as e:
        return None
status = dict(l.split(":", 1) for l in read("/proc/self/status").splitlines() if ":" in l)
status = {k: v.strip() for k, v in status.items()}
def writable(folder):
    try:
        path = os.path.join(folder, ".wall")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)); os.unlink(path); return True
    except OSError:
        return False
def opens(path):
    try:
        os.close(os.open(path, os.O_RDONLY)); return True
    except OSError:
        return False
def first(*paths):
    return next((v for v in map(read, paths) if v is not None), None)
def reaches(address):
    s = socket.socket(); s.settimeout(1)
    try:
        s.connect(address); return True
    except OSError:
        return False
    finally:
        s.close()
libc = ctypes.CDLL(None, use_errno=True)
def denied(call, *arguments):
    return libc.syscall(call, *arguments) == -1 and ctypes.get_errno() in (1, 13, 38)
machine = os.uname().machine
numbers = {"x86_64": (101, 425, 165, 272), "aarch64": (117, 425, 40, 97)}[machine]
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
    "capabilities": [status[k] for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privileges": status["NoNewPrivs"], "seccomp": status["Seccomp"],
    "interfaces": sorted(os.listdir("/sys/class/net")),
    "memory": first("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"),
    "processes": first("/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"),
    "cpu": first("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu.max"),
    "must_not_write": [p for p in ("/", "/usr", "/usr/bin", "/usr/lib", "/usr/lib/pawl",
        "/usr/lib/pawl/cell", "/usr/lib/pawl/tools", "/bin", "/sbin", "/lib", "/boot", "/dev",
        "/sys", "/proc", "/proc/sys/kernel", "/sys/fs/cgroup") if writable(p)],
    "must_write": [p for p in ("/repo", "/etc", "/home/ops", "/opt", "/srv", "/var", "/root",
        "/mnt", "/usr/local", "/tmp", "/run", "/run/lock") if not writable(p)],
    "must_not_open": [p for p in ("/usr/lib/pawl/enter", "/dev/mem", "/dev/kmsg",
        "/proc/kcore", "/ctl", "/k/x", "/s/0") if opens(p)],
    "there": [p for p in ("/var/run/docker.sock", "/run/docker.sock", "/.dockerenv.wall")
        if os.path.exists(p)],
    "reaches": [a for a in ("1.1.1.1", "172.17.0.1") if reaches((a, 53))],
    "allowed": [n for n, ok in (("ptrace", denied(numbers[0], 16, os.getppid(), 0, 0)),
        ("io_uring", denied(numbers[1], 1, 0)), ("mount", denied(numbers[2], 0, 0, 0, 0, 0)),
        ("user namespace", denied(numbers[3], 0x10000000))) if not ok],
}))
"""


def check(output: bytes, limits: Limits) -> Mapping[str, Any]:
    """Return what the program said. Raises `SandboxError` that names every missing wall."""
    try:
        seen: dict[str, Any] = dict(json.loads(output.decode().strip().splitlines()[-1]))
    except (ValueError, TypeError, IndexError) as error:
        raise _bad([f"the probe said nothing that can be read: {output[-300:]!r}"]) from error
    uid, _, gid = hardening.CELL_USER.partition(":")
    wrong = []
    expected: dict[str, Any] = {
        "uid": int(uid),
        "gid": int(gid),
        "capabilities": ["0" * 16] * 5,
        "no_new_privileges": "1",
        "seccomp": "2",
        "interfaces": ["lo"],
        "memory": str(limits.memory),
        "processes": str(limits.processes),
        "must_not_write": [],
        "must_write": [],
        "must_not_open": [],
        "there": [],
        "reaches": [],
        "allowed": [],
    }
    for name, value in expected.items():
        if seen.get(name) != value:
            wrong.append(f"{name.replace('_', ' ')}: {seen.get(name)!r} instead of {value!r}")
    if set(seen.get("groups", ())) - {int(gid)}:
        wrong.append(f"groups: {seen.get('groups')!r}")
    if not _cpu_capped(str(seen.get("cpu")), limits.cpus):
        wrong.append(f"cpu: {seen.get('cpu')!r} instead of {limits.cpus:g}")
    if wrong:
        raise _bad(wrong)
    return seen


def check_engine(info: Mapping[str, Any]) -> None:
    """Raise `SandboxError` if the engine itself says that a wall can't be built."""
    wrong = [
        f"the engine has no {name}"
        for name in ("MemoryLimit", "PidsLimit", "CpuCfsQuota")
        if not info.get(name)
    ]
    options = " ".join(info.get("SecurityOptions") or ())
    if "name=seccomp" not in options or "unconfined" in options:
        wrong.append(f"the engine has no seccomp profile ({options or 'none'})")
    if wrong:
        raise _bad(wrong)


def _cpu_capped(text: str, cpus: float) -> bool:
    words = text.split()
    if not words or not words[0].isdigit():
        return False
    period = int(words[1]) if len(words) > 1 else 100_000
    return int(words[0]) <= cpus * period * 1.01


def _bad(wrong: list[str]) -> SandboxError:
    return SandboxError(
        "the sandbox's walls are not as they must be: " + "; ".join(wrong),
        code="not-hardened",
        mend="nothing is run here until that is mended: use a Docker engine with cgroup limits and "
        "its default seccomp profile",
    )
