"""Errors of the store: what could not be kept, found or trusted."""

from __future__ import annotations

from service.errors import PawlError, SomethingMissing


class StoreError(PawlError):
    """The store could not answer."""

    code = "store-error"


class StoreBusy(StoreError):
    """Another process held the database for longer than we wait."""

    code = "store-busy"


class StoreTooNew(StoreError):
    """A newer version of Pawl has changed the tables."""

    code = "store-too-new"


class StoreDamaged(StoreError):
    """The database holds something that Pawl never writes."""

    code = "store-damaged"


class ArtifactMissing(StoreError):
    """No artifact has that digest; it may have been erased."""

    code = "artifact-missing"


class ArtifactDamaged(StoreError):
    """An artifact's bytes are not those that its digest names."""

    code = "artifact-damaged"


class ArtifactsUnusable(StoreError):
    """The folder of artifacts can't be written or read: a full disk, wrong rights, no folder."""

    code = "artifacts-unusable"


class HomeUnusable(SomethingMissing):
    """The folder that holds the store can't be made or written in."""

    code = "missing-home"


class KeyExposed(StoreError):
    """Others could read or replace the key that signs checkpoints."""

    code = "key-exposed"


class KeyUnusable(SomethingMissing):
    """The key that signs checkpoints is missing, can't be read, or belongs to another log."""

    code = "key-unusable"
