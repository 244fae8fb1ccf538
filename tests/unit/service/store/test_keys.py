from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from service.ledger import PublicKey
from service.store import KeyExposed, KeyUnusable, Store
from tests.unit.service.store.conftest import Clock


@pytest.fixture
def keys(store: Store, home: Path) -> Path:
    """The folder of the keys of a store that was closed."""
    store.close()
    return home / "keys"


def test_the_key_is_for_its_owner_alone_and_its_public_half_for_everybody(keys: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (keys, *keys.iterdir())}
    assert modes == {"keys": 0o700, "log.ed25519": 0o600, "log.pub": 0o644}


def test_the_key_is_for_its_owner_alone_under_any_umask(tmp_path: Path, clock: Clock) -> None:
    umask = os.umask(0)
    try:
        Store.open(tmp_path / "open", clock).close()
    finally:
        os.umask(umask)
    home = tmp_path / "open"
    for path in (home, home / "keys", home / "artifacts"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    assert stat.S_IMODE((home / "keys" / "log.ed25519").stat().st_mode) == 0o600


def test_the_key_stays_the_same(store: Store, home: Path, clock: Clock) -> None:
    store.close()
    again = Store.open(home, clock)
    assert again.public_key == store.public_key
    assert PublicKey.parse((home / "keys" / "log.pub").read_text()) == store.public_key
    again.close()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_can_reach_is_not_used(
    keys: Path, home: Path, clock: Clock, mode: int
) -> None:
    (keys / "log.ed25519").chmod(mode)
    with pytest.raises(KeyExposed, match=f"{mode:o}") as caught:
        Store.open(home, clock)
    assert "chmod 600" in caught.value.mend
    (keys / "log.ed25519").chmod(0o600)
    Store.open(home, clock).close()


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_folder_of_keys_that_others_can_reach_is_not_used(
    keys: Path, home: Path, clock: Clock, mode: int
) -> None:
    keys.chmod(mode)
    with pytest.raises(KeyExposed, match="keys"):
        Store.open(home, clock)


def test_a_log_does_not_go_on_without_its_key(keys: Path, home: Path, clock: Clock) -> None:
    shutil.rmtree(keys)
    with pytest.raises(KeyUnusable, match="not in") as caught:
        Store.open(home, clock)
    assert caught.value.exit_code == 7
    assert not keys.exists()


def test_a_log_does_not_go_on_under_another_key(
    keys: Path, home: Path, clock: Clock, tmp_path: Path
) -> None:
    Store.open(tmp_path / "other", clock).close()
    shutil.rmtree(keys)
    shutil.copytree(tmp_path / "other" / "keys", keys)
    with pytest.raises(KeyUnusable, match="does not belong"):
        Store.open(home, clock)


def test_a_public_key_that_is_gone_is_written_again(keys: Path, home: Path, clock: Clock) -> None:
    before = (keys / "log.pub").read_text()
    (keys / "log.pub").unlink()
    Store.open(home, clock).close()
    assert (keys / "log.pub").read_text() == before


def test_halves_of_two_keys_are_not_used(
    keys: Path, home: Path, clock: Clock, tmp_path: Path
) -> None:
    Store.open(tmp_path / "other", clock).close()
    shutil.copy(tmp_path / "other" / "keys" / "log.pub", keys / "log.pub")
    with pytest.raises(KeyUnusable, match="public half"):
        Store.open(home, clock)


CURVE = generate_private_key(SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


@pytest.mark.parametrize(
    "content", [b"", b"words", CURVE], ids=["nothing", "words", "a key of another kind"]
)
def test_a_file_that_is_no_key_is_not_used(
    keys: Path, home: Path, clock: Clock, content: bytes
) -> None:
    (keys / "log.ed25519").write_bytes(content)
    with pytest.raises(KeyUnusable, match="key"):
        Store.open(home, clock)
