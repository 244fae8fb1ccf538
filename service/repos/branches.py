"""Makes a branch in a repository without touching its work tree, its index or another branch.

One commit on the commit that was checked out, always by the same author, so that the same change
gives the same commit. Nothing here merges.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from service.repos import (
    Draft,
    Kind,
    RefusalCode,
    Refused,
    RepositoryError,
    Snapshot,
    Touched,
    git,
    shown,
)
from service.repos.trees import Place, place

AUTHOR = "Pawl"
MAIL = "pawl@localhost.invalid"

_NAME = re.compile(r"[A-Za-z0-9._/-]{1,100}")
_NONE = "0" * 40


def commit(snapshot: Snapshot, draft: Draft, branch: str, message: str) -> str | Refused:
    """Make `branch` with one commit that holds `draft`'s changes, and give the commit's id.

    The commit lies on `snapshot.head` and holds nothing else that a dirty work tree has. Asked
    again for the same it gives the same id; a branch of that name with other content is refused
    and stays. Raises `RepositoryError` when git can't write.
    """
    kind, where = place(snapshot.root)
    if kind is Kind.FOLDER or where is None or snapshot.head is None:
        why = "there is no commit that a branch could start from"
        return Refused(RefusalCode.NO_COMMIT, "", why, "Take the proposal as a patch.")
    refusal = _name(branch)
    if refusal is not None:
        return refusal
    if not draft.touched:
        return Refused(RefusalCode.CHANGES_NOTHING, "", "the change is empty")
    tree = write_tree(where, snapshot.head, draft)
    if isinstance(tree, Refused):
        return tree
    made = commit_tree(where, snapshot.head, tree, message)
    return _branch(where, branch, made, tree, snapshot.head)


def write_tree(where: Place, parent: str, draft: Draft) -> str | Refused:
    """Write the tree that `draft`'s changes make of the commit `parent`, and give its id.

    Refused where `parent` has another version of a file than the draft was made from.
    """
    with tempfile.TemporaryDirectory(prefix="pawl-index-") as folder:
        env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git.run(["read-tree", parent], git_dir=where.git_dir, env=env)
        for touched in draft.touched:
            if _committed(where, parent, touched.path) != _old(touched):
                return Refused(
                    RefusalCode.BEFORE_DIFFERS,
                    shown(touched.path),
                    "the work tree has changes of this file that are not committed",
                    "Commit them first, or take the proposal as a patch.",
                )
        git.run(
            ["update-index", "-z", "--index-info"],
            git_dir=where.git_dir,
            env=env,
            input=[_line(where, draft, touched) for touched in draft.touched],
        )
        tree = git.run(["write-tree"], git_dir=where.git_dir, env=env).text
    if rows_between(where, parent, tree) != draft.touched:
        raise RepositoryError("git wrote another tree than the change has", code="tree-differs")
    return tree


def _name(branch: str) -> Refused | None:
    allowed = (
        _NAME.fullmatch(branch)
        and branch != "HEAD"
        and not branch.startswith(("refs/", "-"))
        and git.run(["check-ref-format", f"refs/heads/{branch}"], ok=None).code == 0
    )
    if allowed:
        return None
    return Refused(
        RefusalCode.BRANCH_NAME,
        shown(branch),
        "this can't be the name of a branch",
        "Use letters, digits, dots, dashes, underscores and slashes.",
    )


def _old(touched: Touched) -> tuple[int, str]:
    return touched.old_mode, touched.old_blob


def _committed(where: Place, commit: str, path: bytes) -> tuple[int, str]:
    listed = git.run(
        ["ls-tree", "-z", "--full-tree", commit, "--", path], git_dir=where.git_dir
    ).out
    if not listed:
        return 0, ""
    mode, _, blob = listed.partition(b"\t")[0].split()
    return int(mode, 8), blob.decode()


def _line(where: Place, draft: Draft, touched: Touched) -> bytes:
    if touched.new_mode == 0:
        return b"0 %s\t%s\0" % (_NONE.encode(), touched.path)
    data = draft.files[touched.path.decode("utf-8", "surrogateescape")][1]
    blob = git.run(
        ["hash-object", "-w", "--no-filters", "--stdin"], git_dir=where.git_dir, input=data
    ).text
    return b"%o %s\t%s\0" % (touched.new_mode, blob.encode(), touched.path)


def rows_between(where: Place, old: str, new: str) -> tuple[Touched, ...]:
    """What differs between two commits or trees, as the sorted rows that a patch is made of."""
    fields = git.run(
        ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", old, new],
        git_dir=where.git_dir,
        cap=256 << 20,
    ).out.split(b"\0")
    found = []
    for facts, path in zip(fields[0::2], fields[1::2], strict=False):
        old_mode, new_mode, old_blob, new_blob, _ = facts.removeprefix(b":").split()
        found.append(
            Touched(
                path,
                int(old_mode, 8),
                old_blob.decode() if int(old_mode, 8) else "",
                int(new_mode, 8),
                new_blob.decode() if int(new_mode, 8) else "",
            )
        )
    return tuple(sorted(found))


def commit_tree(where: Place, parent: str, tree: str, message: str) -> str:
    """Make the commit that puts `tree` on `parent`; asked again, it is the same commit."""
    # The parent's time, so that the same change on the same commit has the same id.
    when = git.run(["show", "-s", "--format=%ct", parent], git_dir=where.git_dir).text
    env = {
        "GIT_AUTHOR_NAME": AUTHOR,
        "GIT_AUTHOR_EMAIL": MAIL,
        "GIT_AUTHOR_DATE": f"{when} +0000",
        "GIT_COMMITTER_NAME": AUTHOR,
        "GIT_COMMITTER_EMAIL": MAIL,
        "GIT_COMMITTER_DATE": f"{when} +0000",
    }
    text = message.replace("\0", "").strip() + "\n"
    return git.run(
        ["commit-tree", tree, "-p", parent, "-F", "-"],
        git_dir=where.git_dir,
        env=env,
        input=text.encode("utf-8", "replace"),
    ).text


def _branch(where: Place, branch: str, made: str, tree: str, parent: str) -> str | Refused:
    ref = f"refs/heads/{branch}"
    env = {"GIT_COMMITTER_NAME": AUTHOR, "GIT_COMMITTER_EMAIL": MAIL}
    created = git.run(
        ["update-ref", "--stdin"],
        git_dir=where.git_dir,
        env=env,
        input=f"start\ncreate {ref} {made}\nprepare\ncommit\n".encode(),
        ok=None,
    )
    if created.code == 0:
        return made
    there = git.run(
        ["rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"], git_dir=where.git_dir, ok=None
    )
    if there.code == 0:
        facts = git.run(["show", "-s", "--format=%T %P", there.text], git_dir=where.git_dir).text
        if facts == f"{tree} {parent}":
            return there.text
        why = "a branch of this name is there, with other content"
        return Refused(RefusalCode.BRANCH_EXISTS, branch, why, "Give another name.")
    why = f"git can't make this branch: {created.complaint}"
    return Refused(RefusalCode.BRANCH_EXISTS, branch, why, "Give another name.")
