"""Artifacts: evidence as files that are named by their own digest.

What is in a file is never looked at. An artifact may be erased (personal data); the log then still
fits, since it holds the digest alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.changes import Digest, digest_of, is_digest
from service.store.disk import sync_folder, write_whole
from service.store.errors import ArtifactDamaged, ArtifactMissing, ArtifactsUnusable


class Artifacts:
    """A folder of artifacts: `<folder>/<first two digits>/<the rest>`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> Digest:
        """Keep `data` durably and answer its digest. Putting it again changes nothing.

        Raises `ArtifactsUnusable` where the disk takes it not.
        """
        digest = digest_of(data)
        path = self._place(digest)
        with self._usable():
            try:
                if path.read_bytes() == data:
                    return digest
            except FileNotFoundError:
                if not path.parent.exists():
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    sync_folder(path.parent.parent)
            write_whole(path, data)  # new, or damaged: the right bytes mend it
        return digest

    def get(self, digest: Digest) -> bytes:
        """The bytes that `digest` names. Raises `ArtifactMissing`, `ArtifactDamaged`."""
        path = self._place(digest)
        try:
            with self._usable():
                data = path.read_bytes()
        except FileNotFoundError as error:
            raise ArtifactMissing(
                f"there is no artifact {digest}",
                mend="it was erased, or the artifacts were not put back with the store",
            ) from error
        if digest_of(data) != digest:
            raise ArtifactDamaged(
                f"artifact {digest} is not what it was", mend=f"put {path} back from a backup"
            )
        return data

    def path(self, digest: Digest) -> Path:
        """Where the artifact lies, for whoever streams it. Raises `ArtifactMissing`."""
        path = self._place(digest)
        if not path.exists():
            raise ArtifactMissing(f"there is no artifact {digest}")
        return path

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Say of the disk what it answers, but for a file that is not there."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ArtifactsUnusable(
                f"evidence can't be kept or read in {self._folder}: {error.strerror or error}",
                mend="look at its rights and at how much room the disk has",
            ) from error

    def _place(self, digest: Digest) -> Path:
        if not is_digest(digest):
            raise ArtifactMissing(f"{digest!r} is no digest of an artifact")
        return self._folder / digest[:2] / digest[2:]
