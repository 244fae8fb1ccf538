"""The keeper's line to the world server of a slot: one request, one answer.

What the world holds and how it undoes things is the server's own; nothing is kept here.
"""

import json
import socket
import threading

SECONDS = 60


class WorldError(Exception):
    """The world server did not answer, or said that it could not."""


class WorldGone(WorldError):
    """Nobody answers on the socket."""


_lines = {}  # slot -> (lock, socket or None when it broke)
_guard = threading.Lock()


def ask(slot, request):
    """Send one control request to the world of `slot`; return its answer, a dict.

    The line is opened for a self-test only, while nothing untrusted runs beside the server: a
    command of a host runs under the server's uid and could put a socket of its own in its place.
    """
    with _guard:
        lock, line = _lines.get(slot, (threading.Lock(), None))
        if line is None and request.get("op") == "selftest":
            line = _open(slot)
        _lines[slot] = (lock, line)
    with lock:
        line = _lines[slot][1]
        if line is None:
            raise WorldGone(f"{request.get('op')}: the line to the world broke")
        try:
            line.sendall(json.dumps(request).encode() + b"\n")
            got = bytearray()
            while not got.endswith(b"\n"):
                part = line.recv(1 << 20)
                if not part:
                    break
                got += part
            answer = json.loads(got)
        except (OSError, ValueError) as error:
            line.close()
            _lines[slot] = (lock, None)
            raise WorldGone(f"{request.get('op')}: {error}") from error
    if "error" in answer:
        raise WorldError(f"{request.get('op')}: {answer['error']}")
    return answer


def _open(slot):
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(SECONDS)
    try:
        line.connect(f"/ctl/{slot}.sock")
    except OSError as error:
        line.close()
        raise WorldGone(f"the world of slot {slot}: {error}") from error
    return line
