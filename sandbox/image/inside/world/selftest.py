"""The self-test: an object, a command and a transfer go all the way that a cell's would.

A stand-in that silently does nothing would make every change look safe, so the engine asks for this
before the first cell. Raises at the first thing that is not as it must be.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import tempfile

from .values import Refused
from .world import World

BUCKET, HOST = "selftest-bucket", "selftest"
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
}
WORDS = b"these words must come back\n"


def run(world: World, web_port: int) -> None:
    """Try S3, ssh and rsync. The caller puts the world back afterwards."""
    world.do({"op": "load", "buckets": [BUCKET], "hosts": [HOST], "unreachable": ["selftest-away"]})
    _objects(world, web_port)
    _commands(world)
    _transfers(world)


def _objects(world: World, port: int) -> None:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        link.request("PUT", f"/{BUCKET}/a/one", body=WORDS, headers=SIGNED)
        _must(link.getresponse().read() is not None, "an object could not be put")
        link.request("GET", f"/{BUCKET}/a/one", headers=SIGNED)
        _must(link.getresponse().read() == WORDS, "an object did not come back")
    finally:
        link.close()
    _must(f"s3://{BUCKET}/a/one" in world.do({"op": "state"})["state"], "an object is in no state")


def _commands(world: World) -> None:
    token = world.do({"op": "mark"})["token"]
    ran = _ssh(HOST, "mkdir -p /srv/one && cat > /srv/one/two && ls /srv")
    _must(ran.returncode == 0, f"a command on a host ended with {ran.returncode}: {ran.stderr!r}")
    _must(ran.stdout == b"one\n", f"a command on a host said {ran.stdout!r}")
    since = world.do({"op": "since", "token": token})
    _must(since["created"] == [f"{HOST}:/srv/one/two"], f"a host's effects are {since}")
    token = world.do({"op": "mark"})["token"]
    _ssh(HOST, "cat /srv/one/two")
    read = world.do({"op": "since", "token": token})["read"]
    _must(read == [f"{HOST}:/srv/one"], f"what a host was read for is {read}")
    _must(_ssh("selftest-away", "true").returncode == 255, "an unreachable host answered")
    _must(not world.do({"op": "unknown"})["unknown"], "a known command counts as unknown")
    _ssh(HOST, "selftest-no-such-program || true")
    _must(bool(world.do({"op": "unknown"})["unknown"]), "an unknown program was not noticed")


def _transfers(world: World) -> None:
    with tempfile.TemporaryDirectory() as here:
        os.mkdir(f"{here}/there")
        with open(f"{here}/there/file", "wb") as file:
            file.write(WORDS)
        for operands in (
            [f"{here}/there/", f"{HOST}:/srv/copy/"],
            [f"{HOST}:/srv/copy/", f"{here}/back/"],
        ):
            ran = subprocess.run(
                ["/usr/bin/rsync", "-a", *operands], capture_output=True, timeout=20, check=False
            )
            _must(ran.returncode == 0, f"rsync ended with {ran.returncode}: {ran.stderr!r}")
        with open(f"{here}/back/file", "rb") as file:
            _must(file.read() == WORDS, "a file did not come back by rsync")


def _ssh(host: str, command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["/usr/bin/ssh", host, command], input=WORDS, capture_output=True, timeout=20, check=False
    )


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Refused(f"self-test: {otherwise}")
