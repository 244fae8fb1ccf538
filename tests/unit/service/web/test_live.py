"""The page of a live run and its stream: what is shown, what a reload keeps, who may stop it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.changes import Stage
from service.people import Role
from service.store import Store
from service.web.stream import MOST
from tests.unit.service.store.conftest import Clock
from tests.unit.service.web.served import Event, Served, follow, listen, numbers, served


@pytest.fixture
def site(tmp_path: Path, store: Store, clock: Clock) -> Iterator[Served]:
    made = served(tmp_path, store, clock)
    made.join("rita", Role.REQUESTER)
    made.join("vera", Role.VIEWER)
    yield made
    made.services.stopping.set()


def stream(change: str, after: int) -> str:
    return f"/changes/{change}/live/stream?after={after}"


def test_the_page_says_what_is_being_done_and_what_was_done(site: Served) -> None:
    change = site.change(Stage.REHEARSED)
    site.told.runs.append(change.id)
    site.say(change, "weighing plans")
    page = site.get(f"/changes/{change.id}/live", site.enter("rita"))
    assert page.status_code == 200
    assert "Pawl is weighing plans" in page.text
    assert page.text.count('<li class="done"') == 2
    assert page.text.count('aria-current="step"') == 1
    assert f"/changes/{change.id}/stop" in page.text


def test_the_stream_begins_where_the_page_ended(site: Served) -> None:
    change = site.change(Stage.REHEARSED)
    site.told.runs.append(change.id)
    site.say(change, "one", "two", "three")
    rita = site.enter("rita")
    page = site.get(f"/changes/{change.id}/live", rita).text
    assert numbers(page) == [1, 2, 3]
    assert "live/stream?after=3" in page
    site.say(change, "four", "five")
    site.told.runs.clear()
    events = listen(site, stream(change.id, 3), rita)
    assert numbers("".join(one.data for one in events)) == [4, 5]
    assert events[-1].name == "end"


def test_the_header_of_a_reconnect_wins_over_the_address(site: Served) -> None:
    change = site.change(Stage.REHEARSED)
    site.say(change, *(f"step {number}" for number in range(1, 10)))
    events = listen(site, stream(change.id, 2), site.enter("rita"), last=7)
    assert numbers("".join(one.data for one in events)) == [8, 9]


def test_what_comes_up_while_one_listens_arrives_once_and_in_order(site: Served) -> None:
    change = site.change(Stage.REHEARSED)
    site.told.runs.append(change.id)
    said = 0

    async def each(events: list[Event]) -> bool:
        nonlocal said
        if said < 40:
            for _ in range(20):
                said += 1
                await asyncio.to_thread(site.say, change, f"line {said}")
        else:
            site.told.runs.clear()
        return True

    events = listen(site, stream(change.id, 0), site.enter("rita"), each=each)
    assert numbers("".join(one.data for one in events)) == list(range(1, 41))
    ids = [one.id for one in events if one.id is not None]
    assert ids == sorted(ids)
    assert ids[-1] == 40


def test_a_reload_in_the_middle_shows_the_same_as_never_leaving(site: Served) -> None:
    change = site.change(Stage.PLANNED)
    site.told.runs.append(change.id)
    rita = site.enter("rita")
    site.cell(change, "a", outcome="hit", side="base")
    site.cell(change, "b", kind="honest")
    first = listen(site, stream(change.id, 0), rita, each=_once)
    site.cell(change, "c", kind="lying", outcome="hit", why="2 pages are gone")
    site.told.runs.clear()
    page = site.get(f"/changes/{change.id}/live", rita).text
    rest = listen(site, stream(change.id, first[0].id or 0), rita)
    for shown in (page, rest[0].data):
        assert "1 hit" in shown
        assert "2 pages are gone" in shown
    assert page.count("<i class=") == 3
    # What the first stream had drawn, the second does not draw again.
    assert rest[0].data.count("<i class=") == 1


async def _once(events: list[Event]) -> bool:
    return False


def test_cells_begin_anew_with_each_plan(site: Served) -> None:
    change = site.change(Stage.PLANNED)
    keep = site.services.following.keep
    site.cell(change, "a", outcome="hit")
    keep([(change.id, "stage", {"stage": "planned", "text": "another plan"})])
    site.cell(change, "b")
    page = site.get(f"/changes/{change.id}/live", site.enter("rita")).text
    assert page.count("<i class=") == 1


def test_one_session_has_only_so_many_streams(site: Served) -> None:
    change = site.change(Stage.REHEARSED)
    site.told.runs.append(change.id)
    rita = site.enter("rita")

    async def all_of_them() -> list[Event]:
        begun = asyncio.Semaphore(0)

        async def each(events: list[Event]) -> bool:
            begun.release()
            return True

        path = stream(change.id, 0)
        held = [asyncio.create_task(follow(site, path, rita, each=each)) for _ in range(MOST)]
        for _ in held:
            await begun.acquire()
        one_more = await follow(site, path, rita)
        site.services.stopping.set()
        await asyncio.gather(*held)
        return one_more

    events = asyncio.run(asyncio.wait_for(all_of_them(), 30))
    assert "stands still" in events[0].data
    assert events[-1].name == "end"


def test_a_stream_ends_when_the_service_stops(site: Served) -> None:
    change = site.change(Stage.REHEARSED)
    site.told.runs.append(change.id)

    async def each(events: list[Event]) -> bool:
        site.services.stopping.set()
        return True

    events = listen(site, stream(change.id, 0), site.enter("rita"), each=each)
    assert [one.name for one in events] == [""]  # no "end": the browser is to connect again


@pytest.mark.parametrize("after", ["x", "-1", "9" * 5000, "²", "1e3"])
def test_an_address_that_makes_no_sense_begins_at_the_beginning(site: Served, after: str) -> None:
    change = site.change(Stage.REHEARSED)
    site.say(change, "one")
    path = f"/changes/{change.id}/live/stream?after={after if after.isascii() else '%C2%B2'}"
    events = listen(site, path, site.enter("rita"))
    assert numbers(events[0].data) == [1]


def test_a_run_is_stopped_and_let_go_on(site: Served) -> None:
    change = site.change(Stage.REHEARSED)
    site.told.runs.append(change.id)
    rita = site.enter("rita")
    assert site.post(f"/changes/{change.id}/stop", rita, {}).status_code == 303
    assert site.told.stopped == [change.id]
    page = site.get(f"/changes/{change.id}/live", rita).text
    assert "Nothing runs right now" in page
    assert "Rita stopped the run" in page
    assert site.post(f"/changes/{change.id}/go", rita, {}).status_code == 303
    assert site.told.waits == [change.id]


@pytest.mark.parametrize("deed", ["stop", "go"])
def test_who_only_reads_steers_nothing(site: Served, deed: str) -> None:
    change = site.change(Stage.REHEARSED)
    site.told.runs.append(change.id)
    vera = site.enter("vera")
    assert site.post(f"/changes/{change.id}/{deed}", vera, {}).status_code == 403
    assert site.told.stopped == []
    assert site.told.waits == []
    assert f"/changes/{change.id}/stop" not in site.get(f"/changes/{change.id}/live", vera).text


def test_a_form_without_its_token_stops_nothing(site: Served) -> None:
    change = site.change(Stage.REHEARSED)
    site.told.runs.append(change.id)
    answer = site.post(f"/changes/{change.id}/stop", site.enter("rita"), {"csrf": "guessed"})
    assert answer.status_code == 403
    assert site.told.stopped == []


def test_whoever_may_not_see_the_repository_finds_nothing(site: Served) -> None:
    change = site.change(Stage.REHEARSED)
    site.join("oto", Role.VIEWER, where="elsewhere")
    oto = site.enter("oto")
    for path in (f"/changes/{change.id}/live", stream(change.id, 0), "/changes/c0/live"):
        assert site.get(path, oto).status_code == 404
    assert site.get(f"/changes/{change.id}/live", None).status_code == 303


@pytest.mark.parametrize(
    ("stage", "says", "link"),
    [
        (Stage.WAITING, "waits for people", "Read it and decide"),
        (Stage.MERGED, "Merged", "What was merged"),
    ],
)
def test_at_rest_the_page_says_what_is_next(
    site: Served, stage: Stage, says: str, link: str
) -> None:
    change = site.change(stage)
    page = site.get(f"/changes/{change.id}/live", site.enter("rita")).text
    assert says in page
    assert link in page
    assert "hx-sse:connect" not in page


def test_a_missing_engine_is_said(site: Served) -> None:
    change = site.change(Stage.REHEARSED)
    site.told.missing = "docker does not answer"
    page = site.get(f"/changes/{change.id}/live", site.enter("rita")).text
    assert "docker does not answer" in page
    assert "Go on" in page
