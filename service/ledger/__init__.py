"""The ledger: judgments as entries of a tamper-evident log (RFC 6962 tree, signed checkpoints).

Values and pure functions only, no disk and no database; `service.store` keeps what is made here.
`service.ledger.verify` checks an export and knows nothing of whoever wrote it.
"""

from __future__ import annotations

from service.ledger.checkpoint import Checkpoint, PublicKey, SigningKey
from service.ledger.entry import Entry, Judgment, Kind, Receipt
from service.ledger.errors import (
    BadCheckpoint,
    BadEntry,
    BadExport,
    LedgerError,
    LogContradicted,
)

__all__ = [
    "BadCheckpoint",
    "BadEntry",
    "BadExport",
    "Checkpoint",
    "Entry",
    "Judgment",
    "Kind",
    "LedgerError",
    "LogContradicted",
    "PublicKey",
    "Receipt",
    "SigningKey",
]
