"""One wall that is not as it must be, and nothing is run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox import SandboxError
from sandbox.engine.daemon import Limits
from sandbox.engine.probe import check, check_engine

LIMITS = Limits(memory=1000, processes=50, cpus=2.0)
RIGHT: dict[str, Any] = {
    "uid": 10001,
    "gid": 10001,
    "groups": [10001],
    "capabilities": ["0000000000000000"] * 5,
    "no_new_privileges": "1",
    "seccomp": "2",
    "interfaces": ["lo"],
    "memory": "1000",
    "processes": "50",
    "cpu": "200000",
    "must_not_write": [],
    "must_write": [],
    "must_not_open": [],
    "there": [],
    "reaches": [],
    "allowed": [],
}


def said(**other: Any) -> bytes:
    return json.dumps({**RIGHT, **other}).encode() + b"\n"


def test_all_walls_in_place_pass_on_both_kinds_of_cgroup() -> None:
    assert check(said(), LIMITS)["seccomp"] == "2"
    assert check(said(cpu="200000 100000"), LIMITS)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"seccomp": "0"}, id="seccomp unconfined"),
        pytest.param({"uid": 0}, id="root"),
        pytest.param({"groups": [10001, 0]}, id="a group of root"),
        pytest.param({"capabilities": ["00000000a80425fb"] + ["0" * 16] * 4}, id="capabilities"),
        pytest.param({"no_new_privileges": "0"}, id="new privileges"),
        pytest.param({"interfaces": ["eth0", "lo"]}, id="a network"),
        pytest.param({"memory": "9223372036854771712"}, id="no memory limit"),
        pytest.param({"processes": "max"}, id="no process limit"),
        pytest.param({"cpu": "-1"}, id="no cpu limit"),
        pytest.param({"cpu": "max 100000"}, id="no cpu limit, new cgroups"),
        pytest.param({"must_not_write": ["/usr"]}, id="a writable system"),
        pytest.param({"must_write": ["/srv"]}, id="a world that can't be written"),
        pytest.param({"must_not_open": ["/usr/lib/pawl/enter"]}, id="a readable key"),
        pytest.param({"allowed": ["ptrace"]}, id="ptrace"),
        pytest.param({"reaches": ["1.1.1.1"]}, id="the way out"),
        pytest.param({"there": ["/var/run/docker.sock"]}, id="the engine's socket"),
    ],
)
def test_one_missing_wall_refuses_and_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(SandboxError) as refused:
        check(said(**wrong), LIMITS)
    assert refused.value.code == "not-hardened"
    assert next(iter(wrong)).replace("_", " ") in str(refused.value)


@pytest.mark.parametrize("key", RIGHT)
def test_a_missing_answer_refuses(key: str) -> None:
    answers = {k: v for k, v in RIGHT.items() if k != key}
    if key == "groups":
        return  # no further groups is what must be
    with pytest.raises(SandboxError):
        check(json.dumps(answers).encode(), LIMITS)


@pytest.mark.parametrize("output", [b"", b"Traceback\n", b"[]", b'"x"'])
def test_a_probe_that_said_nothing_refuses(output: bytes) -> None:
    with pytest.raises(SandboxError):
        check(output, LIMITS)


ENGINE: dict[str, Any] = {
    "MemoryLimit": True,
    "PidsLimit": True,
    "CpuCfsQuota": True,
    "SecurityOptions": ["name=seccomp,profile=default"],
}


def test_an_engine_with_limits_and_a_filter_passes() -> None:
    check_engine(ENGINE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"MemoryLimit": False},
        {"PidsLimit": None},
        {"CpuCfsQuota": False},
        {"SecurityOptions": None},
        {"SecurityOptions": ["name=apparmor"]},
        {"SecurityOptions": ["name=seccomp,profile=unconfined"]},
    ],
)
def test_an_engine_without_one_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(SandboxError):
        check_engine({**ENGINE, **wrong})
