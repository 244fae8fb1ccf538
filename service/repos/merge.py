"""Exact merges in a mirror: what the branch would be, and the commit that makes it so.

Three trees are merged file by file, so that no path is guessed. A merge is known by its trailers;
who approved is handed in, nothing here decides.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from service.repos import (
    FILE,
    PROGRAM,
    Draft,
    Files,
    Refused,
    RepositoryError,
    Touched,
    branches,
    git,
    shown,
    trees,
)
from service.repos.branches import AUTHOR, MAIL
from service.repos.mirrors import CHECKPOINT, PROPOSALS, Mirror, head

SUBJECT = 100
_TRAILER = re.compile(r"\s*[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)+\s*[:=]\s*")


@dataclass(frozen=True)
class Future:
    """The tree that the branch would have, and how it differs from what the branch has now."""

    head: str
    tree: str
    rows: tuple[Touched, ...]


@dataclass(frozen=True)
class Conflict:
    """Git can't put the change on the branch as it is now."""

    head: str
    paths: tuple[str, ...]  # escaped for showing


@dataclass(frozen=True)
class Trailers:
    """What a merge says of itself. Ids and digests, one line each."""

    change: str
    requested_by: str
    approved_by: tuple[str, ...]
    evidence: str  # the binding digest
    checkpoint: str  # "SIZE ROOT"

    def lines(self) -> list[str]:
        """The last paragraph of the message."""
        said = [
            ("Pawl-Change", self.change),
            ("Pawl-Requested-By", self.requested_by),
            *(("Pawl-Approved-By", who) for who in self.approved_by),
            ("Pawl-Evidence", f"sha256:{self.evidence}"),
            ("Pawl-Checkpoint", self.checkpoint),
        ]
        return [f"{name}: {one_line(value)}" for name, value in said]


def one_line(text: str) -> str:
    """`text` without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def subject(title: str, change: str) -> str:
    """The first line of a message: a title by others, which can't be read as a trailer."""
    text = one_line(title)
    while (found := _TRAILER.match(text)) is not None:
        text = text[found.end() :]
    if len(text) > SUBJECT:
        text = text[: SUBJECT - 3].rstrip() + "..."
    return text or f"Change {change}"


def words(text: str) -> str:
    """Words by others as a paragraph: no line of them starts like a trailer."""
    lines = [one_line(line) for line in text.splitlines()]
    return "\n".join(f"    {line}" if _TRAILER.match(line) else line for line in lines).strip("\n")


def message(title: str, body: Sequence[str], trailers: Trailers) -> str:
    """The message of the commit that merges: subject, words, trailers."""
    paragraphs = [p for p in (words(text) for text in body) if p]
    return "\n\n".join([subject(title, trailers.change), *paragraphs, "\n".join(trailers.lines())])


def proposal(mirror: Mirror, base: str, draft: Draft, text: str) -> str | Refused:
    """The commit on `base` that holds the draft. The same draft gives the same commit."""
    if head(mirror, base) is None:
        raise RepositoryError(
            f"the mirror does not have the commit {shown(base)} that the change starts from",
            code="no-such-base",
        )
    tree = branches.write_tree(mirror.place, base, draft)
    if isinstance(tree, Refused):
        return tree
    return branches.commit_tree(mirror.place, base, tree, text)


def future(mirror: Mirror, at: str, base: str, draft: str) -> Future | Conflict:
    """What the branch, now at `at`, would be with the change that leads from `base` to `draft`.

    A merge of three trees, file by file: the merge base is `base` whatever the histories say, and
    no rename is followed. (`git merge-tree` before 2.49 follows them whatever merge.renames says.)
    """
    with tempfile.TemporaryDirectory(prefix="pawl-merge-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        merged = git.run(
            ["read-tree", "-i", "-m", "--aggressive", base, at, draft],
            git_dir=mirror.path,
            env=index,
            ok=(0, 128),
        )
        if merged.code != 0:
            return Conflict(at, ())
        clashes = []
        for path, stages in _unmerged(mirror, index).items():
            line = _merged_file(mirror, Path(folder), path, stages)
            if line is None:
                clashes.append(shown(path))
                continue
            git.run(
                ["update-index", "-z", "--index-info"],
                git_dir=mirror.path,
                env=index,
                input=line,
            )
        if clashes:
            return Conflict(at, tuple(sorted(clashes)))
        written = git.run(["write-tree"], git_dir=mirror.path, env=index, ok=(0, 128))
    if written.code != 0:  # a file stands where a folder must be
        return Conflict(at, ())
    return Future(at, written.text, branches.rows_between(mirror.place, at, written.text))


_Stages = dict[int, tuple[int, str]]
"""What a path has in the base (1), on the branch (2) and in the draft (3): mode and blob."""


def _unmerged(mirror: Mirror, index: Mapping[str, str]) -> dict[bytes, _Stages]:
    listed = git.run(["ls-files", "-u", "-z"], git_dir=mirror.path, env=index, cap=256 << 20)
    found: dict[bytes, _Stages] = {}
    for item in listed.out.split(b"\0"):
        facts, _, path = item.partition(b"\t")
        if path:
            mode, blob, stage = facts.split()
            found.setdefault(path, {})[int(stage)] = int(mode, 8), blob.decode()
    return found


