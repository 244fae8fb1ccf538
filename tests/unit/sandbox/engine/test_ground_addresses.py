"""Which addresses a world may name, and which folders of the root they need."""

from __future__ import annotations

import pytest

from sandbox import SandboxError
from sandbox.engine import hardening
from sandbox.engine.ground import top_folders

SYSTEM = frozenset(hardening.SYSTEM_FOLDERS)


def test_only_folders_that_the_image_does_not_have_need_a_place() -> None:
    addresses = [
        *("/srv/a/b", "/repo/x", "/usr/local/etc/c", "/data/in/d", "/data/", "/tmp/e"),
        *("bucket", "s3://bucket/key", "host:/usr/bin/x"),
    ]
    assert top_folders(addresses, SYSTEM) == ("/data", "/tmp")


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("/usr/bin/x", id="a system folder"),
        pytest.param("/usr/local", id="local itself as a file"),
        pytest.param("/lib64/x", id="a library"),
        pytest.param("/proc/self/x", id="the kernel's"),
        pytest.param("/a/../etc/x", id="a way back"),
        pytest.param("/a/./x", id="a dot"),
        pytest.param("//a/x", id="two slashes"),
        pytest.param("/a//x", id="an empty name"),
        pytest.param("/a/\0x", id="a zero byte"),
        pytest.param("/", id="the root"),
        pytest.param("/file", id="a file in the root"),
    ],
)
def test_an_address_that_no_world_can_have_is_refused(address: str) -> None:
    with pytest.raises(SandboxError) as refused:
        top_folders([address], SYSTEM)
    assert refused.value.code == "bad-world"
