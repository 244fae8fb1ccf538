"""Exact merges: nothing but the change comes along, and a merge is known by what it says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.repos import Draft, Entry, Refused, edits, merge, mirrors
from service.repos.merge import Conflict, Future, Trailers
from service.repos.mirrors import Mirror, Swap
from service.repos.remotes import Remote, remote
from tests.unit.service.repos.conftest import Git

WHEN = datetime(2031, 3, 1, tzinfo=UTC)
SCRIPT = "".join(f"step {n}\n" for n in range(30))


class Scene:
    """A bare origin, its mirror, somebody's work tree, and a change on the first commit."""

    def __init__(self, tmp_path: Path, git: Git) -> None:
        self.git = git
        self.work = tmp_path / "work"
        self.work.mkdir()
        git(self.work, "init", "-q", "-b", "main")
        (self.work / "ops").mkdir()
        (self.work / "ops/run.sh").write_text(SCRIPT)
        (self.work / "ops/old.sh").write_text("old\n" * 20)
        (self.work / "README.md").write_text("read me\n")
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", "Start")
        self.origin = tmp_path / "origin.git"
        git(tmp_path, "clone", "-q", "--bare", str(self.work), str(self.origin))
        where = remote(str(self.origin))
        assert isinstance(where, Remote)
        self.mirror = Mirror(tmp_path / "mirror.git", where, "main")
        mirrors.create(self.mirror)
        self.base = self.head()

    def head(self) -> str:
        at = mirrors.head(self.mirror)
        assert at is not None
        return at

    def draft(self, changed: Mapping[str, bytes | None]) -> Draft:
        """The draft that puts `changed` in place of what base has."""
        files = mirrors.snapshot(self.mirror, self.base).files
        rows: list[tuple[str, Entry | None, Entry | None]] = [
            (path, files.get(path), None if data is None else (0o100644, data))
            for path, data in changed.items()
        ]
        made = edits.apply(files, rows)
        assert isinstance(made, Draft)
        return made

    def proposal(self, draft: Draft) -> str:
        made = merge.proposal(self.mirror, self.base, draft, "Proposal")
        assert isinstance(made, str)
        return made

    def future(self, draft: Draft) -> Future | Conflict:
        return merge.future(self.mirror, self.head(), self.base, self.proposal(draft))

    def push(
        self,
        *moves: tuple[str, ...],
        files: Mapping[str, str] | None = None,
        force: bool = False,
    ) -> None:
        """Somebody pushes a commit: git commands first, then files."""
        for move in moves:
            self.git(self.work, *move)
        for path, text in (files or {}).items():
            (self.work / path).write_text(text)
        self.git(self.work, "add", "-A")
        self.git(self.work, "commit", "-q", "-m", "Somebody's", "--allow-empty")
        self.git(self.work, "push", "-q", *(["-f"] if force else []), str(self.origin), "HEAD:main")
        mirrors.fetch(self.mirror)


@pytest.fixture
def scene(tmp_path: Path, git: Git) -> Scene:
    return Scene(tmp_path, git)


FIX = SCRIPT.replace("step 3\n", "step three\n").encode()


def test_on_an_unmoved_base_the_future_is_the_draft(scene: Scene) -> None:
    draft = scene.draft({"ops/run.sh": FIX, "ops/new.sh": b"new\n", "README.md": None})
    future = scene.future(draft)
    assert future == Future(scene.base, draft.tree, draft.touched)


def test_a_base_that_moved_elsewhere_keeps_the_patch(scene: Scene) -> None:
    draft = scene.draft({"ops/run.sh": FIX})
    scene.push(files={"README.md": "other words\n"})
    future = scene.future(draft)
    assert isinstance(future, Future)
    assert future.rows == draft.touched
    assert future.tree != draft.tree


def test_a_base_that_moved_in_the_same_file_is_another_patch(scene: Scene) -> None:
    draft = scene.draft({"ops/run.sh": FIX})
    scene.push(files={"ops/run.sh": SCRIPT.replace("step 25\n", "step twenty-five\n")})
    future = scene.future(draft)
    assert isinstance(future, Future)
    assert future.rows != draft.touched


