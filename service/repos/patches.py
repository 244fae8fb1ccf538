"""Reads and writes patches in the form that `git apply` takes.

Git itself parses and applies, in a throw-away repository; what a patch does is then read from the
trees before and after, never from its text. Whether that may be is for `edits` to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from service.repos import (
    GITLINK,
    Entry,
    FileEdit,
    Files,
    RefusalCode,
    Refused,
    RepositoryError,
    git,
    paths,
    shown,
)
from service.repos.edits import MAX_EDITS, between
from service.repos.trees import blob_id

MAX_PATCH = 96 << 20

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_HEADERS = (b"rename from ", b"rename to ", b"copy from ", b"copy to ")
_ESCAPE = re.compile(rb'\\([0-7]{3}|[abfnrtv"\\])')
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_ESCAPES |= {b"v": b"\v", b'"': b'"', b"\\": b"\\"}


def parse(files: Files, patch: bytes) -> list[FileEdit] | Refused:
    """Give the edits that `patch` makes of `files`, sorted by path, or why it can't be taken.

    A rename comes out as both of its names, a second file hidden behind a hunk as a file of its
    own. The edits have still to pass `edits.apply`.
    """
    if len(patch) > MAX_PATCH:
        why = f"a patch has at most {MAX_PATCH >> 20} MiB"
        return Refused(RefusalCode.TOO_BIG, "", why)
    headers = _headers(patch)
    if len(headers.names) > 6 * MAX_EDITS:
        return Refused(RefusalCode.TOO_MANY, "", f"a change has at most {MAX_EDITS} files")
    for name in headers.names:
        # Git takes the first folder of an absolute name off and the rest for a path inside.
        written = name if name.startswith(b"/") else name.partition(b"/")[2] or name
        refusal = paths.check(written.decode("utf-8", "surrogateescape"))
        if refusal is not None:
            return refusal
    ids = {path: (mode, blob_id(data)) for path, (mode, data) in files.items()}
    with git.scratch() as store:
        _load(store, [files[p][1] for p in files if headers.mention(p)])
        _index(store, ids)
        done = git.run(
            ["apply", "--cached", "--whitespace=nowarn", "-p1", "-"],
            git_dir=store,
            cwd=store,
            input=patch,
            ok=None,
        )
        if done.code != 0:
            return _does_not_apply(done)
        after = _entries(store)
        if any(mode == GITLINK for mode, _ in after.values()):
            path = min(p for p, (mode, _) in after.items() if mode == GITLINK)
            why = "a submodule points at code that nobody reviews here"
            return Refused(RefusalCode.SUBMODULE, shown(path), why)
        changed = sorted(p for p in ids.keys() | after.keys() if ids.get(p) != after.get(p))
        if not changed:
            return Refused(RefusalCode.CHANGES_NOTHING, "", "the patch changes nothing")
        new = [p for p in changed if p in after]
        with git.blobs([after[p][1] for p in new], git_dir=store) as contents:
            made: dict[str, Entry] = {
                path: (after[path][0], data) for path, data in zip(new, contents, strict=True)
            }
    return [(path, files.get(path), made.get(path)) for path in changed]


def write(base: Files, draft: Files) -> bytes:
    """Give the patch from `base` to `draft`, as `git apply` takes it; the same in, the same out.

    Names are full, renames stand as removal and addition, binary files are whole.
    """
    changed = between(base, draft)
    with git.scratch() as store:
        trees = []
        for side in (base, draft):
            entries = {path: side[path] for path, _, _ in changed if path in side}
            _load(store, [data for _, data in entries.values()])
            (store / "index").unlink(missing_ok=True)
            _index(store, {p: (mode, blob_id(data)) for p, (mode, data) in entries.items()})
            trees.append(git.run(["write-tree"], git_dir=store).text)
        return git.run(
            [
                *("diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames"),
                *("--no-ext-diff", "--no-textconv", "--no-color", "--diff-algorithm=myers"),
                *("--unified=3", "--src-prefix=a/", "--dst-prefix=b/", *trees),
            ],
            git_dir=store,
            cap=512 << 20,
        ).out


@dataclass(frozen=True)
class _Headers:
    """The names that a patch's headers hold; for early refusals and to know what to load."""

    names: tuple[bytes, ...]  # as they stand there, "a/" and "b/" included
    text: bytes

    def mention(self, path: str) -> bool:
        return path.encode("utf-8", "surrogateescape") in self.text


