"""The engine's frames are taken apart whatever way they arrive."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sandbox.engine.daemon import EngineDown, Line
from sandbox.engine.stream import KEPT, SEEN, Frames, Stop, follow


def frame(channel: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", channel, len(data)) + data


@given(
    parts=some.lists(some.tuples(some.sampled_from([1, 2]), some.binary(max_size=40)), max_size=12),
    cuts=some.lists(some.integers(0, 400), max_size=8),
)
def test_how_the_bytes_were_cut_does_not_matter(
    parts: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    whole = b"".join(frame(channel, data) for channel, data in parts)
    edges = [0, *sorted(c for c in cuts if c < len(whole)), len(whole)]
    frames, got = Frames(), []
    for start, end in itertools.pairwise(edges):
        got += frames.take(whole[start:end])
    assert got == [data for _, data in parts]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(struct.pack(">BxxxL", 7, 1), id="an unknown channel"),
        pytest.param(struct.pack(">BxxxL", 1, 1 << 31), id="an impossible length"),
        pytest.param(b"HTTP/1.1", id="something else"),
    ],
)
def test_a_header_that_can_not_be_is_the_engines_fault(header: bytes) -> None:
    with pytest.raises(EngineDown, match="no sense"):
        Frames().take(header)


def test_what_is_said_is_kept_up_to_the_cap_and_counted_to_the_end() -> None:
    ours, theirs = socket.socketpair()
    line = Line(ours)
    with theirs:
        much = frame(1, b"x" * 60000) * (SEEN // 60000 + 1)
        sender = threading.Thread(target=theirs.sendall, args=(much,))
        sender.start()
        heard = follow(line, time.monotonic() + 20, None)
        line.close()
        sender.join()
    assert (heard.stop, len(heard.output), heard.truncated) == (Stop.TOO_MUCH, KEPT, True)


def test_silence_ends_at_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    line = Line(ours)
    with theirs:
        theirs.sendall(frame(1, b"half a li"))
        heard = follow(line, time.monotonic() + 0.1, None)
        line.close()
    assert (heard.stop, heard.output, heard.truncated) == (Stop.DEADLINE, b"half a li", False)


def test_lines_are_handed_over_whole_and_the_last_one_without_its_end_too() -> None:
    ours, theirs = socket.socketpair()
    line = Line(ours)
    seen: list[bytes] = []
    last = threading.Event()

    def take(text: bytes) -> None:
        seen.append(text)
        if text == b"three":
            last.set()

    theirs.sendall(frame(1, b"on") + frame(2, b"e\ntwo\nth") + frame(1, b"ree"))
    theirs.close()
    heard = follow(line, time.monotonic() + 5, take)
    line.close()
    assert last.wait(5)
    assert seen == [b"one", b"two", b"three"]
    assert heard.stop is Stop.END


def test_a_watcher_that_never_returns_does_not_hold_the_run() -> None:
    ours, theirs = socket.socketpair()
    line = Line(ours)
    stuck = threading.Event()
    theirs.sendall(b"".join(frame(1, b"line\n") for _ in range(5000)))
    theirs.close()

    def never(_: bytes) -> None:
        stuck.wait(30)

    heard = follow(line, time.monotonic() + 10, never)
    line.close()
    stuck.set()
    assert (heard.stop, len(heard.output)) == (Stop.END, 25000)
