"""Edits as text blocks: whole new files, and SEARCH/REPLACE that must match exactly once.

Pure. There is no fuzzy match: an almost right change to a deploy script is worse than none. Line
ends, tabs, modes and the final newline of a file stay as they are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from agents import Edit, Files
from agents.edits import broken

NEW_MODE, RUN_MODE, LINK_MODE = 0o100644, 0o100755, 0o120000
MOST = 400_000
"""Characters that an answer with blocks may have."""


@dataclass(frozen=True)
class Swap:
    """Whole lines that are looked for, and what stands there afterwards."""

    search: str
    replace: str


@dataclass(frozen=True)
class Block:
    """What happens to one file: new (`content`), changed (`swaps`) or removed (neither)."""

    path: str
    why: str
    content: str | None = None
    runs: bool = False
    swaps: tuple[Swap, ...] = ()


@dataclass(frozen=True)
class Mistakes:
    """Why blocks can't be taken, in words that help to write them right."""

    said: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.said)


_HEAD = re.compile(r"=== (EDIT|NEW|REMOVE) (\S.*?)( \[executable\])?\s*\Z")
_SEARCH, _MIDDLE, _REPLACE, _END = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "=== END"


def parse(text: str) -> tuple[Block, ...] | Mistakes:
    """The blocks of an answer; words around them are left aside."""
    if len(text) > MOST:
        return Mistakes((f"the answer has {len(text)} characters, at most {MOST} can be taken",))
    lines = text.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    wrong: list[str] = []
    at = 0
    while at < len(lines):
        head = _HEAD.match(lines[at])
        if head is None:
            at += 1
            continue
        try:
            end = lines.index(_END, at)
        except ValueError:
            wrong.append(f"the block of {head[2]} is not ended: write a line `{_END}` after it")
            break
        made = _block(head, lines[at + 1 : end])
        wrong.append(made) if isinstance(made, str) else blocks.append(made)
        at = end + 1
    twice = {b.path for b in blocks if sum(o.path == b.path for o in blocks) > 1}
    wrong += [f"{path} has more than one block: put all of its edits into one" for path in twice]
    if not blocks and not wrong:
        wrong = ["there is no block: begin one with a line `=== EDIT path` or `=== NEW path`"]
    return Mistakes(tuple(wrong)) if wrong else tuple(blocks)


def _block(head: re.Match[str], lines: list[str]) -> Block | str:
    deed, path, runs = head[1], head[2], bool(head[3])
    if not lines or not lines[0].startswith("why:"):
        return f"{path}: the first line of a block must be `why: ` and one sentence"
    why = lines[0].removeprefix("why:").strip()
    rest = lines[1:]
    if deed == "REMOVE":
        return Block(path, why)
    if deed == "NEW":
        return Block(path, why, content="".join(f"{line}\n" for line in rest), runs=runs)
    swaps = _swaps(path, rest)
    return swaps if isinstance(swaps, str) else Block(path, why, swaps=swaps)


def _swaps(path: str, lines: list[str]) -> tuple[Swap, ...] | str:
    swaps: list[Swap] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        order = f"{path}: write `{_SEARCH}`, lines, `{_MIDDLE}`, lines, `{_REPLACE}`"
        if lines[at] != _SEARCH:
            return f"{order}; found {lines[at][:60]!r}"
        try:
            middle = lines.index(_MIDDLE, at)
            end = lines.index(_REPLACE, middle)
        except ValueError:
            return f"{order}; one of the last two is missing"
        search, replace = lines[at + 1 : middle], lines[middle + 1 : end]
        if not any(line.strip() for line in search):
            return f"{path}: a SEARCH part is empty; copy the lines that are to be changed into it"
        swaps.append(Swap("".join(f"{x}\n" for x in search), "".join(f"{x}\n" for x in replace)))
        at = end + 1
    return tuple(swaps) if swaps else f"{path}: there is no `{_SEARCH}` in the block"


def edits(
    tree: Files, blocks: Sequence[Block], hidden: Mapping[str, Mapping[str, str]]
) -> tuple[Edit, ...] | Mistakes:
    """The edits that the blocks make, all of them or none.

    `hidden` holds, for each file, placeholder -> the secret that stands there: a placeholder may
    come back in the file it came from, and nowhere else.
    """
    made: list[Edit] = []
    wrong: list[str] = []
    for block in blocks:
        done = _edit(tree, block, hidden.get(block.path, {}))
        wrong.extend(done) if isinstance(done, list) else made.append(done)
    if not wrong:
        wrong = [f"{e}: the shell can't parse it any more" for e in broken(made)] + _unread(made)
    return Mistakes(tuple(wrong)) if wrong else tuple(e for e in made if e.before != e.after)


