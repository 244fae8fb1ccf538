"""The survey of a tree, and the survey cut to what reaches one kind of effect.

Joins the other modules of this package to the promise `agents.Reader`. Pure: the same tree gives
the same survey, and odd content is named in `unread` instead of raising.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from agents import Argv, EntryPoint, Files, Mirroring, Setting, Survey
from agents.reading import effects, entries, tools
from agents.reading.syntax import MAX_BYTES, error_nodes, looks_like_shell, parse_shell
from agents.reading.trace import trace, trace_text
from agents.reading.values import TREE, Step, Trace, line_of, tree_path

MAX_ENTRIES = 60

_SUSPECT = re.compile(
    rb"(s3[\"', ]+sync\b.{0,200}--delete|\brsync\b.{0,200}--del|\brclone[\"', ]+sync\b"
    rb"|rsync[\"', ]+-[a-z]*d\b)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Reach:
    """One way to start something, and what it would run."""

    start: entries.Start
    trace: Trace

    @cached_property
    def mirrors(self) -> tuple[effects.Mirror, ...]:
        """What it makes equal to a source, outside the checkout."""
        return tuple(m for m in effects.mirrors(self.trace) if m.publishes)


def reaches(tree: Files, entry: Argv | None = None) -> tuple[Reach, ...]:
    """What each way to start something would run; one way a script, `entry` as it is given."""
    every = entries.starts(tree)
    found = entries.one_each(every)
    if entry is not None:
        target = target_of(tree, entry, every)
        others = tuple(s for s in found if s.target != target and s.argv != entry)
        found = (entries.Start(entry, "the request", entries.Rank.CI, target), *others)
    return tuple(Reach(s, trace(tree, s.argv)) for s in found[:MAX_ENTRIES])


def target_of(tree: Files, argv: Argv, every: Iterable[entries.Start]) -> str:
    """What a command line starts: a path of the tree, or the words themselves."""
    for start in every:
        if start.argv == argv:
            return start.target
    run = trace(tree, argv)
    scripts = [p.script for p in run.processes if p.script]
    if scripts and argv and argv[0].rsplit("/", 1)[-1] not in tools.MAKES:
        return scripts[0]
    return " ".join(w for w in argv if not w.startswith("-"))


class TreeReader:
    """A `Reader` on the files of a tree."""

    def survey(self, tree: Files) -> Survey:
        """Read the whole tree: what can be started, what is destructive, what is unread."""
        found = entries.starts(tree)
        chosen = {
            s.argv: Reach(s, trace(tree, s.argv)) for s in entries.one_each(found)[:MAX_ENTRIES]
        }
        read = tuple(chosen.values())
        destructive = [line for reach in read for line in destructive_lines(tree, reach.trace)]
        destructive += _ci_lines(tree)
        return Survey(
            entry_points=tuple(s.entry for s in found),
            settings=settings(read),
            sources=sources(read),
            destructive=tuple(dict.fromkeys(destructive)),
            unread=unread(tree, read),
            reach={reach.start.argv: reach.trace.files for reach in read},
        )

    def around(self, tree: Files, entry: Argv, failure: str) -> Survey:
        """The survey, cut to what reaches the same kind of effect as `entry`."""
        read = reaches(tree, entry)
        kept = tuple(r for i, r in enumerate(read) if i == 0 or _same_effect(r, failure))
        return Survey(
            entry_points=tuple(EntryPoint(r.start.argv, r.start.by) for r in kept),
            settings=settings(kept, reached=True),
            sources=sources(kept, feeding=failure == "destructive-publish"),
            destructive=tuple(
                dict.fromkeys(line for r in kept for line in destructive_lines(tree, r.trace))
            ),
            unread=unread(tree, kept),
            reach={r.start.argv: r.trace.files for r in kept},
            mirrors=tuple(_mirrorings(tree, kept)),
        )


def _same_effect(reach: Reach, failure: str) -> bool:
    if failure == "destructive-publish":
        return bool(reach.mirrors)
    return any(is_destructive(step) for step in reach.trace.steps)


# --- destructive commands for people -------------------------------------------------------------

_REMOVERS = frozenset(("rm", "shred", "unlink", "dropdb", "truncate", "mkfs"))


def is_destructive(step: Step) -> bool:
    """Whether a command takes something away that was there before."""
    texts = step.texts
    if step.name in _REMOVERS:
        return not all(
            _temporary(effects.address(w, step.cwd))
            for w in step.words[1:]
            if not w.text.startswith("-")
        )
    if step.name == "find":
        return "-delete" in texts
    if step.name == "kubectl":
        return "delete" in texts or "--prune" in texts
    if step.name == "git":
        return "clean" in texts or ("push" in texts and bool({"-f", "--force"} & set(texts)))
    if step.name == "aws":
        verbs = tools.signature(texts).split()[1:]
        return bool(verbs) and (verbs[-1] in ("rm", "rb", "mv") or verbs[-1].startswith("delete"))
    return False


def _temporary(where: str) -> bool:
    return where.startswith("/tmp/")  # noqa: S108


def _at(tree: Files, step: Step) -> str:
    entry = tree.get(step.place.path)
    # the words stand at the innermost call site that is no wrapper's "$@"
    place = next((w.place for w in step.words if w.place is not None and w.place.path), step.place)
    entry = tree.get(place.path)
    return f"{place.path}:{line_of(entry[1], place.start)}" if entry else "entry"


def destructive_lines(tree: Files, run: Trace) -> list[str]:
    """The destructive commands of a run as "path:line call"."""
    mirrors = {id(m.step): m for m in effects.mirrors(run)}
    found: list[str] = []
    for step in run.steps:
        if id(step) in mirrors:
            found.append(f"{_at(tree, step)} {mirrors[id(step)].call}")
        elif is_destructive(step):
            found.append(f"{_at(tree, step)} {' '.join(step.texts)[:80]}")
    return list(dict.fromkeys(found))


def _mirrorings(tree: Files, kept: Iterable[Reach]) -> Iterator[Mirroring]:
    """The mirrors of runs and of CI's own blocks, one a run and place."""
    runs = [(reach.start.argv, reach.trace) for reach in kept]
    runs += [((), run) for _, run in ci_traces(tree)]
    for entry, run in runs:
        seen: set[tuple[str, int]] = set()
        for mirror in effects.mirrors(run):
            place = mirror.step.place
            if not mirror.publishes or (place.path, place.start) in seen:
                continue
            seen.add((place.path, place.start))
            content = tree[place.path][1] if place.path in tree else b""
            known = [w.text for w in mirror.step.words[1:] if w.known and _is_plain(w.text)]
            words = (mirror.step.name, *known)
            yield Mirroring(entry, place.path, line_of(content, place.start), words)


