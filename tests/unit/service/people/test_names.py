"""Names, whatever text comes: what is accepted shows as it is, and stays as it is."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from service.people import No, limits, names


@given(st.text())
def test_a_name_that_is_accepted_has_nothing_invisible_and_is_accepted_again(text: str) -> None:
    name = names.shown(text)
    if isinstance(name, No):
        return
    assert 1 <= len(name) <= 80
    assert name == name.strip()
    assert not any(unicodedata.category(one).startswith("C") for one in name)
    assert names.shown(name) == name


@given(st.text())
def test_a_login_that_is_accepted_is_plain_and_masked_to_its_first_letter(text: str) -> None:
    login = names.login(text)
    masked = names.masked(text)
    if isinstance(login, No):
        assert masked == "***"
        return
    assert re.fullmatch(r"[a-z0-9._-]{1,40}", login)
    assert masked == f"{login[0]}***"


@given(st.text())
def test_any_text_can_be_counted(text: str) -> None:
    assert len(limits.by_login(text).name) < 64
    assert len(limits.by_address(text).name) < 128
    assert len(limits.network(text)) < 64