def _merged_file(mirror: Mirror, folder: Path, path: bytes, stages: _Stages) -> bytes | None:
    """The index lines that put a file, changed on both sides, in place; None where they clash."""
    if set(stages) != {1, 2, 3} or any(mode not in (FILE, PROGRAM) for mode, _ in stages.values()):
        return None
    files = {1: folder / "base", 2: folder / "ours", 3: folder / "theirs"}
    with git.blobs([stages[n][1] for n in files], git_dir=mirror.path) as contents:
        for file, data in zip(files.values(), contents, strict=True):
            file.write_bytes(data)
    merged = git.run(["merge-file", "-p", "-q", *(str(files[n]) for n in (2, 1, 3))], ok=None)
    if merged.code != 0:
        return None
    old, ours, theirs = (stages[n][0] for n in (1, 2, 3))
    mode = theirs if ours == old else ours
    blob = git.run(
        ["hash-object", "-w", "--no-filters", "--stdin"], git_dir=mirror.path, input=merged.out
    ).text
    return b"%o %s\t%s\0" % (mode, blob.encode(), path)


def moved_paths(mirror: Mirror, old: str, new: str) -> tuple[str, ...]:
    """The paths that differ between two commits."""
    rows = branches.rows_between(mirror.place, old, new)
    return tuple(row.path.decode("utf-8", "surrogateescape") for row in rows)


def files(mirror: Mirror, treeish: str) -> Files:
    """The files of a commit or of a tree that `future` gave."""
    return trees.files(mirror.place, treeish)


def author(mirror: Mirror, commit: str) -> str:
    """Who a commit says made it: text that anybody can write, for showing only."""
    who = git.run(["show", "-s", "--format=%an", commit], git_dir=mirror.path).text
    return one_line(shown(who)) or "somebody"


def trailer(mirror: Mirror, commit: str, key: str) -> str:
    """What a commit says in its trailer `key`."""
    wanted = f"--format=%(trailers:key={key},valueonly)"
    return git.run(["show", "-s", wanted, commit], git_dir=mirror.path).text


def merge_commit(mirror: Mirror, tree: str, parent: str, text: str, when: datetime) -> str:
    """Make the commit that puts `tree` on `parent`. No ref moves."""
    return _commit(mirror, tree, [parent], text, f"@{int(when.timestamp())} +0000")


def checkpoint_commit(mirror: Mirror, note: str, key: str, size: int, when: datetime) -> str:
    """A commit that holds a signed checkpoint of the log and its public key, on the one before."""
    lines = []
    for name, text in (("checkpoint", note), ("log.pub", key.strip() + "\n")):
        blob = git.run(
            ["hash-object", "-w", "--no-filters", "--stdin"],
            git_dir=mirror.path,
            input=text.encode(),
        ).text
        lines.append(f"100644 blob {blob}\t{name}\n".encode())
    tree = git.run(["mktree"], git_dir=mirror.path, input=b"".join(lines)).text
    before = head(mirror, CHECKPOINT)
    parents = [before] if before else []
    text = f"Checkpoint of the log at {size} entries"
    return _commit(mirror, tree, parents, text, f"@{int(when.timestamp())} +0000")


def landed(mirror: Mirror, *, change: str, evidence: str, tree: str, parent: str) -> str | None:
    """Find Pawl's own merge on the branch: tree, first parent and trailers must all fit."""
    if head(mirror, parent) is None:
        return None
    listed = git.run(
        ["rev-list", "--parents", f"{parent}..{mirror.ref}"],
        git_dir=mirror.path,
        ok=(0, 128),
        cap=256 << 20,
    )
    for line in listed.text.splitlines():
        commit, *parents = line.split()
        if parents[:1] == [parent] and _is_ours(mirror, commit, change, evidence, tree):
            return commit
    return None


def proposal_ref(change: str) -> str:
    """The branch on which a change is shown to people."""
    return PROPOSALS + change


def _is_ours(mirror: Mirror, commit: str, change: str, evidence: str, tree: str) -> bool:
    shown_ = git.run(
        [
            "show",
            "-s",
            "--format=%T%n%(trailers:key=Pawl-Change,valueonly)"
            "%(trailers:key=Pawl-Evidence,valueonly)",
            commit,
        ],
        git_dir=mirror.path,
    ).text
    return [line for line in shown_.splitlines() if line] == [tree, change, f"sha256:{evidence}"]


def _commit(mirror: Mirror, tree: str, parents: Sequence[str], text: str, when: str) -> str:
    env = {
        f"GIT_{role}_{field}": value
        for role in ("AUTHOR", "COMMITTER")
        for field, value in (("NAME", AUTHOR), ("EMAIL", MAIL), ("DATE", when))
    }
    options = [word for parent in parents for word in ("-p", parent)]
    return git.run(
        ["commit-tree", tree, *options, "-F", "-"],
        git_dir=mirror.path,
        env=env,
        input=(text.replace("\0", "").strip() + "\n").encode("utf-8", "replace"),
    ).text
