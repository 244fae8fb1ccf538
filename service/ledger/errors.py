"""Errors of the ledger: what could not be written, read or trusted."""

from __future__ import annotations

from service.errors import PawlError


class LedgerError(PawlError):
    """The ledger could not answer."""

    code = "ledger-error"


class BadEntry(LedgerError):
    """A judgment that can't be written down as it is; nothing was written."""

    code = "bad-entry"


class BadCheckpoint(LedgerError):
    """A checkpoint that can't be read, or whose signature does not hold."""

    code = "bad-checkpoint"


class BadExport(LedgerError):
    """An export that can't be read at all."""

    code = "bad-export"


class LogContradicted(LedgerError):
    """A signed checkpoint says something else than the log: entries were lost or rewritten."""

    code = "log-contradicted"
