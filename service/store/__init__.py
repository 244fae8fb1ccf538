"""Where truth is kept: changes, the log, leases and artifacts, in one folder.

Rows stay inside, values come out. Nothing here decides: stages are set by `service.changes.apply`,
and what the log holds is made by `service.ledger`.
"""

from __future__ import annotations

from service.changes import LeaseLost, LeaseTaken, MoveRefused, UnknownChange
from service.ledger import LogContradicted
from service.store.artifacts import Artifacts
from service.store.errors import (
    ArtifactDamaged,
    ArtifactMissing,
    ArtifactsUnusable,
    KeyExposed,
    KeyUnusable,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreTooNew,
)
from service.store.leases import Lease
from service.store.store import Clock, Store, export_log, read_export
from service.store.unit import View, Work

__all__ = [
    "ArtifactDamaged",
    "ArtifactMissing",
    "Artifacts",
    "ArtifactsUnusable",
    "Clock",
    "KeyExposed",
    "KeyUnusable",
    "Lease",
    "LeaseLost",
    "LeaseTaken",
    "LogContradicted",
    "MoveRefused",
    "Store",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreTooNew",
    "UnknownChange",
    "View",
    "Work",
    "export_log",
    "read_export",
]
