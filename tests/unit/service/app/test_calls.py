"""Secrets leave as placeholders; settings and findings of a model are read and kept."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from service.app import endpoints
from service.app.hiding import Hiding
from service.errors import PawlError
from service.settings import load

TOKEN = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5"
KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "\n".join(
        "MIIEowIBAAKCAQEA7bq9k2T8vXfYw0ZrLmNpQsTuVxYz0123456789abcdefghij" for _ in range(4)
    )
    + "\n-----END RSA PRIVATE KEY-----\n"
)


def test_a_secret_is_the_same_placeholder_each_time_and_elsewhere_another() -> None:
    text = f"TOKEN={TOKEN}\nagain {TOKEN}\n"
    one, known = Hiding(b"k").hide(text)
    assert TOKEN not in one
    assert list(known.values()) == [TOKEN]
    assert one == Hiding(b"k").hide(text)[0]
    assert one != Hiding(b"other").hide(text)[0]
    (holder,) = known
    assert one.count(holder) == 2
    assert one.replace(holder, TOKEN) == text


def test_a_secret_of_many_lines_leaves_as_many() -> None:
    shown, _ = Hiding(b"k").hide(f"a\n{KEY}b\n")
    assert "MIIEow" not in shown
    assert shown.count("\n") == f"a\n{KEY}b\n".count("\n")


def test_text_without_secrets_is_left_as_it_is() -> None:
    assert Hiding(b"k").hide("image: x@sha256:" + "ab" * 32 + "\n$DB_PASS\n")[1] == {}


def test_what_was_found_of_an_endpoint_is_kept_without_its_address(tmp_path: Path) -> None:
    assert endpoints.found(tmp_path, "http://u:pw@h/v1", "m") is None
    where = endpoints.keep(tmp_path, "http://u:pw@h/v1", "m", "text", "max_tokens")
    endpoints.keep(tmp_path, "http://other/v1", "m", "json_object", "max_tokens")
    assert endpoints.found(tmp_path, "http://u:pw@h/v1", "m") == ("text", "max_tokens")
    assert "pw@h" not in where.read_text()
    where.write_text("{half")
    assert endpoints.found(tmp_path, "http://u:pw@h/v1", "m") is None


ENV = {"PAWL_MODEL_URL": "http://h/v1/", "PAWL_MODEL": "m"}


def test_a_model_is_set_up_by_its_address_and_name() -> None:
    more = {"PAWL_MODEL_PLANNER": "large", "PAWL_MODEL_PRICE": "2.50/10", "PAWL_MODEL_KEY": "k-1"}
    found = load({**ENV, **more}).model
    assert found is not None
    assert (found.url, found.roles, found.price[0]) == (
        "http://h/v1",
        {"planner": "large"},
        Decimal("2.50"),
    )
    assert "k-1" not in repr(load({**ENV, **more}))
    assert load({}).model is None


@pytest.mark.parametrize(
    "environ",
    [
        {"PAWL_MODEL": "m"},
        {"PAWL_MODEL_URL": "http://h/v1"},
        {**ENV, "PAWL_MODEL_URL": "file:///etc"},
        {**ENV, "PAWL_MODEL_PRICE": "cheap"},
        {**ENV, "PAWL_MODEL_TOKENS_DAY": "-1"},
        {"PAWL_PLANNER": "oracle"},
    ],
)
def test_a_setting_that_makes_no_sense_is_said(environ: dict[str, str]) -> None:
    with pytest.raises(PawlError) as caught:
        load(environ)
    assert (caught.value.code, caught.value.exit_code) == ("bad-setting", 2)