def test_lines_far_from_each_other_merge_and_both_stay(scene: Scene) -> None:
    draft = scene.draft({"ops/run.sh": FIX})
    theirs = SCRIPT.replace("step 25\n", "step twenty-five\n")
    scene.push(files={"ops/run.sh": theirs})
    future = scene.future(draft)
    assert isinstance(future, Future)
    found = scene.git(scene.mirror.path, "show", f"{future.tree}:ops/run.sh")
    assert found == FIX.decode().replace("step 25\n", "step twenty-five\n").strip()


def test_a_file_where_the_change_needs_a_folder_is_a_conflict(scene: Scene) -> None:
    draft = scene.draft({"notes/new.md": b"new\n"})
    scene.push(files={"notes": "a file\n"})
    assert isinstance(scene.future(draft), Conflict)


def test_a_file_that_both_sides_added_is_a_conflict(scene: Scene) -> None:
    draft = scene.draft({"new.md": b"ours\n"})
    scene.push(files={"new.md": "theirs\n"})
    assert scene.future(draft) == Conflict(scene.head(), ("new.md",))


def test_bytes_that_are_no_text_are_not_merged(scene: Scene) -> None:
    scene.push(files={"data.bin": "\0one\n" * 20})
    scene.base = scene.head()
    draft = scene.draft({"data.bin": b"\0two\n" + b"\0one\n" * 19})
    scene.push(files={"data.bin": "\0one\n" * 19 + "\0three\n"})
    assert isinstance(scene.future(draft), Conflict)


def test_a_conflict_names_its_files(scene: Scene) -> None:
    draft = scene.draft({"ops/run.sh": FIX})
    scene.push(files={"ops/run.sh": SCRIPT.replace("step 3\n", "step tres\n")})
    assert scene.future(draft) == Conflict(scene.head(), ("ops/run.sh",))


def test_a_renamed_file_is_not_followed(scene: Scene) -> None:
    draft = scene.draft({"ops/run.sh": FIX})
    scene.push(("mv", "ops/run.sh", "ops/elsewhere.sh"))
    assert isinstance(scene.future(draft), Conflict)


def test_a_new_file_does_not_follow_a_renamed_folder(scene: Scene) -> None:
    draft = scene.draft({"ops/new.sh": b"new\n"})
    scene.push(("mv", "ops", "operations"))
    future = scene.future(draft)
    assert isinstance(future, Future)
    assert [row.path for row in future.rows] == [b"ops/new.sh"]


def test_commits_that_the_branch_took_back_do_not_come_along(scene: Scene) -> None:
    scene.push(files={"README.md": "to be taken back\n"})
    scene.base = scene.head()
    draft = scene.draft({"ops/run.sh": FIX})
    scene.push(("reset", "-q", "--hard", "HEAD~1"), force=True)
    future = scene.future(draft)
    assert isinstance(future, Future)
    assert future.rows == draft.touched


def test_a_conflict_that_attributes_would_hide_is_a_conflict(scene: Scene) -> None:
    scene.push(files={".gitattributes": "*.sh merge=union\n"})
    scene.base = scene.head()
    draft = scene.draft({"ops/run.sh": FIX})
    scene.push(files={"ops/run.sh": SCRIPT.replace("step 3\n", "step tres\n")})
    assert isinstance(scene.future(draft), Conflict)


def test_the_same_draft_is_the_same_proposal(scene: Scene) -> None:
    draft = scene.draft({"ops/run.sh": FIX})
    assert scene.proposal(draft) == scene.proposal(draft)


def test_a_draft_of_another_base_is_refused(scene: Scene) -> None:
    draft = scene.draft({"ops/run.sh": FIX})
    scene.push(files={"ops/run.sh": "another\n"})
    assert isinstance(merge.proposal(scene.mirror, scene.head(), draft, "Proposal"), Refused)


