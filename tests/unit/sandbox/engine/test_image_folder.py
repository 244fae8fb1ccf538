"""The image's tag follows what goes into it, and nothing of this machine goes in."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from sandbox.engine import image
from sandbox.worlds.signatures import signature

FOLDER = Path(image.__file__).parents[1] / "image"


def test_the_tag_is_a_hash_of_the_content_and_the_same_twice() -> None:
    assert re.fullmatch(r"pawl-sandbox:[0-9a-f]{16}", image.image_tag())
    assert image.image_tag() == image.image_tag()


def test_every_library_is_locked_by_hash_and_no_index_is_named() -> None:
    lock = (FOLDER / "wheels.lock").read_text()
    pins = re.findall(r"^[a-z0-9._-]+(?:\[[a-z0-9]+\])?==", lock, re.MULTILINE)
    assert len(pins) > 20
    blocks = re.split(r"^(?=[a-z])", lock, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"https?:|index|trusted|find-links", lock)


def test_what_builds_the_image_names_no_place_to_get_things_from() -> None:
    for path in FOLDER.iterdir():
        if path.is_file():
            text = path.read_text()
            assert not re.search(r"https?://|proxy=|--mirror", text), path
            assert str(FOLDER.parents[1]) not in text, path


def test_the_shell_scripts_are_plain_sh() -> None:
    for name in ("settle.sh", "place.sh"):
        subprocess.run(["sh", "-n", str(FOLDER / name)], check=True)


def test_the_keeper_names_calls_as_pawl_does() -> None:
    """The keeper has a copy of that very file, which therefore may import nothing of Pawl."""
    source = Path(signature.__code__.co_filename).read_text()
    assert not re.search(r"^(from|import) sandbox", source, re.MULTILINE)
