"""How people, cron, CI and services start things of a tree: concrete command lines with a source.

Looks into workflows, crontabs, units, makefiles, documents and the scripts' own usage lines. What a
command line runs is the matter of `agents.reading.trace`.
"""

from __future__ import annotations

import itertools
import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from tree_sitter import Node

from agents import Argv, EntryPoint, Files
from agents.reading import makefiles, tools
from agents.reading.state import Source
from agents.reading.syntax import (
    MAX_BYTES,
    looks_like_shell,
    parse_shell,
    parse_yaml,
    shebang,
    text,
    walk,
)
from agents.reading.values import line_of

PRODUCTION = ("production", "prod", "live", "www", "public", "main", "release")
REHEARSING = (
    "staging",
    "stage",
    "test",
    "testing",
    "dev",
    "develop",
    "preview",
    "qa",
    "local",
    "sandbox",
    "demo",
)


class Rank(IntEnum):
    """Who starts it; the first is the strongest evidence of how it is started."""

    CI = 0
    CRON = 1
    UNIT = 2
    DOCUMENT = 3
    USAGE = 4
    FILE = 5


@dataclass(frozen=True)
class Start:
    """One way to start something."""

    argv: Argv
    by: str
    rank: Rank
    target: str  # what is started: a path of the tree, or "make NAME"

    @property
    def entry(self) -> EntryPoint:
        return EntryPoint(self.argv, self.by)


def starts(tree: Files) -> tuple[Start, ...]:
    """All ways to start something of the tree, strongest evidence first, each command line once."""
    found = [*_ci(tree), *_cron(tree), *_units(tree), *_documents(tree), *_usage(tree)]
    seen = {start.target for start in found}
    found += [s for s in _files(tree) if s.target not in seen]
    found.sort(key=lambda s: s.rank)
    unique: dict[Argv, Start] = {}
    for start in found:
        unique.setdefault(start.argv, start)
    return tuple(unique.values())


def one_each(found: tuple[Start, ...]) -> tuple[Start, ...]:
    """One way a script or target: the one that CI, cron or people use on production."""
    groups: dict[str, list[Start]] = {}
    for start in found:
        groups.setdefault(start.target, []).append(start)
    return tuple(min(group, key=_preference) for group in groups.values())


def _preference(start: Start) -> tuple[int, int, int]:
    words = {w.lower() for word in start.argv[1:] for w in re.split(r"[^A-Za-z]+", word)}
    like = 0 if words & set(PRODUCTION) else 2 if words & set(REHEARSING) else 1
    bare = len(start.argv) == 1 and start.rank > Rank.UNIT
    return (like if like == 2 else 0, start.rank + (3 if bare else 0), like)


# --- command lines -------------------------------------------------------------------------------


def _resolve(tree: Files, words: list[str], folder: str = "") -> tuple[Argv, str] | None:
    """A command line of the tree, and what it starts; None when it starts nothing of the tree."""
    words = list(words)
    while words and (words[0] in tools.PREFIXES or re.match(r"^[A-Za-z_]\w*=", words[0])):
        if words[0] in ("cd", "exec") or re.match(r"^\w+=", words[0]):
            words = words[1:]
            continue
        words = words[1:]
        while words and (words[0].startswith("-") or re.fullmatch(r"\d+[smh]?", words[0])):
            words = words[1:]
    if not words:
        return None
    name = words[0].rsplit("/", 1)[-1]
    if name in tools.MAKES:
        return _resolve_make(tree, words, folder)
    if name in tools.PACKAGE_RUNNERS and words[1:2] == ["run"] and len(words) > 2:
        return (tuple(words), f"{name} run {words[2]}") if "package.json" in tree else None
    if name in tools.SHELLS or name in tools.INTERPRETERS:
        plain = [i for i, w in enumerate(words[1:], 1) if not w.startswith("-")]
        if not plain:
            return None
        path = _find(tree, words[plain[0]], folder)
        if path is None:
            return None
        words[plain[0]] = path
        return tuple(words), path
    if "/" not in words[0]:
        return None
    path = _find(tree, words[0], folder)
    if path is None or not startable(tree, path):
        return None
    lead = path if "/" in path else f"./{path}"
    argv: Argv = (lead, *words[1:])
    if folder and not words[0].startswith("/"):
        argv = _in_folder(folder, (words[0], *words[1:]))
    return argv, path


def _in_folder(folder: str, words: Argv) -> Argv:
    return ("sh", "-c", f"cd {shlex.quote(folder)} && {shlex.join(words)}")


