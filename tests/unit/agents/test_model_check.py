"""The ladder of an endpoint is found by what it does, not by what it accepts."""

from __future__ import annotations

import pytest

from agents import AgentError
from agents.model_planner.check import check
from agents.model_planner.http import Endpoint
from agents.model_planner.wire import Rung
from tests.fake_model import Asked, Says, model, says

pytestmark = pytest.mark.enable_socket
GOOD = says({"weekday": "friday", "boxes": 12, "late": False})


def kind(asked: Asked) -> str | None:
    found = asked.get("response_format", {}).get("type")
    return found if isinstance(found, str) else None


def answering(**by_kind: Says) -> dict[str | None, Says]:
    return {None if k == "text" else k: v for k, v in by_kind.items()}


REFUSES = Says(status=400, body=b'{"error": {"message": "no response_format here"}}')
PROSE = Says("On friday, twelve boxes.")


@pytest.mark.parametrize(
    ("endpoint", "rung"),
    [
        (answering(json_schema=GOOD, json_object=GOOD, text=GOOD), Rung.JSON_SCHEMA),
        (answering(json_schema=PROSE, json_object=GOOD, text=GOOD), Rung.JSON_OBJECT),
        (answering(json_schema=REFUSES, json_object=REFUSES, text=GOOD), Rung.TEXT),
        (answering(json_schema=PROSE, json_object=PROSE, text=PROSE), None),
    ],
    ids=["all", "accepts-and-ignores-the-schema", "takes-no-format", "none"],
)
def test_the_highest_rung_that_holds_is_found(
    endpoint: dict[str | None, Says], rung: Rung | None
) -> None:
    with model(lambda asked: endpoint[kind(asked)]) as fake:
        report = check(Endpoint(fake.url).post, "m")
    assert (report.profile.rung if report.profile else None) is rung


def test_the_limit_that_an_endpoint_wants_is_found() -> None:
    def answer(asked: Asked) -> Says:
        if "max_tokens" in asked:
            return Says(status=400, body=b'{"error": {"message": "use max_completion_tokens"}}')
        return GOOD

    with model(answer) as fake:
        report = check(Endpoint(fake.url).post, "m")
    assert report.profile is not None
    assert report.profile.limit == "max_completion_tokens"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Says(status=401, body=b"{}"), "model-key-refused"),
        (Says(status=404, body=b"{}"), "model-not-found"),
        (Says(body=b"<html>"), "model-not-an-api"),
    ],
)
def test_an_endpoint_that_can_not_be_asked_is_an_error(said: Says, code: str) -> None:
    with model(lambda _: said) as fake, pytest.raises(AgentError) as caught:
        check(Endpoint(fake.url).post, "m")
    assert caught.value.code == code
    assert caught.value.mend
