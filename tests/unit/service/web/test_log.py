"""The log's pages: who sees which entries, paging, proofs that hold by hand, evidence."""

from __future__ import annotations

import io
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.app.people import Entered
from service.changes import Stage, System
from service.ledger import Judgment, Kind
from service.ledger.verify import Answer, verify
from service.people import Role
from service.store import Store
from tests.unit.service.store.conftest import Clock
from tests.unit.service.store.kit import by_hand, without_triggers
from tests.unit.service.web.served import Served, served


@pytest.fixture
def site(tmp_path: Path, store: Store, clock: Clock) -> Iterator[Served]:
    made = served(tmp_path, store, clock)
    made.join("rita", Role.REQUESTER)
    made.join("oto", Role.VIEWER, where="elsewhere")
    yield made
    made.services.stopping.set()


def entries(html: str) -> list[int]:
    return [int(found) for found in re.findall(r'id="entry-(\d+)"', html)]


def walk(site: Served, path: str, who: Entered) -> list[int]:
    """All entries on a page and those that it leads on to."""
    found: list[int] = []
    while True:
        html = site.get(path, who).text
        found += entries(html)
        older = re.search(r'rel="next" href="([^"]+)"', html)
        if older is None:
            return found
        path = older[1].replace("&amp;", "&")


def test_all_pages_together_are_the_whole_log_newest_first(site: Served) -> None:
    for number in range(120):
        site.services.store.note(
            Judgment(Kind.SETTING_CHANGED, System("pawl"), None, f"setting {number}")
        )
    ada = site.enter("ada")
    assert walk(site, "/log", ada) == list(range(site.services.store.size - 1, -1, -1))


def test_a_filter_finds_what_is_rare_and_far_down(site: Served) -> None:
    change = site.change(Stage.WAITING)
    for number in range(60):
        site.services.store.note(
            Judgment(Kind.SETTING_CHANGED, System("pawl"), None, f"setting {number}")
        )
    rita = site.enter("rita")
    (plan,) = walk(site, "/log?kind=plan-made", rita)
    kept = site.services.store.since(plan - 1, limit=1)[0].judgment
    assert (kept.kind, kept.change) == (Kind.PLAN_MADE, change.id)
    assert len(walk(site, f"/changes/{change.id}/log", rita)) == len(
        site.services.store.events(change.id)
    )


def test_nobody_sees_entries_of_what_they_may_not_see(site: Served) -> None:
    change = site.change(Stage.WAITING)
    seqs = {one.seq for one in site.services.store.events(change.id)}
    rita, oto = site.enter("rita"), site.enter("oto")
    assert seqs <= set(walk(site, "/log", rita))
    seen = walk(site, "/log", oto)
    assert not seqs & set(seen)
    for seq in seen:
        judgment = site.services.store.since(seq - 1, limit=1)[0].judgment
        about = judgment.payload.get("account")
        assert judgment.kind in (Kind.KEY_MADE, Kind.CHECKPOINT_SIGNED) or (
            oto.signed_in.account.id in (judgment.actor.id, about)
        )
    for path in (f"/changes/{change.id}/log", f"/log/{min(seqs)}", f"/log/{min(seqs)}/entry"):
        assert site.get(path, oto).status_code == 404
        assert site.get(path, rita).status_code == 200


@pytest.mark.parametrize("seq", ["-1", "999999", "9" * 4400, "x", "1e2", "%C2%B2"])
def test_an_entry_that_is_not_there_is_not_found(site: Served, seq: str) -> None:
    assert site.get(f"/log/{seq}", site.enter("ada")).status_code == 404
    assert site.get(f"/log?before={seq}", site.enter("ada")).status_code == 200


def test_the_commands_of_a_proof_print_what_the_page_says(site: Served, tmp_path: Path) -> None:
    change = site.change(Stage.WAITING)
    site.services.store.checkpoint()
    site.services.store.note(Judgment(Kind.FREEZE, System("pawl"), None, "after the checkpoint"))
    rita = site.enter("rita")
    seq = site.services.store.events(change.id)[2].seq
    page = site.get(f"/log/{seq}", rita).text
    assert "It stands in the log that was signed" in page
    told = re.search(r"<pre[^>]*>(# 1\..*?)</pre>", page, re.S)
    assert told is not None
    script = told[1].replace("&#39;", "'")
    (tmp_path / f"entry-{seq}.json").write_bytes(site.get(f"/log/{seq}/entry", rita).content)
    ran = subprocess.run(
        ["/bin/sh"], input=script, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    printed = [line.split()[0] for line in ran.stdout.splitlines()]
    said = [line[2:] for line in script.splitlines() if re.fullmatch(r"# \S+", line)]
    assert printed == said
    assert printed[-1] == site.get("/log/checkpoint", rita).text.splitlines()[2]


def test_an_entry_that_was_changed_by_hand_is_told_on_its_page(
    site: Served, tmp_path: Path
) -> None:
    change = site.change(Stage.SURVEYED)
    site.services.store.checkpoint()
    seq = site.services.store.events(change.id)[-1].seq
    with by_hand(tmp_path / "home") as db:
        without_triggers(db)
        db.execute("UPDATE entry SET body = replace(body, 'came', 'went') WHERE seq = ?", (seq,))
    page = site.get(f"/log/{seq}", site.enter("rita")).text
    assert "does not fit the log" in page
    assert "It stands in the log" not in page


def test_evidence_is_for_who_may_see_the_change_that_names_it(site: Served) -> None:
    change = site.change(Stage.ASKED, text="the words of <script>alert(1)</script> a request")
    digest = site.services.store.events(change.id)[0].judgment.evidence[0]
    rita, oto = site.enter("rita"), site.enter("oto")
    for path in (f"/evidence/{digest}", f"/evidence/{digest}?of={change.id}"):
        shown = site.get(path, rita)
        assert shown.text == change.request.text
        assert shown.headers["content-type"] == "text/plain; charset=utf-8"
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert site.get(path, oto).status_code == 404
    tree = change.tree  # of the change, but named by no entry: not masked, so not shown
    assert site.get(f"/evidence/{tree}?of={change.id}", rita).status_code == 404
    assert site.get("/evidence/..%2F..%2Fkeys", rita).status_code == 404


def test_an_administrator_takes_an_export_that_verifies(site: Served) -> None:
    site.change(Stage.WAITING)
    site.services.store.checkpoint()
    ada, rita = site.enter("ada"), site.enter("rita")
    assert site.get("/log/export", rita).status_code == 403
    export = io.BytesIO(site.get("/log/export", ada).content)
    key = site.get("/log/key", rita).text.strip()
    checkpoint = site.get("/log/checkpoint", rita).text
    found = verify(export, public_key=key, outside=(checkpoint,))
    assert found.answer is Answer.SOUND
    proof = json.loads(site.get("/log/0/proof", ada).content)
    assert proof["checkpoint"] == checkpoint