def _resolve_make(tree: Files, words: list[str], folder: str) -> tuple[Argv, str] | None:
    plain = [w for w in words[1:] if not w.startswith("-") and "=" not in w]
    if "-C" in words:
        at = words.index("-C")
        folder = (
            posixpath.normpath(posixpath.join(folder, words[at + 1]))
            if at + 1 < len(words)
            else folder
        )
        plain = [w for w in plain if w != (words[at + 1] if at + 1 < len(words) else "")]
    path = makefiles.find(tree, folder)
    if path is None:
        return None
    makefile = makefiles.parse(tree, path)
    goal = plain[0] if plain else makefile.default
    if goal is None or makefile.rule(goal) is None:
        return None
    argv: Argv = ("make", *words[1:])
    if folder and "-C" not in words:
        argv = ("make", "-C", folder, *words[1:])
    return argv, f"make {posixpath.join(folder, goal) if folder else goal}"


def _find(tree: Files, path: str, folder: str) -> str | None:
    near = posixpath.normpath(posixpath.join(folder, path))
    if near in tree:
        return near
    if not path.startswith("/"):
        return None
    parts = [p for p in path.split("/") if p]
    for i in range(len(parts)):
        tail = "/".join(parts[i:])
        if tail in tree and (i > 0 or "/" in tail):
            return tail
    return None


def startable(tree: Files, path: str) -> bool:
    """Whether a file is one that somebody starts: executable, or with a first line that says so."""
    mode, content = tree[path]
    return mode == 0o100755 or content.startswith(b"#!")


def command_lines(content: bytes) -> Iterator[tuple[list[str], str, int]]:
    """Words, folder (after a plain `cd`) and offset of each command in shell text."""
    folder = ""
    for node in walk(parse_shell(content)):
        if node.type != "command":
            continue
        words = [
            _plain(c)
            for c in node.children
            if c.is_named and c.type not in ("file_redirect", "herestring_redirect")
        ]
        if words[:1] == ["cd"] and len(words) == 2:
            folder = (
                ""
                if words[1].startswith("/")
                else posixpath.normpath(posixpath.join(folder, words[1]))
            )
            folder = "" if folder == "." else folder
        elif words:
            yield words, folder, node.start_byte


def _plain(node: Node) -> str:
    raw = text(node)
    if node.type in ("string", "raw_string") and len(raw) > 1:
        return raw[1:-1]
    return raw


def _concrete(words: list[str]) -> list[list[str]]:
    """The command lines that a line with alternatives stands for; none with a placeholder."""
    choices: list[list[str]] = []
    for word in words:
        optional = re.fullmatch(r"\[(.*)\]", word)
        inner = optional.group(1) if optional else word
        inner = re.sub(r"^[({](.*)[)}]$", r"\1", inner)
        if re.fullmatch(r"[\w./-]+(\|[\w./-]+)+", inner):
            choices.append([*inner.split("|")] + ([""] if optional else []))
        elif optional:
            choices.append([""])
        else:
            choices.append([word])
    lines = [[w for w in combo if w] for combo in itertools.islice(itertools.product(*choices), 12)]
    return [line for line in lines if not any(_placeholder(w) for w in line[1:])]


def _placeholder(word: str) -> bool:
    return bool(
        re.fullmatch(r"<.*>|\.\.\.|\u2026|[A-Z][A-Z0-9_]{1,}|\{.*\}|\[.*", word)
        or "$" in word
        or "`" in word
    )


# --- where they stand ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A `run:` block of a workflow."""

    source: Source
    path: str
    line: int
    errexit: bool = True
    pipefail: bool = False
    forgiven: bool = False  # continue-on-error
    folder: str = ""


def workflow_files(tree: Files) -> list[str]:
    """The CI definitions of the tree."""
    return sorted(
        p
        for p in tree
        if re.fullmatch(r"\.(github|forgejo|gitea)/workflows/[^/]+\.ya?ml", p)
        or p in (".gitlab-ci.yml", ".woodpecker.yml", ".drone.yml", "azure-pipelines.yml")
    )


def blocks(tree: Files) -> list[Block]:
    """The shell blocks of all CI definitions, in order."""
    found: list[Block] = []
    for path in workflow_files(tree):
        content = tree[path][1]
        if len(content) > MAX_BYTES:
            continue
        for node in walk(parse_yaml(content)):
            if node.type not in ("block_mapping_pair", "flow_pair"):
                continue
            key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
            if key is None or value is None:
                continue
            name = text(key).strip("'\"")
            if name == "run":
                found += _block(content, path, value, node)
            elif name in ("script", "before_script", "after_script", "commands"):
                for scalar in _scalars(value):
                    found += _block(content, path, scalar, node)
    return found


def _scalars(node: Node) -> Iterator[Node]:
    for one in walk(node):
        if one.type in (
            "block_scalar",
            "plain_scalar",
            "double_quote_scalar",
            "single_quote_scalar",
        ):
            yield one