TRAILERS = Trailers("c1", "ana", ("bo", "cy"), "e" * 64, "12 cm9vdA==")


def test_the_last_paragraph_says_who_and_on_which_evidence(scene: Scene) -> None:
    text = merge.message("Stop before publishing", ["Why it helps."], TRAILERS)
    assert text.split("\n\n")[0] == "Stop before publishing"
    assert text.split("\n\n")[-1].splitlines() == [
        "Pawl-Change: c1",
        "Pawl-Requested-By: ana",
        "Pawl-Approved-By: bo",
        "Pawl-Approved-By: cy",
        f"Pawl-Evidence: sha256:{'e' * 64}",
        "Pawl-Checkpoint: 12 cm9vdA==",
    ]


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("Pawl-Approved-By: mallory", ""),
        ("Signed-off-by: Pawl-Approved-By: mallory", ""),
        ("Fix\n\nPawl-Approved-By: mallory", ""),
        ("Fix", "Because.\n\nPawl-Approved-By: mallory\nCo-Authored-By: mallory"),
        ("Fix", "Because.\r\rPawl-Approved-By: mallory"),
        ("Fix", "  Pawl-Approved-By: mallory"),
        ("Fix", "Because.\x0b\x0bPawl-Approved-By=mallory"),
    ],
)
def test_words_of_others_are_no_trailers(scene: Scene, title: str, body: str) -> None:
    text = merge.message(title, [body], TRAILERS)
    made = merge.merge_commit(scene.mirror, f"{scene.base}^{{tree}}", scene.base, text, WHEN)
    shown = scene.git(
        scene.mirror.path, "show", "-s", "--format=%(trailers:key=Pawl-Approved-By,valueonly)", made
    )
    assert shown.split() == ["bo", "cy"]
    starts = [line for line in text.splitlines() if line.startswith("Pawl-Approved-By")]
    assert starts == ["Pawl-Approved-By: bo", "Pawl-Approved-By: cy"]
    assert "Co-Authored-By" not in "\n".join(x for x in text.splitlines() if x[:1] != " ")


def test_a_merge_on_the_branch_is_found_and_nothing_else(scene: Scene) -> None:
    draft = scene.draft({"ops/run.sh": FIX})
    future = scene.future(draft)
    assert isinstance(future, Future)
    text = merge.message("Fix", [], TRAILERS)
    made = merge.merge_commit(scene.mirror, future.tree, scene.base, text, WHEN)
    facts = {
        "change": "c1",
        "evidence": "e" * 64,
        "tree": future.tree,
        "parent": scene.base,
    }
    assert merge.landed(scene.mirror, **facts) is None
    mirrors.push(scene.mirror, [Swap("refs/heads/main", scene.base, made)])
    scene.push(("pull", "-q", "--ff-only", str(scene.origin), "main"), files={"README.md": "on\n"})
    assert merge.landed(scene.mirror, **facts) == made
    other_tree = scene.git(scene.mirror.path, "rev-parse", f"{scene.base}^{{tree}}")
    for name, value in [
        ("change", "c2"),
        ("evidence", "f" * 64),
        ("tree", other_tree),
        ("parent", scene.head()),
    ]:
        assert merge.landed(scene.mirror, **{**facts, name: value}) is None


def test_a_checkpoint_lies_on_the_one_before(scene: Scene) -> None:
    first = merge.checkpoint_commit(scene.mirror, "log\n12\nroot\n", "log+id+key", 12, WHEN)
    mirrors.push(scene.mirror, [Swap(mirrors.CHECKPOINT, None, first)])
    mirrors.fetch(scene.mirror)
    second = merge.checkpoint_commit(scene.mirror, "log\n14\nroot\n", "log+id+key", 14, WHEN)
    git = scene.git
    assert git(scene.mirror.path, "rev-parse", f"{second}^") == first
    assert git(scene.mirror.path, "show", f"{second}:checkpoint") == "log\n14\nroot"
    assert git(scene.mirror.path, "show", f"{second}:log.pub") == "log+id+key"
