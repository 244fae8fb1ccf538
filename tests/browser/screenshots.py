"""Pictures of the pages: `python -m tests.browser.screenshots FOLDER`.

The whole service in small (real people, store, git and gate; cells in memory) is brought to a day
with something in every corner, and each page is taken in the light, in the dark and on a phone.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from sandbox import Files
from sandbox.engine import World
from service.app.repositories import Repository
from service.people import No
from tests import house
from tests.browser.kit import CHROMIUM, FLAGS
from tests.fakes_engine import FakeEngine, FakeGround
from tests.served import PASSWORD, Served, served

LOOKS = {
    "light": (1280, 860, "light"),
    "dark": (1280, 860, "dark"),
    "phone": (390, 844, "light"),
}
LARGEST = 250_000
CELLS_BEFORE_THE_PICTURE = 8
MERGED = "A fetch from the scanner died half way and publishing wiped scans from the live gallery."
RUNNING = "publish.sh emptied the gallery on Friday, because the build before it had failed."
PUZZLING = "The front page shows last year's title since the weekend."


class Held(FakeEngine):
    """Cells in memory that stop in the middle of a run, for as long as a picture takes."""

    def __init__(self) -> None:
        super().__init__()
        self.armed = False
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.opened = 0

    def open(self, tree: Files, world: World) -> FakeGround:
        if self.armed:
            self.opened += 1
            if self.opened > CELLS_BEFORE_THE_PICTURE:
                self.reached.set()
                self.go_on.wait(120)
        return super().open(tree, world)


def main(folder: str) -> None:
    """Take all pictures into `folder`."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    engine = Held()
    with (
        tempfile.TemporaryDirectory() as place,
        served(Path(place), cells=lambda _settings, _say: engine) as up,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            pages = a_day(up, engine)
            for look in LOOKS:
                for name, (login, path) in pages.items():
                    take(browser, up, look, login, path, out / f"{name}-{look}.png")
        finally:
            engine.go_on.set()
            browser.close()


def a_day(up: Served, engine: Held) -> dict[str, tuple[str, str]]:
    """Something merged, something that waits, something at work; answers who looks at what."""
    rita, aron = up.visit("rita"), up.visit("aron")
    merged = replace(up, repository=archive(up)).ask(rita, MERGED)
    up.until(merged, "waiting")
    up.decide(aron, merged)
    up.until(merged, "merged")
    up.until(up.ask(rita, PUZZLING), "nothing-fits", "not-reproduced", "needs-answer")
    waiting = up.ask(rita, house.WORDS)
    up.until(waiting, "waiting")
    engine.armed = True
    running = up.ask(rita, RUNNING)
    if not engine.reached.wait(60):
        raise AssertionError(
            f"no run came far enough: {up.change(running).stage}, {engine.opened} cells"
        )
    return {
        "queue": ("aron", "/"),
        "review": ("aron", f"/changes/{waiting}"),
        "live": ("rita", f"/changes/{running}/live"),
        "ask": ("rita", "/ask"),
    }


def archive(up: Served) -> Repository:
    """A second repository, whose change is merged by now."""
    people = up.up.services.people
    entered = people.sign_in("olga", PASSWORD, agent="a picture", address="127.0.0.1")
    if isinstance(entered, No):
        raise TypeError(entered)
    url = str(house.repository(up.bare.with_name("archive.git")))
    made = up.up.services.repositories.register(
        entered.signed_in, name="archive", url=url, branch="main"
    )
    if isinstance(made, No):
        raise TypeError(made)
    return made


def take(browser: Browser, up: Served, look: str, login: str, path: str, file: Path) -> None:
    """One page as `login` sees it."""
    width, height, scheme = LOOKS[look]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    try:
        page = context.new_page()
        enter(page, up, login)
        page.goto(up.url + path)
        page.wait_for_timeout(400)  # fonts and the first step of the stream
        data = page.screenshot(path=str(file))
    finally:
        context.close()
    if len(data) > LARGEST:
        raise AssertionError(f"{file} has {len(data)} bytes")
    sys.stdout.write(f"{file}: {len(data) >> 10} KiB\n")


def enter(page: Page, up: Served, login: str) -> None:
    """Sign in as a person does."""
    page.goto(up.url + "/sign-in")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in with the password").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


if __name__ == "__main__":
    main(sys.argv[1])
