"""`pawl serve` as whoever runs it meets it: as a process, here without any engine."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.stories.cli import Pawl

pytestmark = pytest.mark.enable_socket


@dataclass(frozen=True)
class NoEngine(Pawl):
    """A home where Docker is a socket that nobody listens on."""

    extra: tuple[tuple[str, str], ...] = ()

    def environment(self) -> dict[str, str]:
        dead = {"DOCKER_HOST": f"unix://{self.home}/no-engine.sock"}
        return {**super().environment(), **dead, **dict(self.extra)}


@dataclass
class Up:
    """A service that was started."""

    pawl: NoEngine
    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def link_file(self) -> Path:
        return self.pawl.home / "pawl/first-run-link"

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        return self.send("GET", path, None, headers)

    def send(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            own = {"Host": f"localhost:{self.port}", **headers}
            connection.request(method, path, body, own)
            answer = connection.getresponse()
            self.cookie = answer.getheader("set-cookie", "").partition(";")[0]
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def end(self) -> tuple[int, str]:
        """SIGTERM; the exit code and what it said on stdout."""
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=60)
        return self.process.returncode, said


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@dataclass
class Services:
    """Starts services over one home and ends what is left of them."""

    pawl: NoEngine
    started: list[Up]

    def start(self, *options: str) -> Up:
        port = free_port()
        process = self.pawl.start("serve", "--port", str(port), *options)
        up = Up(self.pawl, port, process)
        self.started.append(up)
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "it did not come up"
            try:
                if up.get("/healthz")[0] == 200:
                    return up
            except OSError:
                time.sleep(0.05)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    made = Services(NoEngine(tmp_path), [])
    yield made
    for up in made.started:
        if up.process.poll() is None:
            up.process.kill()
        up.process.communicate()


def test_without_an_engine_it_is_up_and_ends_cleanly_when_it_is_told(services: Services) -> None:
    up = services.start()
    status, body = up.get("/readyz")
    assert (status, json.loads(body)["ready"]) == (200, True)
    assert json.loads(body)["engine"] == "waiting"
    assert up.get("/api/v1/me")[0] == 401
    assert "/api/v1/requests" in json.loads(up.get("/openapi.json")[1])["paths"]
    assert "pawl_log_entries" in up.get("/metrics")[1]
    code, said = up.end()
    assert code == 0
    assert f"Pawl is at {up.url}" in said


def test_the_first_link_is_told_once_and_lies_in_a_file_for_its_owner_alone(
    services: Services,
) -> None:
    up = services.start()
    link = up.link_file.read_text().strip()
    assert up.link_file.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(re.escape(up.url) + r"/link/\S+", link)
    assert up.get(link.removeprefix(up.url))[0] == 200
    code, said = up.end()
    assert code == 0
    assert said.count(link) == 1


def test_an_account_outlives_a_restart_and_no_other_first_link_is_given(
    services: Services,
) -> None:
    up = services.start()
    path = up.link_file.read_text().strip().removeprefix(up.url)
    form = {
        "login": "ada",
        "name": "Ada",
        "password": "four words beside another",
        "again": "four words beside another",
    }
    status, body = up.send(
        "POST",
        path,
        urlencode(form),
        {"Content-Type": "application/x-www-form-urlencoded", "Origin": up.url},
    )
    assert status == 303, body
    cookie = up.cookie
    assert up.get("/api/v1/me", Cookie=cookie)[0] == 200
    assert up.end()[0] == 0
    again = services.start()
    status, body = again.get("/api/v1/me", Cookie=cookie)
    assert status == 200
    assert json.loads(body)["login"] == "ada"
    assert not again.link_file.exists()
    assert "/link/" not in again.end()[1]


def test_one_home_has_one_service(services: Services) -> None:
    services.start()
    second = services.pawl.run("serve", "--port", str(free_port()))
    assert second.returncode == 7
    assert "another `pawl serve`" in second.stderr


def test_a_port_that_is_taken_is_said_in_a_sentence(services: Services) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = services.pawl.run("serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 7
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_log_lines_are_json_and_hold_no_link(services: Services) -> None:
    up = services.start()
    link = up.link_file.read_text().strip()
    up.get(link.removeprefix(up.url))
    up.process.send_signal(signal.SIGTERM)
    _, errors = up.process.communicate(timeout=60)
    assert up.process.returncode == 0
    lines = [json.loads(line) for line in errors.splitlines()]
    assert any(line["logger"].startswith("pawl") for line in lines)
    assert link.rpartition("/")[2] not in errors


def test_a_client_without_address_token_or_service_is_told_what_to_do(tmp_path: Path) -> None:
    ask = ("ask", "-m", "wiped", "--repository", "gallery")
    nothing = NoEngine(tmp_path)
    no_url = nothing.run(*ask)
    assert (no_url.returncode, "PAWL_URL" in no_url.stderr) == (7, True)
    here = replace(nothing, extra=(("PAWL_URL", f"http://localhost:{free_port()}"),))
    no_token = here.run(*ask)
    assert (no_token.returncode, "PAWL_TOKEN" in no_token.stderr) == (7, True)
    nobody = replace(here, extra=(*here.extra, ("PAWL_TOKEN", "pawl_x_y"))).run("show", "c1")
    assert nobody.returncode == 7
    assert "pawl serve" in nobody.stderr
    assert "Traceback" not in nobody.stderr


def test_a_wrong_token_is_refused_in_a_sentence(services: Services) -> None:
    up = services.start()
    known = replace(services.pawl, extra=(("PAWL_URL", up.url), ("PAWL_TOKEN", "pawl_x_y")))
    done = known.run("show", "c1")
    assert done.returncode == 7
    assert "not-signed-in" in done.stderr
