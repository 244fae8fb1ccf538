"""What keeps a rendered list true: one CI step, and documents that tell of one command.

Pure: trees in, edited files out. A workflow keeps its style; a runbook loses the steps that the
command makes needless.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from agents import Files
from agents.reading import runbooks
from agents.reading.entries import blocks
from agents.reading.runbooks import Procedure, Step
from agents.recipes.hand_kept.tool import Design
from agents.recipes.hand_kept.words import mention

_WORKFLOW = re.compile(r"^\.github/workflows/[^/]+\.ya?ml$")
_RUN_ONLY = re.compile(r"^(run|then run|execute)?[:\s]*`([^`]+)`\.?$", re.IGNORECASE)
_IN_STEP = re.compile(
    r"\b(keep|please keep|stay|must be|has to be)\b.*\b(step|sync|line|same|together)\b"
    r"|\bsame \w+ as\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Guard:
    """Where CI checks the places, and the file as it will be."""

    path: str
    text: str
    where: str  # for people: "job x of y"


def guard(tree: Files, check: str) -> Guard | None:
    """One more step at the end of a job that runs for each push; None: there is no such job."""
    best: tuple[int, Guard] | None = None
    for path in sorted(p for p in tree if _WORKFLOW.match(p)):
        try:
            text = tree[path][1].decode()
            found = yaml.compose(text)
            data = yaml.safe_load(text)
        except (UnicodeDecodeError, yaml.YAMLError):
            continue
        rank = _rank(data)
        jobs = _sub(found, "jobs")
        if not rank or not isinstance(jobs, yaml.MappingNode):
            continue
        for name, job in jobs.value:
            made = _with_step(text, job, check)
            if made and (best is None or rank > best[0]):
                best = (rank, Guard(path, made, f"job `{name.value}` of {path}"))
    return best and best[1]


def _rank(data: object) -> int:
    """How surely a workflow runs for every change: 3 each push, 2 each pull request, 1 to main."""
    if not isinstance(data, Mapping):
        return 0
    on = data.get("on", data.get(True))
    events: Mapping[object, object]
    if isinstance(on, str):
        events = {on: None}
    elif isinstance(on, list):
        events = dict.fromkeys(on)
    else:
        events = on if isinstance(on, Mapping) else {}
    if "push" in events and not events["push"]:
        return 3
    if "pull_request" in events and not _filtered(events["pull_request"]):
        return 2
    push = events.get("push")
    if isinstance(push, Mapping) and set(push) == {"branches"}:
        wanted = push["branches"]
        return int(isinstance(wanted, list) and bool({"main", "master", "**"} & set(wanted)))
    return 0


def _filtered(event: object) -> bool:
    return isinstance(event, Mapping) and bool(
        {"paths", "paths-ignore", "types"} & {str(k) for k in event}
    )


def _sub(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((v for k, v in node.value if getattr(k, "value", None) == key), None)


def _with_step(text: str, job: yaml.Node, check: str) -> str:
    steps = _sub(job, "steps")
    if not isinstance(steps, yaml.SequenceNode) or steps.flow_style or not steps.value:
        return ""
    if any(_sub(job, k) is not None for k in ("if", "continue-on-error", "defaults", "container")):
        return ""
    runs_on = _sub(job, "runs-on")
    if isinstance(runs_on, yaml.ScalarNode) and not re.search(r"ubuntu|linux", str(runs_on.value)):
        return ""
    uses = [_sub(s, "uses") for s in steps.value]
    if not any(isinstance(u, yaml.ScalarNode) and "checkout" in str(u.value) for u in uses):
        return ""
    if any(_moved(s) for s in steps.value):
        return ""
    lines = text.splitlines(keepends=True)
    last = steps.value[-1]
    end = last.end_mark.line + (1 if last.end_mark.column and _reaches(lines, last) else 0)
    while end and (not lines[end - 1].strip() or _is_comment(lines[end - 1], steps)):
        end -= 1
    indent = " " * steps.start_mark.column
    named = [_sub(s, "name") for s in steps.value if _sub(s, "run") is not None]
    spaced = _spaced(lines, steps)
    if named and all(named):
        step = f"{indent}- name: {_title(check, named)}\n{indent}  run: {check}\n"
    else:
        step = f"{indent}- run: {check}\n"
    if end and not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    lines.insert(end, ("\n" if spaced else "") + step)
    return "".join(lines)


def _reaches(lines: Sequence[str], node: yaml.Node) -> bool:
    """Whether the line on which a node ends still holds some of it."""
    at = node.end_mark
    return at.line < len(lines) and bool(lines[at.line][: at.column].strip())


def _is_comment(line: str, steps: yaml.Node) -> bool:
    bare = line.lstrip()
    return bare.startswith("#") and len(line) - len(bare) < int(steps.start_mark.column)


def _moved(step: yaml.Node) -> bool:
    """Whether a checkout goes to a folder of its own."""
    uses, given = _sub(step, "uses"), _sub(step, "with")
    is_checkout = isinstance(uses, yaml.ScalarNode) and "checkout" in str(uses.value)
    return is_checkout and (
        _sub(given, "path") is not None or _sub(given, "repository") is not None
    )


def _spaced(lines: Sequence[str], steps: yaml.SequenceNode) -> bool:
    """Whether blank lines stand between steps."""
    starts = [s.start_mark.line for s in steps.value[1:]]
    return bool(starts) and all(not lines[i - 1].strip() for i in starts)


def _title(check: str, named: Sequence[yaml.Node | None]) -> str:
    names = [str(n.value) for n in named if isinstance(n, yaml.ScalarNode)]
    title = f"the files are what {posixpath.splitext(check.split()[0])[0]}.csv gives"
    return title.capitalize() if names and all(n[:1].isupper() for n in names) else title


def workflow(noun: str, check: str) -> str:
    """A workflow of its own, for a repository in which no job runs for every change."""
    return (
        f"name: {noun}\non: [push, pull_request]\npermissions:\n  contents: read\njobs:\n"
        f"  check:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n"
        f"      - run: {check}\n"
    )


# --- documents -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Documents:
    """Documents as they will be, and how many steps their procedures had and have."""

    texts: Mapping[str, str]
    before: int
    after: int
    told: tuple[str, ...]  # what went, for people


def documents(tree: Files, design: Design) -> Documents:
    """The runbooks without the steps that the command makes needless, and with the command."""
    paths = [b.file for b in design.blocks]
    texts: dict[str, str] = {}
    before = after = 0
    told: list[str] = []
    for path in dict.fromkeys(p.path for p in runbooks.procedures(tree)):
        lines = tree[path][1].decode("utf-8", "replace").splitlines()
        ends = tree[path][1].endswith(b"\n")
        for one in reversed([p for p in runbooks.procedures(tree) if p.path == path]):
            gone = needless(one, paths, tree)
            if not gone:
                continue
            before += len(one.steps)
            after += len(one.steps) - len(gone) + 1
            told.append(f"{path}: {len(gone)} of {len(one.steps)} steps are one command now")
            lines = _rewritten(lines, one, gone, design)
            texts[path] = "\n".join(lines) + ("\n" if ends else "")
    if not texts:
        path, text = _told_in_readme(tree, design)
        texts[path] = text
    return Documents(texts, before, after, tuple(told))


def needless(one: Procedure, paths: Sequence[str], tree: Files) -> list[Step]:
    """The steps that a command does, and those that only made sure that nobody forgot one."""
    edits = [s for s in one.steps if runbooks.EDITING.search(s.text) and _names(s.text, paths)]
    if not edits:
        return []
    first, last = one.steps.index(edits[0]), one.steps.index(edits[-1])
    checked = _run_by_ci(tree)
    gone: list[Step] = []
    for i, step in enumerate(one.steps):
        is_compare = runbooks.COMPARING.search(step.text) and i >= first
        about = _names(step.text, paths) or re.search(
            r"\b(files|lists|places|all of them|both|entries)\b", step.text, re.IGNORECASE
        )
        run = _RUN_ONLY.match(step.text.strip())
        waits = any(
            re.search(r"\b(CI|check|checks|pipeline|build)\b", s.text) for s in one.steps[i + 1 :]
        )
        by_ci = run and run.group(2).removeprefix("./") in checked and waits and i > last
        if step in edits or (is_compare and about) or by_ci:
            gone.append(step)
    return gone


def _names(text: str, paths: Sequence[str]) -> bool:
    return any(mention(text, p, [q for q in paths if q != p]) >= 4 for p in paths)


def _run_by_ci(tree: Files) -> frozenset[str]:
    found: set[str] = set()
    for block in blocks(tree):
        for line in tree[block.path][1].decode("utf-8", "replace").splitlines():
            bare = re.sub(r"^\s*(?:-\s+)?(?:run:)?\s*", "", line).strip().removeprefix("./")
            found.add(bare)
    return frozenset(found - {""})


def _rewritten(
    lines: Sequence[str], one: Procedure, gone: Sequence[Step], design: Design
) -> list[str]:
    command = design.command
    dropped = {i for step in gone for i in range(step.start, step.end)}
    first = gone[0]
    out: list[str] = []
    for i, line in enumerate(lines):
        if i == first.start:
            mark = re.match(r"^(\s*(?:\d+[.)]|[-*+]\s+\[[ xX]\])\s+)", line)
            prefix = mark.group(1) if mark else "1. "
            out.append(
                f"{prefix}`{command.path} {command.add} {design.usage}` "
                f"(`{command.path} {command.remove} {design.key.upper()}` takes one out)"
            )
        if i not in dropped:
            out.append(line)
    at = one.end - len(dropped) + 1
    _renumber(out, one, at)
    _reversal(out, at, design)
    return _squeezed(out, at)


def _renumber(lines: list[str], one: Procedure, end: int) -> None:
    number = 0
    same = len({s.number for s in one.steps}) == 1
    for i in range(one.steps[0].start, min(end, len(lines))):
        found = re.match(rf"^({re.escape(one.steps[0].indent)})(\d+)([.)]\s.*)$", lines[i])
        if found and not same:
            number += 1
            lines[i] = f"{found.group(1)}{number}{found.group(3)}"


def _reversal(lines: list[str], at: int, design: Design) -> None:
    """Words behind the list that tell to do it backwards are of no use any more."""
    while at < len(lines) and not lines[at].strip():
        at += 1
    stop = at
    while stop < len(lines) and lines[stop].strip():
        stop += 1
    paragraph = " ".join(lines[at:stop])
    if runbooks.REVERSING.search(paragraph) and runbooks.REMOVING.search(paragraph):
        command = design.command
        lines[at:stop] = [
            f"The {design.noun} stand in `{command.list_path}`; the other files are rendered from "
            f"it, and CI runs `{command.path} {command.check}`."
        ]


def _squeezed(lines: Sequence[str], at: int) -> list[str]:
    out = list(lines)
    while out and not out[-1].strip():
        out.pop()
    return out


def _told_in_readme(tree: Files, design: Design) -> tuple[str, str]:
    path = next((p for p in sorted(tree) if re.fullmatch(r"readme(\.md)?", p, re.I)), "README.md")
    text = tree[path][1].decode("utf-8", "replace") if path in tree else ""
    command = design.command
    files = ", ".join(f"`{b.file}`" for b in design.blocks)
    said = (
        f"`{command.path} {command.add} {design.usage}` and `{command.path} {command.remove} "
        f"{design.key.upper()}` change {files}. They are rendered from `{command.list_path}`, "
        f"and CI runs `{command.path} {command.check}`.\n"
    )
    return path, (text.rstrip("\n") + "\n\n" if text else "") + said


# --- comments in the files -----------------------------------------------------------------------


def comments(
    text: str, one: str, paths: Sequence[str], design: Design
) -> Iterator[tuple[int, str]]:
    """Comment lines that tell people to keep a file in step: (line, what it says instead)."""
    others = [p for p in paths if p != one]
    for i, line in enumerate(text.splitlines()):
        found = re.match(r"^(\s*(?:#|//|--|;)\s*)(.*)$", line)
        if found and _IN_STEP.search(found.group(2)) and _names(found.group(2), others):
            kept = [s for s in _sentences(found.group(2)) if not _IN_STEP.search(s)]
            said = f"The entries come from {design.command.list_path} ({design.command.path})."
            yield i, found.group(1) + " ".join([*kept, said])


def _sentences(text: str) -> list[str]:
    return [s for s in re.split(r"(?<=[.!?;])\s+", text.strip()) if s]
