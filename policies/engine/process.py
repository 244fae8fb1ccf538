"""Starts the confined worker, talks to it under a deadline, and kills it.

Only processes and bytes here; what is asked and what an answer means is the caller's.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_ANSWER = 8 << 20  # bytes


@dataclass(frozen=True)
class Limits:
    """What one worker may use."""

    memory: int = 2 << 30  # bytes of address space; the engine does not start with 1 GiB
    cpu: int = 10  # seconds of CPU, start included
    start: float = 30.0  # seconds of wall time to compile Pawl's rules
    wall: float = 5.0  # seconds of wall time for a verdict
    collect: bool = False  # collect garbage all along, not only when much of the memory is used


class Broke(Exception):
    """There is no answer that can be used. The text is the reason that people see."""


class Process:
    """One worker. Use it once, then `kill` it; it also ends when its caller does."""

    def __init__(self, library: Path, limits: Limits) -> None:
        root = Path(__file__).resolve().parents[2]
        start = "import sys; sys.path.insert(0, sys.argv[1]); import policies.engine.worker as w"
        try:
            self._child = subprocess.Popen(
                # -I -S: no environment, no user site, no site-packages, no .pth files.
                [sys.executable, "-I", "-S", "-B", "-c", f"{start}; w.main()", str(root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                # One thread of Go; a verdict is over before collecting garbage would pay.
                env={
                    "GOMAXPROCS": "1",
                    "GOGC": "100" if limits.collect else "off",
                    "GOMEMLIMIT": str(limits.memory // 2),
                },
                start_new_session=True,
            )
        except OSError as error:
            raise Broke(f"the engine's process could not start: {error}") from error
        assert self._child.stdin is not None  # noqa: S101 - PIPE was asked for
        assert self._child.stdout is not None  # noqa: S101
        self._in, self._out = self._child.stdin, self._child.stdout
        os.set_blocking(self._in.fileno(), False)
        first = {"library": str(library), "memory": limits.memory, "cpu": limits.cpu}
        self._waiting = json.dumps(first).encode() + b"\n"

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def tell(self, asked: Mapping[str, Any], payload: bytes = b"") -> None:
        """Lay words ready for the worker; what the pipe takes at once goes at once."""
        self._waiting += json.dumps(asked).encode() + b"\n" + payload
        self._push()

    def answer(self, seconds: float) -> dict[str, Any]:
        """Wait at most `seconds` for the next answer. Raises `Broke`; then the worker is dead."""
        try:
            return self._answer(time.monotonic() + seconds, seconds)
        except Broke:
            self.kill()
            raise

    def kill(self) -> None:
        """End the worker and all that it may have started."""
        if self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.kill()
        self._child.wait()
        with contextlib.suppress(OSError):
            self._in.close()
        self._out.close()

    def _push(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._waiting:
                try:
                    written = os.write(self._in.fileno(), self._waiting)
                except BrokenPipeError:
                    self._waiting = b""
                    return
                self._waiting = self._waiting[written:]

    def _answer(self, until: float, seconds: float) -> dict[str, Any]:
        got = bytearray()
        out, into = self._out.fileno(), self._in.fileno()
        while not got.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0:
                raise Broke(f"the rules did not end within {seconds:g} s")
            poll = select.poll()  # not select(): a server has more than 1024 descriptors
            poll.register(out, select.POLLIN)
            if self._waiting:
                poll.register(into, select.POLLOUT)
            ready = [fd for fd, _ in poll.poll(left * 1000)]
            if into in ready:
                self._push()
            if out in ready:
                part = os.read(out, 1 << 20)
                if not part:
                    raise Broke(self._death())
                got += part
                if len(got) > MOST_ANSWER:
                    raise Broke("the rules answered more than a verdict can be")
        try:
            said = json.loads(got)
        except (ValueError, RecursionError) as error:
            raise Broke(f"the engine's answer is no JSON: {error}") from error
        if not isinstance(said, dict):
            raise Broke("the engine's answer has the wrong shape")
        if "broke" in said:
            raise Broke(str(said["broke"]))
        answer = said.get("answer")
        if not isinstance(answer, dict):
            raise Broke("the engine's answer has the wrong shape")
        return answer

    def _death(self) -> str:
        code = self._child.wait()
        if code >= 0:
            return f"the engine ended without an answer (exit code {code})"
        name = signal.Signals(-code).name
        if name in ("SIGXCPU", "SIGABRT"):
            # Go turns the signal of a spent processor limit into an abort of its own.
            return f"the rules used up their memory or processor time ({name})"
        return f"the engine was killed ({name})"
