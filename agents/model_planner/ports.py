"""What the model planner needs from above: a ledger of calls, a mask for secrets, a way to stop.

Promises and values only; `service.wiring` hands in the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Call:
    """A request that is about to be sent."""

    change: str
    role: str
    model: str
    template: str
    """Digest of the role's template."""
    digest: str
    """What the request asks, whatever the fence's nonce: the name that a replay finds it by."""
    request: bytes
    reserve: int
    """Tokens that it can cost at most, as far as can be told."""


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP, before anything was read out of it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Usage:
    """Tokens of one call. `estimated` where the endpoint did not say."""

    prompt: int
    completion: int
    estimated: bool = False


class Ledger(Protocol):
    """Every call on record: budget, audit, replay after a crash and cassette in one."""

    def find(self, change: str, digest: str) -> tuple[int, bytes] | None:
        """Status and body of the reply that was paid for already."""
        ...

    def begin(
        self,
        *,
        change: str,
        role: str,
        model: str,
        template: str,
        digest: str,
        request: bytes,
        reserve: int,
    ) -> int:
        """Put a call on record as sent, its reserve charged; answer its number.

        Raises `AgentError` where a budget has no room for it; then nothing may be sent.
        """
        ...

    def done(
        self,
        number: int,
        status: int,
        body: bytes,
        *,
        prompt: int,
        completion: int,
        estimated: bool,
    ) -> None:
        """Keep the reply and charge what it cost instead of the reserve."""
        ...

    def failed(
        self, number: int, code: str, *, charged: bool, status: int = 0, body: bytes | None = None
    ) -> None:
        """There is no usable reply. `charged` where it may have cost all the same."""
        ...

    def recall(self, change: str, key: str) -> bytes | None:
        """What was remembered of a trial."""
        ...

    def remember(self, change: str, key: str, what: bytes) -> None:
        """Keep what a trial came to, so that a run that goes on asks the same again."""
        ...


class Mask(Protocol):
    """Hides secrets before a text leaves for a model."""

    def hide(self, text: str) -> tuple[str, Mapping[str, str]]:
        """`text` with placeholders, the same for the same secret; and placeholder -> secret."""
        ...


class Check(Protocol):
    """Raises where somebody asked to stop."""

    def __call__(self) -> None: ...
