from __future__ import annotations

import os
import resource
import signal
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.changes import Digest, digest_of
from service.errors import SomethingMissing
from service.store import ArtifactDamaged, ArtifactMissing, Artifacts, ArtifactsUnusable, Store
from tests.unit.service.store.conftest import Clock


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


def test_a_folder_that_is_none_is_said_and_not_a_mishap_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_bytes(b"a file")
    artifacts = Artifacts(tmp_path / "artifacts")
    with pytest.raises(ArtifactsUnusable, match="can't be kept or read") as told:
        artifacts.put(b"dough")
    assert "rights" in told.value.mend
    with pytest.raises(ArtifactsUnusable):
        artifacts.get(digest_of(b"dough"))


def test_a_full_disk_is_said_and_leaves_no_scraps(artifacts: Artifacts, tmp_path: Path) -> None:
    artifacts.put(b"dough")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        with pytest.raises(ArtifactsUnusable):
            artifacts.put(b"more than ten bytes of dough")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [artifacts.path(digest_of(b"dough"))]


@pytest.mark.parametrize("odd", ["a file", "a folder below a file"])
def test_a_store_says_where_its_folder_can_be_none(tmp_path: Path, clock: Clock, odd: str) -> None:
    file = tmp_path / "home"
    file.write_bytes(b"")
    with pytest.raises(SomethingMissing, match="can't be used") as told:
        Store.open(file if odd == "a file" else file / "below", clock)
    assert "PAWL_HOME" in told.value.mend
