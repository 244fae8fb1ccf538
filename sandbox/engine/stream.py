"""What a container says: the engine's frames, read with a deadline and caps, handed on live.

Reads and counts only. The order at the end (stop reading, close, only then kill) is the caller's,
and matters: an engine hangs in kill while an attached stream is open and not read.
"""

from __future__ import annotations

import contextlib
import queue
import select
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sandbox.engine.daemon import EngineDown, Line

KEPT = 1 << 20  # bytes of output kept
SEEN = 4 << 20  # bytes after which a run is ended
_FRAME_MOST = 16 << 20
_QUEUED_LINES = 2000


class Stop(StrEnum):
    """Why reading stopped."""

    END = "end"
    DEADLINE = "deadline"
    TOO_MUCH = "too-much"


@dataclass(frozen=True)
class Heard:
    """What was read."""

    stop: Stop
    output: bytes  # the first KEPT bytes
    truncated: bool


class Frames:
    """Takes the engine's 8-byte headers apart."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> list[bytes]:
        """Return the payloads that are complete. Raises `EngineDown` for a header that can't be."""
        rest = self._rest + data
        out, at = [], 0
        while len(rest) - at >= 8:
            channel, length = struct.unpack_from(">BxxxL", rest, at)
            if channel > 2 or length > _FRAME_MOST:
                raise EngineDown("the engine's stream makes no sense")
            if len(rest) - at - 8 < length:
                break
            out.append(rest[at + 8 : at + 8 + length])
            at += 8 + length
        self._rest = rest[at:]
        return out


def follow(
    line: Line, deadline: float, on_line: Callable[[bytes], None] | None, kept: int = KEPT
) -> Heard:
    """Read until the stream ends, `deadline` (monotonic) passes or too much was said.

    `on_line` gets whole lines without their end from a thread of its own; what it can't take in
    time is dropped, never waited for.
    """
    frames, output, seen = Frames(), bytearray(), 0
    stop = Stop.END
    line.socket.setblocking(False)
    poll = select.poll()
    poll.register(line.socket, select.POLLIN)
    with _Lines(on_line) as lines:
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                stop = Stop.DEADLINE
                break
            try:
                data = line.socket.recv(65536)
            except BlockingIOError:
                continue
            except OSError as error:
                raise EngineDown(f"the line to the engine broke: {error}") from error
            if not data:
                break
            for part in frames.take(data):
                seen += len(part)
                output += part[: max(0, kept - len(output))]
                lines.take(part)
            if seen > SEEN:
                stop = Stop.TOO_MUCH
                break
    return Heard(stop, bytes(output), seen > len(output))


class _Lines:
    """Cuts output into lines and hands them over without ever waiting for who takes them."""

    def __init__(self, on_line: Callable[[bytes], None] | None) -> None:
        self._on_line = on_line
        self._rest = b""
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUED_LINES)

    def __enter__(self) -> _Lines:
        if self._on_line:
            threading.Thread(target=self._hand_over, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._on_line:
            if self._rest:
                self._put(self._rest)
            self._put(None)

    def take(self, part: bytes) -> None:
        if not self._on_line:
            return
        *whole, self._rest = (self._rest + part).split(b"\n")
        self._rest = self._rest[-65536:]
        for text in whole:
            self._put(text)

    def _put(self, text: bytes | None) -> None:
        while True:
            try:
                return self._queue.put_nowait(text)
            except queue.Full:
                if text is not None:
                    return None
                with contextlib.suppress(queue.Empty):  # the end must arrive
                    self._queue.get_nowait()

    def _hand_over(self) -> None:
        while (text := self._queue.get()) is not None:
            if self._on_line:
                # a watcher that fails must not change how a run ends
                with contextlib.suppress(Exception):
                    self._on_line(text)
