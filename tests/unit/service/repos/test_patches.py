"""Patches say what their trees say, and what Pawl writes `git apply` takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.repos import FILE, PROGRAM, Draft, Files, RefusalCode, Refused, edits, patches, trees
from tests.unit.service.repos.conftest import Git

ASSETS = Path(__file__).parents[3] / "assets" / "adversarial" / "path-traversal-edits" / "patches"

READER: Files = {"README.md": (FILE, b"# readme\n"), "tap.sh": (FILE, b"a\nb\nc\n")}


def read(files: Files, patch: bytes) -> Draft | Refused:
    """What a patch from outside goes through: git reads it, then every path is checked."""
    found = patches.parse(files, patch)
    return found if isinstance(found, Refused) else edits.apply(files, found)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("absolute", "/etc/cron.d/pawl"),
        ("git-hook", ".git/hooks/post-checkout"),
        ("gitlink", "vendor/x"),
        ("parent", "../../outside.txt"),
        ("quoted-name", "ops/a\\nb.sh"),
        ("symlink-then-through", "d/x"),
    ],
)
def test_a_patch_that_leads_elsewhere_is_refused_and_its_path_is_named(
    name: str, named: str
) -> None:
    answer = read(READER, (ASSETS / f"{name}.patch").read_bytes())
    assert isinstance(answer, Refused)
    assert named in str(answer)
    assert str(answer).isprintable()


@pytest.mark.parametrize(
    ("name", "touched"),
    [
        ("mode-only", [(b"README.md", FILE, PROGRAM)]),
        ("two-names", [(b"README.md", FILE, 0), (b"ops/backup.sh", 0, FILE)]),
        ("second-header", [(b"README.md", FILE, FILE), (b"ops/hidden.sh", 0, FILE)]),
    ],
)
def test_a_patch_is_shown_as_what_it_does_to_the_tree(
    name: str, touched: list[tuple[bytes, int, int]]
) -> None:
    answer = read(READER, (ASSETS / f"{name}.patch").read_bytes())
    assert isinstance(answer, Draft)
    assert [(t.path, t.old_mode, t.new_mode) for t in answer.touched] == touched


def test_every_fixture_has_its_row() -> None:
    rows = "absolute git-hook gitlink mode-only parent quoted-name second-header"
    rows += " symlink-then-through two-names"
    assert sorted(path.stem for path in ASSETS.iterdir()) == rows.split()


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        pytest.param(b"", RefusalCode.NOT_A_PATCH, id="empty"),
        pytest.param(b"hello\n", RefusalCode.NOT_A_PATCH, id="prose"),
        pytest.param(
            b"--- a/tap.sh\n+++ b/tap.sh\n@@ -1 +1 @@\n-z\n+y\n",
            RefusalCode.DOES_NOT_APPLY,
            id="of another tree",
        ),
        pytest.param(
            b"--- a/no.sh\n+++ b/no.sh\n@@ -1 +1 @@\n-z\n+y\n",
            RefusalCode.DOES_NOT_APPLY,
            id="of a file that is not there",
        ),
        pytest.param(
            b"--- a/tap.sh\n+++ b/tap.sh\n@@ -1,9 +1,9 @@\n-a\n+y\n",
            RefusalCode.NOT_A_PATCH,
            id="cut short",
        ),
        pytest.param(
            b"--- a/tap.sh\n+++ /etc/passwd\n@@ -1,3 +1,3 @@\n-a\n+y\n b\n c\n",
            RefusalCode.ABSOLUTE,
            id="one absolute name",
        ),
    ],
)
def test_a_patch_that_cannot_be_taken_says_why(patch: bytes, code: str) -> None:
    answer = patches.parse(READER, patch)
    assert isinstance(answer, Refused)
    assert answer.code == code
    assert answer.why.isprintable()


def test_content_that_looks_like_a_header_is_content() -> None:
    files = {"notes.sql": (FILE, b"-- /etc is where it was\nselect 1;\n")}
    patch = b"--- a/notes.sql\n+++ b/notes.sql\n@@ -1,2 +1,2 @@\n"
    patch += b"--- /etc is where it was\n+++ /srv is where it is\n select 1;\n"
    answer = read(files, patch)
    assert isinstance(answer, Draft)
    assert answer.files == {"notes.sql": (FILE, b"++ /srv is where it is\nselect 1;\n")}


def test_a_patch_on_a_name_in_another_alphabet_finds_its_file() -> None:
    files = {"gr\u00f6\u00dfe.md": (FILE, b"a\n")}
    drafted = {"gr\u00f6\u00dfe.md": (FILE, b"b\n")}
    answer = read(files, patches.write(files, drafted))
    assert isinstance(answer, Draft)
    assert answer.files == drafted


def test_what_is_written_git_applies_in_a_work_tree(library: Path, git: Git) -> None:
    base = trees.snapshot(library).files
    drafted = dict(base)
    drafted["README.md"] = (PROGRAM, b"# no newline at the end")
    drafted["desk/seal.bin"] = (FILE, bytes(range(256)))
    drafted["caf\u00e9 bar/\u201equote\u201c.txt"] = (FILE, b"x\n")
    del drafted["desk/remind.sh"]
    del drafted["latest"]
    patch = patches.write(base, drafted)
    git(library, "apply", given=patch)
    assert trees.snapshot(library).files == drafted


def test_the_attributes_of_a_tree_hide_nothing_in_its_patch() -> None:
    base = {".gitattributes": (FILE, b"*.sh -diff\n"), "tap.sh": (FILE, b"a\n")}
    patch = patches.write(base, {**base, "tap.sh": (FILE, b"b\n")})
    assert b"-a\n+b\n" in patch


_contents = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"--- x\n", b"@@ -1 +1 @@\n", b"\\ x\n", b"\r\n", b"end"]),
    max_size=6,
).map(b"".join)
_files = st.dictionaries(
    st.sampled_from(["a", "b.sh", "c/d", "e f"]),
    st.tuples(st.sampled_from([FILE, PROGRAM]), _contents),
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(_files, _files)
def test_a_patch_leads_from_base_to_draft_and_is_the_same_every_time(
    base: Files, drafted: Files
) -> None:
    patch = patches.write(base, drafted)
    assert patch == patches.write(base, drafted)
    if base == drafted:
        assert patch == b""
    else:
        answer = read(base, patch)
        assert isinstance(answer, Draft)
        assert answer.files == drafted


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(junk: bytes) -> None:
    head = b"diff --git a/tap.sh b/tap.sh\n--- a/tap.sh\n+++ b/tap.sh\n@@ -1,3 +1,3 @@\n"
    for patch in (junk, head + junk):
        answer = patches.parse(READER, patch)
        assert isinstance(answer, Refused | list)
