"""The queue of one person: whose turn it is, what they may see, and pages that lose nothing."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.app.decisions import Verdict
from service.app.people import People
from service.app.queue import Filters, Queue, Section
from service.app.repositories import Repositories
from service.changes import ENDED, OPEN, Bot, Change, Person, Source, Stage
from service.people import EVERYWHERE, Account, AccountId, Grant, No, Role, SignedIn
from service.store import Store
from tests.kit_changes import ask, bring, many, waiting
from tests.unit.service.app.kit import HERE, House, no, quick, yes
from tests.unit.service.flow.parts import PlainReader

NOW = datetime(2031, 3, 1, tzinfo=UTC)


def ids(queue: Queue, who: SignedIn, section: Section, filters: Filters | None = None) -> list[str]:
    return [row.id for row in yes(queue.section(who, section, filters)).rows]


def asked(house: House, stage: Stage, **given: object) -> Change:
    by = given.pop("by", house.rita.person)
    change = ask(house.store, by=by, repository=HERE, key=f"{stage}{given}", **given)  # type: ignore[arg-type]
    return bring(house.store, change, stage)


def test_a_change_that_waits_needs_whoever_may_decide_it(house: House, queue: Queue) -> None:
    change = house.waiting()
    assert ids(queue, house.aron, Section.NEEDS) == [change.id]
    assert ids(queue, house.aron, Section.WAITS) == []


def test_ones_own_request_waits_for_others_and_names_them(house: House, queue: Queue) -> None:
    change = house.waiting()
    assert ids(queue, house.rita, Section.NEEDS) == []
    (row,) = yes(queue.section(house.rita, Section.WAITS)).rows
    assert row.id == change.id
    assert row.waits == "Waits for Aron, Bea or Pia."


def test_who_shaped_a_change_is_not_asked_to_decide_it(house: House, queue: Queue) -> None:
    change = house.waiting(shapers=(house.aron.person,))
    assert ids(queue, house.aron, Section.NEEDS) == []
    assert ids(queue, house.bea, Section.NEEDS) == [change.id]


def test_who_approved_waits_until_it_is_void(house: House, queue: Queue) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change))
    assert ids(queue, house.aron, Section.NEEDS) == []
    assert ids(queue, house.aron, Section.WAITS) == [change.id]
    house.back_to_waiting(house.decisions.void(change.id, "the base moved"))
    assert ids(queue, house.aron, Section.NEEDS) == [change.id]


def test_questions_need_the_requester_and_nobody_else(house: House, queue: Queue) -> None:
    change = asked(house, Stage.NEEDS_ANSWER)
    assert ids(queue, house.rita, Section.NEEDS) == [change.id]
    assert ids(queue, house.aron, Section.NEEDS) == []
    assert ids(queue, house.aron, Section.WAITS) == [change.id]


def test_a_request_that_nobody_answers_for_needs_an_owner(house: House, queue: Queue) -> None:
    change = asked(house, Stage.WAITING, by=Bot("scan"))
    for who in (house.rita, house.aron):
        (row,) = yes(queue.section(who, Section.NEEDS)).rows
        assert (row.id, row.state) == (change.id, "Needs an owner")
    assert ids(queue, house.vera, Section.NEEDS) == []


def test_a_viewer_is_never_asked_but_sees_who_is(house: House, queue: Queue) -> None:
    change = house.waiting()
    assert ids(queue, house.vera, Section.NEEDS) == []
    assert ids(queue, house.vera, Section.WAITS) == [change.id]


def test_what_ended_is_done_with_its_reason(house: House, queue: Queue) -> None:
    change = house.waiting()
    yes(house.decide(house.aron, change, Verdict.REJECT))
    (row,) = yes(queue.section(house.rita, Section.DONE)).rows
    assert (row.state, row.tone) == ("Rejected", "bad")
    assert ids(queue, house.rita, Section.WAITS) == []


def test_the_oldest_that_needs_me_comes_first_and_the_newest_that_is_done(
    house: House, queue: Queue
) -> None:
    first, second = house.waiting(key="1"), house.waiting(key="2")
    assert ids(queue, house.aron, Section.NEEDS) == [first.id, second.id]
    for change in (first, second):
        yes(house.decide(house.aron, change, Verdict.REJECT))
    assert ids(queue, house.aron, Section.DONE) == [second.id, first.id]


def test_a_repository_without_a_role_does_not_exist(house: House, queue: Queue) -> None:
    waiting(house.store, by=house.rita.person, repository="elsewhere")
    for section in Section:
        assert ids(queue, house.aron, section) == []
        assert ids(queue, house.aron, section, Filters(repository="elsewhere")) == []
    assert ids(queue, house.again(house.ada), Section.WAITS) != []


def test_a_row_says_how_large_the_proposal_is_and_what_is_asked(house: House, queue: Queue) -> None:
    house.waiting(asks=("approver", "policy-owner"))
    (row,) = yes(queue.section(house.aron, Section.NEEDS)).rows
    assert row.asks == 2
    assert row.added is None  # its patch was erased
    whole = waiting(house.store, by=house.rita.person, repository=row.repository)
    rows = yes(queue.section(house.aron, Section.NEEDS)).rows
    (added,) = [one.added for one in rows if one.id == whole.id]
    assert added is not None
    assert added > 10


@pytest.mark.parametrize(
    ("words", "found"),
    [("barrel", True), ("BARREL", True), ("100%", True), ("1000", False), ("l_aks", False)],
)
def test_words_are_searched_as_they_are_written(
    house: House, queue: Queue, words: str, found: bool
) -> None:
    asked(house, Stage.ASKED, text="The barrel leaks, 100% of the time.")
    assert bool(ids(queue, house.aron, Section.WAITS, Filters(words=words))) is found


def test_a_change_is_found_by_its_id(house: House, queue: Queue) -> None:
    change = house.waiting()
    house.waiting(key="another")
    assert ids(queue, house.aron, Section.NEEDS, Filters(words=change.id)) == [change.id]


def test_filters_narrow_by_stage_and_requester(house: House, queue: Queue) -> None:
    mine = asked(house, Stage.SURVEYED)
    other = asked(house, Stage.PLANNED, by=house.bea.person, source=Source.CHAT)
    by_stage = Filters(stage=Stage.PLANNED)
    assert ids(queue, house.aron, Section.WAITS, by_stage) == [other.id]
    assert ids(queue, house.aron, Section.DONE, by_stage) == []
    by_person = Filters(requester=house.rita.account.id)
    assert ids(queue, house.aron, Section.WAITS, by_person) == [mine.id]


def test_the_head_of_pages_counts_what_needs_me(house: House, queue: Queue) -> None:
    assert queue.needs_me(house.aron) == ""
    house.waiting(key="1")
    house.waiting(key="2")
    assert queue.needs_me(house.aron) == "2"
    assert queue.needs_me(house.rita) == ""


@pytest.mark.parametrize(
    "cursor",
    ["x", "%%%", "\u00e9", "bmVlZHMuYWJjLjE", base64.urlsafe_b64encode(b"done." * 99).decode()],
    ids=["short", "no base64", "no ascii", "of another list", "long"],
)
def test_a_cursor_that_is_none_is_refused(house: House, queue: Queue, cursor: str) -> None:
    answer = no(queue.section(house.aron, Section.NEEDS, after=cursor))
    assert (answer.code, answer.status) == ("bad-cursor", 422)


def test_a_cursor_fits_only_the_list_that_it_came_from(house: House, queue: Queue) -> None:
    many(house.store, 60, repositories=(HERE,))
    page = yes(queue.section(house.aron, Section.DONE, limit=5))
    assert not isinstance(queue.section(house.aron, Section.DONE, after=page.next), No)
    assert isinstance(queue.section(house.aron, Section.WAITS, after=page.next), No)
    narrowed = Filters(words="x")
    assert isinstance(queue.section(house.aron, Section.DONE, narrowed, after=page.next), No)


# --- paging -----------------------------------------------------------------------------------

REPOSITORIES = tuple(f"r{n}" for n in range(25))
BULK = 3_000


def visitor(*grants: tuple[str, Role]) -> SignedIn:
    account = Account(id=AccountId("p3"), login="p", name="P", made_by=None, made_at=NOW)
    held = (Grant(account=account.id, repository=r, role=x, by=None, at=NOW) for r, x in grants)
    return SignedIn(account, tuple(held), None)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Queue]:
    home: Path = tmp_path_factory.mktemp("full")
    store = Store.open(home, lambda: NOW)
    many(store, BULK, repositories=REPOSITORIES)
    people = People(store, lambda: NOW, "http://localhost:1", hasher=quick())
    repositories = Repositories(store, PlainReader(), home / "mirrors", lambda: NOW)
    return store, Queue(store, people, repositories)


def walk(queue: Queue, who: SignedIn, section: Section, filters: Filters, limit: int) -> list[str]:
    found: list[str] = []
    after = ""
    for _ in range(BULK):
        page = yes(queue.section(who, section, filters, limit=limit, after=after))
        found += [row.id for row in page.rows]
        after = page.next
        if not after:
            return found
    raise AssertionError("the pages have no end")


@settings(max_examples=40, deadline=None)
@given(
    held=st.one_of(
        st.just([(EVERYWHERE, Role.APPROVER)]),
        st.just([(EVERYWHERE, Role.VIEWER)]),
        st.lists(
            st.tuples(st.sampled_from(REPOSITORIES), st.sampled_from(list(Role))), max_size=24
        ),
    ),
    section=st.sampled_from(list(Section)),
    repository=st.sampled_from(["", "", "r3", "nowhere"]),
    stage=st.sampled_from([None, None, Stage.WAITING, Stage.MERGED, Stage.PLANNED]),
    requester=st.sampled_from(["", "", "p3", "p5"]),
    words=st.sampled_from(["", "", "itself", "Step 11", "nothing like it"]),
    limit=st.integers(7, 90),
)
def test_all_pages_together_are_what_the_filters_say(
    full: tuple[Store, Queue],
    held: list[tuple[str, Role]],
    section: Section,
    repository: str,
    stage: Stage | None,
    requester: str,
    words: str,
    limit: int,
) -> None:
    store, queue = full
    who = visitor(*held)
    filters = Filters(repository=repository, stage=stage, requester=requester, words=words)
    found = walk(queue, who, section, filters, limit)
    expected = [c.id for c in everything(store) if fits(c, who, section, filters)]
    assert found == (expected if section is Section.NEEDS else expected[::-1])


def fits(change: Change, who: SignedIn, section: Section, filters: Filters) -> bool:
    """The same question, asked of one change in plain words."""
    roles = who.roles(change.repository)
    me = who.account.id
    mine = (
        change.stage is Stage.WAITING
        and bool(roles & {Role.APPROVER, Role.POLICY_OWNER})
        and change.requester != Person(me)
    ) or (change.stage is Stage.NEEDS_ANSWER and change.requester == Person(me))
    return (
        bool(roles)
        and {Section.NEEDS: mine, Section.WAITS: not mine and change.stage in OPEN}.get(
            section, change.stage in ENDED
        )
        and filters.repository in ("", change.repository)
        and filters.stage in (None, change.stage)
        and filters.requester in ("", change.requester.id)
        and (filters.words in change.request.text or filters.words in change.title)
    )


_ALL: dict[int, list[Change]] = {}


def everything(store: Store) -> list[Change]:
    if id(store) not in _ALL:
        _ALL[id(store)] = list(reversed(store.list(limit=BULK)))
    return _ALL[id(store)]


def test_a_page_of_rare_hits_may_be_short_but_the_next_one_goes_on(
    full: tuple[Store, Queue],
) -> None:
    """A filter that fits few rows ends its look early, and says where to go on."""
    _, queue = full
    who = visitor((EVERYWHERE, Role.VIEWER))
    page = yes(queue.section(who, Section.DONE, Filters(words="Step 3 is"), limit=10))
    assert page.next
    found = walk(queue, who, Section.DONE, Filters(words="Step 3 is"), 10)
    assert found == ["c0000000003"]
