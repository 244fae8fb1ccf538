"""The HTTP port: S3 and STS by moto, and what stand-ins write down.

Requests are taken whole, one at a time, so that an effect is there or not there. The port is the
same in every cell; which state there is behind it is the world's.
"""

from __future__ import annotations

import io
import json
import socketserver
import threading
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .objects import Objects, note_reads
from .values import Refused

LARGEST = 64 << 20  # bytes of one request
Start = Callable[..., Any]
Environ = dict[str, Any]


class Web:
    """A WSGI application over the world's parts, all of it under the world's lock."""

    def __init__(
        self,
        objects: Objects,
        lock: threading.RLock,
        write: Callable[[str, list[str]], None],
        lines: Callable[[str], list[str]],
        unknown: Callable[[str], None],
    ) -> None:
        self._objects, self._lock = objects, lock
        self._write, self._lines, self._unknown = write, lines, unknown
        self._s3 = create_backend_app("s3")
        self._sts = create_backend_app("sts")

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        try:
            body = _body(environ)
            with self._lock:
                if path.startswith("/journal/"):
                    return self._journal(path.removeprefix("/journal/"), environ, body, start)
                if path == "/unknown":
                    self._unknown(body.decode("utf-8", "replace")[:2000])
                    return _answer(start, "204 No Content", b"")
                return self._aws(path, environ, body, start)
        except (Refused, ValueError, UnicodeError) as problem:
            return _answer(start, "400 Bad Request", str(problem).encode("utf-8", "replace"))

    def _journal(self, name: str, environ: Environ, body: bytes, start: Start) -> list[bytes]:
        if not name or "/" in name or len(name) > 200 or not name.isprintable():
            raise Refused("no usable name")
        if environ["REQUEST_METHOD"] == "GET":
            return _answer(start, "200 OK", json.dumps(self._lines(name)).encode())
        argv = json.loads(body)
        if not isinstance(argv, list) or not all(isinstance(word, str) for word in argv):
            raise Refused("a line is a list of words")
        self._write(name, argv)
        return _answer(start, "204 No Content", b"")

    def _aws(self, path: str, environ: Environ, body: bytes, start: Start) -> list[bytes]:
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0]
        app = self._sts if scope.endswith("/sts/aws4_request") else self._s3
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ.pop("wsgi.input_terminated", None)
        query = environ.get("QUERY_STRING", "")
        method = environ["REQUEST_METHOD"]
        said: list[Any] = []

        def keep(status: str, headers: list[tuple[str, str]], problem: Any = None) -> None:
            said[:] = [status, headers]

        answer = b"".join(app(environ, keep))
        status, headers = said
        if app is self._s3:
            if method not in ("GET", "HEAD"):
                self._objects.touched()
            elif status.startswith("2"):
                note_reads(self._objects, method, path, query)
            if status[:3] in ("500", "501"):
                self._unknown(f"s3 {method} {path}?{query}: {status}")
        if method != "HEAD" and not any(name.lower() == "content-length" for name, _ in headers):
            headers = [*headers, ("Content-Length", str(len(answer)))]
        start(status, headers)
        return [answer]


def _body(environ: Environ) -> bytes:
    if environ.get("wsgi.input_terminated"):  # chunked: werkzeug ends the stream
        body = environ["wsgi.input"].read(LARGEST + 1)
    else:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > LARGEST:
            raise Refused(f"a request of {length} bytes is more than this world takes")
        body = environ["wsgi.input"].read(length)
    if len(body) > LARGEST:
        raise Refused("a request is more than this world takes")
    return bytes(body)


def _answer(start: Start, status: str, body: bytes) -> list[bytes]:
    start(status, [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [body]


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # clients keep a connection and ask before a large body

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: what was asked is in the world's state."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def serve(web: Web, port: int) -> BaseWSGIServer:
    """Listen on loopback, a thread a connection. The caller ends it with `shutdown`."""
    socketserver.ThreadingMixIn.daemon_threads = True
    server = make_server("127.0.0.1", port, web, threaded=True, request_handler=_Handler)
    server.daemon_threads = True  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, name="web", daemon=True).start()
    return server


def quoted(name: str) -> str:
    """A journal's name as part of a path."""
    return urllib.parse.quote(name, safe="")
