"""The demo whole, as somebody at a terminal and in a browser walks it: real cells, real Chromium.

`pawl demo` on a terminal of its own takes the founding incident to the queue; the second person
signs in by the printed link, gets a passkey, approves; what is then on the branch is checked with
Pawl's own commands.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import house
from tests.stories.cli import PAWL, Pawl

pytestmark = [pytest.mark.browser, pytest.mark.docker, pytest.mark.enable_socket]

_DEMO = Path(__file__).parents[2] / "build/demo"
_PATIENCE = 900
"""Seconds after which the demo will never come to the queue."""


@dataclass
class Terminal:
    """A program on a terminal, and what it has said so far."""

    child: subprocess.Popen[bytes]
    screen: int
    said: str = ""

    def until(self, words: str) -> str:
        """What was said until `words` came up. AssertionError where they never do."""
        deadline = time.monotonic() + _PATIENCE
        while words not in self.said:
            assert time.monotonic() < deadline, self.said[-2000:]
            try:
                self.said += os.read(self.screen, 65536).decode("utf-8", "replace")
            except OSError:  # its end of the terminal is closed
                raise AssertionError(self.said[-2000:]) from None
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.said)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [str(PAWL), "demo"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**Pawl(tmp_path).environment(), "COLUMNS": "160", "TERM": "xterm"},
        start_new_session=True,
    ) as child:
        os.close(theirs)
        try:
            yield Terminal(child, ours)
        finally:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(60)
            except subprocess.TimeoutExpired:
                child.kill()
            os.close(ours)


def test_the_second_person_approves_with_a_passkey_and_the_branch_holds(
    demo: Terminal, browser: Browser, tmp_path: Path
) -> None:
    said = demo.until("serving until Ctrl-C")
    page_url = re.search(r"(http://localhost:\d+)/changes/(\w+)", said)
    aron = re.search(r"^ *Aron +(\S+)", said, re.M)
    assert page_url, said
    assert aron, said
    url, change = page_url.groups()
    repository = _DEMO / "repository.git"
    before = house.git(repository, "rev-parse", "main")

    context = browser.new_context()
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(aron.group(1))
    page.get_by_role("button", name=re.compile("sign in", re.I)).click()
    page.goto(f"{url}/account")
    page.get_by_label("Name of the new passkey").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey is added.")).to_be_visible()

    page.goto(f"{url}/changes/{change}")
    page.locator("input[name=verdict][value=approve]").check()
    page.locator("#f-reason").fill("I read the diff and the logs; on the draft nothing is lost.")
    page.locator("#f-question").fill("Yes: nobody has to count files any more.")
    page.get_by_role("button", name="Decide with your passkey").click()
    expect(page.get_by_role("status")).to_contain_text("Approved.")

    deadline = time.monotonic() + 120
    while house.git(repository, "rev-parse", "main") == before:
        assert time.monotonic() < deadline, page.goto(f"{url}/changes/{change}/live")
        time.sleep(0.2)
    after = house.git(repository, "rev-parse", "main")
    assert house.git(repository, "rev-parse", "main^") == before
    message = house.git(repository, "log", "-1", "--format=%B", "main")
    assert f"Pawl-Change: {change}" in message
    assert "Pawl-Approved-By: Aron" in message
    kept = [path for path in house.files_of(repository) if path.startswith(".pawl/rehearsals/")]
    assert kept
    context.close()

    pawl = Pawl(tmp_path)
    checked = tmp_path / "checkpoint"
    checked.write_text(house.git(repository, "show", "refs/pawl/checkpoint:checkpoint") + "\n")
    key = tmp_path / "log.pub"
    key.write_text(house.git(repository, "show", "refs/pawl/checkpoint:log.pub") + "\n")
    sound = subprocess.run(
        [str(PAWL), "log", "verify", "--checkpoint", str(checked), "--key", str(key)],
        env={**pawl.environment(), "PAWL_HOME": str(_DEMO / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert sound.returncode == 0, sound.stdout + sound.stderr
    holds = pawl.run("rehearse", repository, "--head", after)
    assert holds.returncode == 0, holds.stdout + holds.stderr
    # The old head has no rehearsal of its own; it is judged by the one that was merged.
    hits = pawl.run("rehearse", repository, "--base", after, "--head", before)
    assert hits.returncode == 5, hits.stdout + hits.stderr
