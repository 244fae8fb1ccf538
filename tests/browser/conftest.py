"""One Chromium for the session, one site for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.kit import CHROMIUM, FLAGS, Site, Watch, serving, watching
from tests.unit.service.store.conftest import Clock


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(tmp_path: Path, clock: Clock, browser: Browser) -> Iterator[Site]:
    with serving(tmp_path / "home", clock) as site:
        yield site


@pytest.fixture
def window(browser: Browser, site: Site) -> Iterator[Watch]:
    """A wide window in the light."""
    with watching(browser, site) as watch:
        yield watch
