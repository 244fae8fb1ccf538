"""Reads a directory or a commit as a tree, and writes a tree into an empty folder.

Reading leaves a directory exactly as it was and runs nothing that its configuration names. Writing
follows no link. No judgement on edits here, and no commits.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.repos import (
    GITLINK,
    LINK,
    PROGRAM,
    Entry,
    Files,
    Kind,
    LeftOut,
    RepositoryError,
    Snapshot,
    git,
    shown,
)
from service.repos.paths import leads_into_git

MAX_FILES = 250_000
MAX_BYTES = 1 << 30

_SUBMODULE = "a repository of its own (submodule); what is in it is not part of this tree"


@dataclass(frozen=True)
class Place:
    """Where a git directory keeps what; found without asking git, so no setting is read."""

    git_dir: Path  # HEAD and index
    common: Path  # objects, refs, config

    @property
    def objects(self) -> Path:
        return self.common / "objects"


def place(directory: Path) -> tuple[Kind, Place | None]:
    """Answer what `directory` itself is; a repository around it doesn't count."""
    dot_git = directory / ".git"
    if dot_git.is_file():
        text = dot_git.read_bytes().decode("utf-8", "surrogateescape")
        if not text.startswith("gitdir: "):
            raise RepositoryError(f"{shown(str(dot_git))} is no git file", code="not-a-repository")
        dot_git = directory / text.removeprefix("gitdir: ").rstrip("\n")
    if _is_git_dir(dot_git):
        return Kind.GIT, _place(dot_git)
    if _is_git_dir(directory):
        return Kind.BARE, _place(directory)
    return Kind.FOLDER, None


def enclosing(directory: Path) -> Path | None:
    """Give the nearest folder at or above `directory` that is a work tree of git or a bare
    repository, or None."""
    resolved = directory.resolve()
    for folder in (resolved, *resolved.parents):
        if (folder / ".git").exists() or _is_git_dir(folder):
            return folder
    return None


def _is_git_dir(folder: Path) -> bool:
    if not (folder / "HEAD").is_file():
        return False
    return (folder / "commondir").is_file() or (
        (folder / "objects").is_dir() and (folder / "refs").is_dir()
    )


def _place(git_dir: Path) -> Place:
    git_dir = git_dir.resolve()
    pointer = git_dir / "commondir"
    if not pointer.is_file():
        return Place(git_dir, git_dir)
    inside = pointer.read_bytes().decode("utf-8", "surrogateescape").rstrip("\n")
    return Place(git_dir, (git_dir / inside).resolve())


def snapshot(directory: Path) -> Snapshot:
    """Read what is in `directory`, and leave the directory exactly as it was.

    A git work tree gives its commit's files, with what was changed, added (and not ignored) or
    removed since; a bare repository its HEAD; any other folder all that its `.gitignore` files
    don't name. Raises `RepositoryError` when it can't be read whole.
    """
    if not directory.is_dir():
        raise RepositoryError(
            f"{shown(str(directory))} is no directory",
            code="no-directory",
            mend="Name a directory that exists.",
        )
    root = directory.resolve()
    kind, where = place(root)
    if where is None:
        with git.scratch() as store:
            found = _contents(store, _list(store, _stage(store, root, None)))
        return _snapshot(root, kind, found, head=None, branch=None, clean=False)
    _refuse_other_hashes(where)
    head, branch = _head(where)
    if kind is Kind.BARE and head is None:
        raise RepositoryError(
            f"{shown(str(root))} has no commit yet", code="no-commit", mend="Commit first."
        )
    with git.scratch() as store:
        staged = _stage(store, root, where) if kind is Kind.GIT else None
        git.borrow(store, where.objects)
        committed = _list(store, f"{head}^{{tree}}") if head else []
        listed = committed if staged is None else _list(store, staged)
        clean = head is not None and _plain(listed) == _plain(committed)
        links = {e.path: e for e in [*committed, *listed] if e.mode == GITLINK}
        found = _contents(store, [*_plain(listed), *links.values()])
        return _snapshot(root, kind, found, head=head, branch=branch, clean=clean)


def at(directory: Path, revision: str) -> Snapshot:
    """Read the tree of `revision` (a commit, tag or branch) from the repository `directory`.

    Raises `RepositoryError` when there is no such commit.
    """
    root = directory.resolve()
    kind, where = place(root)
    if where is None:
        raise RepositoryError(
            f"{shown(str(root))} is no git repository, so it has no revisions",
            code="not-a-repository",
            mend="Name the top folder of a git repository.",
        )
    _refuse_other_hashes(where)
    asked = git.run(
        ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"],
        git_dir=where.git_dir,
        ok=(0, 1, 128),
    )
    if asked.code != 0:
        raise RepositoryError(
            f"there is no commit {shown(revision)}",
            code="no-such-revision",
            mend="Name a commit, tag or branch that this repository has.",
        )
    with git.scratch() as store:
        git.borrow(store, where.objects)
        found = _contents(store, _list(store, f"{asked.text}^{{tree}}"))
    _, branch = _head(where)
    return _snapshot(root, kind, found, head=asked.text, branch=branch, clean=True)


