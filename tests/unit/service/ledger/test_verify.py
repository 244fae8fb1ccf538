"""What `verify` says of an export that somebody had their hands on.

Exports are written here by the format's own writer from hand-made entries; the store's exports are
checked in tests of the store.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from service.changes import Person
from service.ledger import Checkpoint, Judgment, Kind, SigningKey, export, tree
from service.ledger.checkpoint import sign
from service.ledger.entry import body
from service.ledger.verify import Answer, Verification, verify

AT = datetime(2031, 3, 1, 9, 0, tzinfo=UTC)
KEY = SigningKey("bakery/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
THIEF = SigningKey("bakery/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
SIZE = 40


def bodies(size: int = SIZE, word: Callable[[int], str] = lambda n: f"loaf {n}") -> list[bytes]:
    return [
        body(Judgment(Kind.FINDING, Person("ada"), None, word(n), {"n": n}), n, AT)
        for n in range(size)
    ]


def checkpoint(written: list[bytes], size: int, key: SigningKey = KEY) -> Checkpoint:
    tops: list[bytes] = []
    for index, one in enumerate(written[:size]):
        tree.grow(tops, index, tree.leaf(one))
    return sign(key, size, tree.root_of(tops))


def exported(
    written: list[bytes], signed: tuple[int, ...] = (10, 25, SIZE), key: SigningKey = KEY
) -> list[bytes]:
    lines = [(tree.leaf(one), one) for one in written]
    notes = [checkpoint(written, size, key) for size in signed if size <= len(written)]
    return list(export.write(key.public, len(written), lines, notes))


WRITTEN = bodies()
LINES = exported(WRITTEN)
OUTSIDE = checkpoint(WRITTEN, 30).note
PUBLIC = str(KEY.public)


def check(lines: list[bytes], *outside: str, key: str | None = PUBLIC) -> Verification:
    return verify(lines, public_key=key, outside=outside or (OUTSIDE,))


def line_of(entry: int) -> int:
    return next(at for at, line in enumerate(LINES) if f'"seq":{entry},'.encode() in line)


# --- sound, and what is not called sound ----------------------------------------------------------


def test_an_export_that_fits_an_outside_checkpoint_is_sound() -> None:
    found = check(LINES)
    assert (found.answer, found.exit_code) == (Answer.SOUND, 0)
    assert (found.entries, found.signed, found.vouched) == (SIZE, SIZE, 30)
    assert found.root == checkpoint(WRITTEN, SIZE).root


def test_without_an_outside_checkpoint_nothing_is_called_sound() -> None:
    found = verify(LINES, public_key=PUBLIC)
    assert (found.answer, found.exit_code) == (Answer.NO_OUTSIDE, 3)
    assert "outside" in found.says[0]
    assert not any("sound" in sentence for sentence in found.says)


def test_with_the_key_of_the_export_itself_nothing_is_called_sound() -> None:
    found = verify(LINES, outside=[OUTSIDE])
    assert found.answer is Answer.NO_OUTSIDE
    assert any("public key" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    "note",
    ["", "words\n", checkpoint(WRITTEN, 30, THIEF).note, OUTSIDE.replace("\N{EM DASH}", "-")],
    ids=["empty", "words", "signed by another", "without a signature"],
)
def test_an_outside_checkpoint_that_is_not_signed_is_as_good_as_none(note: str) -> None:
    found = check(LINES, note)
    assert found.answer is Answer.NO_OUTSIDE
    assert any("outside checkpoint" in warning for warning in found.warnings)


def test_entries_that_nobody_signed_yet_are_named() -> None:
    found = check(exported(WRITTEN, signed=(10,)), checkpoint(WRITTEN, 10).note)
    assert found.answer is Answer.SOUND
    assert any("entries 10 to 39" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    "lines",
    [[], [b"\n"], [b"{}\n"], [b"[]\n"], [LINES[0].replace(b"/v1", b"/v9")], LINES[1:]],
    ids=["nothing", "a blank line", "no header", "a list", "a newer format", "no first line"],
)
def test_what_is_no_export_could_not_be_checked(lines: list[bytes]) -> None:
    found = check(lines)
    assert (found.answer, found.exit_code) == (Answer.COULD_NOT_CHECK, 2)
    assert found.warnings


def test_a_public_key_that_is_none_could_not_be_checked_with() -> None:
    assert check(LINES, key="bakery/log").answer is Answer.COULD_NOT_CHECK


# --- tampering is named ---------------------------------------------------------------------------


def tampered(lines: list[bytes], *outside: str) -> Verification:
    found = check(lines, *outside)
    assert (found.answer, found.exit_code) == (Answer.TAMPERED, 1), found.says
    return found


@pytest.mark.parametrize("entry", [0, 1, 17, SIZE - 1])
def test_an_edited_entry_is_named(entry: int) -> None:
    lines = LINES.copy()
    lines[line_of(entry)] = lines[line_of(entry)].replace(b"loaf", b"cake")
    assert tampered(lines).faults[0].place == f"entry {entry}"
    assert len(tampered(lines).faults) == 1


@pytest.mark.parametrize("entry", [3, 17])
def test_an_edited_entry_with_its_hash_made_again_is_narrowed_down(entry: int) -> None:
    written = WRITTEN.copy()
    written[entry] = written[entry].replace(b"loaf", b"cake")
    lines = LINES.copy()
    lines[line_of(entry)] = exported(written)[line_of(entry)]
    fault = tampered(lines).faults[0]
    assert fault.place == f"checkpoint of {10 if entry < 10 else 25} entries"
    if entry >= 10:
        assert "entries 10 to 24" in fault.why


def test_a_log_written_anew_with_the_real_key_does_not_fit_the_outside_checkpoint() -> None:
    fault = tampered(exported(bodies(word=lambda n: f"roll {n}"))).faults[0]
    assert fault.place == "outside checkpoint of 30 entries"


def test_a_log_forked_after_a_signed_entry_is_narrowed_down_to_what_came_after() -> None:
    forked = bodies(word=lambda n: f"loaf {n}" if n < 25 else f"roll {n}")
    fault = tampered(exported(forked)).faults[0]
    assert fault.place == "outside checkpoint of 30 entries"
    assert "entries 25 to 29" in fault.why


def test_a_dropped_tail_is_named_by_the_outside_checkpoint_that_knew_more() -> None:
    fault = tampered(exported(WRITTEN[:25])).faults[0]
    assert fault.place == "outside checkpoint of 30 entries"
    assert "entries 25 to 29 are gone" in fault.why


def test_a_cut_file_says_how_many_entries_were_promised() -> None:
    fault = tampered(LINES[:-3], checkpoint(WRITTEN, 10).note).faults[0]
    assert fault.place == "end"
    assert "40 entries are promised" in fault.why


def test_a_missing_entry_is_named() -> None:
    lines = LINES.copy()
    del lines[line_of(12)]
    assert tampered(lines).faults[0].place == "entry 12"


def test_two_entries_that_changed_places_are_named() -> None:
    lines = LINES.copy()
    lines[line_of(5)], lines[line_of(6)] = lines[line_of(6)], lines[line_of(5)]
    assert tampered(lines).faults[0].place == "entry 5"


def test_a_checkpoint_of_a_thief_is_named_by_its_line() -> None:
    lines = LINES.copy()
    at = next(n for n, line in enumerate(lines) if line.startswith(export.CHECKPOINT))
    forged = {"checkpoint": checkpoint(WRITTEN, 10, THIEF).note}
    lines[at] = json.dumps(forged, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    assert tampered(lines).faults[0].place == f"line {at + 1}"


def test_a_checkpoint_that_stands_elsewhere_is_named() -> None:
    lines = LINES.copy()
    at = next(n for n, line in enumerate(lines) if line.startswith(export.CHECKPOINT))
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    fault = tampered(lines).faults[0]
    assert (fault.place, fault.why) == ("checkpoint of 10 entries", "it stands after 11 entries")


def test_a_checkpoint_line_that_says_more_than_a_checkpoint_is_named() -> None:
    lines = LINES.copy()
    at = next(n for n, line in enumerate(lines) if line.startswith(export.CHECKPOINT))
    lines[at] = lines[at].replace(b"}\n", b',"note":"all is well"}\n')
    assert tampered(lines).faults[0].place == f"line {at + 1}"


def test_a_log_under_another_key_is_named_by_the_key_that_was_kept() -> None:
    places = [fault.place for fault in tampered(exported(WRITTEN, key=THIEF)).faults]
    assert places[0] == "public key"


@given(st.data())
def test_no_byte_of_an_export_can_be_another(data: st.DataObject) -> None:
    whole = bytearray(b"".join(LINES))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    found = check(bytes(whole).splitlines(keepends=True))
    assert found.answer in (Answer.TAMPERED, Answer.COULD_NOT_CHECK), found.says


@given(st.data())
def test_no_line_of_an_export_can_be_left_out(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(LINES) - 1))
    lines = LINES[:place] + LINES[place + 1 :]
    if LINES[place].startswith(export.CHECKPOINT):
        return  # the outside checkpoint is what counts; one fewer inside takes nothing away
    assert check(lines).answer in (Answer.TAMPERED, Answer.COULD_NOT_CHECK)


def test_an_endless_list_of_faults_is_cut() -> None:
    lines = [line.replace(b"loaf", b"cake") for line in LINES]
    assert len(tampered(lines).faults) <= 20


# --- epochs ---------------------------------------------------------------------------------------


def with_epoch() -> list[bytes]:
    """A log that was put back to 20 entries and says so."""
    epoch = Judgment(
        Kind.EPOCH,
        Person("ben"),
        None,
        "the disk died",
        {
            "epoch": 2,
            "restored": 20,
            "lost_from": 20,
            "lost_to": 29,
            "signed_by": ["ben", "cyn"],
        },
    )
    more = [
        body(Judgment(Kind.FINDING, Person("ada"), None, "after", {}), n, AT) for n in range(21, 35)
    ]
    return [*WRITTEN[:20], body(epoch, 20, AT), *more]


def test_a_declared_loss_is_still_a_loss_and_names_who_signed() -> None:
    found = tampered(exported(with_epoch(), signed=(10, 35)))
    assert "ben and cyn" in found.faults[0].why
    assert "20 to 29" in found.faults[0].why


def test_a_checkpoint_of_the_new_epoch_makes_it_sound_and_the_loss_is_still_said() -> None:
    written = with_epoch()
    found = check(exported(written, signed=(10, 35)), checkpoint(written, 35).note)
    assert found.answer is Answer.SOUND
    assert any("the disk died" in warning for warning in found.warnings)


# --- independence ---------------------------------------------------------------------------------


def test_verifying_loads_nothing_of_the_store() -> None:
    script = (
        "import sys, service.ledger.verify; strangers = ('service.store', 'sqlalchemy', 'sqlite'); "
        "print([name for name in sys.modules if name.startswith(strangers)])"
    )
    root = Path(__file__).parents[4]
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
