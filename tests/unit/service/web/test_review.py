"""The review page: what it shows of a change, to whom, and what its forms do."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from html import unescape

import httpx
import pytest
from fastapi import FastAPI

from agents import Alternative
from sandbox import HunkRole
from service.changes import Bot, Change, Stage, System
from service.ledger import Judgment
from service.people import SignedIn
from tests.kit_changes import PLAN, Kit, ask, bring, edited, many, moves, proof, waiting
from tests.unit.service.app.kit import HERE, QUESTION, REASON, WORDS, House
from tests.unit.service.web.kit import Browser, browser

FILE = 0o100644


@pytest.fixture
def change(house: House) -> Change:
    return waiting(house.store, by=house.rita.person, repository=HERE)


@pytest.fixture
def aron(app: FastAPI, house: House) -> Browser:
    return browser(app, house, house.aron)


def text_of(answer: httpx.Response) -> str:
    """The words of a page, in a line."""
    bare = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", answer.text, flags=re.S)
    return re.sub(r"\s+", " ", unescape(bare))


def form(change: Change, verdict: str = "approve", **more: str) -> dict[str, str]:
    """The decision as a page sends it, with everything in it that it takes."""
    return {
        "binding": str(change.binding),
        "verdict": verdict,
        "reason": REASON,
        "question": QUESTION,
        "answer:publish.keeps-releases": "Yes: both hosts have room for two hundred of them.",
        "password": WORDS,
        "typed": "too-much-at-once" if verdict == "reject" else "",
        **more,
    }


def again(house: House, change: Change, kit: Kit) -> Change:
    """`change` that was sent back to its plan, brought to people again with another draft."""
    done = {Stage.REHEARSED: 2, Stage.PLANNED: 3}[change.stage]
    for move, kind in moves(house.store, change, kit)[done:]:
        said = Judgment(kind, System("pawl"), change.id, f"it came to {move.to.value}")
        change = house.store.record(change.id, move, said)
    return change


# --- what is shown ----------------------------------------------------------------------------


def test_the_page_says_what_blocks_and_who_may_decide(aron: Browser, change: Change) -> None:
    words = text_of(aron.get(f"/changes/{change.id}"))
    for said in (
        "It needs an approver.",
        "Read it, then approve it, ask for changes, or reject it.",
        "Who may decide",
        "Bea",
        "Before this can merge",
        "Does this pass make the next one cheaper, and how would we see it?",
    ):
        assert said in words


def test_the_evidence_is_there_with_what_was_not_covered(aron: Browser, change: Change) -> None:
    words = text_of(aron.get(f"/changes/{change.id}"))
    for said in (
        "a full disk on a host was never tried",
        "3 objects under a cut ssh",
        "rsync cut at its second call",
        "Releases are never removed",
        "python3: cut (call 1)",
        "388 objects lost",
        "carries the proof",
        "not needed with what is left",
        "new rehearsal",
        "sent 12 files, deleted 388",
        "Nothing lost in 34 runs",
        "runbook steps",
    ):
        assert said in words, said


def test_a_residual_starts_the_next_request(aron: Browser, change: Change) -> None:
    links = re.findall(r'href="(/ask\?[^"]*)"', aron.get(f"/changes/{change.id}").text)
    assert len(links) == 1
    assert "second+call" in links[0]
    assert change.id in links[0]


def test_no_verdict_is_chosen_for_anybody(aron: Browser, change: Change) -> None:
    page = aron.get(f"/changes/{change.id}").text
    verdicts = re.findall(r'<input type="radio" name="verdict"[^>]*>', page)
    assert len(verdicts) == 3
    assert not any("checked" in one for one in verdicts)


def test_the_page_is_light_and_has_nothing_inline(aron: Browser, change: Change) -> None:
    page = aron.get(f"/changes/{change.id}")
    assert len(gzip.compress(page.content)) < 100_000
    assert " style=" not in page.text
    assert not re.search(r"\son[a-z]+=", page.text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page.text)


@pytest.mark.parametrize("stage", list(Stage))
def test_a_change_at_any_stage_has_a_page(house: House, aron: Browser, stage: Stage) -> None:
    change = bring(house.store, ask(house.store, by=house.rita.person, repository=HERE), stage)
    page = aron.get(f"/changes/{change.id}")
    assert page.status_code == 200
    assert "What was asked" in text_of(page)
    assert ('id="decision"' in page.text) is (stage is Stage.WAITING)


@pytest.mark.parametrize(
    "path",
    ["", "/cells", "/cells/0", "/cells/0/log", "/patch", "/diff/0", "/news"],
    ids=["review", "cells", "cell", "log", "patch", "file", "news"],
)
def test_without_a_role_in_its_repository_there_is_no_such_change(
    app: FastAPI, house: House, path: str
) -> None:
    elsewhere = waiting(house.store, by=house.rita.person, repository="elsewhere")
    visitor = browser(app, house, house.aron)
    assert visitor.get(f"/changes/{elsewhere.id}{path}").status_code == 404
    assert visitor.get(f"/changes/cnothing{path}").status_code == 404


@pytest.mark.parametrize("path", ["/cells/9999", "/cells/9999/log", "/diff/9999"])
def test_a_number_that_nothing_has_is_not_found(aron: Browser, change: Change, path: str) -> None:
    assert aron.get(f"/changes/{change.id}{path}").status_code == 404


def test_the_log_of_a_run_is_plain_text(aron: Browser, change: Change) -> None:
    log = aron.get(f"/changes/{change.id}/cells/0/log")
    assert log.headers["content-type"] == "text/plain; charset=utf-8"
    assert log.headers["x-content-type-options"] == "nosniff"
    assert "rendering 400 pages" in log.text


def test_a_run_stands_beside_its_counterpart(aron: Browser, change: Change) -> None:
    hit = re.search(
        rf'/changes/{change.id}/cells/(\d+)">side by side', aron.get(f"/changes/{change.id}").text
    )
    assert hit is not None
    words = text_of(aron.get(f"/changes/{change.id}/cells/{hit.group(1)}"))
    assert "part at line 4" in words
    assert words.index("sent 12 files") < words.index("no such page; stopped")


def test_the_patch_is_a_file_to_take_along(aron: Browser, change: Change) -> None:
    patch = aron.get(f"/changes/{change.id}/patch")
    assert patch.text.startswith("diff --git ")
    assert patch.headers["content-disposition"] == f'attachment; filename="pawl-{change.id}.patch"'


XSS = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'`{{7*7}}"


def test_no_field_of_a_stranger_or_an_agent_becomes_markup(house: House, aron: Browser) -> None:
    plan = replace(
        PLAN,
        title=XSS,
        reasons=(XSS,),
        alternatives=(Alternative(XSS, XSS),),
        price=(XSS,),
        unsolved=(XSS,),
        why_not_deeper=XSS,
    )
    held = replace(proof(), why=XSS, residuals=(XSS,), degrades=(XSS,), not_covered=(XSS,))
    kit = Kit(plan=plan, proof=held)
    kit = edited(kit, f"a/{XSS.replace('/', '_')}.sh", (FILE, XSS.encode() + b"\n"), XSS)
    change = waiting(house.store, by=house.rita.person, repository=HERE, text=XSS, kit=kit)
    for path in ("", "/cells", "/cells/0", "/diff/0"):
        page = aron.get(f"/changes/{change.id}{path}").text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        if XSS in unescape(page):
            assert "{{7*7}}" in page


def test_a_path_that_hides_is_shown_as_it_is(house: House, aron: Browser) -> None:
    kit = edited(Kit(), "ops/\u202ehs.exe", (FILE, b"x\n"))
    change = waiting(house.store, by=house.rita.person, repository=HERE, kit=kit)
    page = aron.get(f"/changes/{change.id}").text
    assert "\u202e" not in page
    assert ">U+202E</span>" in page


def test_files_above_the_first_ones_come_when_they_are_looked_at(
    house: House, aron: Browser
) -> None:
    kit = Kit()
    for number in range(8):
        kit = edited(kit, f"ops/more{number}.sh", (FILE, b"echo more\n"))
    change = waiting(house.store, by=house.rita.person, repository=HERE, kit=kit)
    page = aron.get(f"/changes/{change.id}").text
    later = re.findall(rf'hx-get="(/changes/{change.id}/diff/\d+)"', page)
    assert page.count('class="diff"') == 5
    assert len(later) == 7
    part = aron.get(later[0], hx_request="true").text
    assert "<html" not in part
    assert "echo more" in unescape(re.sub(r"<[^>]*>", "", part))
    assert "<html" in aron.get(later[0]).text


def test_evidence_that_was_erased_is_said_and_the_rest_is_shown(
    house: House, aron: Browser, change: Change
) -> None:
    assert change.proof is not None
    house.store.artifacts.path(change.proof).unlink()
    page = aron.get(f"/changes/{change.id}")
    assert page.status_code == 200
    assert "Evidence is missing" in text_of(page)
    assert "What changes" in text_of(page)


def test_a_whole_file_that_carries_the_proof_says_so(house: House, aron: Browser) -> None:
    roles = (HunkRole("ops/new.sh", "whole file", "carries", "without it the failure is back"),)
    kit = edited(Kit(proof=replace(proof(), load_bearing=roles)), "ops/new.sh", (FILE, b"x\n"))
    change = waiting(house.store, by=house.rita.person, repository=HERE, kit=kit)
    assert text_of(aron.get(f"/changes/{change.id}")).count("carries the proof") == 2


# --- what was read ----------------------------------------------------------------------------


def mark_of(page: str, number: int) -> str:
    found = re.search(
        rf'name="number" value="{number}"><input type="hidden" name="mark" value="(\w+)"', page
    )
    assert found is not None
    return found.group(1)


def test_a_read_mark_falls_only_for_a_file_that_changed(
    house: House, aron: Browser, change: Change
) -> None:
    page = aron.get(f"/changes/{change.id}").text
    for number in (0, 1):
        mark = mark_of(page, number)
        done = aron.post(f"/changes/{change.id}/read", {"number": number, "mark": mark, "on": "1"})
        assert done.status_code == 303
    assert "2 read by you" in text_of(aron.get(f"/changes/{change.id}"))
    aron.post(f"/changes/{change.id}/decision", form(change, "request-changes"))
    other = edited(Kit(), "ops/publish.sh", (0o100755, b"#!/bin/sh\nexit 1\n"))
    again(house, house.store.get(change.id), other)
    words = text_of(aron.get(f"/changes/{change.id}"))
    assert "1 read by you" in words
    assert "It changed since you looked" in words
    assert "changed since you looked ops/publish.sh" not in words
    news = text_of(aron.get(f"/changes/{change.id}/news"))
    assert "exit 1" in news
    assert "Pull main" not in news
    aron.post(f"/changes/{change.id}/seen", {})
    assert "It changed since you looked" not in text_of(aron.get(f"/changes/{change.id}"))


def test_a_mark_of_another_version_is_refused(aron: Browser, change: Change) -> None:
    done = aron.post(f"/changes/{change.id}/read", {"number": 0, "mark": "0" * 32, "on": "1"})
    assert done.status_code == 409


# --- deciding ---------------------------------------------------------------------------------


def test_one_form_approves_with_the_password(house: House, aron: Browser, change: Change) -> None:
    done = aron.post(f"/changes/{change.id}/decision", form(change))
    assert done.status_code == 303, text_of(done)
    (approval,) = house.decisions.standing(house.store.get(change.id), None).approvals
    assert (approval.account, approval.state) == (house.aron.account.id, "standing")
    words = text_of(aron.get(f"/changes/{change.id}"))
    assert "stands" in words
    assert REASON in words


@pytest.mark.parametrize(
    ("without", "status", "said"),
    [
        ({"verdict": ""}, 422, "You chose no verdict."),
        ({"reason": "ok"}, 422, "The reason needs at least 20 characters."),
        ({"password": ""}, 401, "A decision takes your passkey or your password."),
        ({"password": "wrong words altogether"}, 401, ""),
        ({"binding": "0" * 64}, 409, ""),
        ({"answer:publish.keeps-releases": " "}, 422, "Releases are never removed"),
    ],
    ids=["no verdict", "short reason", "no password", "wrong password", "stale", "unanswered"],
)
def test_a_form_with_something_missing_comes_back_with_what_was_written(
    aron: Browser, change: Change, without: dict[str, str], status: int, said: str
) -> None:
    mine = "My own words about this very change, at length."
    sent = form(change, **{"question": mine, **without})
    done = aron.post(f"/changes/{change.id}/decision", sent)
    assert done.status_code == status
    assert said in text_of(done)
    assert mine in text_of(done)
    assert WORDS not in done.text


@pytest.mark.parametrize("who", ["rita", "vera"])
def test_who_may_not_decide_sees_no_form_and_why(
    app: FastAPI, house: House, change: Change, who: str
) -> None:
    person: SignedIn = getattr(house, who)
    visitor = browser(app, house, person)
    page = visitor.get(f"/changes/{change.id}")
    assert 'value="approve"' not in page.text or "disabled" in page.text
    standing = house.decisions.standing(change, person)
    assert standing.why_not
    assert standing.why_not in text_of(page)
    done = visitor.post(f"/changes/{change.id}/decision", form(change))
    assert done.status_code == 403
    assert house.store.get(change.id).stage is Stage.WAITING


def test_a_decision_needs_the_token_of_its_session(aron: Browser, change: Change) -> None:
    done = aron.post(f"/changes/{change.id}/decision", {**form(change), "csrf": "no"})
    assert done.status_code == 403


def test_a_bearer_token_decides_nothing(house: House, aron: Browser, change: Change) -> None:
    _, secret = house.people.make_token(house.aron, "script", 5)  # type: ignore[misc]
    done = aron.post(
        f"/changes/{change.id}/decision", form(change), authorization=f"Bearer {secret}"
    )
    assert done.status_code in (401, 403)
    assert house.decisions.standing(house.store.get(change.id), None).approvals == ()


def test_a_passkey_signs_what_was_prepared(house: House, aron: Browser, change: Change) -> None:
    prepared = aron.post(
        f"/changes/{change.id}/prepare", form(change, password=""), accept="application/json"
    ).json()
    signed = house.keys[house.aron.account.id].sign(bytes.fromhex(prepared["digest"]))
    sent = {**form(change, password=""), "nonce": prepared["nonce"], "answer": json.dumps(signed)}
    assert aron.post(f"/changes/{change.id}/decision", sent).status_code == 303
    (approval,) = house.decisions.standing(house.store.get(change.id), None).approvals
    assert approval.how == "passkey"
    replayed = aron.post(f"/changes/{change.id}/decision", sent)
    assert replayed.status_code == 409


def test_changes_that_are_asked_for_go_back_with_the_words(
    house: House, aron: Browser, change: Change
) -> None:
    words = "Keep three releases and remove the older ones, please."
    done = aron.post(
        f"/changes/{change.id}/decision", form(change, "request-changes", reason=words)
    )
    assert done.status_code == 303
    now = house.store.get(change.id)
    assert now.stage is Stage.REHEARSED
    assert words in now.told[-1]


def test_a_void_approval_says_what_voided_it(house: House, aron: Browser, change: Change) -> None:
    aron.post(f"/changes/{change.id}/decision", form(change))
    house.decisions.void(change.id, "main moved in ops/publish.sh")
    fresh = again(house, house.store.get(change.id), Kit())
    words = text_of(aron.get(f"/changes/{fresh.id}"))
    assert "Void because : main moved in ops/publish.sh" in words or (
        "Void because: main moved in ops/publish.sh" in words
    )
    assert aron.post(f"/changes/{fresh.id}/decision", form(fresh)).status_code == 303


def test_an_own_approval_is_taken_back(house: House, aron: Browser, change: Change) -> None:
    aron.post(f"/changes/{change.id}/decision", form(change))
    (approval,) = house.decisions.standing(house.store.get(change.id), None).approvals
    path = f"/changes/{change.id}/approvals/{approval.id}/revoke"
    assert aron.post(path, {"why": "I read the wrong file"}).status_code == 303
    assert "taken back" in text_of(aron.get(f"/changes/{change.id}"))


def test_a_request_of_a_bot_is_adopted_on_the_page(
    app: FastAPI, house: House, aron: Browser
) -> None:
    change = waiting(house.store, by=Bot("scan"), repository=HERE)
    rita = browser(app, house, house.rita)
    assert "Answer for this request" in text_of(rita.get(f"/changes/{change.id}"))
    assert rita.post(f"/changes/{change.id}/adopt", {}).status_code == 303
    assert house.store.get(change.id).requester == house.rita.person
    assert aron.post(f"/changes/{change.id}/decision", form(change)).status_code == 303


def test_the_requester_answers_and_withdraws(app: FastAPI, house: House) -> None:
    asked = ask(house.store, by=house.rita.person, repository=HERE)
    change = bring(house.store, asked, Stage.NEEDS_ANSWER)
    rita = browser(app, house, house.rita)
    assert 'value="one.example"' in rita.get(f"/changes/{change.id}").text
    assert rita.post(f"/changes/{change.id}/answers", {"answer": "two.example"}).status_code == 303
    assert "two.example" in house.store.get(change.id).told[-1]
    gone = rita.post(f"/changes/{change.id}/withdraw", {"why": "It was mended by hand."})
    assert gone.status_code == 303
    assert house.store.get(change.id).stage is Stage.WITHDRAWN


def test_nobody_else_answers_or_withdraws(house: House, aron: Browser) -> None:
    asked = ask(house.store, by=house.rita.person, repository=HERE)
    change = bring(house.store, asked, Stage.NEEDS_ANSWER)
    page = aron.get(f"/changes/{change.id}").text
    assert "Withdraw this change" not in page
    refused = aron.post(f"/changes/{change.id}/withdraw", {"why": "I do not like it."})
    assert refused.status_code == 403
    assert house.store.get(change.id).stage is Stage.NEEDS_ANSWER


# --- the queue as a page ----------------------------------------------------------------------


def test_the_queue_leads_to_what_needs_a_decision(aron: Browser, change: Change) -> None:
    page = aron.get("/")
    assert f'href="/changes/{change.id}"' in page.text
    assert "Your decision" in text_of(page)
    assert "1 finding asks" in text_of(page)


def test_filters_stay_in_the_address_of_the_next_page(house: House, aron: Browser) -> None:
    many(house.store, 120, repositories=(HERE,))
    page = aron.get("/queue?section=done&q=itself")
    link = re.search(r'rel="next" href="([^"]*)"', page.text)
    assert link is not None
    following = aron.get(unescape(link.group(1)))
    assert following.status_code == 200
    assert 'value="itself"' in following.text
    assert not set(re.findall(r"/changes/c\d+", page.text)) & set(
        re.findall(r"/changes/c\d+", following.text)
    )


@pytest.mark.parametrize("query", ["after=x&section=done", "q=" + "x" * 101])
def test_an_address_that_fits_no_list_is_refused_in_words(aron: Browser, query: str) -> None:
    assert aron.get(f"/queue?{query}").status_code == 422


def test_words_of_strangers_stay_words_in_the_queue(house: House, aron: Browser) -> None:
    ask(house.store, by=house.rita.person, repository=HERE, text=XSS)
    page = aron.get("/").text
    assert "<script>alert" not in page
    assert XSS[:20] in unescape(page)