def files(where: Place, treeish: str) -> Files:
    """Read the files of a commit or tree of the repository at `where`."""
    with git.scratch() as store:
        git.borrow(store, where.objects)
        return _contents(store, _list(store, treeish)).files


@dataclass(frozen=True)
class _Listed:
    path: str
    mode: int
    blob: str


@dataclass(frozen=True)
class _Found:
    files: dict[str, Entry]
    submodules: tuple[str, ...]


def _snapshot(
    root: Path, kind: Kind, found: _Found, *, head: str | None, branch: str | None, clean: bool
) -> Snapshot:
    tree = tree_id(found.files)
    left_out = tuple(LeftOut(shown(p), _SUBMODULE) for p in found.submodules)
    return Snapshot(
        root=root,
        kind=kind,
        files=found.files,
        base=head if clean and head else tree,
        tree=tree,
        dirty=kind is Kind.GIT and not clean,
        head=head,
        branch=branch,
        left_out=left_out,
        blocked=frozenset(found.submodules),
    )


def _head(where: Place) -> tuple[str | None, str | None]:
    commit = git.run(
        ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"],
        git_dir=where.git_dir,
        ok=(0, 1, 128),
    )
    name = git.run(
        ["symbolic-ref", "--quiet", "--short", "HEAD"], git_dir=where.git_dir, ok=(0, 1, 128)
    )
    return (
        commit.text if commit.code == 0 else None,
        name.text if name.code == 0 and name.text else None,
    )


def _settings(where: Place) -> dict[str, str]:
    """Read the repository's settings as text; `--file` follows no include."""
    listed = git.run(
        ["config", "--file", str(where.common / "config"), "--null", "--list"], ok=(0, 1)
    )
    pairs = (item.partition(b"\n") for item in listed.out.split(b"\0") if item)
    return {k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, _, v in pairs}


def _refuse_other_hashes(where: Place) -> None:
    if _settings(where).get("extensions.objectformat", "sha1") != "sha1":
        raise RepositoryError(
            "this repository uses SHA-256 object ids, which Pawl can't read",
            code="object-format",
            mend="Use a clone with SHA-1 object ids.",
        )


_HARMLESS = ("core.filemode", "core.autocrlf", "core.eol", "core.ignorecase", "core.symlinks")


def _stage(store: Path, root: Path, where: Place | None) -> str:
    """Give the tree id of what lies in `root`, as git itself would commit it, made in `store`.

    The index starts as a copy of the repository's own, so that unchanged files are not read.
    Submodules are taken out first: git would ask them for their state, by their configuration.
    """
    options: list[str] = []
    if where is not None:
        settings = _settings(where)
        for key in _HARMLESS:
            if key in settings:
                options += ["-c", f"{key}={settings[key]}"]
        # The copy keeps its time: by it git knows which entries are too young to be trusted.
        for name in ("index", *(p.name for p in where.git_dir.glob("sharedindex.*"))):
            if (where.git_dir / name).is_file():
                shutil.copy2(where.git_dir / name, store / name)
        exclude = where.common / "info" / "exclude"
        if exclude.is_file():
            (store / "info").mkdir(exist_ok=True)
            shutil.copyfile(exclude, store / "info" / "exclude")
        entries = git.run(["ls-files", "--stage", "-z"], git_dir=store, cap=256 << 20)
        links = [e.partition(b"\t")[2] for e in entries.out.split(b"\0") if e.startswith(b"160000")]
        if links:
            git.run(
                ["update-index", "--force-remove", "-z", "--stdin"],
                git_dir=store,
                work_tree=root,
                cwd=root,
                input=b"".join(path + b"\0" for path in links),
            )
    git.run(
        [*options, "-c", "core.bare=false", "add", "--all"],
        git_dir=store,
        work_tree=root,
        cwd=root,
        timeout=300,
    )
    # What is as it was has not been read, and its objects are still with the repository.
    return git.run(["write-tree", "--missing-ok"], git_dir=store).text


def _list(store: Path, treeish: str) -> list[_Listed]:
    # No sizes here: git would have to open every object for them, and they are read later anyhow.
    out = git.run(["ls-tree", "-r", "-z", "--full-tree", treeish], git_dir=store, cap=256 << 20)
    listed = []
    for item in out.out.split(b"\0"):
        if not item:
            continue
        facts, _, name = item.partition(b"\t")
        mode, _, blob = facts.split()
        path = name.decode("utf-8", "surrogateescape")
        _refuse_unwritable(path)
        listed.append(_Listed(path, int(mode, 8), blob.decode()))
    return listed