def _is_plain(text: str) -> bool:
    """Whether a shell hands a word on as it stands."""
    return bool(text) and not set("*?[~{") & set(text)


def ci_traces(tree: Files) -> list[tuple[entries.Block, Trace]]:
    """What each CI block would run by itself."""
    return [
        (
            block,
            trace_text(
                tree,
                block.source,
                f"{block.path}:{block.line}",
                errexit=block.errexit,
                pipefail=block.pipefail,
            ),
        )
        for block in entries.blocks(tree)
    ]


def _ci_lines(tree: Files) -> list[str]:
    return [line for _, run in ci_traces(tree) for line in destructive_lines(tree, run)]


# --- settings and sources ------------------------------------------------------------------------


def settings(read: Iterable[Reach], *, reached: bool = False) -> tuple[Setting, ...]:
    """The settings that runs read; `reached`: only those that feed what is mirrored or its source.

    A setting is assigned in a settings file, or comes from the environment.
    """
    found: dict[tuple[str, str | None], Setting] = {}
    for reach in read:
        feeds = _feeds(reach)
        used = {name for step in reach.trace.steps for word in step.words for name in word.names}
        for one in reach.trace.settings:
            if reached and one.name not in used:
                continue
            outside = {example for _, example in reach.trace.outside if example}
            file = None if one.file in outside else one.file
            found[(one.name, file)] = Setting(
                one.name, file, one.value, feeds.get(one.name, "other")
            )
        for reading in reach.trace.readings:
            if not re.fullmatch(r"[A-Za-z_]\w*", reading.name) or reading.name == "CI_EXPRESSION":
                continue
            if reached and reading.name not in used:
                continue
            key = (reading.name, None)
            if not any(name == reading.name for name, _ in found):
                found[key] = Setting(
                    reading.name, None, reading.default, feeds.get(reading.name, "other")
                )
    return tuple(found.values())


