"""The draft as hunks against base, and the draft with some of them left out.

Works on bytes of two trees alone; a file that is new, gone, binary or a link is one hunk as a
whole. What a hunk is good for is found by `shrinking`.
"""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Set
from dataclasses import dataclass

from sandbox import Files

WHOLE = "whole file"
CONTEXT = 3
_REGULAR = (0o100644, 0o100755)
_WORDS = (".md", ".rst", ".txt", ".adoc")
_WORD_NAMES = ("license", "changelog", "authors", "codeowners", ".gitignore", ".gitattributes")


@dataclass(frozen=True)
class Hunk:
    """One piece of the difference. `group` is its number in the file, -1 for the whole file."""

    path: str
    header: str
    group: int = -1

    @property
    def is_words(self) -> bool:
        """Whether nothing in it is run: docs and the like (a guess that only orders the work)."""
        name = posixpath.basename(self.path).lower()
        folders = self.path.lower().split("/")[:-1]
        return (
            name.endswith(_WORDS)
            or name.split(".")[0] in _WORD_NAMES
            or name in _WORD_NAMES
            or any(folder in ("docs", "doc", "test", "tests") for folder in folders)
        )


def hunks(base: Files, draft: Files) -> tuple[Hunk, ...]:
    """All differences between two trees, by path and place."""
    found: list[Hunk] = []
    for path in sorted(base.keys() | draft.keys()):
        old, new = base.get(path), draft.get(path)
        if old == new:
            continue
        if old is None or new is None or not (_is_text(old) and _is_text(new)):
            found.append(Hunk(path, WHOLE))
            continue
        if old[0] != new[0]:
            found.append(Hunk(path, f"mode {old[0]:o} -> {new[0]:o}"))
        before, after = _lines(old[1]), _lines(new[1])
        for number, group in enumerate(_groups(before, after)):
            first, last = group[0], group[-1]
            header = (
                f"@@ -{first[1] + 1},{last[2] - first[1]} +{first[3] + 1},{last[4] - first[3]} @@"
            )
            found.append(Hunk(path, header, number))
    return tuple(found)


def without(base: Files, draft: Files, found: tuple[Hunk, ...], left_out: Set[int]) -> Files:
    """The draft with the hunks numbered `left_out` taken back to base."""
    tree = dict(draft)
    for path in {found[i].path for i in left_out}:
        out = [found[i] for i in sorted(left_out) if found[i].path == path]
        if any(hunk.header == WHOLE for hunk in out):
            if path in base:
                tree[path] = base[path]
            else:
                del tree[path]
            continue
        mode, content = draft[path]
        if any(hunk.group < 0 for hunk in out):
            mode = base[path][0]
        groups = {hunk.group for hunk in out if hunk.group >= 0}
        if groups:
            content = _mixed(base[path][1], content, groups)
        tree[path] = (mode, content)
    return tree


def _mixed(old: bytes, new: bytes, left_out: set[int]) -> bytes:
    before, after = _lines(old), _lines(new)
    whole = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    reverted = {
        (op[1], op[2], op[3], op[4])
        for number, group in enumerate(_groups(before, after))
        if number in left_out
        for op in group
        if op[0] != "equal"
    }
    lines: list[bytes] = []
    for tag, i1, i2, j1, j2 in whole:
        if tag == "equal" or (i1, i2, j1, j2) not in reverted:
            lines += after[j1:j2]
        else:
            lines += before[i1:i2]
    return b"".join(lines)


def _groups(before: list[bytes], after: list[bytes]) -> list[list[tuple[str, int, int, int, int]]]:
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return [list(group) for group in matcher.get_grouped_opcodes(CONTEXT)]


def _lines(content: bytes) -> list[bytes]:
    return content.split(b"\n") if not content else content.splitlines(keepends=True)


def _is_text(entry: tuple[int, bytes]) -> bool:
    mode, content = entry
    return mode in _REGULAR and b"\0" not in content