def _refuse_unwritable(path: str) -> None:
    """Raise for a name that git's own checks would keep out of a work tree."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or leads_into_git(part) for part in parts):
        raise RepositoryError(
            f"the tree holds {shown(path)}, a name that must never be written",
            code="unwritable-name",
            mend="Remove this entry from the repository; git fsck names it too.",
        )


def _plain(listed: Iterable[_Listed]) -> list[_Listed]:
    return [e for e in listed if e.mode != GITLINK]


def _contents(store: Path, listed: list[_Listed]) -> _Found:
    plain = _plain(listed)
    if len(plain) > MAX_FILES:
        raise _too_large(f"{len(plain)} files, at most {MAX_FILES}")
    with git.blobs([e.blob for e in plain], git_dir=store) as contents:
        # Git knows odd modes of old times (100664); a work tree gets them as plain files.
        files: dict[str, Entry] = {}
        total = 0
        for entry, data in zip(plain, contents, strict=True):
            mode = entry.mode if entry.mode in (LINK, PROGRAM) else 0o100644
            files[entry.path] = mode, data
            total += len(data)
            if total > MAX_BYTES:
                raise _too_large(f"more than {MAX_BYTES >> 20} MiB")
    return _Found(files, tuple(sorted(e.path for e in listed if e.mode == GITLINK)))


def _too_large(why: str) -> RepositoryError:
    return RepositoryError(
        f"the tree is too large: {why}",
        code="too-large",
        mend="Name what does not belong to it in .gitignore.",
    )


def blob_id(data: bytes) -> str:
    """Give the id that git has for a file with content `data`."""
    return _object_id(b"blob", data)


def _object_id(kind: bytes, data: bytes) -> str:
    digest = hashlib.sha1(b"%s %d\0" % (kind, len(data)), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


def tree_id(files: Files) -> str:
    """Give the id that git has for the tree `files`, computed in memory."""
    return tree_of({path: (mode, blob_id(data)) for path, (mode, data) in files.items()})


def tree_of(ids: Mapping[str, tuple[int, str]]) -> str:
    """Give the id of the tree with `ids` (path -> mode and blob id)."""
    folders: dict[bytes, list[tuple[bytes, int, str]]] = {b"": []}
    for path, (mode, blob) in ids.items():
        parent, _, name = os.fsencode(path).rpartition(b"/")
        _folder(folders, parent).append((name, mode, blob))
    # Deepest first, so that each folder's id is known when its parent needs it.
    for parent in sorted(folders, key=lambda p: p.count(b"/") if p else -1, reverse=True):
        entries = sorted(folders[parent], key=lambda e: e[0] + b"/" if e[1] == 0o40000 else e[0])
        data = b"".join(
            b"%o %s\0" % (mode, name) + bytes.fromhex(blob) for name, mode, blob in entries
        )
        own = _object_id(b"tree", data)
        if not parent:
            return own
        above, _, name = parent.rpartition(b"/")
        folders[above].append((name, 0o40000, own))
    raise AssertionError("the root folder is always there")


def _folder(
    folders: dict[bytes, list[tuple[bytes, int, str]]], folder: bytes
) -> list[tuple[bytes, int, str]]:
    at = folder
    while at not in folders:
        folders[at] = []
        at = at.rpartition(b"/")[0]
    return folders[folder]


def write(files: Files, into: Path) -> None:
    """Write `files` into the folder `into`, which must be empty or not there yet.

    Links are made, never followed. Raises `RepositoryError` for a path that leads elsewhere, and
    for a folder that holds something; what was written until then stays.
    """
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise RepositoryError(f"{shown(str(into))} is not empty", code="not-empty")
    top = os.open(into, os.O_DIRECTORY | os.O_RDONLY)
    try:
        # Links come last, so that no folder on the way to a file can be one of them.
        for path in sorted(files, key=lambda p: (files[p][0] == LINK, p)):
            _refuse_unwritable(path)
            mode, data = files[path]
            _write_one(top, os.fsencode(path).split(b"/"), mode, data)
    except OSError as wrong:
        raise RepositoryError(
            f"can't write below {shown(str(into))}: {wrong.strerror}", code="not-written"
        ) from wrong
    finally:
        os.close(top)


def _write_one(top: int, parts: list[bytes], mode: int, data: bytes) -> None:
    folder = os.dup(top)
    try:
        for part in parts[:-1]:
            with suppress(FileExistsError):  # opening it tells whether it is a real folder
                os.mkdir(part, 0o755, dir_fd=folder)
            below = os.open(part, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = below
        if mode == LINK:
            os.symlink(data, parts[-1], dir_fd=folder)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        file = os.open(parts[-1], flags, 0o644, dir_fd=folder)
        with os.fdopen(file, "wb") as out:
            out.write(data)
            # Set apart from the caller's umask: git knows these two modes only.
            os.fchmod(out.fileno(), 0o755 if mode == PROGRAM else 0o644)
    finally:
        os.close(folder)
