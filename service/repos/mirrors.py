"""Keeps one bare mirror of each repository, and is the only place that speaks with the original.

A mirror holds the branch that changes go to, Pawl's own branches and its checkpoint, nothing else.
What a fetch brings is data: no hook, filter or setting of the original is ever read.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from service.repos import Kind, RefusalCode, Refused, RepositoryError, Snapshot, git, shown, trees
from service.repos.git import Done, Protocol
from service.repos.remotes import Remote
from service.repos.trees import Place, place

BRANCHES = "refs/heads/"
PROPOSALS = "refs/heads/pawl/"
CHECKPOINT = "refs/pawl/checkpoint"

# The other side of a local path is a git of ours too: no hook, no clean-up, no moved work tree.
_LOCAL_RECEIVE = (
    "--receive-pack=git -c core.hooksPath=/dev/null -c receive.autogc=false -c gc.auto=0"
    " -c receive.denyCurrentBranch=refuse -c transfer.fsckObjects=true receive-pack"
)
_LOCAL_UPLOAD = "--upload-pack=git -c core.hooksPath=/dev/null upload-pack"


@dataclass(frozen=True)
class Mirror:
    """A mirror on this disk, of one branch of one repository."""

    path: Path
    remote: Remote
    branch: str
    host: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What of this machine's environment git may see to sign in: HOME, SSH_AUTH_SOCK ..."""

    @property
    def place(self) -> Place:
        """The mirror as the other modules of this package name a git directory."""
        return Place(self.path, self.path)

    @property
    def ref(self) -> str:
        """The full name of the branch."""
        return BRANCHES + self.branch


@dataclass(frozen=True)
class Swap:
    """A ref that moves from `old` to `new`, or not at all; None: it is not there."""

    ref: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Pushed:
    """Every ref of a push moved."""


@dataclass(frozen=True)
class NotPushed:
    """No ref moved, as far as the other side said. `lost`: somebody else was quicker."""

    why: str
    lost: bool


def branch_name(branch: str) -> Refused | None:
    """Answer why `branch` can't be one that changes go to; None where it can."""
    good = (
        0 < len(branch) <= 200
        and not branch.startswith(("-", "refs/", "pawl/"))
        and branch not in ("HEAD", "pawl", "@")
        and branch.isprintable()
        and not set(branch) & set("*:?[\\^~ ")
        and git.run(["check-ref-format", BRANCHES + branch], ok=None).code == 0
    )
    if good:
        return None
    why = "this can't be the name of a branch that changes go to"
    return Refused(RefusalCode.BRANCH_NAME, shown(branch), why, "Names below pawl/ are Pawl's.")


def default_branch(remote: Remote, host: Mapping[str, str] | None = None) -> str | None:
    """Ask the repository which branch its HEAD is. Raises `RepositoryError`."""
    listed = _speak(remote, host, "ls-remote", ["--symref"], ["HEAD"], timeout=60)
    for line in listed.out.decode("utf-8", "replace").splitlines():
        target, _, name = line.removeprefix("ref: ").partition("\t")
        if line.startswith("ref: ") and name == "HEAD":
            return target.removeprefix(BRANCHES)
    return None


def create(mirror: Mirror) -> None:
    """Make the mirror and fetch it once; nothing stays where that fails."""
    mirror.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    git.run(["init", "--quiet", "--bare", "--template=", str(mirror.path)])
    try:
        fetch(mirror)
    except BaseException:
        remove(mirror)
        raise


def remove(mirror: Mirror) -> None:
    """Take the mirror away; the repository itself is not touched."""
    shutil.rmtree(mirror.path, ignore_errors=True)
    _lock(mirror).unlink(missing_ok=True)


