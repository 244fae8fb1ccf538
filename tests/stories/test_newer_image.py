"""A proof is of one sandbox image: under another one it is run again before anything is merged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes_engine import FakeEngine
from tests.served import served

pytestmark = pytest.mark.enable_socket


class Renewed(FakeEngine):
    """An engine in memory whose image can be another one from now on."""

    now = "fake:0"

    @property
    def image(self) -> str:
        return self.now


@pytest.mark.parametrize("renewed", [False, True], ids=["the same image", "another image"])
def test_under_another_image_the_proof_is_run_again(tmp_path: Path, renewed: bool) -> None:
    engine = Renewed()
    with served(tmp_path, cells=lambda _settings, _say: engine) as town:
        rita, aron = town.visit("rita"), town.visit("aron")
        change = town.ask(rita)
        town.until(change, "waiting")
        before = len(engine.ran)
        if renewed:
            engine.now = "fake:1"
        assert town.decide(aron, change).status_code == 303
        town.until(change, "merged")
        assert (len(engine.ran) > before) is renewed
        rita.close()
        aron.close()