def _headers(patch: bytes) -> _Headers:
    names: list[bytes] = []
    lines: list[bytes] = []
    for line in _outside_hunks(patch):
        if line.startswith((b"--- ", b"+++ ")):
            name = _unquoted(line[4:].split(b"\t")[0].rstrip(b"\r"))
            if name != b"/dev/null":
                names.append(name)
            lines.append(name)
        elif line.startswith(_HEADERS):
            name = _unquoted(line.split(b" ", 2)[2].rstrip(b"\r"))
            names.append(b"a/" + name)  # these stand without
            lines.append(name)
        elif line.startswith(b"diff --git "):
            rest = line[11:].rstrip(b"\r")
            lines.append(_unquoted(rest))
            if rest.startswith((b"/", b'"/')):
                names.append(_unquoted(rest))
    return _Headers(tuple(names), b"\n".join(lines))


def _outside_hunks(patch: bytes) -> Iterator[bytes]:
    """Give the lines that are not content, counting content by the hunks' own numbers."""
    old = new = 0
    for line in patch.split(b"\n"):
        if old > 0 or new > 0:
            mark = line[:1]
            if mark in (b" ", b"", b"-"):
                old -= 1
            if mark in (b" ", b"", b"+"):
                new -= 1
            if mark in (b" ", b"", b"-", b"+", b"\\"):
                continue
            old = new = 0  # the numbers were wrong; git will say so
        hunk = _HUNK.match(line)
        if hunk:
            old, new = (int(n) if n is not None else 1 for n in hunk.groups())
            continue
        yield line


def _unquoted(name: bytes) -> bytes:
    """Undo git's quoting of odd names, in every quoted part of `name`."""
    if b'"' not in name:
        return name

    def one(found: re.Match[bytes]) -> bytes:
        code = found.group(1)
        return _ESCAPES[code] if code in _ESCAPES else bytes([int(code, 8) & 0xFF])

    return _ESCAPE.sub(one, name).replace(b'"', b"") if name.count(b'"') % 2 == 0 else name


def _load(store: Path, contents: Iterable[bytes]) -> None:
    """Put `contents` into the object store, as one pack."""

    def stream() -> Iterator[bytes]:
        for data in contents:
            yield b"blob\ndata %d\n" % len(data)
            yield data
            yield b"\n"
        yield b"done\n"

    git.run(["fast-import", "--quiet", "--done"], git_dir=store, input=stream(), timeout=120)


def _index(store: Path, ids: dict[str, tuple[int, str]]) -> None:
    """Fill the index with `ids`. Raises when git passed over one of them."""
    lines = (
        b"%o %s\t%s\0" % (mode, blob.encode(), path.encode("utf-8", "surrogateescape"))
        for path, (mode, blob) in sorted(ids.items())
    )
    git.run(["update-index", "-z", "--index-info"], git_dir=store, input=lines)
    # Git skips a name that it does not like with a mere warning, and a patch would lack it.
    lost = ids.keys() - _entries(store).keys()
    if lost:
        raise RepositoryError(f"git can't hold the name {shown(min(lost))}", code="unwritable-name")


def _entries(store: Path) -> dict[str, tuple[int, str]]:
    out = git.run(["ls-files", "--stage", "-z"], git_dir=store, cap=256 << 20).out
    entries = {}
    for item in out.split(b"\0"):
        if item:
            facts, _, name = item.partition(b"\t")
            mode, blob, _ = facts.split()
            entries[name.decode("utf-8", "surrogateescape")] = (int(mode, 8), blob.decode())
    return entries


def _does_not_apply(done: git.Done) -> Refused:
    if b"valid patches" in done.err or b"corrupt patch" in done.err:
        return Refused(
            RefusalCode.NOT_A_PATCH,
            "",
            f"git finds no patch that it can read: {done.complaint}",
            "Make it with git diff.",
        )
    return Refused(
        RefusalCode.DOES_NOT_APPLY,
        "",
        f"the patch does not fit the tree: {done.complaint}",
        "Make it again from the tree as it is, paths from its top.",
    )
