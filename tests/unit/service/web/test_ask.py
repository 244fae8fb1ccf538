"""Asking in one's own words and the thread of a request: data stays data, nothing decides here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.app import records
from service.app.decisions import Switch
from service.app.requests import LONGEST
from service.app.thread import Attached, compose, taken_apart
from service.changes import Change, ChangeId, Move, Person, Source, Stage, System
from service.ledger import Judgment, Kind
from service.people import Role
from service.store import Store
from tests import kit_changes
from tests.unit.service.store.conftest import Clock
from tests.unit.service.web.served import Served, served

XSS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</textarea><svg onload=alert(1)>",
    "<hx-partial hx-target='body'>x</hx-partial>",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
)


@pytest.fixture
def site(tmp_path: Path, store: Store, clock: Clock) -> Iterator[Served]:
    made = served(tmp_path, store, clock)
    made.join("rita", Role.REQUESTER)
    made.join("vera", Role.VIEWER)
    yield made
    made.services.stopping.set()


def question(site: Served, *asks: tuple[str, str]) -> Change:
    """A change that has questions."""
    change = site.change(Stage.SURVEYED)
    said = [{"question": ask, "default": default} for ask, default in asks]
    ending = site.services.store.artifacts.put(records.dumps({"why": "asks", "asks": said}))
    return site.services.store.record(
        change.id,
        Move(Stage.NEEDS_ANSWER, {"ending": ending}),
        Judgment(Kind.QUESTION, System("pawl"), change.id, "asks", {"asks": said}),
    )


def test_a_request_with_a_pasted_log_and_a_file_becomes_a_change(site: Served) -> None:
    rita = site.enter("rita")
    data = {
        "repository": site.repository.id,
        "text": "the deploy wiped files",
        "pasted": "password=hunter2\nrsync: deleting",
    }
    files = {"files": ("runbook.md", b"1. count the files\n", "text/markdown")}
    answer = site.post("/ask", rita, data, files=files)
    assert answer.status_code == 303
    (change,) = site.services.store.list()
    assert answer.headers["location"] == f"/changes/{change.id}/thread"
    assert change.request.source is Source.CHAT
    assert isinstance(change.requester, Person)
    assert site.told.waits == [change.id]
    words, attached = taken_apart(change.request.text)
    assert words == "the deploy wiped files"
    assert [one.name for one in attached] == ["pasted", "runbook.md"]
    assert attached[0].text == "password=****\nrsync: deleting"
    page = site.get(f"/changes/{change.id}/thread", rita).text
    assert "1. count the files" in page
    assert site.post("/ask", rita, data, files=files).headers["location"].endswith("thread")
    assert len(site.services.store.list()) == 1  # sent twice, it is one request


@pytest.mark.parametrize(
    ("data", "files", "status", "says"),
    [
        ({"text": "   "}, {}, 422, "Say in your own words"),
        ({"repository": "nowhere"}, {}, 404, "no such repository"),
        ({}, {"files": ("core", b"\x7fELF\0\0", "text/plain")}, 422, "core is no text file"),
        ({}, {"files": ("long.log", b"x" * 200_001, "text/plain")}, 422, "long.log has 200,001"),
        ({"text": "x" * (LONGEST + 1)}, {}, 422, "at most"),
    ],
    ids=["no words", "no such repository", "no text", "file too large", "words too long"],
)
def test_what_can_not_be_asked_is_said_and_the_words_are_kept(
    site: Served, data: dict[str, str], files: dict[str, object], status: int, says: str
) -> None:
    sent = {"repository": site.repository.id, "text": "my words stay", **data}
    answer = site.post("/ask", site.enter("rita"), sent, files=files)
    assert answer.status_code == status
    assert says in answer.text
    assert sent["text"].strip() in answer.text
    assert site.services.store.list() == ()


def test_frozen_agents_and_a_missing_engine_are_said_plainly(site: Served) -> None:
    site.told.missing = "docker does not answer"
    assert site.services.decisions.freeze(site.ada, Switch.AGENTS, "an incident is on") is None
    rita = site.enter("rita")
    page = site.get("/ask", rita).text
    assert "docker does not answer" in page
    assert "Agents are frozen" in page
    data = {"repository": site.repository.id, "text": "the deploy wiped files"}
    assert site.post("/ask", rita, data).status_code == 409


def test_who_only_reads_is_told_why_there_is_no_form(site: Served) -> None:
    vera = site.enter("vera")
    page = site.get("/ask", vera).text
    assert "You may read here, but not ask" in page
    data = {"repository": site.repository.id, "text": "the deploy wiped files"}
    assert site.post("/ask", vera, data).status_code == 403


def test_questions_are_answered_in_one_form_with_defaults(site: Served) -> None:
    change = question(site, ("Which folder?", "/srv/live"), ("Which host?", "one.example"))
    rita = site.enter("rita")
    page = site.get(f"/changes/{change.id}/thread", rita).text
    assert page.count('name="answer-') == 2
    answer = site.post(
        f"/changes/{change.id}/thread/answer", rita, {"answer-1": "/data", "answer-2": " "}
    )
    assert answer.status_code == 303
    after = site.services.store.get(ChangeId(change.id))
    assert after.stage is Stage.SURVEYED
    assert "Answer: /data" in " ".join(after.told)
    assert "Answer: one.example" in " ".join(after.told)
    assert rita.signed_in.person in after.shapers


def test_a_thread_of_a_proposal_links_to_the_review_and_decides_nothing(site: Served) -> None:
    change = site.change(Stage.WAITING)
    page = site.get(f"/changes/{change.id}/thread", site.enter("rita")).text
    assert "A proposal waits for people" in page
    for shown in (
        kit_changes.PLAN.title,
        kit_changes.REHEARSAL.story,
        "Releases are never removed",
    ):
        assert shown in page
    assert 'method="post"' not in page


def test_an_end_says_what_was_looked_for_and_what_would_help(site: Served) -> None:
    change = site.change(Stage.SURVEYED)
    found = {"why": "no family fits", "looked_for": ["rsync --delete"], "would_help": ["the log"]}
    ending = site.services.store.artifacts.put(records.dumps(found))
    site.services.store.record(
        change.id,
        Move(Stage.NOTHING_FITS, {"ending": ending, "why": "no family fits"}),
        Judgment(Kind.ABSTAINED, System("pawl"), change.id, "no family fits"),
    )
    for path in ("thread", "live"):
        page = site.get(f"/changes/{change.id}/{path}", site.enter("rita")).text
        assert "Nothing that Pawl knows fits" in page
        assert "the log" in page


@pytest.mark.parametrize("text", XSS)
def test_what_strangers_write_is_shown_and_never_run(site: Served, text: str) -> None:
    plan = replace(kit_changes.PLAN, title=text, reasons=(text,))
    kit = replace(kit_changes.Kit(), plan=plan)
    body = compose(text, [Attached(text, text)])
    made = kit_changes.ask(site.services.store, repository=site.repository.id, text=body, kit=kit)
    change = kit_changes.bring(site.services.store, made, Stage.WAITING, kit)
    site.say(change, text)
    site.cell(change, "a", entry=text, fault=text, outcome="hit", why=text)
    rita = site.enter("rita")
    pages = [
        f"/changes/{change.id}/live",
        f"/changes/{change.id}/thread",
        f"/changes/{change.id}/log",
        "/log",
        f"/changes/{change.id}/live/stream?after=0",
        f"/changes/{change.id}/thread/stream?after=0",
    ]
    for path in pages:
        shown = site.get(path, rita)
        assert shown.status_code == 200
        assert "49" not in text or text in shown.text
        if "<" in text:
            assert text not in shown.text, path
        assert 'href="javascript' not in shown.text


@given(
    st.text(max_size=300),
    st.lists(st.builds(Attached, st.text(max_size=40), st.text(max_size=400)), max_size=4),
)
def test_a_composed_request_is_text_that_fits(words: str, attached: list[Attached]) -> None:
    text = compose(words, [replace(one, text=one.text * 300) for one in attached])
    assert len(text.encode()) <= LONGEST
    assert "\0" not in text


def test_a_long_log_keeps_its_beginning_and_its_end_and_says_what_is_missing() -> None:
    log = "first line\n" + "x" * 150_000 + "\nlast line"
    text = compose("it broke", [Attached("a.log", log), Attached("note", "short")])
    assert len(text.encode()) <= LONGEST
    _, (first, second) = taken_apart(text)
    assert first.text.startswith("first line")
    assert first.text.endswith("last line")
    assert "bytes left out here" in first.text
    assert second.text == "short"
