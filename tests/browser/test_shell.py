"""The shell in a real browser: coming in, first steps, people, account, repositories, system."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from service.people import Role
from tests.browser.kit import PASSWORD, Site, Watch, watching

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

LOOKS = [
    pytest.param(size, dark, id=f"{size}-{'dark' if dark else 'light'}")
    for size in ("wide", "phone")
    for dark in (False, True)
]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A bare repository with a script that deletes."""
    work, bare = tmp_path / "work", tmp_path / "site.git"
    work.mkdir()
    (work / "publish.sh").write_text("#!/bin/sh\nset -eu\nrsync -a --delete out/ web:/srv/live/\n")
    (work / "publish.sh").chmod(0o755)
    (work / "Makefile").write_text("publish:\n\t./publish.sh\n")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for argv in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        [*who, "commit", "-q", "-m", "The site"],
        ["clone", "-q", "--bare", ".", str(bare)],
    ):
        subprocess.run(["git", *argv], cwd=work, check=True)
    return bare


def test_an_empty_service_leads_from_the_link_to_the_first_request(
    site: Site, window: Watch, repository: Path
) -> None:
    window.with_passkey()
    token = site.services.people.first_link()
    page = window.go(f"/link/{token}")
    window.go(f"/link/{token}")  # looking twice does not use it up
    page.get_by_label("Your name").fill("Mara Lindqvist")
    page.get_by_label("Login").fill("mara")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Mara Lindqvist")

    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name of the new passkey").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey is added.")).to_be_visible()

    page.get_by_role("link", name="Pawl", exact=True).click()
    page.get_by_role("link", name="Add a repository").click()
    page.get_by_label("Address").fill(str(repository))
    page.get_by_label("Name").fill("site")
    page.get_by_role("button", name="Add and make a mirror").click()
    page.get_by_role("button", name="Test it").click()
    expect(page.get_by_text("./publish.sh").first).to_be_visible()
    assert window.complaints() == []

    window.go("/")
    expect(page.get_by_role("link", name="Ask", exact=True).last).to_be_visible()
    assert page.get_by_role("img", name="done").count() == 3
    assert window.complaints() == []


def test_a_link_works_once_and_says_so(site: Site, window: Watch) -> None:
    token = site.services.people.first_link()
    page = window.go(f"/link/{token}")
    page.get_by_label("Your name").fill("Mara")
    page.get_by_label("Login").fill("mara")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")
    window.go(f"/link/{token}")
    expect(page.get_by_role("heading", level=1)).to_have_text("This link was used or is too old.")
    assert window.complaints() == []


def test_a_person_signs_in_where_they_wanted_to_go_and_out_again(site: Site, window: Watch) -> None:
    site.administrator()
    page = window.go("/people?x=1")
    page.get_by_label("Login").fill("mara")
    page.get_by_label("Password").fill("not that one at all")
    page.get_by_role("button", name="with the password").click()
    expect(page.get_by_role("alert").first).to_contain_text("don't belong together")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="with the password").click()
    expect(page).to_have_url(f"{site.url}/people?x=1")
    window.go("/account")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    window.go("/people")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_a_passkey_signs_in(site: Site, window: Watch) -> None:
    site.administrator()
    window.with_passkey()
    window.enter("mara")
    page = window.go("/account")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey is added.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("link", name="Mara Lindqvist")).to_be_visible()
    assert window.complaints() == []


def test_pages_work_without_script(site: Site, browser: Browser) -> None:
    site.administrator()
    with watching(browser, site, script=False) as window:
        page = window.go("/sign-in?next=/system")
        page.get_by_label("Login").fill("mara")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="with the password").click()
        page.get_by_label("Why they must stop").first.fill("A disk is being replaced.")
        page.get_by_role("button", name="Freeze merges").click()
        expect(page.get_by_text("Merges are frozen by")).to_be_visible()
        page.get_by_label("Why they may go on").fill("It is replaced.")
        page.get_by_role("button", name="Let merges go on").click()
        expect(page.get_by_text("Merges go on.")).to_be_visible()


def test_somebody_is_invited_given_a_role_and_reset(site: Site, window: Watch) -> None:
    site.administrator()
    window.enter("mara")
    page = window.go("/people")
    expect(page.get_by_text("Merging needs a second person")).to_be_visible()
    page.get_by_label("Name").fill("Jun Okada")
    page.get_by_label("Login").fill("jun")
    page.get_by_role("button", name="Invite").click()
    link = page.locator(".copy code").inner_text()
    assert link.startswith(f"{site.url}/link/")
    page.get_by_role("link", name="Jun Okada").click()
    page.get_by_label("Role").select_option("policy-owner")
    page.get_by_role("button", name="Give the role").click()
    expect(page.get_by_text("The role is given.")).to_be_visible()
    page.get_by_role("button", name="Take away policy owner").click()
    expect(page.get_by_text("The role is taken.")).to_be_visible()
    page.get_by_role("button", name="Reset and make a link").click()
    assert page.locator(".copy code").inner_text() != link
    assert window.complaints() == []


def test_a_token_is_shown_once(site: Site, window: Watch) -> None:
    site.administrator()
    window.enter("mara")
    page = window.go("/account")
    page.get_by_label("What it is for").fill("my terminal")
    page.get_by_role("button", name="Make a token").click()
    assert page.locator(".copy code").inner_text().startswith("pawl_")
    window.go("/account")
    expect(page.get_by_text("my terminal")).to_be_visible()
    assert page.locator(".copy code").count() == 0


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_no_page_of_the_shell_has_a_fault(
    site: Site, browser: Browser, repository: Path, size: str, dark: bool
) -> None:
    people, use = site.services.people, site.services
    mara = site.administrator()
    jun = site.account("jun", "Jun Okada", Role.APPROVER, Role.REQUESTER)
    with watching(browser, site, size=size, dark=dark) as window:
        window.go("/sign-in")
        assert window.complaints() == []
        window.enter("mara")
        who = people.signed_in(site.enter("mara"))
        assert who is not None
        made = use.repositories.register(who, name="site", url=str(repository), branch="")
        paths = ["/first", "/account", "/people", f"/people/{jun.id}", "/repositories", "/system"]
        paths += [f"/repositories/{getattr(made, 'id', '')}", f"/people/{mara.id}", "/nowhere"]
        for path in paths:
            window.go(path)
            assert (path, window.complaints()) == (path, [])
