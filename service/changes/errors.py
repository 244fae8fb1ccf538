"""Errors about changes, for whoever keeps them and whoever asks for them.

No error here is a "no" of the business: that is a value (`service.changes.moves.Refused`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import PawlError, UsageError

if TYPE_CHECKING:
    from service.changes.moves import Refused


class UnknownChange(UsageError):
    """No change has that id."""

    code = "unknown-change"

    def __init__(self, ident: str) -> None:
        super().__init__(f"no change is called {ident!r}")


class MoveRefused(PawlError):
    """A move that is not allowed was asked for; nothing was written. `refused` says why."""

    code = "move-refused"

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.why)
        self.refused = refused


class LeaseTaken(PawlError):
    """Somebody else works on the change at this moment."""

    code = "lease-taken"

    def __init__(self, change: str, holder: str) -> None:
        super().__init__(
            f"{holder} works on {change}",
            mend="wait until that ends; the lease of a dead process is taken over by itself",
        )
        self.holder = holder


class LeaseLost(PawlError):
    """The lease ran out and somebody else has taken the change over."""

    code = "lease-lost"

    def __init__(self, change: str) -> None:
        super().__init__(
            f"the lease on {change} ran out and was taken over",
            mend="stop working on this change; renew more often than the lease lasts",
        )