def _edit(tree: Files, block: Block, hidden: Mapping[str, str]) -> Edit | list[str]:
    before = tree.get(block.path)
    foreign = [w for w in _placeholders(block) if w not in hidden]
    if foreign:
        return [f"{block.path}: {foreign[0]} stands for a secret of another file; leave it out"]
    if block.path == ".pawl" or block.path.startswith((".pawl/", ".git/")):
        return [f"{block.path}: nothing below .pawl or .git can be planned"]
    if block.content is not None:
        if before is not None:
            return [f"{block.path} is there already: write `=== EDIT {block.path}`"]
        data = _real(block.content, hidden).encode("utf-8", "surrogateescape")
        return Edit(block.path, None, (RUN_MODE if block.runs else NEW_MODE, data), block.why)
    if before is None:
        near = difflib.get_close_matches(block.path, list(tree)[:50_000], 1)
        return [f"{block.path} is not in the repository" + (f"; {near[0]} is" if near else "")]
    if not block.swaps:
        return Edit(block.path, before, None, block.why)
    if before[0] == LINK_MODE or b"\0" in before[1]:
        return [f"{block.path} is a link or no text: remove it, or write a new file"]
    after = _swapped(block, before[1], hidden)
    return (
        after
        if isinstance(after, list)
        else Edit(block.path, before, (before[0], after), block.why)
    )


def _swapped(block: Block, content: bytes, hidden: Mapping[str, str]) -> bytes | list[str]:
    text = content.decode("utf-8", "surrogateescape")
    windows = "\r\n" in text and text.count("\r\n") == text.count("\n")
    for number, swap in enumerate(block.swaps, 1):
        search, replace = _real(swap.search, hidden), _real(swap.replace, hidden)
        if windows:
            search, replace = search.replace("\n", "\r\n"), replace.replace("\n", "\r\n")
        places = _places(text, search)
        if not places and not text.endswith("\n"):  # the last line, which has no end
            end = "\r\n" if windows else "\n"
            search, replace = search.removesuffix(end), replace.removesuffix(end)
            places = [p for p in _places(text, search) if p + len(search) == len(text)]
        if len(places) != 1:
            return [f"{block.path}, SEARCH {number}: {_why_not(text, search, replace, places)}"]
        text = text[: places[0]] + replace + text[places[0] + len(search) :]
    return text.encode("utf-8", "surrogateescape")


def _places(text: str, search: str) -> list[int]:
    """Where whole lines begin that are `search`."""
    found: list[int] = []
    at = text.find(search)
    while at >= 0:
        if at == 0 or text[at - 1] == "\n":
            found.append(at)
        at = text.find(search, at + 1)
    return found


def _why_not(text: str, search: str, replace: str, places: list[int]) -> str:
    if places:
        lines = ", ".join(str(text.count("\n", 0, p) + 1) for p in places[:10])
        return f"it matches {len(places)} times (lines {lines}); add lines around it"
    if replace.strip() and _places(text, replace):
        return "it is not in the file, but the REPLACE part is there already"
    near = _nearest(text.splitlines(), search.splitlines())
    return "it is not in the file, byte for byte" + (f"; nearest are\n{near}" if near else "")


def _nearest(lines: list[str], wanted: list[str]) -> str:
    """The lines most like `wanted`, with their numbers; "" where none are."""
    size, best, where = len(wanted), 0.6, -1
    goal = "\n".join(wanted)[:2000]
    matcher = difflib.SequenceMatcher(b=goal, autojunk=False)
    for at in range(min(max(1, len(lines) - size + 1), 2000)):
        matcher.set_seq1("\n".join(lines[at : at + size])[:2000])
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
            ratio = matcher.ratio()
            if ratio > best:
                best, where = ratio, at
    if where < 0:
        return ""
    shown = lines[where : where + min(size, 20)]
    return "\n".join(f"{where + i + 1}: {line[:200]}" for i, line in enumerate(shown))


_PLACEHOLDER = re.compile(r"<secret:[a-z0-9-]+:[0-9a-f]{8}>")


def _placeholders(block: Block) -> list[str]:
    texts = [block.content or "", block.why, *(s.search + s.replace for s in block.swaps)]
    return [word for text in texts for word in _PLACEHOLDER.findall(text)]


def _real(text: str, hidden: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda m: hidden.get(m[0], m[0]), text)


def _unread(made: Sequence[Edit]) -> list[str]:
    """YAML that could be read before, or is new, and can't be read now."""
    found: list[str] = []
    for edit in made:
        if edit.after is None or not edit.path.endswith((".yml", ".yaml")):
            continue
        if edit.before is not None and _yaml(edit.before[1]):
            continue
        problem = _yaml(edit.after[1])
        if problem:
            found.append(f"{edit.path}: {problem}")
    return found


def _yaml(content: bytes) -> str:
    try:
        for _ in yaml.parse(content.decode("utf-8"), Loader=yaml.SafeLoader):
            pass
    except UnicodeDecodeError:
        return "it is not UTF-8"
    except (yaml.YAMLError, RecursionError) as wrong:
        mark = getattr(wrong, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark is not None else ""
        return f"it is not YAML{line}: {getattr(wrong, 'problem', None) or 'it is nested too deep'}"
    return ""
