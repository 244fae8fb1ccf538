"""What the guard lets through, and what it puts on every answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from service.app.live import Following
from service.app.repositories import Repositories
from service.people import No, SignedIn
from service.web.app import make
from service.web.guard import LIMIT
from service.web.services import Services
from service.web.sessions import CSRF_FIELD, PLAIN_COOKIE, SECURE_COOKIE, Sent, Who, safe_next
from tests.unit.service.app.kit import URL, WORDS, House, yes
from tests.unit.service.store.conftest import Clock

SAME = {"Sec-Fetch-Site": "same-origin"}
HTML = {"Accept": "text/html"}
OURS = {"/deed", "/broken", "/stream", "/named"}
"""Routes that are there for these tests alone."""


class NoWorker:
    """A worker that has nothing to do."""

    def wake(self, change: str) -> None: ...

    def stop(self, change: str) -> bool:
        return False

    def running(self) -> tuple[Any, ...]:
        return ()

    def queued(self) -> tuple[Any, ...]:
        return ()

    def state(self) -> dict[str, Any]:
        return {"engine": {"ok": True, "text": ""}}


def application(house: House, repositories: Repositories, clock: Clock, url: str) -> FastAPI:
    """The real application, with three routes that show what reached it."""
    app = make(
        Services(
            store=house.store,
            people=house.people,
            repositories=repositories,
            decisions=house.decisions,
            following=Following(house.store),
            worker=NoWorker(),
            clock=clock,
            public_url=url,
        )
    )

    @app.post("/deed")
    def deed(who: Who, sent: Sent) -> Response:
        return PlainTextResponse(f"done by {who.account.login}: {sent.text('word')}")

    @app.get("/broken")
    def broken() -> Response:
        raise RuntimeError("a secret of the inside")

    @app.get("/stream")
    def stream() -> Response:
        return StreamingResponse(iter([b"data: 1\n\n"]), media_type="text/event-stream")

    @app.get("/named")
    def named(request: Request, who: Who) -> Response:
        return PlainTextResponse(who.account.login)

    return app


@pytest.fixture
def app(house: House, repositories: Repositories, clock: Clock) -> FastAPI:
    return application(house, repositories, clock, URL)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=URL, follow_redirects=False) as client:
        yield client


@pytest.fixture
def rita(house: House, client: TestClient) -> SignedIn:
    """Rita, signed in by cookie."""
    return enter(house, client, "rita")


def enter(house: House, client: TestClient, login: str, cookie: str = PLAIN_COOKIE) -> SignedIn:
    entered = yes(house.people.sign_in(login, WORDS, agent="", address=""))
    client.cookies.set(cookie, entered.token)
    return entered.signed_in


def csrf(who: SignedIn) -> str:
    assert who.session is not None
    return who.session.csrf


def test_a_form_of_ones_own_page_is_taken(client: TestClient, rita: SignedIn) -> None:
    sent = {CSRF_FIELD: csrf(rita), "word": "yes"}
    answer = client.post("/deed", data=sent, headers=SAME)
    assert (answer.status_code, answer.text) == (200, "done by rita: yes")


def test_an_origin_that_fits_does_where_the_browser_says_no_more(
    client: TestClient, rita: SignedIn
) -> None:
    answer = client.post("/deed", data={CSRF_FIELD: csrf(rita)}, headers={"Origin": URL})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="says nothing"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="cross-site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="same-site"),
        pytest.param({"Sec-Fetch-Site": "none"}, id="none"),
        pytest.param({"Sec-Fetch-Site": "cross-site", "Origin": URL}, id="cross-site, origin fits"),
        pytest.param({"Origin": "http://localhost:8081"}, id="another port"),
        pytest.param({"Origin": "https://localhost:8080"}, id="another scheme"),
        pytest.param({"Origin": "null"}, id="null"),
        pytest.param({"Referer": URL + "/"}, id="a referer alone"),
    ],
)
def test_what_does_not_come_from_a_page_of_ours_does_nothing(
    client: TestClient, rita: SignedIn, headers: dict[str, str]
) -> None:
    answer = client.post("/deed", data={CSRF_FIELD: csrf(rita)}, headers=headers)
    assert answer.status_code == 403
    assert "cross-site" in answer.text


@pytest.mark.parametrize("token", ["", "not it", "é"], ids=["none", "wrong", "not ascii"])
def test_a_form_without_its_sessions_token_does_nothing(
    client: TestClient, rita: SignedIn, token: str
) -> None:
    answer = client.post("/deed", data={CSRF_FIELD: token}, headers=SAME)
    assert (answer.status_code, "not-from-here" in answer.text) == (403, True)


def test_the_token_of_another_session_does_nothing(
    house: House, client: TestClient, rita: SignedIn
) -> None:
    enter(house, client, "bea")
    answer = client.post("/deed", data={CSRF_FIELD: csrf(rita)}, headers=SAME)
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:9", ""])
def test_a_host_that_is_not_ours_gets_nothing(client: TestClient, host: str) -> None:
    answer = client.get("/sign-in", headers={"Host": host})
    assert (answer.status_code, "bad-host" in answer.text) == (403, True)


def test_another_name_of_this_machine_leads_to_the_public_one(client: TestClient) -> None:
    answer = client.get("/people?x=1", headers={"Host": "127.0.0.1:8080", **HTML})
    assert (answer.status_code, answer.headers["location"]) == (307, f"{URL}/people?x=1")


def test_another_name_can_not_lead_elsewhere(client: TestClient) -> None:
    answer = client.get(
        "http://localhost:8080//evil.example/x", headers={"Host": "127.0.0.1:8080", **HTML}
    )
    assert answer.headers["location"].startswith(f"{URL}/")


def test_probes_may_use_any_name(client: TestClient) -> None:
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8080"}).status_code == 200


def test_with_an_authorization_header_cookies_are_not_read(
    client: TestClient, rita: SignedIn
) -> None:
    assert client.get("/named").text == "rita"
    answer = client.get("/named", headers={"Authorization": "Bearer nothing"})
    assert answer.status_code == 401


def test_a_token_reads_no_page_and_changes_nothing_on_one(
    house: House, client: TestClient, rita: SignedIn
) -> None:
    made = house.people.make_token(rita, "a terminal", 30)
    assert not isinstance(made, No)
    bearer = {"Authorization": f"Bearer {made[1]}"}
    answer = client.post("/deed", data={CSRF_FIELD: csrf(rita)}, headers={**bearer, **SAME})
    assert (answer.status_code, "token-on-a-page" in answer.text) == (403, True)
    assert client.get("/named", headers=bearer).status_code == 401
    assert client.get("/api/v1/me", headers=bearer).json()["login"] == "rita"


def test_too_much_is_not_taken_whether_announced_or_not(client: TestClient, rita: SignedIn) -> None:
    big = b"x" * (LIMIT + 1)
    assert client.post("/deed", content=big, headers=SAME).status_code == 413
    in_parts = (big[at : at + 100_000] for at in range(0, len(big), 100_000))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/deed", content=in_parts, headers={**SAME, **kind}).status_code == 413


@pytest.mark.parametrize(
    "path", ["/sign-in", "/nowhere", "/broken", "/stream", "/healthz", "/static/pawl.css", "/deed"]
)
def test_each_answer_carries_the_policy(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"Host": "localhost:8080"}).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert len(headers["x-request-id"]) == 16
    assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")


def test_an_error_of_ours_shows_a_code_and_nothing_of_the_inside(client: TestClient) -> None:
    answer = client.get("/broken", headers=HTML)
    assert answer.status_code == 500
    assert "a secret of the inside" not in answer.text
    assert answer.headers["x-request-id"] in answer.text


def test_scripts_get_their_errors_as_json(client: TestClient) -> None:
    for path in ("/api/v1/nowhere", "/nowhere"):
        answer = client.get(path, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_nothing_is_loaded_from_elsewhere_to_read_the_api(client: TestClient) -> None:
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
    paths = client.get("/openapi.json").json()["paths"]
    assert all(path.startswith("/api/v1/") for path in paths if path not in OURS)


def test_over_https_the_cookie_can_be_of_this_host_alone(
    house: House, repositories: Repositories, clock: Clock
) -> None:
    url = "https://pawl.example"
    app = application(house, repositories, clock, url)
    with TestClient(app, base_url=url, follow_redirects=False) as client:
        answer = client.post(
            "/sign-in", data={"login": "rita", "password": WORDS, "next": "/"}, headers=SAME
        )
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{SECURE_COOKIE}=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert client.get("/named").text == "rita"


def test_a_cookie_that_somebody_chose_is_replaced_at_sign_in(
    client: TestClient, house: House
) -> None:
    client.cookies.set(PLAIN_COOKIE, "chosen-by-somebody")
    answer = client.post("/sign-in", data={"login": "rita", "password": WORDS}, headers=SAME)
    assert answer.status_code == 303
    assert "chosen-by-somebody" not in answer.headers["set-cookie"]


def test_too_many_wrong_passwords_have_to_wait(client: TestClient, house: House) -> None:
    tries = [
        client.post("/sign-in", data={"login": "rita", "password": "no"}, headers=SAME)
        for _ in range(6)
    ]
    assert [one.status_code for one in tries] == [401] * 5 + [429]
    assert int(tries[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("/people?x=1", "/people?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nb", "/"),
        ("/\tb", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_to_a_page_of_ours(asked: str, goes: str) -> None:
    assert safe_next(asked) == goes


def test_whoever_is_not_signed_in_is_led_there_and_back(client: TestClient) -> None:
    answer = client.get("/people?x=1", headers=HTML)
    assert answer.headers["location"] == "/sign-in?next=/people%3Fx%3D1"
    posted = client.post("/deed", headers={**SAME, "Referer": f"{URL}/system", **HTML})
    assert posted.headers["location"] == "/sign-in?next=/system"
