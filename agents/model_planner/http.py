"""One request over HTTP, with a deadline over all of it and a cap on what comes back.

A client of our own instead of the vendor's: theirs bounds a read but not an answer, retries by
itself, and hands a login page through as a string.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any

import httpx

from agents.model_planner.ports import Check, Reply

MOST = 4 << 20
"""Bytes that an answer may have."""
_TICK = 0.2


@dataclass(frozen=True)
class NoReply:
    """Nothing usable came back; `sent`: the request may have arrived, so it may have cost."""

    code: str
    why: str
    sent: bool


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked. The key is sent there and nowhere else."""

    url: str
    key: str = field(default="", repr=False)
    seconds: float = 120.0

    def post(self, path: str, body: bytes, check: Check) -> Reply | NoReply:
        """Send `body` and answer what came back within the deadline.

        `check` is asked a few times a second; what it raises ends the request.
        """
        return asyncio.run(self._post(path, body, check))

    async def _post(self, path: str, body: bytes, check: Check) -> Reply | NoReply:
        asking = asyncio.ensure_future(self._within(path, body))
        try:
            while not asking.done():
                await asyncio.wait({asking}, timeout=_TICK)
                if not asking.done():
                    check()
            return asking.result()
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.wait({asking})

    async def _within(self, path: str, body: bytes) -> Reply | NoReply:
        try:
            async with asyncio.timeout(self.seconds):
                return await self._send(path, body)
        except TimeoutError:
            return NoReply("model-timeout", f"no answer within {self.seconds:g} seconds", True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as wrong:
            why = f"there is no way to the endpoint ({type(wrong).__name__})"
            return NoReply("model-unreachable", why, False)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as wrong:
            return NoReply("model-cut-off", f"the connection broke ({type(wrong).__name__})", True)

    async def _send(self, path: str, body: bytes) -> Reply | NoReply:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        async with (
            httpx.AsyncClient(**_client(self.url, self.seconds)) as client,
            client.stream(
                "POST", f"{self.url.rstrip('/')}/{path}", content=body, headers=headers
            ) as answer,
        ):
            parts: list[bytes] = []
            size = 0
            async for part in answer.aiter_bytes():
                size += len(part)
                if size > MOST:
                    return NoReply(
                        "model-too-much", f"the answer is longer than {MOST} bytes", True
                    )
                parts.append(part)
            kept = {n: answer.headers[n] for n in _HEADERS if n in answer.headers}
            return Reply(answer.status_code, b"".join(parts), kept)


_HEADERS = ("content-type", "retry-after", "x-should-retry")


def _client(url: str, seconds: float) -> dict[str, Any]:
    """No environment, no redirects: a key goes to the address that was set, or nowhere."""
    return {
        "timeout": httpx.Timeout(seconds, connect=min(10.0, seconds)),
        "follow_redirects": False,
        "trust_env": False,
        "verify": ssl.create_default_context() if url.startswith("https:") else False,
    }
