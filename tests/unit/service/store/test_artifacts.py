from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.changes import Digest, digest_of
from service.store import ArtifactDamaged, ArtifactMissing, Artifacts


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


def test_what_was_put_is_found_by_its_digest(artifacts: Artifacts) -> None:
    digest = artifacts.put(b"a photo of the oven")
    assert digest == digest_of(b"a photo of the oven")
    assert artifacts.get(digest) == b"a photo of the oven"
    assert artifacts.path(digest).read_bytes() == b"a photo of the oven"


@given(content=st.binary(max_size=200))
def test_any_bytes_can_be_put(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    artifacts = Artifacts(tmp_path_factory.getbasetemp() / "any")
    assert artifacts.get(artifacts.put(content)) == content


def test_putting_it_twice_leaves_one_file_and_no_scraps(artifacts: Artifacts) -> None:
    digest = artifacts.put(b"dough")
    first = artifacts.path(digest).stat()
    artifacts.put(b"dough")
    assert artifacts.path(digest).stat().st_ino == first.st_ino
    assert list(artifacts.path(digest).parent.iterdir()) == [artifacts.path(digest)]


def test_others_on_the_machine_can_not_read_it(artifacts: Artifacts) -> None:
    umask = os.umask(0)
    try:
        path = artifacts.path(artifacts.put(b"who baked what"))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"doug", b"DOUGH", b"dough and more"])
def test_an_artifact_that_was_altered_is_not_handed_out(
    artifacts: Artifacts, content: bytes
) -> None:
    digest = artifacts.put(b"dough")
    artifacts.path(digest).write_bytes(content)
    with pytest.raises(ArtifactDamaged, match=digest):
        artifacts.get(digest)


def test_putting_the_right_bytes_mends_what_was_altered(artifacts: Artifacts) -> None:
    digest = artifacts.put(b"dough")
    artifacts.path(digest).write_bytes(b"mould")
    artifacts.put(b"dough")
    assert artifacts.get(digest) == b"dough"


@pytest.mark.parametrize(
    "digest",
    [digest_of(b"never put"), "", "../../keys/log.ed25519", "ab", "A" * 64, "/" + "a" * 63],
)
def test_what_was_never_put_is_missing(artifacts: Artifacts, digest: str) -> None:
    with pytest.raises(ArtifactMissing):
        artifacts.get(Digest(digest))
    with pytest.raises(ArtifactMissing):
        artifacts.path(Digest(digest))
