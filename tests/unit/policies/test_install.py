from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from policies import GateError
from policies.engine import install


def test_a_second_install_only_looks() -> None:
    path = install.install()
    before = path.stat()
    assert install.install() == path
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert (path.parent / install.LICENCE).read_text().lstrip().startswith("Apache License")


def test_what_is_there_must_be_the_pinned_library(tmp_path: Path) -> None:
    (tmp_path / install.LIBRARY).write_bytes(b"another")
    with pytest.raises(GateError) as caught:
        install.library(tmp_path)
    assert caught.value.code == "gate-wrong-engine"
    assert "policies.engine.install" in caught.value.mend


def test_an_index_that_does_not_have_it_is_said_with_exit_code_7(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "policies.engine.install", str(tmp_path / "engine")],
        cwd=Path(__file__).parents[3],
        env={"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7
    assert "pip could not download the policy engine" in done.stderr
    assert "let pip reach an index" in done.stderr
    assert not (tmp_path / "engine" / install.LIBRARY).exists()
