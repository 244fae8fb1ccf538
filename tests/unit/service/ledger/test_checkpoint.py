from __future__ import annotations

import base64
import string

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from service.ledger import BadCheckpoint, PublicKey, SigningKey
from service.ledger.checkpoint import parse, sign, verify

KEY = SigningKey("bakery/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey("bakery/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
ROOT = bytes(range(100, 132))
SIGNED = sign(KEY, 40, ROOT)


def test_a_checkpoint_is_the_five_lines_of_the_format() -> None:
    # signed-note: the id is SHA-256(name, newline, 0x01, key), the first four bytes.
    origin, size, root, gap, signature, end = SIGNED.note.split("\n")
    assert (origin, size, gap, end) == ("bakery/log", "40", "", "")
    assert base64.b64decode(root) == ROOT
    dash, name, encoded = signature.split(" ")
    assert (dash, name) == ("\N{EM DASH}", "bakery/log")
    assert base64.b64decode(encoded)[:4] == KEY.public.id
    assert len(base64.b64decode(encoded)) == 4 + 64


def test_a_signed_checkpoint_reads_back() -> None:
    assert verify(SIGNED.note, KEY.public) == SIGNED
    assert (SIGNED.size, SIGNED.root) == (40, ROOT)


def test_a_public_key_reads_back_from_its_line() -> None:
    assert PublicKey.parse(f"{KEY.public}\n") == KEY.public


def test_a_secret_key_does_not_show_itself() -> None:
    assert repr(KEY) == "SigningKey('bakery/log')"


def test_a_checkpoint_of_another_key_or_another_log_is_not_signed() -> None:
    with pytest.raises(BadCheckpoint, match="did not sign"):
        verify(SIGNED.note, OTHER.public)
    with pytest.raises(BadCheckpoint, match="not of"):
        verify(SIGNED.note, PublicKey("mill/log", KEY.public.raw))


def test_signatures_of_witnesses_are_left_alone() -> None:
    witnessed = SIGNED.note + "\N{EM DASH} witness.example AAAAAGJ5IHRoZW0=\n"
    assert verify(witnessed, KEY.public).size == 40


@given(st.integers(0, len(SIGNED.note) - 1), st.characters(max_codepoint=0x2FFF))
def test_no_single_letter_of_a_checkpoint_can_be_another(place: int, letter: str) -> None:
    if SIGNED.note[place] == letter:
        return
    altered = SIGNED.note[:place] + letter + SIGNED.note[place + 1 :]
    with pytest.raises(BadCheckpoint):
        verify(altered, KEY.public)


def test_no_letter_of_a_checkpoint_can_be_the_next_one_in_base64() -> None:
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    for place, letter in enumerate(SIGNED.note):
        if letter in letters:  # the last one before "=" has bits that decode to nothing
            following = letters[letters.index(letter) ^ 1]
            altered = SIGNED.note[:place] + following + SIGNED.note[place + 1 :]
            with pytest.raises(BadCheckpoint):
                verify(altered, KEY.public)


@pytest.mark.parametrize(
    "note",
    ["", "\n\n", "a\nb\n\nc\n", SIGNED.note.rstrip("\n"), SIGNED.note.replace("40", "040")],
    ids=["nothing", "blank lines", "two lines", "no last newline", "a size with a zero before"],
)
def test_this_is_no_checkpoint(note: str) -> None:
    with pytest.raises(BadCheckpoint):
        parse(note)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bakery/log",
        str(KEY.public)[:-4],
        str(OTHER.public).replace("+", "+0", 1),
        "a b+00+AA==",
    ],
)
def test_this_is_no_public_key(text: str) -> None:
    with pytest.raises(BadCheckpoint):
        PublicKey.parse(text)
