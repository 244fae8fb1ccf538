"""Live run, ask, thread and log in a real browser: they move by themselves, and are fit to use."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from service.app import records
from service.app.repositories import Repository
from service.changes import Change, Move, Stage, System
from service.ledger import Judgment, Kind
from service.people import No, Role
from tests import kit_changes
from tests.browser.kit import Site, Watch, watching

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]

LOOKS = [
    pytest.param(size, dark, id=f"{size}-{'dark' if dark else 'light'}")
    for size in ("wide", "phone")
    for dark in (False, True)
]
NASTY = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture
def repository(site: Site, tmp_path: Path) -> Repository:
    """The catalogue of the kit, registered by its administrator, Mara."""
    work, bare = tmp_path / "work", tmp_path / "catalogue.git"
    for path, (mode, data) in kit_changes.BASE.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(data)
        (work / path).chmod(mode & 0o777)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for argv in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        [*who, "commit", "-q", "-m", "The catalogue"],
        ["clone", "-q", "--bare", ".", str(bare)],
    ):
        subprocess.run(["git", *argv], cwd=work, check=True)
    site.administrator()
    site.account("tomas", "Tomás Ruiz", Role.REQUESTER)
    mara = site.services.people.signed_in(site.enter("mara"))
    assert mara is not None
    made = site.services.repositories.register(mara, name="catalogue", url=str(bare), branch="main")
    assert not isinstance(made, No), made
    return made


def asked(site: Site, repository: Repository, to: Stage, text: str = kit_changes.TEXT) -> Change:
    """A request of Tomás, brought to a stage."""
    tomas = next(one for one in site.services.people.accounts() if one.login == "tomas")
    made = kit_changes.ask(site.store, by=tomas.person, repository=repository.id, text=text)
    return kit_changes.bring(site.store, made, to)


def follow(site: Site, change: Change) -> None:
    """Steps and cells as a run keeps them."""
    keep = site.services.following.keep
    keep(
        [
            (change.id, "stage", {"stage": "surveyed", "text": "2 entry points, 1 destructive"}),
            (change.id, "say", {"text": "re-enacting the failure on base, before any fix exists"}),
            (change.id, "stage", {"stage": "rehearsed", "text": "half-a-render: 400 pages gone"}),
            (change.id, "say", {"text": "weighing plans"}),
            (change.id, "stage", {"stage": "planned", "text": "eliminate: a folder a release"}),
            (change.id, "say", {"text": "proving: the same failure on base and on the draft"}),
        ]
    )
    kinds = ("control", "declared", "honest", "lying", "input")
    for number in range(60):
        side = "base" if number % 2 else "draft"
        hit = side == "base" and kinds[number % 5] != "control"
        cell(site, change, number, side, kinds[number % 5], "hit" if hit else "held")


def cell(site: Site, change: Change, number: int, side: str, kind: str, outcome: str) -> None:
    body = {
        "id": f"cell-{number}",
        "side": side,
        "kind": kind,
        "entry": "ops/publish.sh live",
        "fault": "(no fault)" if kind == "control" else f"rsync: cut (call {number % 3 + 1})",
        "outcome": outcome,
        "why": "400 pages are gone from one.example" if outcome == "hit" else "nothing is gone",
        "ms": 1_450,
    }
    step = {"text": "proving", "done": number + 1, "total": 96, "cell": body}
    site.services.following.keep([(change.id, "cell", step)])


def shot(watch: Watch, request: pytest.FixtureRequest, name: str) -> None:
    """Keep a picture where `--shots DIR` says, for people to look at."""
    folder = request.config.getoption("--shots", default=None)
    if folder:
        watch.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def test_a_run_moves_by_itself_and_a_reload_loses_nothing(
    site: Site, window: Watch, repository: Repository
) -> None:
    change = asked(site, repository, Stage.PLANNED)
    site.worker.at_work = (change.id,)
    follow(site, change)
    window.enter("tomas")
    page = window.go(f"/changes/{change.id}/live")
    expect(page.get_by_role("heading", name="Pawl is proving")).to_be_visible()
    expect(page.locator("#run-strip-draft i")).to_have_count(30)
    for number in range(100, 110):
        cell(site, change, number, "draft", "declared", "held")
    expect(page.locator("#run-strip-draft i")).to_have_count(40)
    site.services.following.keep([(change.id, "say", {"text": f"a line with {NASTY}"})])
    expect(page.get_by_text("a line with")).to_be_visible()
    lines = page.locator("#run-lines li").count()
    page.reload()
    expect(page.locator("#run-lines li")).to_have_count(lines)
    expect(page.locator("#run-strip-draft i")).to_have_count(40)

    site.services.following.keep([(change.id, "say", {"text": "after the reload"})])
    expect(page.get_by_text("after the reload")).to_be_visible()
    for move, kind in kit_changes.moves(site.store, change, kit_changes.Kit())[3:6]:
        said = Judgment(kind, System("pawl"), change.id, "so it was found")
        site.store.record(change.id, move, said)
    assert site.store.get(change.id).stage is Stage.WAITING
    site.worker.at_work = ()
    expect(page.get_by_role("heading", name="waits for people")).to_be_visible()
    expect(page.get_by_role("link", name="Read it and decide")).to_be_visible()
    assert "owned" not in page.title()
    assert window.complaints() == []


def test_a_run_is_stopped_by_a_button(site: Site, window: Watch, repository: Repository) -> None:
    change = asked(site, repository, Stage.PLANNED)
    site.worker.at_work = (change.id,)
    window.enter("tomas")
    page = window.go(f"/changes/{change.id}/live")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("The run stops after the step that it is in.")).to_be_visible()
    expect(page.get_by_text("Tomás Ruiz stopped the run")).to_be_visible()
    assert site.worker.stopped == [change.id]


def test_a_request_is_asked_and_its_question_answered(
    site: Site, window: Watch, repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "publish.log").write_text(f"rsync: deleting pages\n{NASTY}\n")
    window.enter("tomas")
    page = window.go("/ask")
    page.get_by_label("What happened").fill(f"Publishing removed live pages. {NASTY}")
    page.get_by_label("Runbook or log, pasted").fill("1. Count the pages\n2. Publish")
    page.get_by_label("Text files").set_input_files(tmp_path / "publish.log")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_text("Taken down.")).to_be_visible()
    page.get_by_text("publish.log").click()
    expect(page.get_by_text("rsync: deleting pages")).to_be_visible()
    assert window.complaints() == []
    (change,) = site.store.list()
    assert site.worker.woken == [change.id]

    question(site, change)
    page.reload()
    page.get_by_label("Which folder is live?").fill("/srv/live")
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_text("Answered.")).to_be_visible()
    assert "Answer: /srv/live" in " ".join(site.store.get(change.id).told)
    assert "owned" not in page.title()


def question(site: Site, change: Change) -> None:
    """Pawl asks something."""
    kit_changes.bring(site.store, site.store.get(change.id), Stage.SURVEYED)
    asks = [{"question": "Which folder is live?", "default": "/srv/catalogue/live"}]
    ending = site.store.artifacts.put(records.dumps({"why": "needs an answer", "asks": asks}))
    said = Judgment(Kind.QUESTION, System("pawl"), change.id, "which folder", {"asks": asks})
    site.store.record(change.id, Move(Stage.NEEDS_ANSWER, {"ending": ending}), said)


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_pages_are_fit_to_use(
    site: Site,
    browser: Browser,
    repository: Repository,
    size: str,
    dark: bool,
    request: pytest.FixtureRequest,
) -> None:
    running = asked(site, repository, Stage.PLANNED)
    follow(site, running)
    site.worker.at_work = (running.id,)
    waiting = asked(site, repository, Stage.WAITING, "Half a render was published on Friday.")
    puzzled = asked(site, repository, Stage.ASKED, f"What does {NASTY} do?")
    question(site, puzzled)
    site.store.checkpoint()
    seq = site.store.events(waiting.id)[3].seq
    with watching(browser, site, size=size, dark=dark) as watch:
        watch.enter("mara")
        for name, path in (
            ("live", f"/changes/{running.id}/live"),
            ("live-waiting", f"/changes/{waiting.id}/live"),
            ("thread", f"/changes/{waiting.id}/thread"),
            ("thread-question", f"/changes/{puzzled.id}/thread"),
            ("log", "/log"),
            ("log-change", f"/changes/{waiting.id}/log"),
            ("log-entry", f"/log/{seq}"),
        ):
            watch.go(path)
            shot(watch, request, f"{name}-{size}-{'dark' if dark else 'light'}")
            assert (name, watch.complaints()) == (name, [])
        watch.enter("tomas")
        watch.go("/ask")
        shot(watch, request, f"ask-{size}-{'dark' if dark else 'light'}")
        assert watch.complaints() == []


def test_everything_is_readable_without_script(
    site: Site, browser: Browser, repository: Repository
) -> None:
    change = asked(site, repository, Stage.PLANNED)
    follow(site, change)
    site.worker.at_work = (change.id,)
    with watching(browser, site, script=False) as watch:
        watch.enter("tomas")
        page = watch.go(f"/changes/{change.id}/live")
        expect(page.get_by_text("weighing plans").first).to_be_visible()
        site.services.following.keep([(change.id, "say", {"text": "something new"})])
        page.get_by_role("link", name="Load it again").click()
        expect(page.get_by_text("something new")).to_be_visible()
