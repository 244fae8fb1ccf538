"""What was rejected in a repository does not come back there: asked again, the plan differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.app import records
from service.ledger import Kind
from tests import house
from tests.served import served

pytestmark = pytest.mark.enable_socket
WHY = "Half a publish is worse for us than none: the front page names every picture."


def test_after_a_rejection_the_same_request_gets_another_plan_or_none_and_says_why(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as town:
        rita, aron = town.visit("rita"), town.visit("aron")
        first = town.ask(rita)
        before = town.until(first, "waiting")
        untyped = town.decide(aron, first, "reject", typed="", reason=WHY)
        assert (untyped.status_code, town.change(first).stage.value) == (422, "waiting")
        typed = "breaks-an-unwritten-invariant"
        assert town.decide(aron, first, "reject", typed=typed, reason=WHY).status_code == 303
        [said] = [
            e.judgment.payload
            for e in town.up.services.store.entries(before.id)
            if e.judgment.kind is Kind.DECISION
        ]
        assert said["typed"] == typed

        second = town.ask(rita)
        assert second != first
        after = town.until(second, "waiting", "nothing-fits")
        assert after.title != before.title
        artifacts = town.up.services.store.artifacts
        document = after.plan if after.stage.value == "waiting" else after.ending
        assert document is not None
        cited = str(records.loads(artifacts.get(document)))
        assert first in cited
        assert WHY in cited
        shown = aron.get(f"/changes/{second}").text
        assert f'href="/changes/{first}"' in shown

        if after.stage.value == "waiting":
            town.decide(aron, second, "reject", typed="wrong-problem", reason=WHY)
            third = town.until(town.ask(rita, house.WORDS), "waiting", "nothing-fits")
            assert third.stage.value == "nothing-fits"
            assert second in third.why
        rita.close()
        aron.close()