def _block(content: bytes, path: str, value: Node, pair: Node) -> list[Block]:
    scalar = next(_scalars(value), None)
    if scalar is None:
        return []
    out = bytearray()
    offsets: list[int] = []
    start, end = scalar.start_byte, scalar.end_byte
    if scalar.type == "block_scalar":
        lines = content[start:end].split(b"\n")
        at = start + len(lines[0]) + 1
        indent = next((len(x) - len(x.lstrip()) for x in lines[1:] if x.strip()), 0)
        for line in lines[1:]:
            cut = min(indent, len(line) - len(line.lstrip()) if line.strip() else len(line))
            out += line[cut:] + b"\n"
            offsets += range(at + cut, at + len(line) + 1)
            at += len(line) + 1
    else:
        quoted = scalar.type != "plain_scalar"
        start, end = (start + 1, end - 1) if quoted else (start, end)
        out += content[start:end]
        offsets += range(start, end)
    offsets.append(end)
    source = _without_expressions(path, bytes(out), offsets)
    sibling = pair.parent
    options = text(sibling) if sibling is not None else ""
    shell = re.search(r"(?m)^\s*(?:- )?shell:\s*(\S+)", options)
    folder = re.search(r"(?m)^\s*(?:- )?working-directory:\s*(\S+)", options)
    forgiven = re.search(r"(?m)^\s*(?:- )?continue-on-error:\s*true\b", options)
    return [
        Block(
            source,
            path,
            line_of(content, pair.start_byte),
            pipefail=bool(shell and shell.group(1).startswith("bash")),
            forgiven=bool(forgiven),
            folder=folder.group(1).strip("./'\"") if folder else "",
        )
    ]


def _without_expressions(path: str, content: bytes, offsets: list[int]) -> Source:
    out, moved = bytearray(), []
    at = 0
    for found in re.finditer(rb"\$\{\{.*?\}\}", content, re.DOTALL):
        out += content[at : found.start()]
        moved += offsets[at : found.start()]
        name = b"${CI_EXPRESSION}"
        out += name
        moved += [offsets[found.start()]] * len(name)
        at = found.end()
    out += content[at:]
    moved += offsets[at:]
    return Source(path, bytes(out), tuple(moved))


def _ci(tree: Files) -> Iterator[Start]:
    for block in blocks(tree):
        for words, folder, _ in command_lines(block.source.content):
            where = posixpath.normpath(posixpath.join(block.folder, folder)).strip(".")
            if any("$" in w for w in words[1:]):
                continue
            found = _resolve(tree, words, where)
            if found:
                yield Start(found[0], f"CI {block.path}:{block.line}", Rank.CI, found[1])


_CRON = re.compile(r"^\s*(@\w+|(?:[\d*/,\-A-Za-z]+\s+){4}[\d*/,\-A-Za-z]+)\s+(.*)$")