def fetch(mirror: Mirror) -> None:
    """Bring the mirror up to date, whole or not at all. Raises `RepositoryError`."""
    refspecs = [
        f"+{mirror.ref}:{mirror.ref}",
        f"+{PROPOSALS}*:{PROPOSALS}*",
        "+refs/pawl/*:refs/pawl/*",
    ]
    with _alone(mirror):
        _speak(
            mirror.remote,
            mirror.host,
            "fetch",
            ["--atomic", "--prune", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"],
            refspecs,
            git_dir=mirror.path,
        )


def push(mirror: Mirror, swaps: Sequence[Swap]) -> Pushed | NotPushed:
    """Move all `swaps` in the repository, each only from what it is thought to be; or none.

    Raises `RepositoryError` where it can't be said whether they moved (a connection that broke).
    """
    leases = [f"--force-with-lease={s.ref}:{s.old or ''}" for s in swaps]
    refspecs = [f"{s.new or ''}:{s.ref}" for s in swaps]
    with _alone(mirror):
        done = _speak(
            mirror.remote,
            mirror.host,
            "push",
            ["--porcelain", "--atomic", "--no-verify", "--no-signed", *leases],
            refspecs,
            git_dir=mirror.path,
            ok=(0, 1, 128),
        )
    return _pushed(done)


def may_push(mirror: Mirror) -> str:
    """Answer why Pawl could not merge into the repository, in a sentence; "" where it could.

    Nothing is written there: the other side is asked for a push that is then not made.
    """
    out = checked_out(mirror)
    if out is not None:
        return out
    at = head(mirror)
    if at is None:
        return "the branch has no commit yet"
    try:
        done = _speak(
            mirror.remote,
            mirror.host,
            "push",
            ["--dry-run", "--porcelain", "--no-verify"],
            [f"{at}:{PROPOSALS}probe"],
            git_dir=mirror.path,
            ok=(0, 1, 128),
            timeout=60,
        )
    except RepositoryError as error:
        return f"a push can't be tried: {error}"
    if done.code != 0:
        return f"Pawl may not push there: {done.complaint or 'it was refused'}"
    folder = mirror.remote.path
    if folder is not None:
        common = place(folder)[1]
        if common is not None and not _writable(common.common):
            return f"Pawl may not write in {shown(str(common.common))}"
    return ""


def checked_out(mirror: Mirror) -> str | None:
    """Answer in a sentence where the branch is checked out, so that it must not be moved."""
    folder = mirror.remote.path
    if folder is None:
        return None
    _, where = place(folder)
    if where is None:
        return f"there is no git repository at {shown(str(folder))} any more"
    listed = git.run(["worktree", "list", "--porcelain", "-z"], git_dir=where.git_dir)
    for block in listed.out.split(b"\0\0"):
        lines = block.split(b"\0")
        if b"bare" not in lines and b"branch " + mirror.ref.encode() in lines:
            return (
                f"{mirror.branch} is checked out in {shown(lines[0].removeprefix(b'worktree '))}, "
                "and a checked-out branch is never moved: register a bare repository, or check "
                "out another branch there"
            )
    return None


def hooks(mirror: Mirror) -> tuple[str, ...]:
    """Name the hooks of a repository on this machine, which a push of Pawl does not run."""
    folder = mirror.remote.path
    where = place(folder)[1] if folder is not None else None
    if where is None:
        return ()
    found = [h for h in (where.common / "hooks").glob("*") if h.suffix != ".sample"]
    return tuple(sorted(shown(h.name) for h in found if h.is_file()))


def head(mirror: Mirror, ref: str | None = None) -> str | None:
    """The commit that `ref` (default: the branch) was at when the mirror was last fetched."""
    wanted = f"{ref or mirror.ref}^{{commit}}"
    asked = git.run(
        ["rev-parse", "--verify", "--quiet", "--end-of-options", wanted],
        git_dir=mirror.path,
        ok=(0, 1, 128),
    )
    return asked.text if asked.code == 0 else None


def snapshot(mirror: Mirror, revision: str) -> Snapshot:
    """The tree of a commit, as files. Raises `RepositoryError` where the mirror lacks it."""
    return trees.at(mirror.path, revision)


def exists(mirror: Mirror) -> bool:
    """Whether the mirror is on this disk."""
    return mirror.path.is_dir() and place(mirror.path)[0] is Kind.BARE


def _speak(
    remote: Remote,
    host: Mapping[str, str] | None,
    command: str,
    options: Sequence[str],
    rest: Sequence[str],
    *,
    git_dir: Path | None = None,
    ok: Sequence[int] = (0,),
    timeout: float = 300.0,
) -> Done:
    local: tuple[str, ...] = ()
    if remote.protocol is Protocol.FILE:
        local = (_LOCAL_RECEIVE if command == "push" else _LOCAL_UPLOAD,)
    try:
        return git.network(
            [command, *options, *local, "--", remote.url, *rest],
            protocol=remote.protocol,
            git_dir=git_dir,
            host=host,
            ok=ok,
            timeout=timeout,
        )
    except RepositoryError as error:
        raise RepositoryError(
            f"{shown(remote.url)}: {error}",
            code="unreachable" if error.code == "git-failed" else error.code,
            mend="Try it by hand on this machine: git ls-remote with the same address.",
        ) from error


def _pushed(done: Done) -> Pushed | NotPushed:
    if done.code == 0:
        return Pushed()
    refused = [
        line.split("\t")[-1]
        for line in done.out.decode("utf-8", "replace").splitlines()
        if line.startswith("!")
    ]
    if not refused:  # it never came to refs, or broke off after them
        raise RepositoryError(f"the push broke off: {done.complaint}", code="push-broke-off")
    # With --atomic the refs that were in order are reported too; the others say why.
    why = next((r for r in refused if "atomic" not in r), refused[0])
    stale = ("stale info", "non-fast-forward", "fetch first", "cannot lock ref", "already exists")
    lost = any(word in line for line in refused for word in stale)
    return NotPushed(shown(why), lost)


def _writable(folder: Path) -> bool:
    return os.access(folder / "objects", os.W_OK | os.X_OK)


def _lock(mirror: Mirror) -> Path:
    return mirror.path.with_suffix(".lock")


@contextmanager
def _alone(mirror: Mirror) -> Iterator[None]:
    """Let one fetch or push at a time work on a mirror, in this process or another."""
    with _lock(mirror).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
