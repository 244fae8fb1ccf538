from __future__ import annotations

import time

import pytest

from service.facts import secrets
from tests.unit.service.facts.test_build import BASE, FILE, facts

# Put together here, so that no scanner takes this file for a leak.
TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
KEY_ID, KEY = "AKIAQ3EGRTYU" + "IOP4567Z", "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYzQ7PLEKEYA"
PAIR = f'export AWS_ACCESS_KEY_ID="{KEY_ID}"\nexport AWS_SECRET_ACCESS_KEY="{KEY}"\n'
PRIVATE = (
    "-----BEGIN RSA " + "PRIVATE KEY-----\n"
    "MIIEpAIBAAKCAQEA7bq0xYV1b2sd0k3m4n5b6v7c8x9z0a1s2d3f4g5h6j7k8l9p\n"
    "MIIEpAIBAAKCAQEA7bq0xYV1b2sd0k3m4n5b6v7c8x9z0a1s2d3f4g5h6j7k8l9q\n"
    "-----END RSA " + "PRIVATE KEY-----\n"
)


def test_a_token_is_found_at_its_line() -> None:
    (found,) = secrets.find(f"#!/bin/sh\n\nexport FORGE={TOKEN}\n")
    assert (found.line, found.level, found.value) == (3, "high", TOKEN)
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        f"curl -H 'Authorization: token {TOKEN}' x\n",
        PAIR,
        f"first\n{PRIVATE}last\n",
        "psql postgres://ledger:Xk29fmQz81@db.internal/books\n",
        f"{TOKEN}\n{TOKEN} again without context\n",
        "a\0b\n" + f"export FORGE={TOKEN}\n",
    ],
    ids=["token", "pair", "private key", "password in a url", "twice", "behind a NUL"],
)
def test_masking_leaves_nothing_of_a_secret_and_all_other_lines(text: str) -> None:
    masked = secrets.mask(text)
    assert "[secret: " in masked
    for secret in (TOKEN, KEY_ID, KEY, "Xk29fmQz81", "MIIEpAIBAAKCAQEA7bq0xYV1b2sd0k3m4n5b6v7c"):
        assert secret not in masked
    assert masked.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing here\n",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8\n",
        'password="$DB_PASSWORD"\n',
        "url: postgres://$USER:${PASSWORD}@db/books\n",
        "token: ${{ secrets.FORGE }}\n",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert secrets.mask(text) == text


def test_masking_twice_changes_nothing_more() -> None:
    once = secrets.mask(PAIR + TOKEN)
    assert secrets.mask(once) == once


def test_only_added_lines_count_and_their_text_stays_out_of_the_facts() -> None:
    base = BASE | {"a.env": (FILE, f"X={TOKEN}\n".encode())}
    content = f"X={TOKEN}\nY=1\n".encode()
    assert facts({"a.env": (FILE, content)}, base=base)["secrets"] == []
    new = facts({"b.env": (FILE, content)}, base=base)
    assert [(s["path"], s["line"], s["known"]) for s in new["secrets"]] == [("b.env", 1, False)]


def test_a_secret_that_moves_within_its_file_was_known() -> None:
    base = BASE | {"a.env": (FILE, f"X={TOKEN}\n".encode())}
    (found,) = facts({"a.env": (FILE, f"FORGE={TOKEN}\n".encode())}, base=base)["secrets"]
    assert found["known"] is True


def test_the_second_half_of_a_pair_is_a_secret_too() -> None:
    found = facts({"a.env": (FILE, PAIR.encode())})["secrets"]
    assert {s["line"] for s in found} == {1, 2}


@pytest.mark.parametrize("line", ["a" * 100_000, "a.b-" * 25_000, "a://b:" * 20_000])
def test_a_long_line_costs_what_its_length_costs(line: str) -> None:
    """It took two minutes once, and anybody may paste one."""
    began = time.process_time()
    secrets.mask(line)
    assert time.process_time() - began < 10