def _cron(tree: Files) -> Iterator[Start]:
    for path in sorted(tree):
        if "cron" not in path.lower() or looks_like_shell(path, tree[path][1][:MAX_BYTES]):
            if "cron" in path.lower() and len(tree[path][1]) < MAX_BYTES:
                yield from _script_lines(tree, path)
            continue
        lines = tree[path][1][:MAX_BYTES].decode("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, 1):
            found = _CRON.match(line)
            if not found or line.lstrip().startswith("#"):
                continue
            command = found.group(2)
            # /etc/cron.d names a user before the command
            for shown in (command, command.partition(" ")[2].lstrip()):
                starts_ = list(_started(tree, shown, f"cron {path}:{number}", Rank.CRON))
                if starts_:
                    yield from starts_
                    break


def _script_lines(tree: Files, path: str) -> Iterator[Start]:
    """A small script below a cron folder that starts something of the tree."""
    content = tree[path][1]
    for words, folder, offset in command_lines(content):
        found = _resolve(tree, words, folder)
        if found and found[1] != path:
            yield Start(found[0], f"cron {path}:{line_of(content, offset)}", Rank.CRON, found[1])


def _started(tree: Files, line: str, by: str, rank: Rank) -> Iterator[Start]:
    for words, folder, _ in command_lines(line.encode("utf-8", "surrogateescape")):
        if any("$" in w for w in words[1:]):
            continue
        found = _resolve(tree, words, folder)
        if found:
            yield Start(found[0], by, rank, found[1])


def _units(tree: Files) -> Iterator[Start]:
    for path in sorted(tree):
        if not path.endswith(".service") or len(tree[path][1]) > MAX_BYTES:
            continue
        lines = tree[path][1].decode("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, 1):
            found = re.match(r"^ExecStart(?:Pre|Post)?=[-@+!:]*(.+)$", line.strip())
            if found:
                yield from _started(tree, found.group(1), f"unit {path}:{number}", Rank.UNIT)


def is_document(path: str) -> bool:
    """Whether a path is text for people."""
    base = posixpath.basename(path).lower()
    return base.endswith((".md", ".rst", ".adoc", ".txt", ".markdown")) or base.startswith("readme")


def _documents(tree: Files) -> Iterator[Start]:
    for path in sorted(tree):
        if not is_document(path) or len(tree[path][1]) > MAX_BYTES:
            continue
        lines = tree[path][1].decode("utf-8", "replace").splitlines()
        fenced = False
        for number, line in enumerate(lines, 1):
            by = f"people {path}:{number}"
            if re.match(r"^\s*(```|~~~)", line):
                fenced = not fenced
                continue
            codes = re.findall(r"`([^`]+)`", line)
            if fenced or line.startswith(("    ", "\t")):
                codes = [line]
            for code in codes:
                yield from _documented(tree, code, by, Rank.DOCUMENT)


# what a line must hold to start something: a path, or a runner of targets and scripts
_STARTS = re.compile(r"/|\b(make|gmake|npm|pnpm|yarn|bun|bash|sh|dash|python3?|perl|ruby|node)\b")


def _documented(tree: Files, code: str, by: str, rank: Rank) -> Iterator[Start]:
    if not _STARTS.search(code):
        return
    bare = re.split(r"\s{2,}|\s#|\s*&&\s*|;|\s\|\s", re.sub(r"^\s*[$#>]\s+", "", code.strip()))
    for part in bare:
        words = part.replace("\\|", "|").split()
        if not words:
            continue
        words[0] = words[0].strip("\"'")
        for line in _concrete(words):
            found = _resolve(tree, line)
            if found:
                yield Start(found[0], by, rank, found[1])


def _usage(tree: Files) -> Iterator[Start]:
    """A script's own usage line: `# deploy.sh staging|production : ...`."""
    for path in sorted(tree):
        content = tree[path][1]
        if not startable(tree, path) or not looks_like_shell(path, content):
            continue
        base = re.escape(posixpath.basename(path))
        shown = content.decode("utf-8", "replace")
        pattern = re.compile(
            rf"(?m)(?:^#\s*|[Uu]sage:?\s*)(?:[\w.$/{{}}-]*/)?(?:{base}|\$0|\$\(basename[^)]*\))"
            r"[ \t]+([^\n\"';>]*)"
        )
        for found in pattern.finditer(shown):
            tail = re.split(r"\s[:\u2013\u2014-]\s|\s{2,}|\s#", found.group(1).strip())[0]
            number = shown.count("\n", 0, found.start()) + 1
            lead = path if "/" in path else f"./{path}"
            for line in _concrete([lead, *tail.split()]):
                if all(re.fullmatch(r"[\w./:@=-]+", w) for w in line):
                    yield Start(tuple(line), f"people {path}:{number}", Rank.USAGE, path)


def _files(tree: Files) -> Iterator[Start]:
    """Executable scripts and make targets that nobody mentions."""
    for path in sorted(tree):
        mode, content = tree[path]
        if mode == 0o100755 and (shebang(content) or content.startswith(b"#!")):
            lead = path if "/" in path else f"./{path}"
            for value in _first_arguments(tree, content):
                yield Start((lead, value), f"people {path} (its settings)", Rank.FILE, path)
            yield Start((lead,), f"people {path}", Rank.FILE, path)
        elif (shell := shebang(content)) is not None:  # a shell script that lacks its x bit
            yield Start((shell.dialect, path), f"people {path}", Rank.FILE, path)
    folders = {posixpath.dirname(p) for p in tree if posixpath.basename(p) in makefiles.NAMES}
    for folder in sorted(folders):
        found = makefiles.find(tree, folder)
        if found is None:
            continue
        makefile = makefiles.parse(tree, found)
        for rule in makefile.rules:
            for target in rule.targets:
                if target in makefile.phony or rule.comment:
                    argv: Argv = ("make", target) if not folder else ("make", "-C", folder, target)
                    name = posixpath.join(folder, target) if folder else target
                    line = line_of(tree[rule.place.path][1], rule.place.start)
                    by = f"people {rule.place.path}:{line}"
                    yield Start(argv, by, Rank.FILE, f"make {name}")


def _first_arguments(tree: Files, content: bytes) -> list[str]:
    """Values for a first argument that names files of the tree (`config/$1.env`)."""
    values: set[str] = set()
    for found in re.finditer(rb"([\w./-]+/)\$\{?1\}?([\w.-]*)", content):
        head, tail = (found.group(i).decode("utf-8", "replace") for i in (1, 2))
        for path in tree:
            if path.startswith(head) and path.endswith(tail) and tail:
                middle = path[len(head) : len(path) - len(tail)]
                if re.fullmatch(r"[\w-]+", middle):
                    values.add(middle)
    return sorted(values)
