"""A directory is read whole and left as it was, whatever lies in it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.repos import FILE, LINK, PROGRAM, Files, Kind, RepositoryError
from service.repos.trees import at, enclosing, snapshot, tree_id, write
from tests.unit.service.repos.conftest import Git, fingerprint


def test_a_clean_work_tree_is_its_commit(library: Path, git: Git) -> None:
    found = snapshot(library)
    assert found.kind is Kind.GIT
    assert found.base == found.head == git(library, "rev-parse", "HEAD")
    assert found.tree == git(library, "rev-parse", "HEAD^{tree}")
    assert (found.dirty, found.branch, found.left_out) == (False, "main", ())
    assert found.files == {
        ".gitignore": (FILE, b"*.tmp\n"),
        "README.md": (FILE, b"# lending desk\n"),
        "desk/remind.sh": (PROGRAM, b"#!/bin/sh\nmail overdue\n"),
        "latest": (LINK, b"desk/remind.sh"),
    }


def test_what_lies_in_a_dirty_work_tree_is_base_and_it_is_said(library: Path, git: Git) -> None:
    (library / "README.md").write_text("# changed, not staged\n")
    (library / "desk/staged.sh").write_text("echo staged\n")
    git(library, "add", "desk/staged.sh")
    (library / "new.txt").write_text("not known to git\n")
    (library / "scratch.tmp").write_text("ignored\n")
    (library / "latest").unlink()
    (library / "desk/remind.sh").chmod(0o644)
    found = snapshot(library)
    assert found.dirty
    assert found.head == git(library, "rev-parse", "HEAD")
    assert found.base == found.tree == tree_id(found.files)
    assert found.files == {
        ".gitignore": (FILE, b"*.tmp\n"),
        "README.md": (FILE, b"# changed, not staged\n"),
        "desk/remind.sh": (FILE, b"#!/bin/sh\nmail overdue\n"),
        "desk/staged.sh": (FILE, b"echo staged\n"),
        "new.txt": (FILE, b"not known to git\n"),
    }


def _clean(root: Path, git: Git) -> None:
    """Nothing is done to it."""


def _dirty(root: Path, git: Git) -> None:
    (root / "README.md").write_text("# other\n")
    (root / "new.txt").write_text("new\n")


def _staged(root: Path, git: Git) -> None:
    (root / "README.md").write_text("# other\n")
    git(root, "add", "-A")


def _split_index(root: Path, git: Git) -> None:
    git(root, "update-index", "--split-index")
    _dirty(root, git)


def _half_merged(root: Path, git: Git) -> None:
    git(root, "checkout", "-q", "-b", "other")
    (root / "README.md").write_text("# theirs\n")
    git(root, "commit", "-q", "-am", "theirs")
    git(root, "checkout", "-q", "main")
    (root / "README.md").write_text("# ours\n")
    git(root, "commit", "-q", "-am", "ours")
    with pytest.raises(AssertionError):
        git(root, "merge", "other")


@pytest.mark.parametrize("state", [_clean, _dirty, _staged, _split_index, _half_merged])
def test_reading_leaves_the_directory_as_it_was(library: Path, git: Git, state: object) -> None:
    assert callable(state)
    state(library, git)
    before = fingerprint(library)
    snapshot(library)
    assert fingerprint(library) == before


def test_a_change_of_the_same_size_in_the_same_instant_is_seen(library: Path) -> None:
    index = (library / ".git/index").stat()
    (library / "README.md").write_text("# LENDING DESK\n")
    os.utime(library / "README.md", ns=(index.st_atime_ns, index.st_mtime_ns))
    assert snapshot(library).files["README.md"] == (FILE, b"# LENDING DESK\n")


def test_a_plain_folder_is_a_tree_without_what_it_ignores(library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    write(snapshot(library).files, folder)
    (folder / "scratch.tmp").write_text("ignored\n")
    before = fingerprint(folder)
    found = snapshot(folder)
    assert (found.kind, found.head, found.dirty) == (Kind.FOLDER, None, False)
    assert found.files == snapshot(library).files
    assert found.base == found.tree == snapshot(library).tree
    assert fingerprint(folder) == before


def test_a_folder_inside_a_repository_stands_for_itself(library: Path) -> None:
    assert set(snapshot(library / "desk").files) == {"remind.sh"}
    assert enclosing(library / "desk") == library.resolve()


def test_a_bare_repository_inside_a_work_tree_is_itself(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    bare = tmp_path / "build" / "site.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    assert enclosing(bare) == bare.resolve()
    assert enclosing(bare.parent) == tmp_path.resolve()


def test_a_repository_without_commits_is_read_as_it_lies(tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("a\n")
    found = snapshot(tmp_path)
    assert (found.head, found.dirty, set(found.files)) == (None, True, {"a"})


def test_a_bare_repository_is_its_head(library: Path, tmp_path: Path, git: Git) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(library), "bare")
    found = snapshot(tmp_path / "bare")
    assert (found.kind, found.dirty) == (Kind.BARE, False)
    assert found.files == snapshot(library).files


def test_a_second_work_tree_is_read_by_its_own_state(
    library: Path, tmp_path: Path, git: Git
) -> None:
    git(library, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side/README.md").write_text("# side\n")
    found = snapshot(tmp_path / "side")
    assert (found.branch, found.dirty) == ("side", True)
    assert found.files["README.md"] == (FILE, b"# side\n")


def test_a_submodule_is_left_out_blocked_and_never_asked(
    library: Path, tmp_path: Path, git: Git
) -> None:
    inner = library / "vendor"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "x").write_text("x\n")
    (inner / ".gitattributes").write_text("x filter=spy\n")
    git(inner, "add", "-A")
    git(inner, "commit", "-q", "-m", "inner")
    git(library, "add", "vendor")
    git(library, "commit", "-q", "-m", "with a submodule")
    told = tmp_path / "ran"
    # Git would ask an inner repository for its state, and that runs what its settings name.
    git(inner, "config", "core.fsmonitor", f"touch {told}; false")
    git(inner, "config", "filter.spy.clean", f"touch {told}; cat")
    os.utime(inner / "x", ns=(0, 0))
    found = snapshot(library)
    assert not found.dirty
    assert found.blocked == {"vendor"}
    assert [left.path for left in found.left_out] == ["vendor"]
    assert not any(path.startswith("vendor") for path in found.files)
    assert not told.exists()


def test_nothing_that_the_configuration_names_is_run(
    library: Path, tmp_path: Path, git: Git
) -> None:
    told = tmp_path / "ran"
    (library / ".gitattributes").write_text("*.md filter=spy diff=spy\n")
    for key in ("core.fsmonitor", "filter.spy.clean", "diff.spy.textconv", "core.sshCommand"):
        git(library, "config", key, f"touch {told}; cat")
    hook = library / ".git/hooks/post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {told}\n")
    hook.chmod(0o755)
    (library / "README.md").write_text("# filtered?\n")
    assert snapshot(library).files["README.md"] == (FILE, b"# filtered?\n")
    assert not told.exists()


def test_the_callers_environment_does_not_reach_git(library: Path, tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from service.repos.trees import snapshot; "
    program += "print(snapshot(Path(sys.argv[1])).dirty)"
    strays = {"GIT_DIR": str(tmp_path), "GIT_INDEX_FILE": str(tmp_path / "elsewhere")}
    done = subprocess.run(
        [sys.executable, "-c", program, str(library)],
        cwd=Path(__file__).parents[4],
        env={"PATH": "/usr/bin:/bin", **strays},
        capture_output=True,
    )
    assert (done.stdout, done.stderr) == (b"False\n", b"")


def test_a_name_that_is_no_utf8_is_kept_and_hides_nothing(library: Path, git: Git) -> None:
    (library / os.fsdecode(b"caf\xe9.txt")).write_text("x\n")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "odd name")
    found = snapshot(library)
    assert "caf\udce9.txt" in found.files
    assert "README.md" in found.files
    assert found.tree == git(library, "rev-parse", "HEAD^{tree}")


@pytest.mark.parametrize("name", ["..", ".git", ".GIT"])
def test_a_tree_with_a_name_that_must_not_be_written_is_not_read(
    library: Path, git: Git, name: str
) -> None:
    blob = git(library, "hash-object", "-w", "--stdin", given=b"x\n")
    tree = git(library, "mktree", given=f"100644 blob {blob}\t{name}\n".encode())
    commit = git(library, "commit-tree", tree, "-m", "evil")
    with pytest.raises(RepositoryError, match="must never be written"):
        at(library, commit)


def test_a_revision_is_read_whatever_the_work_tree_holds(library: Path, git: Git) -> None:
    _dirty(library, git)
    found = at(library, "main")
    assert not found.dirty
    assert found.base == git(library, "rev-parse", "HEAD")
    assert found.files["README.md"] == (FILE, b"# lending desk\n")


@pytest.mark.parametrize("revision", ["nowhere", "--all", "-h", "", "HEAD:README.md"])
def test_a_revision_that_is_none_is_an_error_that_says_so(library: Path, revision: str) -> None:
    with pytest.raises(RepositoryError, match="there is no commit"):
        at(library, revision)


def test_a_repository_with_other_ids_is_refused_with_a_sentence(tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256")
    with pytest.raises(RepositoryError, match="SHA-256"):
        snapshot(tmp_path)


def test_an_object_that_is_missing_is_an_error_that_says_how_to_mend(
    library: Path, git: Git
) -> None:
    blob = git(library, "rev-parse", "HEAD:README.md")
    (library / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(RepositoryError, match=blob) as wrong:
        at(library, "HEAD")
    assert "partial clone" in wrong.value.mend


_names = st.sampled_from(["a", "a.b", "a-b", "ab", "b", "b0", "é", "a b"])
_paths = st.lists(_names, min_size=1, max_size=3).map("/".join)
_entries = st.tuples(st.sampled_from([FILE, PROGRAM, LINK]), st.binary(min_size=1, max_size=4))


def _fits(files: Files) -> bool:
    return not any(other.startswith(f"{path}/") for path in files for other in files)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(_paths, _entries, max_size=6).filter(_fits))
def test_the_tree_id_computed_in_memory_is_gits_own(files: Files) -> None:
    # Read back from a folder by git itself; links need a target without NUL.
    plain = {p: (m, d.replace(b"\0", b"x")) for p, (m, d) in files.items()}
    with tempfile.TemporaryDirectory() as folder:
        write(plain, Path(folder) / "t")
        found = snapshot(Path(folder) / "t")
    assert found.files == plain
    assert found.tree == tree_id(plain)


def test_writing_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(RepositoryError):
        write({"d": (LINK, str(outside).encode()), "d/x": (FILE, b"x")}, tmp_path / "t")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", ".git/config", "a//b"])
def test_writing_refuses_a_path_that_leads_elsewhere(tmp_path: Path, path: str) -> None:
    with pytest.raises(RepositoryError):
        write({path: (FILE, b"x")}, tmp_path / "t")
    assert list((tmp_path / "t").iterdir()) == []


def test_writing_into_a_folder_that_holds_something_is_refused(library: Path) -> None:
    before = fingerprint(library)
    with pytest.raises(RepositoryError, match="not empty"):
        write({"x": (FILE, b"x")}, library)
    assert fingerprint(library) == before
