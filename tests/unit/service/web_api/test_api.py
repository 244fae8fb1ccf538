"""What scripts may ask of the API, whom it believes, and that it never decides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.app.decisions import Switch
from service.changes import ChangeId, Person, Request, Source, Stage, System
from service.ledger import Kind
from service.people import Role
from tests.unit.service.store.conftest import Clock
from tests.unit.service.web_api.kit import Site

V1 = "/api/v1"


def ask(site: Site, token: str, text: str = "the deploy wiped files") -> dict[str, Any]:
    answer = site.call(
        "POST", f"{V1}/requests", token=token, json={"repository": "gallery", "text": text}
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_request_by_token_counts_as_its_owners_and_wakes_the_worker(site: Site) -> None:
    token = site.join("rita", Role.REQUESTER)
    change = ask(site, token, "it wiped files, key hunter2")
    assert site.worker.woken == [change["id"]]
    kept = site.services.store.get(ChangeId(change["id"]))
    assert isinstance(kept.requester, Person)
    assert change["requester"]["name"] == "Rita"
    assert kept.request.text == "it wiped files, key ****"
    assert kept.request.source is Source.API
    assert kept.repository == site.repository.id
    assert kept.base == site.repository.head
    assert change["url"].endswith(f"/changes/{kept.id}")


def test_a_double_click_is_one_change_and_other_words_or_people_are_another(site: Site) -> None:
    rita, rob = site.join("rita", Role.REQUESTER), site.join("rob", Role.REQUESTER)
    first = ask(site, rita)
    assert ask(site, rita)["id"] == first["id"]
    assert ask(site, rita, "other words")["id"] != first["id"]
    assert ask(site, rob)["id"] != first["id"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (" \n ", "empty-request"),
        ("a\0b", "not-text"),
        ("ä" * 60_000, "too-long"),
    ],
)
def test_words_that_are_no_request_are_refused(site: Site, text: str, code: str) -> None:
    token = site.join("rita", Role.REQUESTER)
    body = {"repository": "gallery", "text": text}
    answer = site.call("POST", f"{V1}/requests", token=token, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_who_may_only_read_does_not_ask_and_who_may_not_read_knows_nothing(site: Site) -> None:
    viewer, stranger = (
        site.join("vic", Role.VIEWER),
        site.join("sam", Role.VIEWER, where="elsewhere"),
    )
    rita = site.join("rita", Role.REQUESTER)
    change = ask(site, rita)["id"]
    body = {"repository": "gallery", "text": "wiped"}
    assert site.call("POST", f"{V1}/requests", token=viewer, json=body).status_code == 403
    assert site.call("POST", f"{V1}/requests", token=stranger, json=body).status_code == 404
    assert site.call("GET", f"{V1}/changes/{change}", token=viewer).status_code == 200
    for path in ("", "/log", "/steps"):
        answer = site.call("GET", f"{V1}/changes/{change}{path}", token=stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-change")
    assert site.call("GET", f"{V1}/changes", token=stranger).json()["changes"] == []
    assert site.call("GET", f"{V1}/repositories", token=stranger).json()["repositories"] == []


def test_while_agents_are_frozen_nothing_is_asked(site: Site) -> None:
    token = site.join("rita", Role.REQUESTER)
    site.services.decisions.freeze(site.ada, Switch.AGENTS, "the model runs wild tonight")
    body = {"repository": "gallery", "text": "wiped"}
    answer = site.call("POST", f"{V1}/requests", token=token, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "agents-frozen")
    assert "runs wild" in answer.json()["why"]


def test_all_pages_together_are_all_changes_newest_first(site: Site) -> None:
    token = site.join("rita", Role.REQUESTER)
    ids = [ask(site, token, f"wiped {n}")["id"] for n in range(7)]
    site.services.store.open_change(
        Request("elsewhere", System("cli:x"), Source.CLI),
        repository="/srv/other",
        base="b" * 40,
        branch="main",
        key="other",
    )
    for where in ("", "&repository=gallery", "&stage=asked&stage=waiting&repository=gallery"):
        seen: list[str] = []
        after = ""
        while True:
            path = f"{V1}/changes?limit=3{where}{after}"
            page = site.call("GET", path, token=token).json()
            seen += [c["id"] for c in page["changes"]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert [one for one in seen if one in ids] == ids[::-1]
        assert len(seen) == len(set(seen)) == (7 if where else 8)
    none = site.call("GET", f"{V1}/changes?stage=merged", token=token).json()
    assert none == {"changes": [], "next": None}


def test_a_role_in_one_repository_lists_that_one_alone(site: Site) -> None:
    rita = site.join("rita", Role.REQUESTER, where=site.repository.id)
    change = ask(site, rita)["id"]
    site.services.store.open_change(
        Request("elsewhere", System("cli:x"), Source.CLI),
        repository="/srv/other",
        base="b" * 40,
        branch="main",
        key="other",
    )
    page = site.call("GET", f"{V1}/changes", token=rita).json()
    assert [c["id"] for c in page["changes"]] == [change]


def test_a_change_comes_with_its_document_its_log_and_its_steps(site: Site) -> None:
    token = site.join("rita", Role.REQUESTER)
    change = ChangeId(ask(site, token)["id"])
    site.services.following.keep([(change, "say", {"text": f"step {n}"}) for n in range(3)])
    whole = site.call("GET", f"{V1}/changes/{change}", token=token).json()
    assert whole["document"]["request"] == "the deploy wiped files"
    log = site.call("GET", f"{V1}/changes/{change}/log", token=token).json()
    assert [e["kind"] for e in log["entries"]] == [Kind.CHANGE_ASKED]
    assert log["entries"][0]["actor"]["name"] == "Rita"
    steps = site.call("GET", f"{V1}/changes/{change}/steps", token=token).json()
    assert [s["body"]["text"] for s in steps["steps"]] == ["step 0", "step 1", "step 2"]
    assert steps["running"] is True
    number = steps["steps"][1]["number"]
    rest = site.call("GET", f"{V1}/changes/{change}/steps?after={number}", token=token).json()
    assert [s["body"]["text"] for s in rest["steps"]] == ["step 2"]


def test_no_token_decides_and_the_attempt_is_on_record(site: Site) -> None:
    rita = site.join("rita", Role.REQUESTER)
    approver = site.join("aron", Role.APPROVER)
    change = ChangeId(ask(site, rita)["id"])
    answer = site.call("POST", f"{V1}/changes/{change}/decision", token=approver, json={})
    assert answer.status_code == 403
    assert f"/changes/{change}" in answer.json()["mend"]
    last = site.services.store.events(change)[-1].judgment
    assert (last.kind, last.payload["verdict"]) == (Kind.DECISION, "refused")
    assert last.payload["by"] == "token"
    assert site.services.store.get(change).stage is Stage.ASKED


def test_a_token_neither_adopts_nor_registers(site: Site) -> None:
    token = site.join("rita", Role.REQUESTER, Role.ADMINISTRATOR)
    change = ask(site, token)["id"]
    adopt = site.call("POST", f"{V1}/changes/{change}/adopt", token=token)
    assert (adopt.status_code, adopt.json()["code"]) == (403, "needs-a-person")
    body = {"name": "two", "url": "/srv/two.git"}
    assert site.call("POST", f"{V1}/repositories", token=token, json=body).status_code == 403


def test_the_requester_withdraws_and_nobody_else(site: Site) -> None:
    rita, rob = site.join("rita", Role.REQUESTER), site.join("rob", Role.REQUESTER)
    change = ask(site, rita)["id"]
    path, body = f"{V1}/changes/{change}/withdraw", {"why": "no longer needed"}
    assert site.call("POST", path, token=rob, json=body).status_code == 403
    assert site.call("POST", path, token=rita, json=body).json()["stage"] == "withdrawn"
    assert site.call("POST", path, token=rita, json=body).status_code == 409


def test_a_session_needs_its_csrf_proof_to_change_something(site: Site) -> None:
    site.join("rita", Role.REQUESTER)
    entered = site.enter("rita")
    session = entered.signed_in.session
    assert session is not None
    body = {"repository": "gallery", "text": "wiped"}
    path = f"{V1}/requests"
    assert site.call("GET", f"{V1}/me", entered=entered).json()["by"] == "session"
    for wrong in (None, "", "\xe9", session.csrf[:-1]):
        answer = site.call("POST", path, entered=entered, csrf=wrong, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "no-csrf-proof")
    right = site.call("POST", path, entered=entered, csrf=session.csrf, json=body)
    assert right.status_code == 201


def test_beside_an_authorization_header_the_cookie_does_not_count(site: Site) -> None:
    site.join("rita", Role.REQUESTER)
    entered = site.enter("rita")
    for value in ("Bearer wrong", "Basic cml0YTpyaXRh", "", "Bearer "):
        answer = site.call("GET", f"{V1}/me", entered=entered, headers={"authorization": value})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_nobody_is_told_to_make_a_token(site: Site) -> None:
    for method, path in (("GET", "/me"), ("GET", "/changes"), ("POST", "/changes/c1/decision")):
        answer = site.call(method, V1 + path)
        assert answer.status_code == 401
        assert set(answer.json()) == {"code", "why", "mend"}


def test_a_token_that_is_over_or_revoked_speaks_for_nobody(site: Site, clock: Clock) -> None:
    token = site.join("rita", Role.REQUESTER)
    assert site.call("GET", f"{V1}/me", token=token).json()["login"] == "rita"
    clock.pass_by(timedelta(days=31))
    assert site.call("GET", f"{V1}/me", token=token).status_code == 401


DEEP = "[" * 100_000
BAD: list[tuple[str, str, bytes, int]] = [
    ("POST", "/requests", b"{", 422),
    ("POST", "/requests", b"\xff\xfe", 422),
    ("POST", "/requests", DEEP.encode(), 400),
    ("POST", "/requests", b'{"repository": "gallery", "text": "\\ud800"}', 422),
    ("POST", "/requests", b'{"repository": "\\ud800", "text": "wiped"}', 422),
    ("POST", "/requests", b'{"repository": "a\\u0000b", "text": "wiped"}', 404),
    ("POST", "/requests", b'{"repository": "gallery", "text": 1, "x": %s}' % (b"9" * 5000), 400),
    ("POST", "/requests", b'{"repository": "gallery", "text": "wiped", "approve": 1}', 422),
    ("POST", "/requests", b"x" * ((1 << 20) + 1), 413),
    ("POST", "/changes/none/withdraw", b'{"why": "so"}', 404),
    ("POST", "/repositories", b'{"name": "\\ud800", "url": "/x"}', 422),
    ("GET", "/changes?limit=99999999999999999999999999", b"", 422),
    ("GET", "/changes?after=%00", b"", 422),
    ("GET", "/changes?after=%ff", b"", 422),
    ("GET", "/changes?stage=nowhere", b"", 422),
    ("GET", "/changes?repository=%00", b"", 404),
    ("GET", "/changes/%00", b"", 404),
    ("GET", "/changes/%ed%a0%80", b"", 404),
    ("GET", "/changes/" + "c" * 5000, b"", 404),
    ("GET", "/changes/none/steps?after=-1", b"", 422),
    ("GET", "/changes/none/log?before=18446744073709551616", b"", 422),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), BAD)
def test_bad_input_is_refused_in_one_shape_and_never_an_error_of_ours(
    site: Site, method: str, path: str, body: bytes, status: int
) -> None:
    token = site.join("rita", Role.REQUESTER)
    headers = {"content-type": "application/json"}
    answer = site.call(method, V1 + path, token=token, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"code", "why", "mend"}


def test_the_document_of_the_api_declares_every_refusal(site: Site) -> None:
    document = site.call("GET", "/openapi.json").json()
    paths = [p for p in document["paths"] if p.startswith(V1)]
    assert len(paths) >= 11
    for path in paths:
        for operation in document["paths"][path].values():
            for status in ("400", "401", "403", "404", "409", "422", "429"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/Wrong")
