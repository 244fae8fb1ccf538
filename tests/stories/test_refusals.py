"""What is refused at the pages, each with its reason shown and on record, and nothing merged.

Each case differs in one thing from the decision that counts (`test_the_honest_decision_merges`).
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from service.app.decisions import Switch
from service.changes import Stage
from service.people import Role, SignedIn
from tests import house
from tests.served import AGENT, PASSWORD, Served, served

pytestmark = pytest.mark.enable_socket
_NIGHTS = itertools.count()

Deed = Callable[[Served, str], httpx.Response]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("town")) as up:
        yield up


@pytest.fixture
def change(town: Served) -> str:
    """A change of its own that waits."""
    rita = town.visit("rita")
    ident = town.ask(rita, f"{house.WORDS} (night {next(_NIGHTS)})")
    rita.close()
    town.until(ident, "waiting")
    return ident


def signed_in(town: Served, login: str) -> SignedIn:
    entered = town.up.services.people.sign_in(login, PASSWORD, agent=AGENT, address="127.0.0.1")
    assert hasattr(entered, "signed_in")
    found = entered.signed_in
    assert isinstance(found, SignedIn)
    return found


def by(login: str, **fields: str) -> Deed:
    """The decision of somebody, sent as a browser does."""

    def deed(town: Served, ident: str) -> httpx.Response:
        visit = town.visit(login)
        try:
            return town.decide(visit, ident, **fields)
        finally:
            visit.close()

    return deed


def from_elsewhere(**headers: str) -> Deed:
    """Aron's decision, sent from a page that is not Pawl's."""

    def deed(town: Served, ident: str) -> httpx.Response:
        visit = town.visit("aron")
        try:
            return visit.post(
                f"/changes/{ident}/decision",
                {
                    "binding": town.change(ident).binding,
                    "verdict": "approve",
                    "reason": "I read the diff and both logs, and nothing is lost.",
                    "question": "Yes: a runbook line goes.",
                    "password": PASSWORD,
                },
                page="/account",
                **headers,
            )
        finally:
            visit.close()

    return deed


def by_token(town: Served, ident: str) -> httpx.Response:
    made = town.up.services.people.make_token(signed_in(town, "aron"), "script", 1)
    assert isinstance(made, tuple)
    visit = town.visit("aron")
    try:
        visit.http.headers["Authorization"] = f"Bearer {made[1]}"
        return town.decide(visit, ident)
    finally:
        visit.close()


def by_the_api(town: Served, ident: str) -> httpx.Response:
    made = town.up.services.people.make_token(signed_in(town, "aron"), "script", 1)
    assert isinstance(made, tuple)
    return httpx.post(
        f"{town.url}/api/v1/changes/{ident}/decision",
        json={"verdict": "approve"},
        headers={"Authorization": f"Bearer {made[1]}"},
    )


def by_a_link(town: Served, ident: str) -> httpx.Response:
    visit = town.visit("aron")
    try:
        return visit.get(f"/changes/{ident}/decision")
    finally:
        visit.close()


def after_a_push(town: Served, ident: str) -> httpx.Response:
    branch = f"pawl/{ident}"
    house.commit(town.bare, {"extra.sh": (0o100755, b"#!/bin/sh\n")}, "A fix", branch=branch)
    return by("aron")(town, ident)


def after_a_role_for_oneself(town: Served, ident: str) -> httpx.Response:
    olga = town.visit("olga")
    try:
        given = olga.post(
            f"/people/{town.ids['olga']}/grant",
            {"place": "*", "role": "approver"},
            page=f"/people/{town.ids['olga']}",
        )
        assert given.status_code == 303
        return town.decide(olga, ident)
    finally:
        olga.post(
            f"/people/{town.ids['olga']}/revoke",
            {"place": "*", "role": "approver"},
            page=f"/people/{town.ids['olga']}",
        )
        olga.close()


def after_a_freeze(town: Served, ident: str) -> httpx.Response:
    decisions, olga = town.up.services.decisions, signed_in(town, "olga")
    visit = town.visit("aron")
    try:
        visit.get(f"/changes/{ident}")  # the page is open when the switch is set
        assert decisions.freeze(olga, Switch.MERGES, "the mirror is being moved") is None
        return town.decide(visit, ident)
    finally:
        decisions.thaw(olga, Switch.MERGES, "the mirror is moved")
        visit.close()


def after_leaving(town: Served, ident: str) -> httpx.Response:
    people, olga = town.up.services.people, signed_in(town, "olga")
    visit = town.visit("bela")
    roles = [grant.role for grant in people.grants(account=town.ids["bela"])]
    try:
        visit.get(f"/changes/{ident}")
        assert people.grant(olga, town.ids["bela"], "*", Role.VIEWER) is None
        for role in roles:
            assert people.revoke(olga, town.ids["bela"], "*", role) is None
        return town.decide(visit, ident)
    finally:
        for role in roles:
            people.grant(olga, town.ids["bela"], "*", role)
        people.revoke(olga, town.ids["bela"], "*", Role.VIEWER)
        visit.close()


REFUSED: dict[str, tuple[Deed, int, str]] = {
    "by the requester": (by("rita"), 403, "asked for this"),
    "by a viewer": (by("vera"), 403, "role|approver"),
    "by an administrator who is no approver": (by("olga"), 403, "role|approver"),
    "with a wrong password": (by("aron", password="not it at all"), 401, "password"),  # noqa: S106
    "without a reason": (by("aron", reason="ok"), 422, "reason"),
    "without a verdict": (by("aron", verdict=""), 422, "approve|verdict|decid"),
    "for another digest": (by("aron", binding="0" * 64), 409, "changed|moved|bound|what"),
    "for a short digest": (by("aron", binding="0" * 7), 409, "changed|moved|bound|what"),
    "for no digest": (by("aron", binding=""), 409, "changed|moved|bound|what"),
    "without the form's token": (by("aron", csrf=""), 403, "form"),
    "with a token of nobody": (by("aron", csrf="x" * 43), 403, "form|session"),
    "from another origin": (
        from_elsewhere(Origin="https://elsewhere.example", **{"Sec-Fetch-Site": "cross-site"}),
        403,
        "from",
    ),
    "from a page of the same site": (
        from_elsewhere(**{"Sec-Fetch-Site": "same-site"}),
        403,
        "from",
    ),
    "with Authorization beside the cookie": (by_token, 403, "token|page|session"),
    "at the API": (by_the_api, 403, "token"),
    "by a link that a preview fetches": (by_a_link, 405, ""),
    "after a commit on the change's branch": (after_a_push, 409, "commit|branch"),
    "after a role that was given to oneself": (after_a_role_for_oneself, 403, "role|gave"),
    "after a freeze": (after_a_freeze, 409, "frozen|freeze|mirror is being moved"),
    "after the role was taken": (after_leaving, 403, "role|approver"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_decision_is_refused(case: str, town: Served, change: str) -> None:
    deed, status, reason = REFUSED[case]
    answer = deed(town, change)
    assert answer.status_code == status, answer.text[:500]
    words = html.unescape(re.sub(r"<[^>]+>", " ", answer.text))
    assert re.search(reason, words), words[:2000]
    services = town.up.services
    now = town.change(change)
    assert isinstance(services.decisions.sufficient(now), str)  # it can't be merged by this
    assert now.stage is not Stage.MERGED
    assert services.store.audit() == ()


def test_a_second_answer_to_the_same_question_changes_nothing(town: Served, change: str) -> None:
    aron = town.visit("aron")
    first = town.decide(aron, change, verdict="reject")
    again = town.decide(aron, change, verdict="approve")
    aron.close()
    assert (first.status_code, again.status_code) == (303, 409)
    assert town.change(change).stage is Stage.REJECTED


def test_the_honest_decision_merges(town: Served, change: str) -> None:
    before = house.git(town.bare, "rev-parse", "main")
    answer = by("aron")(town, change)
    assert answer.status_code == 303
    town.until(change, "merged")
    assert house.git(town.bare, "rev-parse", "main^") == before
    kept = [path for path in house.files_of(town.bare) if path.startswith(".pawl/rehearsals/")]
    assert kept
