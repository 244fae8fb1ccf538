"""The control socket: one JSON order a line, one JSON answer a line, for the keeper alone.

The socket lies on a volume that no cell mounts. Commands of hosts, ours and those of other slots, run
under our own uid, so such a peer is turned away. Nothing here knows what an order means.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from typing import Any

from .values import Refused

Do = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def serve(path: str, do: Do, *, neighbours: bool) -> socket.socket:
    """Listen at `path`. `neighbours`: take orders from our own uid too (tests)."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen(16)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if neighbours or _is_other(connection):
                threading.Thread(target=_talk, args=(connection, do), daemon=True).start()
            else:
                connection.close()

    threading.Thread(target=accept, name="control", daemon=True).start()
    return listener


def _is_other(connection: socket.socket) -> bool:
    """Whether the peer runs under another uid than worlds and the commands of their hosts."""
    asked = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", asked)
    return bool(uid != os.getuid())


def _talk(connection: socket.socket, do: Do) -> None:
    with connection, connection.makefile("rwb") as stream, contextlib.suppress(OSError):
        for line in stream:
            stream.write(json.dumps(answer(line, do)).encode() + b"\n")
            stream.flush()


def answer(line: bytes, do: Do) -> Mapping[str, Any]:
    """Follow one line; whatever goes wrong is an answer, so that the keeper never waits."""
    try:
        order = json.loads(line)
        if not isinstance(order, dict):
            return {"error": "an order is a JSON object"}
        return do(order)
    except Refused as refusal:
        return {"error": str(refusal)}
    except Exception as problem:  # the keeper must hear of it, and the world goes on
        return {"error": f"{type(problem).__name__}: {problem}"}
