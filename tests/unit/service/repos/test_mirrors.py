"""Mirrors: what comes in, what goes out, and what is never moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.repos import RepositoryError, mirrors
from service.repos.git import Protocol
from service.repos.mirrors import Mirror, NotPushed, Pushed, Swap
from service.repos.remotes import BadUrl, Remote, remote
from tests.unit.service.repos.conftest import Git


@pytest.fixture
def origin(tmp_path: Path, library: Path, git: Git) -> Path:
    """The library as a bare repository, as a server would hold it."""
    bare = tmp_path / "origin.git"
    git(tmp_path, "clone", "-q", "--bare", str(library), str(bare))
    return bare


@pytest.fixture
def mirror(tmp_path: Path, origin: Path) -> Mirror:
    where = remote(str(origin))
    assert isinstance(where, Remote)
    made = Mirror(tmp_path / "mirrors" / "r1.git", where, "main")
    mirrors.create(made)
    return made


def commit(git: Git, library: Path, origin: Path, path: str, text: str) -> str:
    """Somebody pushes a commit to main."""
    (library / path).write_text(text)
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", f"Change {path}")
    git(library, "push", "-q", str(origin), "HEAD:main")
    return git(library, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("ssh://git@example.org/team/site.git", Protocol.SSH),
        ("ssh://git@example.org:2222/team/site.git", Protocol.SSH),
        ("git@example.org:team/site.git", Protocol.SSH),
        ("https://example.org/team/site.git", Protocol.HTTPS),
    ],
)
def test_an_address_is_known_by_its_protocol(url: str, protocol: Protocol) -> None:
    assert remote(url) == Remote(url, protocol)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ext::sh -c 'touch /tmp/x'",
        "file:///srv/site.git",
        "--upload-pack=touch",
        "-oProxyCommand=touch",
        "git@-oProxyCommand=touch:x",
        "ssh://-oProxyCommand=touch/x",
        "git@example.org:-x",
        "http://example.org/site.git",
        "git://example.org/site.git",
        "https://ana:secret@example.org/site.git",
        "https://ghp_token@example.org/site.git",
        "ssh://ana:secret@example.org/site.git",
        "relative/path",
        "https://example.org/a b",
        "https://example.org/a\nb",
        "/nowhere/at/all",
    ],
)
def test_any_other_address_is_refused_with_a_sentence(url: str) -> None:
    answer = remote(url)
    assert isinstance(answer, BadUrl)
    assert answer.why
    assert "secret" not in answer.why


def test_a_mirror_holds_the_branch_as_it_is(mirror: Mirror, library: Path, git: Git) -> None:
    at = git(library, "rev-parse", "HEAD")
    assert mirrors.head(mirror) == at
    found = mirrors.snapshot(mirror, at)
    assert found.files["desk/remind.sh"] == (0o100755, b"#!/bin/sh\nmail overdue\n")
    assert found.base == at
    assert mirrors.default_branch(mirror.remote) == "main"


def test_a_fetch_brings_new_commits_and_drops_branches_that_are_gone(
    mirror: Mirror, library: Path, origin: Path, git: Git
) -> None:
    git(origin, "branch", "pawl/c1", "main")
    git(origin, "branch", "other", "main")
    at = commit(git, library, origin, "README.md", "# the lending desk\n")
    mirrors.fetch(mirror)
    assert mirrors.head(mirror) == at
    assert mirrors.head(mirror, "refs/heads/pawl/c1") is not None
    assert mirrors.head(mirror, "refs/heads/other") is None
    git(origin, "branch", "-D", "pawl/c1")
    mirrors.fetch(mirror)
    assert mirrors.head(mirror, "refs/heads/pawl/c1") is None


def test_a_branch_that_is_not_there_leaves_no_mirror(tmp_path: Path, origin: Path) -> None:
    where = remote(str(origin))
    assert isinstance(where, Remote)
    missing = Mirror(tmp_path / "mirrors" / "r2.git", where, "trunk")
    with pytest.raises(RepositoryError, match="trunk"):
        mirrors.create(missing)
    assert not missing.path.exists()


def test_a_push_moves_all_refs_or_none(
    mirror: Mirror, library: Path, origin: Path, git: Git
) -> None:
    old = mirrors.head(mirror)
    git(origin, "branch", "pawl/c1", "main")
    late = commit(git, library, origin, "README.md", "# quicker\n")
    blob = mirrors.head(mirror)
    answer = mirrors.push(
        mirror,
        [Swap("refs/heads/main", old, blob), Swap("refs/pawl/checkpoint", None, blob)],
    )
    assert isinstance(answer, NotPushed)
    assert answer.lost
    assert git(origin, "rev-parse", "main") == late
    assert git(origin, "for-each-ref", "refs/pawl") == ""


def test_a_push_that_nothing_stands_against_arrives_and_may_take_a_branch_away(
    mirror: Mirror, origin: Path, git: Git
) -> None:
    at = mirrors.head(mirror)
    assert mirrors.push(mirror, [Swap("refs/heads/pawl/c1", None, at)]) == Pushed()
    assert git(origin, "rev-parse", "pawl/c1") == at
    assert mirrors.push(mirror, [Swap("refs/heads/pawl/c1", at, None)]) == Pushed()
    assert git(origin, "branch", "--list", "pawl/*") == ""


def test_a_branch_must_not_be_made_over_one_that_is_there(
    mirror: Mirror, origin: Path, git: Git
) -> None:
    theirs = git(origin, "commit-tree", "main^{tree}", "-m", "Somebody's")
    git(origin, "branch", "pawl/c1", theirs)
    answer = mirrors.push(mirror, [Swap("refs/heads/pawl/c1", None, mirrors.head(mirror))])
    assert isinstance(answer, NotPushed)
    assert git(origin, "rev-parse", "pawl/c1") == theirs


def test_a_checked_out_branch_can_be_looked_at_and_not_pushed_to(
    tmp_path: Path, library: Path, git: Git
) -> None:
    where = remote(str(library))
    assert isinstance(where, Remote)
    mirror = Mirror(tmp_path / "mirrors" / "r3.git", where, "main")
    mirrors.create(mirror)
    assert "checked out in" in mirrors.may_push(mirror)
    git(library, "switch", "-q", "-c", "other")
    assert mirrors.may_push(mirror) == ""


def test_a_branch_that_another_work_tree_has_is_checked_out_too(
    tmp_path: Path, library: Path, git: Git
) -> None:
    git(library, "switch", "-q", "-c", "other")
    git(library, "worktree", "add", "-q", str(tmp_path / "beside"), "main")
    where = remote(str(library))
    assert isinstance(where, Remote)
    mirror = Mirror(tmp_path / "mirrors" / "r3.git", where, "main")
    mirrors.create(mirror)
    assert "beside" in mirrors.may_push(mirror)


def test_a_bare_repository_is_never_checked_out(mirror: Mirror, origin: Path, git: Git) -> None:
    before = git(origin, "for-each-ref")
    assert mirrors.may_push(mirror) == ""
    assert git(origin, "for-each-ref") == before


def test_a_hook_of_the_repository_does_not_run_on_this_machine(
    mirror: Mirror, origin: Path, tmp_path: Path
) -> None:
    for name in ("pre-receive", "update", "post-receive", "post-update", "reference-transaction"):
        for folder in (origin, mirror.path):
            hook = folder / "hooks" / name
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
            hook.chmod(0o755)
    mirrors.fetch(mirror)
    pushed = mirrors.push(mirror, [Swap("refs/heads/pawl/c1", None, mirrors.head(mirror))])
    assert pushed == Pushed()
    assert not (tmp_path / "ran").exists()
    assert "post-receive" in mirrors.hooks(mirror)


def test_a_fetch_refuses_a_tree_that_would_write_into_git_folders(
    mirror: Mirror, origin: Path, git: Git
) -> None:
    blob = git(origin, "hash-object", "-w", "--stdin", given=b"x")
    inner = git(origin, "mktree", given=f"100644 blob {blob}\tconfig\n".encode())
    bad = git(origin, "mktree", given=f"040000 tree {inner}\t.git\n".encode())
    evil = git(origin, "commit-tree", bad, "-p", "main", "-m", "evil")
    git(origin, "update-ref", "refs/heads/main", evil)
    before = mirrors.head(mirror)
    with pytest.raises(RepositoryError, match=r"\.git"):
        mirrors.fetch(mirror)
    assert mirrors.head(mirror) == before


@pytest.mark.parametrize("name", ["", "-x", "pawl/c1", "refs/heads/x", "a..b", "a b", "HEAD", "a*"])
def test_a_branch_that_changes_can_not_go_to_is_refused(name: str) -> None:
    assert mirrors.branch_name(name) is not None


@pytest.mark.parametrize("name", ["main", "release/2.x", "größe"])
def test_a_plain_branch_is_taken(name: str) -> None:
    assert mirrors.branch_name(name) is None
