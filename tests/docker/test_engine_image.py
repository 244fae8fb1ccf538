"""The image that was really built: what must not be in it, and that it is built once."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import docker
import pytest

from sandbox.engine import Engine, Run
from sandbox.engine.daemon import DEFAULT_URL
from sandbox.engine.image import ensure_image, image_tag
from tests.docker.conftest import Open

pytestmark = pytest.mark.docker


@pytest.fixture
def raw() -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=DEFAULT_URL, timeout=60)
    yield client
    client.close()


def test_an_image_that_is_there_is_not_built_again(engine: Engine) -> None:
    said: list[str] = []
    assert ensure_image(DEFAULT_URL, said.append) == engine.image == image_tag()
    assert said == []  # whatever is built is told first


def test_no_layer_tells_how_the_builder_reaches_packages(
    engine: Engine, raw: docker.DockerClient
) -> None:
    image = raw.images.get(engine.image)
    history = "\n".join(str(layer.get("CreatedBy")) for layer in image.history())
    assert not re.search(r"https?://|proxy|index-url|find-links", history, re.IGNORECASE)
    assert not re.search(r"proxy|_URL|CERT", " ".join(image.attrs["Config"]["Env"]), re.IGNORECASE)
    assert image.labels["pawl.image"] == "1"


def test_no_file_names_the_mirror_or_keeps_a_name_server(opened: Open) -> None:
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"],
        capture_output=True,
        text=True,
        check=False,
    )
    hosts = {re.sub(r"^\w+:/*|[/:].*$", "", site) for site in listed.stdout.split()}
    own = sorted(host for host in hosts if host and not host.endswith(".debian.org"))
    script = (
        "cat /etc/apt/sources.list /etc/resolv.conf; ls /etc/apt/apt.conf.d /var/lib/apt/lists; "
    )
    script += " ".join(f"grep -rl {host} /etc /var;" for host in own)
    ran = opened().run(Run(("bash", "-c", script)))
    said = set(ran.output.decode().split())
    assert said == {"nameserver", "127.0.0.1", "/etc/apt/apt.conf.d:", "/var/lib/apt/lists:"}


def test_nothing_in_the_image_runs_as_another_user(opened: Open) -> None:
    ran = opened().run(Run(("find", "/usr", "/etc", "-xdev", "-perm", "/6000", "-type", "f")))
    assert ran.output == b""


def test_what_scripts_need_is_there(opened: Open) -> None:
    names = (
        "bash dash git rsync jq curl python3 make tree gzip xz zip unzip tar sed awk perl ps diff"
    )
    ran = opened().run(
        Run(("bash", "-c", f"for n in {names}; do command -v $n || echo no $n; done"))
    )
    assert b"no " not in ran.output
    assert ran.output.count(b"/usr/bin/") == len(names.split())
