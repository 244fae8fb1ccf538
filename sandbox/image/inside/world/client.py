"""What stand-ins in a cell tell the world: a line for the journal, or that they don't know.

Written for start-up time: plain sockets, no library. Runs inside cells.
"""

import json
import os
import socket

PORT = 4566


def journal(name, argv):
    """Write one line down. A world that does not answer ends the stand-in with an error."""
    _ask("POST", "/journal/" + _quoted(_at(name)), json.dumps(argv).encode())


def lines(name):
    """The lines of `name` so far."""
    return json.loads(_ask("GET", "/journal/" + _quoted(_at(name)), b""))


def unknown(what):
    """Say that something was asked that no stand-in knows: the run can't be judged."""
    _ask("POST", "/unknown", what.encode("utf-8", "surrogateescape"))


def _at(name):
    """On a host the journal is that host's own."""
    host = os.environ.get("PAWL_HOST")
    return f"{name}@{host}" if host else name


def _quoted(name):
    plain = b"-._@abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(chr(c) if c in plain else f"%{c:02X}" for c in os.fsencode(name))


def _ask(method, path, body):
    with socket.create_connection(("127.0.0.1", PORT), timeout=20) as link:
        head = f"{method} {path} HTTP/1.1\r\nHost: w\r\nConnection: close\r\n"
        link.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = bytearray()
        while data := link.recv(65536):
            answer += data
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    if not head.split(b" ", 2)[1].startswith(b"2"):
        raise OSError(body.decode("utf-8", "replace"))
    return body
