"""The keeper's line to the world server of a slot: one request, one answer.

What the world holds and how it undoes things is the server's own; nothing is kept here.
"""

import json
import socket

SECONDS = 60


class WorldError(Exception):
    """The world server did not answer, or said that it could not."""


def ask(slot, request):
    """Send one control request to the world of `slot`; return its answer, a dict."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(SECONDS)
            line.connect(f"/ctl/{slot}.sock")
            line.sendall(json.dumps(request).encode() + b"\n")
            got = bytearray()
            while not got.endswith(b"\n"):
                part = line.recv(1 << 20)
                if not part:
                    break
                got += part
        answer = json.loads(got)
    except (OSError, ValueError) as error:
        raise WorldError(f"{request.get('op')}: {error}") from error
    if "error" in answer:
        raise WorldError(f"{request.get('op')}: {answer['error']}")
    return answer
