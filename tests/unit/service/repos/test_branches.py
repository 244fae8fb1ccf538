"""A branch comes without a trace on work tree, index or other branches, and only if it is free."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.repos import FILE, Draft, RefusalCode, Refused, Snapshot, branches, edits, trees
from tests.unit.service.repos.conftest import Git, fingerprint


def change(root: Path, content: bytes = b"# better desk\n") -> tuple[Snapshot, Draft]:
    found = trees.snapshot(root)
    entry = found.files["README.md"]
    made = edits.apply(
        found.files,
        [
            ("README.md", entry, (FILE, content)),
            ("desk/new.sh", None, (0o100755, b"#!/bin/sh\n")),
            ("desk/remind.sh", found.files["desk/remind.sh"], None),
        ],
    )
    assert isinstance(made, Draft)
    return found, made


def outside_git(root: Path) -> dict[str, tuple[object, ...]]:
    seen = fingerprint(root)
    return {
        path: facts
        for path, facts in seen.items()
        if not path.startswith((f"{root}/.git/objects", f"{root}/.git/refs", f"{root}/.git/logs"))
    }


def test_a_branch_holds_exactly_the_draft_on_the_commit_that_is_out(
    library: Path, git: Git
) -> None:
    found, made = change(library)
    sha = branches.commit(found, made, "pawl/better-desk", "A better desk\n\nBecause.\n")
    assert sha == git(library, "rev-parse", "pawl/better-desk")
    assert git(library, "rev-parse", "pawl/better-desk^{tree}") == made.tree
    assert git(library, "rev-parse", "pawl/better-desk^") == found.head
    assert git(library, "log", "-1", "--format=%an|%s|%b", "pawl/better-desk").startswith(
        "Pawl|A better desk|Because."
    )


def test_work_tree_index_and_head_stay_as_they_were(library: Path, git: Git) -> None:
    (library / "other.txt").write_text("under work\n")
    git(library, "add", "other.txt")
    found, made = change(library)
    before = outside_git(library)
    assert isinstance(branches.commit(found, made, "pawl/x", "x"), str)
    assert outside_git(library) == before
    assert git(library, "ls-tree", "--name-only", "pawl/x").splitlines() == [
        ".gitignore",
        "README.md",
        "desk",
        "latest",
    ]


def test_the_same_change_asked_again_is_the_same_commit(library: Path) -> None:
    found, made = change(library)
    first = branches.commit(found, made, "pawl/x", "x")
    assert isinstance(first, str)
    assert branches.commit(found, made, "pawl/x", "x") == first
    assert branches.commit(found, made, "pawl/y", "x") == first


def test_a_branch_with_other_content_is_refused_and_stays(library: Path, git: Git) -> None:
    found, made = change(library)
    first = branches.commit(found, made, "pawl/x", "x")
    _, other = change(library, b"# another desk\n")
    answer = branches.commit(found, other, "pawl/x", "x")
    assert isinstance(answer, Refused)
    assert answer.code is RefusalCode.BRANCH_EXISTS
    assert git(library, "rev-parse", "pawl/x") == first


def test_a_branch_below_another_branch_is_refused_with_a_reason(library: Path) -> None:
    found, made = change(library)
    answer = branches.commit(found, made, "main/x", "x")
    assert isinstance(answer, Refused)
    assert answer.code is RefusalCode.BRANCH_EXISTS


def test_work_that_is_not_committed_is_not_taken_along(library: Path) -> None:
    (library / "README.md").write_text("# half done\n")
    found, made = change(library)
    answer = branches.commit(found, made, "pawl/x", "x")
    assert isinstance(answer, Refused)
    assert (answer.code, answer.path) == (RefusalCode.BEFORE_DIFFERS, "README.md")


@pytest.mark.parametrize("name", ["-x", "a..b", "x.lock", "a b", "@", "HEAD", "", "refs/heads/x"])
def test_a_name_that_is_no_branch_is_refused(library: Path, name: str) -> None:
    found, made = change(library)
    answer = branches.commit(found, made, name, "x")
    assert isinstance(answer, Refused)
    assert answer.code is RefusalCode.BRANCH_NAME


def test_no_hook_of_the_repository_runs(library: Path, tmp_path: Path) -> None:
    told = tmp_path / "ran"
    hooks = library / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-index-change", "pre-commit", "post-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {told}\n")
        (hooks / name).chmod(0o755)
    found, made = change(library)
    assert isinstance(branches.commit(found, made, "pawl/x", "x"), str)
    assert not told.exists()


def test_a_plain_folder_can_have_no_branch(library: Path, tmp_path: Path) -> None:
    trees.write(trees.snapshot(library).files, tmp_path / "plain")
    found, made = change(tmp_path / "plain")
    answer = branches.commit(found, made, "pawl/x", "x")
    assert isinstance(answer, Refused)
    assert answer.code is RefusalCode.NO_COMMIT
