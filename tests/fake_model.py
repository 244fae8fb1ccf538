"""A real HTTP server on loopback that plays an OpenAI-compatible endpoint from a script.

It answers what its script says, in order, and remembers what it was asked. What it doesn't know it
refuses loudly: `close` (and leaving the block) raises for each request that had no answer.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Asked = dict[str, Any]


@dataclass(frozen=True)
class Says:
    """One reply. `body` None: a chat completion of `content`. `expect` must be in the prompt."""

    content: str | None = None
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    finish: str | None = "stop"
    refusal: str | None = None
    usage: tuple[int, int] | None = (100, 20)
    does: str = "answer"  # | close | hang | drip | head-drip
    expect: str = ""
    message: dict[str, Any] = field(default_factory=dict)

    def bytes(self) -> bytes:
        if self.body is not None:
            return self.body
        message = {"role": "assistant", "content": self.content, **self.message}
        if self.refusal is not None:
            message["refusal"] = self.refusal
        said: dict[str, Any] = {
            "id": "fake",
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": self.finish}],
        }
        if self.usage is not None:
            said["usage"] = {"prompt_tokens": self.usage[0], "completion_tokens": self.usage[1]}
        return json.dumps(said).encode()


def says(value: object, **more: Any) -> Says:
    """A reply that holds `value` as JSON."""
    return Says(json.dumps(value), **more)


def prompt_of(asked: Asked) -> str:
    """All that a request says, as one text."""
    return "\n".join(m["content"] for m in asked["messages"])


class FakeModel:
    """An endpoint. `script` is a list of replies, or a function from request to reply."""

    def __init__(self, script: list[Says] | Callable[[Asked], Says | None]) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.keys: list[str] = []
        self.problems: list[str] = []
        self.arrived = threading.Condition()
        self._over = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                fake._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def until(self, count: int, seconds: float = 30) -> None:
        """Wait until so many requests have come."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.asked) >= count, seconds):
                raise AssertionError(f"{len(self.asked)} of {count} requests came")

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        if self.problems:
            raise AssertionError("; ".join(self.problems))

    # --- inside ---------------------------------------------------------------------------

    def _next(self, path: str, asked: Asked) -> Says:
        if path != "/v1/chat/completions":
            return self._strange(f"an unknown path: {path}")
        if not _well_formed(asked):
            return self._strange(f"a request that is no chat: {json.dumps(asked)[:300]}")
        if callable(self.script):
            found = self.script(asked)
            if found is None:
                return self._strange(f"no answer for: {prompt_of(asked)[-300:]}")
        elif self.script:
            found = self.script.pop(0)
        else:
            return self._strange(f"the script is at its end: {prompt_of(asked)[-300:]}")
        if found.expect and found.expect not in prompt_of(asked):
            return self._strange(f"{found.expect!r} is not in: {prompt_of(asked)[-1500:]}")
        return found

    def _strange(self, what: str) -> Says:
        self.problems.append(what)
        return Says(status=418, body=json.dumps({"error": {"message": what}}).encode())

    def _answer(self, http: BaseHTTPRequestHandler) -> None:
        length = int(http.headers.get("Content-Length", "0"))
        raw = http.rfile.read(length)
        try:
            asked = json.loads(raw)
        except ValueError:
            asked = {}
        with self.arrived:
            found = self._next(http.path, asked)
            self.asked.append(asked)
            self.keys.append(http.headers.get("Authorization", ""))
            self.arrived.notify_all()
        with suppress(OSError):
            self._send(http, found)

    def _send(self, http: BaseHTTPRequestHandler, found: Says) -> None:
        if found.does == "hang":
            self._over.wait(60)
        if found.does in ("hang", "close"):
            http.connection.shutdown(socket.SHUT_RDWR)
            http.close_connection = True
            return
        if found.does == "head-drip":
            http.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self._over.wait(0.1):
                http.wfile.write(b"a")
        body = found.bytes()
        http.send_response(found.status)
        headers = {"Content-Type": "application/json", **found.headers}
        for name, value in headers.items():
            http.send_header(name, value)
        http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        if found.does == "drip":
            for i in range(len(body)):
                http.wfile.write(body[i : i + 1])
                http.wfile.flush()
                if self._over.wait(0.1):
                    break
            return
        http.wfile.write(body)


def _well_formed(asked: Asked) -> bool:
    known = {"model", "messages", "max_tokens", "max_completion_tokens", "response_format"}
    messages = asked.get("messages")
    return (
        set(asked) <= known
        and isinstance(asked.get("model"), str)
        and isinstance(messages, list)
        and bool(messages)
        and messages[0].get("role") == "system"
        and all(
            set(m) == {"role", "content"}
            and m["role"] in ("system", "user", "assistant")
            and isinstance(m["content"], str)
            for m in messages
        )
        and ("max_tokens" in asked) != ("max_completion_tokens" in asked)
    )


@contextmanager
def model(script: list[Says] | Callable[[Asked], Says | None]) -> Iterator[FakeModel]:
    """An endpoint that plays `script` until the block ends; loud about what was strange."""
    fake = FakeModel(script)
    try:
        yield fake
    finally:
        fake.close()
