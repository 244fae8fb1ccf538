"""Repositories that Pawl looks after: registered by whom, read how, and never touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agents.reading.reader import TreeReader
from service.app import records
from service.app.repositories import Looked, Repositories, Repository
from service.changes import Person, Request, Source, Stage
from service.ledger import Kind
from service.people import No, SignedIn
from service.store import Store
from tests.unit.service.flow.merging import administrator
from tests.unit.service.repos.conftest import Git, fingerprint
from tests.unit.service.store.conftest import Clock


@pytest.fixture
def origin(tmp_path: Path, library: Path, git: Git) -> Path:
    bare = tmp_path / "origin.git"
    git(tmp_path, "clone", "-q", "--bare", str(library), str(bare))
    return bare


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home", Clock())
    yield opened
    opened.close()


@pytest.fixture
def repositories(store: Store, tmp_path: Path) -> Repositories:
    return Repositories(store, TreeReader(), tmp_path / "home/mirrors", Clock())


ROOT = administrator()


def added(repositories: Repositories, url: Path, name: str = "library") -> Repository:
    made = repositories.register(ROOT, name=name, url=str(url), branch="")
    assert isinstance(made, Repository), made
    return made


def test_a_repository_is_found_by_id_and_by_name(repositories: Repositories, origin: Path) -> None:
    made = added(repositories, origin)
    assert made.branch == "main"
    assert made.head is not None
    assert repositories.get("library") == repositories.get(made.id) == made
    assert repositories.list() == repositories.list(ROOT) == (made,)


def test_a_repository_and_its_git_folder_are_one(repositories: Repositories, library: Path) -> None:
    added(repositories, library)
    again = repositories.register(ROOT, name="again", url=str(library / ".git"), branch="main")
    assert isinstance(again, No)
    assert again.code == "known"


def test_who_has_no_role_there_does_not_see_it(repositories: Repositories, origin: Path) -> None:
    added(repositories, origin)
    assert repositories.list(replace(ROOT, grants=())) == ()


@pytest.mark.parametrize(
    ("who", "code"),
    [(replace(ROOT, grants=()), "not-allowed"), (replace(ROOT, session=None), "no-session")],
    ids=["no-administrator", "by-a-token"],
)
def test_only_an_administrator_in_person_registers_and_removes(
    repositories: Repositories, origin: Path, who: SignedIn, code: str
) -> None:
    made = added(repositories, origin)
    answer = repositories.register(who, name="other", url=str(origin), branch="main")
    assert isinstance(answer, No)
    assert answer.code == code
    gone = repositories.remove(who, made.id)
    assert gone is not None
    assert gone.code == code
    assert repositories.get(made.id) == made


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"name": "../x"}, "bad-name", 422),
        ({"name": "library"}, "name-taken", 409),
        ({"name": "again"}, "known", 409),
        ({"name": "other", "url": "ext::sh -c x"}, "bad-url", 422),
        ({"name": "other", "url": "https://a:b@example.org/x"}, "bad-url", 422),
        ({"name": "other", "branch": "pawl/x"}, "bad-branch", 422),
        ({"name": "other", "branch": "trunk"}, "unreachable", 422),
    ],
)
def test_what_can_not_be_registered_is_refused_with_a_sentence(
    repositories: Repositories,
    origin: Path,
    tmp_path: Path,
    change: dict[str, str],
    code: str,
    status: int,
) -> None:
    made = added(repositories, origin)
    wanted = {"name": "other", "url": str(origin), "branch": "main", **change}
    answer = repositories.register(
        ROOT, name=wanted["name"], url=wanted["url"], branch=wanted["branch"]
    )
    assert isinstance(answer, No)
    assert (answer.code, answer.status) == (code, status)
    assert answer.why.endswith(".")
    assert [p.name for p in (tmp_path / "home/mirrors").glob("*.git")] == [f"{made.id}.git"]


def test_registering_and_removing_are_on_record(
    repositories: Repositories, origin: Path, store: Store, tmp_path: Path
) -> None:
    made = added(repositories, origin)
    assert repositories.remove(ROOT, made.id) is None
    said = [e.judgment for e in store.entries()]
    assert [j.kind for j in said][-2:] == [Kind.REPOSITORY_ADDED, Kind.REPOSITORY_REMOVED]
    assert all(j.actor == Person("root") for j in said[-2:])
    assert list((tmp_path / "home/mirrors").glob("*.git")) == []
    assert added(repositories, origin).id != made.id


def test_its_open_changes_are_withdrawn_with_it(
    repositories: Repositories, origin: Path, store: Store
) -> None:
    made = added(repositories, origin)
    found = repositories.snapshot(made.id)
    assert not isinstance(found, No)
    change = store.open_change(
        Request("it mails twice", Person("ana"), Source.CHAT),
        repository=made.id,
        base=found.base,
        branch="main",
        key="k",
        tree=store.artifacts.put(records.pack(found.files)),
    )
    repositories.remove(ROOT, made.id)
    assert store.get(change.id).stage is Stage.WITHDRAWN


def test_a_look_tells_what_is_there_and_leaves_it_as_it_is(
    repositories: Repositories, origin: Path, library: Path, git: Git
) -> None:
    (library / ".pawl").mkdir()
    (library / ".pawl/config.yaml").write_text('checks:\n- ["make", "check"]\n')
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "Checks")
    made = added(repositories, origin)
    git(library, "push", "-q", str(origin), "HEAD:main")
    before = fingerprint(origin)
    found = repositories.look(made.id)
    assert isinstance(found, Looked)
    assert found.checks == ("make check",)
    assert found.head == git(origin, "rev-parse", "main")
    assert found.may_push
    assert "desk/remind.sh" in [command for command, _ in found.entry_points]
    assert fingerprint(origin) == before


def test_a_look_names_each_problem(repositories: Repositories, library: Path, git: Git) -> None:
    (library / ".pawl").mkdir()
    (library / ".pawl/config.yaml").write_text("chekcs: []\n")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "Checks")
    hook = library / ".git/hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n")
    found = repositories.look(added(repositories, library).id)
    assert isinstance(found, Looked)
    assert not found.may_push
    said = " ".join(found.problems)
    assert "chekcs" in said
    assert "checked out in" in said
    assert "post-receive" in said


def test_a_repository_that_is_gone_is_told_and_stays_on_record(
    repositories: Repositories, origin: Path
) -> None:
    made = added(repositories, origin)
    origin.rename(origin.with_name("elsewhere.git"))
    answer = repositories.fetch(made.id)
    assert isinstance(answer, No)
    kept = repositories.get(made.id)
    assert kept is not None
    assert kept.trouble
    assert kept.head == made.head
    origin.with_name("elsewhere.git").rename(origin)
    again = repositories.fetch(made.id)
    assert isinstance(again, Repository)
    assert again.trouble == ""
    assert again.fetched_at is not None
    assert again.fetched_at - made.made_at > timedelta(0)


def test_a_lost_mirror_is_made_again(
    repositories: Repositories, origin: Path, tmp_path: Path
) -> None:
    import shutil

    made = added(repositories, origin)
    shutil.rmtree(tmp_path / f"home/mirrors/{made.id}.git")
    found = repositories.snapshot(made.id)
    assert not isinstance(found, No)
    assert found.base == made.head


def test_an_unknown_repository_is_a_404(repositories: Repositories) -> None:
    for answer in (
        repositories.fetch("x"),
        repositories.look("x"),
        repositories.snapshot("x"),
        repositories.remove(ROOT, "x"),
    ):
        assert isinstance(answer, No)
        assert answer.status == 404
