"""Queue and review in a real browser: read it, mark it, decide it; by password and by passkey."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from service.changes import Change, Stage
from service.people import Account, Role
from tests.browser.kit import PASSWORD, Site, Watch, watching
from tests.kit_changes import Kit, ask, bring, edited, waiting

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

FILE = 0o100644
REASON = "I read the script: no command of it can remove a live page any more."
QUESTION = "Yes: a step of the runbook is gone, and the count of steps shows it."
ANSWER = "Yes, both hosts have room for two hundred of them."

LOOKS = [
    pytest.param(size, dark, id=f"{size}-{'dark' if dark else 'light'}")
    for size in ("wide", "phone")
    for dark in (False, True)
]


@pytest.fixture
def rita(site: Site) -> Account:
    return site.account("rita", "Rita Moor", Role.REQUESTER)


@pytest.fixture
def aron(site: Site) -> Account:
    return site.account("aron", "Aron Vale", Role.APPROVER)


@pytest.fixture
def change(site: Site, rita: Account, aron: Account) -> Change:
    return waiting(site.store, by=rita.person)


def write(page: Page, verdict: str = "Approve") -> None:
    """Fill the decision in, up to who decides it."""
    page.get_by_role("radio", name=re.compile(f"^{verdict}")).check()
    page.get_by_label("Releases are never removed: is that acceptable?").fill(ANSWER)
    page.get_by_label("What convinced you?").fill(REASON)
    page.get_by_label("Does this pass make the next one cheaper").fill(QUESTION)


def approvals(site: Site, change: Change) -> list[tuple[str, str]]:
    standing = site.services.decisions.standing(site.store.get(change.id), None)
    return [(one.account, str(one.how)) for one in standing.approvals if one.state == "standing"]


def test_from_the_queue_to_an_approval_by_password(
    site: Site, window: Watch, aron: Account, change: Change
) -> None:
    page = window.go("/")
    page.get_by_label("Login").fill("aron")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in with the password").click()
    expect(page.get_by_role("heading", name="Needs you")).to_contain_text("1")
    page.get_by_role("link", name=change.title).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(change.title)
    page.get_by_role("link", name="Go to the decision").click()
    write(page)
    page.get_by_label("Your password, again").fill(PASSWORD)
    page.get_by_role("button", name="Decide with the password").click()
    expect(page.get_by_role("status")).to_contain_text("Approved.")
    assert approvals(site, change) == [(aron.id, "password")]
    expect(page.locator(".approvals")).to_contain_text(REASON)


def test_a_passkey_approves_with_one_touch(
    site: Site, window: Watch, aron: Account, change: Change
) -> None:
    window.enter("aron")
    window.with_passkey()
    page = window.go("/account")
    page.get_by_label("Name of the new passkey").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey is added.")).to_be_visible()
    window.go(f"/changes/{change.id}")
    write(page)
    page.get_by_role("button", name="Decide with your passkey").click()
    expect(page.get_by_role("status")).to_contain_text("Approved.")
    assert approvals(site, change) == [(aron.id, "passkey")]
    assert window.complaints() == []


def test_a_refused_decision_says_why_and_keeps_the_words(
    site: Site, window: Watch, change: Change
) -> None:
    window.enter("aron")
    page = window.go(f"/changes/{change.id}")
    write(page)
    page.get_by_label("Your password, again").fill("not this one, surely")
    page.get_by_role("button", name="Decide with the password").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    expect(page.get_by_label("What convinced you?")).to_have_value(REASON)
    expect(page.get_by_role("radio", name=re.compile("^Approve"))).to_be_checked()
    assert approvals(site, change) == []


def test_who_asked_is_told_why_they_can_not_approve(
    site: Site, window: Watch, change: Change
) -> None:
    window.enter("rita")
    page = window.go(f"/changes/{change.id}")
    expect(page.get_by_role("radio", name=re.compile("^Approve"))).to_have_count(0)
    expect(page.locator("main")).to_contain_text("Aron Vale")
    expect(page.locator("main")).to_contain_text("nobody approves their own request")


def test_without_script_it_is_read_and_approved(
    browser: Browser, site: Site, aron: Account, change: Change
) -> None:
    with watching(browser, site, script=False) as window:
        window.enter("aron")
        page = window.go(f"/changes/{change.id}")
        expect(page.locator("#f0")).to_contain_text("set -euo pipefail")
        page.locator("#f0 input[name=on]").check()
        page.locator("#f0").get_by_role("button", name="Keep").click()
        expect(page.locator("#f0 input[name=on]")).to_be_checked()
        write(page)
        page.get_by_label("Your password, again").fill(PASSWORD)
        page.get_by_role("button", name="Decide with the password").click()
        expect(page.get_by_role("status")).to_contain_text("Approved.")
    assert approvals(site, change) == [(aron.id, "password")]


def test_keys_go_from_file_to_file_and_mark_one_read(
    site: Site, window: Watch, change: Change
) -> None:
    window.enter("aron")
    page = window.go(f"/changes/{change.id}")
    page.locator("#f0 summary").focus()
    page.keyboard.press("j")
    with page.expect_response(lambda answer: answer.url.endswith("/read")) as answered:
        page.keyboard.press("r")
    assert answered.value.status == 200
    expect(page.locator("#f1 input[name=on]")).to_be_checked()
    window.go(f"/changes/{change.id}")
    expect(page.locator("#f1 input[name=on]")).to_be_checked()
    expect(page.locator("#f0 input[name=on]")).not_to_be_checked()


def test_later_files_come_when_they_are_scrolled_to(
    site: Site, window: Watch, rita: Account, aron: Account
) -> None:
    kit = Kit()
    for number in range(6):
        kit = edited(kit, f"ops/more{number}.sh", (FILE, f"echo more {number}\n".encode() * 30))
    change = waiting(site.store, by=rita.person, kit=kit)
    window.enter("aron")
    page = window.go(f"/changes/{change.id}")
    last = page.locator("#f9")
    expect(last.locator("table.diff")).to_have_count(0)
    last.scroll_into_view_if_needed()
    expect(page.locator("#f9 table.diff")).to_have_count(1)
    assert window.complaints() == []


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_no_page_breaks_a_rule_in_any_look(
    browser: Browser, site: Site, rita: Account, change: Change, size: str, dark: bool
) -> None:
    asked = ask(site.store, by=rita.person, text="Which host comes first?", key="q")
    question = bring(site.store, asked, Stage.NEEDS_ANSWER)
    hidden = edited(Kit(), "ops/\u202ehs.exe", (FILE, "rm\u200b -r \u2066x\n".encode()))
    odd = waiting(site.store, by=rita.person, kit=hidden, key="odd")
    with watching(browser, site, size=size, dark=dark) as window:
        window.enter("aron")
        for path in (
            "/",
            "/queue?section=needs&q=nothing+like+it",
            f"/changes/{change.id}",
            f"/changes/{odd.id}",
            f"/changes/{question.id}",
            f"/changes/{change.id}/cells",
            f"/changes/{change.id}/cells/2",
            f"/changes/{change.id}/diff/0",
        ):
            window.go(path)
            assert window.complaints() == [], path
