"""How a run ended is told apart, whatever the run does to hide it."""

from __future__ import annotations

import time

import pytest

from sandbox.engine import Ended, Run
from tests.docker.conftest import Open

pytestmark = pytest.mark.docker


def bash(script: str, **more: object) -> Run:
    return Run(("bash", "-c", script), **more)  # type: ignore[arg-type]


def test_the_exit_code_and_all_output_come_back_in_order(opened: Open) -> None:
    ran = opened().run(bash("echo one; echo two >&2; echo three; exit 3"))
    assert (ran.ended, ran.code, ran.output) == (Ended.EXITED, 3, b"one\ntwo\nthree\n")
    assert not ran.truncated


@pytest.mark.parametrize(
    ("script", "ended", "code"),
    [
        pytest.param("kill -9 $$", Ended.SIGNALLED, 137, id="killed"),
        pytest.param("kill -SEGV $$", Ended.SIGNALLED, 139, id="a crash"),
        pytest.param("exit 137", Ended.EXITED, 137, id="a code that only looks like a signal"),
        pytest.param("kill -9 -1", Ended.SIGNALLED, 137, id="kills everything it may"),
        pytest.param("kill -9 0", Ended.SIGNALLED, 137, id="kills its own group"),
    ],
)
def test_a_signal_is_told_from_an_exit_code(
    opened: Open, script: str, ended: Ended, code: int
) -> None:
    ran = opened().run(bash(script))
    assert (ran.ended, ran.code) == (ended, code)


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        pytest.param(("./not-there.sh",), "No such file", id="missing"),
        pytest.param(("./plain.txt",), "Permission denied", id="not executable"),
        pytest.param(("no-such-command-anywhere",), "No such file", id="not in PATH"),
        pytest.param(("./no-interpreter",), "No such file", id="missing interpreter"),
    ],
)
def test_what_can_not_start_is_not_an_exit(opened: Open, argv: tuple[str, ...], word: str) -> None:
    ground = opened({"plain.txt": "echo no", "no-interpreter": "#!/opt/none\n"})
    ran = ground.run(Run(argv))
    assert ran.ended is Ended.CANNOT_START
    assert word in ran.error


def test_a_script_may_still_exit_127_by_itself(opened: Open) -> None:
    ran = opened().run(bash("nothing-of-that-name"))
    assert (ran.ended, ran.code) == (Ended.EXITED, 127)


def test_a_run_that_ignores_every_signal_ends_at_its_time(opened: Open) -> None:
    ran = opened().run(bash("trap '' TERM INT HUP QUIT; while :; do :; done", timeout=1.5))
    assert ran.ended is Ended.TIMEOUT  # and it came back, though the loop never ends


def test_endless_output_is_cut_off_and_said_to_be(opened: Open) -> None:
    ran = opened().run(Run(("yes",), timeout=60))
    assert ran.ended is Ended.OUTPUT_CAP
    assert ran.truncated
    assert len(ran.output) == 1 << 20


def test_a_background_child_that_holds_the_output_does_not_delay_success(opened: Open) -> None:
    ran = opened().run(bash("sleep 300 & echo done", timeout=60))
    # had it waited for the child, its time would have run out
    assert (ran.ended, ran.code, ran.output) == (Ended.EXITED, 0, b"done\n")


def test_a_child_that_left_its_session_is_gone_with_the_cell(opened: Open) -> None:
    ground = opened()
    ran = ground.run(bash("setsid bash -c 'sleep 2; touch /repo/late' & sleep 0.1; echo ok"))
    assert (ran.ended, ran.code) == (Ended.EXITED, 0)
    assert "/repo/late" not in ran.state


def test_memory_that_only_a_child_ran_out_of_is_a_note_and_not_the_end(opened: Open) -> None:
    hog = "python3 -c 'x = bytearray(3 << 30)' ; python3 -c \"x = 'ab' * (1 << 30)\"; echo $?"
    ran = opened().run(bash(f"{hog}; exit 0"))
    assert (ran.ended, ran.code) == (Ended.EXITED, 0)
    assert ran.oom_kills > 0


def test_an_entry_that_runs_out_of_memory_is_out_of_memory(opened: Open) -> None:
    ran = opened().run(Run(("python3", "-c", "x = 'ab' * (1 << 30)")))
    assert (ran.ended, ran.code) == (Ended.OOM, 137)


def test_a_sequence_runs_in_one_view_whatever_the_first_one_said(opened: Open) -> None:
    ground = opened({"a.sh": "#!/bin/sh\necho a > a.out\nexit 4\n"})
    ran = ground.run(Run(("./a.sh",), then=[("cat", "a.out"), ("pwd",)]))
    assert (ran.ended, ran.code, ran.output) == (Ended.EXITED, 4, b"a\n/repo\n")


def test_the_environment_is_fixed_and_can_be_set_and_unset(opened: Open) -> None:
    ran = opened().run(Run(("env",), env={"COLOUR": "red", "TERM": None, "HOME": "/home/ops"}))
    seen = dict(line.split("=", 1) for line in ran.output.decode().splitlines())
    assert seen["COLOUR"] == "red"
    assert "TERM" not in seen
    assert (seen["USER"], seen["TZ"], seen["LC_ALL"], seen["HOSTNAME"]) == (
        *("ops", "UTC", "C.UTF-8", "ops"),
    )
    assert not [name for name in seen if "PAWL" in name.upper() or "SLOT" in name.upper()]


def test_lines_arrive_while_the_run_goes_on(opened: Open) -> None:
    seen: list[tuple[float, bytes]] = []
    began = time.monotonic()
    ran = opened().run(
        bash("for i in 1 2 3; do echo $i; sleep 0.5; done; printf end"),
        lambda line: seen.append((time.monotonic() - began, line)),
    )
    total = time.monotonic() - began
    assert ran.output == b"1\n2\n3\nend"
    end = time.monotonic() + 5
    while len(seen) < 4 and time.monotonic() < end:
        time.sleep(0.01)
    assert [line for _, line in seen] == [b"1", b"2", b"3", b"end"]
    assert seen[0][0] < total - 0.9


def test_a_watcher_that_fails_changes_nothing(opened: Open) -> None:
    def broken(_: bytes) -> None:
        raise RuntimeError("no")

    assert opened().run(bash("echo a; echo b; exit 2"), broken).code == 2


def test_a_file_limit_is_a_full_disk_for_every_program(opened: Open) -> None:
    script = "trap '' XFSZ; head -c 9000 /dev/zero > out 2>/dev/null; echo $?; stat -c %s out"
    ran = opened().run(bash(script, file_limit=3000))
    assert ran.output.decode().splitlines()[-2:] == ["1", "3000"]