def _feeds(reach: Reach) -> dict[str, str]:
    found: dict[str, str] = {}
    for step in reach.trace.steps:
        mirror = next((m for m in effects.mirrors(reach.trace) if m.step is step), None)
        for word in step.words[1:]:
            where = effects.address(word, step.cwd)
            remote = ":" in where and not where.startswith("/") and " " not in word.text
            for name in word.names:
                if remote:
                    found[name] = "remote"
                elif (mirror is not None or is_destructive(step)) and "/" in where:
                    found.setdefault(name, "path")
    return found


def sources(read: Iterable[Reach], *, feeding: bool = False) -> tuple[str, ...]:
    """Folders outside the checkout that runs copy from; `feeding`: those that feed a mirror."""
    found: dict[str, None] = {}
    for reach in read:
        if feeding and reach.mirrors:
            for mirror in reach.mirrors:
                for where in effects.chain(reach.trace, mirror).origins:
                    if "$" not in where and effects.is_outside(where) and "://" not in where:
                        found[where.rstrip("/*").rstrip("/") or where] = None
            continue
        for step in reach.trace.steps:
            if step.name not in ("rsync", "cp", "scp", "tar"):
                continue
            if not all(w.known for w in step.words):
                continue
            for where in effects.reads(step):
                if effects.is_outside(where) and "://" not in where and not _system(where):
                    found[where.rstrip("/*").rstrip("/") or where] = None
    return tuple(found)


def _system(where: str) -> bool:
    return where.startswith(("/dev/", "/proc/", "/usr/", "/bin/", "/lib", "/sys/", "/etc/ssl"))


# --- what could not be read ----------------------------------------------------------------------


def unread(tree: Files, read: Iterable[Reach]) -> tuple[str, ...]:
    """What reading could not follow, and why."""
    found: list[str] = []
    reached: dict[str, None] = {}
    for reach in read:
        found += reach.trace.opaque
        reached.update(dict.fromkeys(reach.trace.files))
    for path in sorted(tree):
        content = tree[path][1]
        if looks_like_shell(path, content):
            errors = error_nodes(parse_shell(content))
            if errors:
                line = line_of(content, errors[0].start_byte)
                found.append(f"{path}:{line}: could not be parsed")
    found += suspects(tree, reached)
    return tuple(dict.fromkeys(found))


def suspects(tree: Files, paths: Iterable[str] | None = None) -> list[str]:
    """Programs that are no shell text and seem to call a mirroring command."""
    found: list[str] = []
    for path in sorted(paths if paths is not None else tree):
        if path not in tree or entries.is_document(path):
            continue
        content = tree[path][1]
        if len(content) > MAX_BYTES or looks_like_shell(path, content):
            continue
        if posixpath.splitext(path)[1] not in (".py", ".js", ".mjs", ".ts", ".rb", ".pl", ".php"):
            continue
        hit = _SUSPECT.search(content)
        if hit:
            call = re.sub(r"[^\w./:-]+", " ", hit.group().decode("utf-8", "replace"))[:60]
            found.append(
                f"{path}:{line_of(content, hit.start())}: a program that calls `{call}` itself"
            )
    return found


__all__ = ["TREE", "Reach", "TreeReader", "reaches", "tree_path"]
