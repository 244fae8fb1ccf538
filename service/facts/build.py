"""Builds the facts of a change from two trees and the records about it.

The order of things is here, each kind of fact in its own module. Nothing is judged: what a rule
could not see is itself a fact (`truncated`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from posixpath import normpath
from typing import Any

from service.facts import FactsError, Read, Tree, kinds, paths, records, terraform, workflows
from service.facts import secrets as secret_search
from service.facts.commands import TooLarge, commands_of
from service.facts.lines import Difference, Line, differ, pieces
from service.facts.trees import flatten, reader, tree_id

CommandsOf = Callable[[bytes], list[str]]

SCHEMA = "facts/v1"
MOST_FILES = 120
MOST_ADDED = 70_000  # bytes of added lines in all files together
MOST_REMOVED = 25_000
MOST_COMMANDS = 15_000
MOST_ITEMS = 100
MOST_DOCUMENT = 200_000  # bytes of JSON
MOST_BLOB = 16 << 20

_FILE, _PROGRAM, _LINK, _GITLINK = 0o100644, 0o100755, 0o120000, 0o160000
_MODES = {_FILE: "100644", _PROGRAM: "100755", _LINK: "120000", _GITLINK: "160000"}
_POINTER = b"version https://git-lfs.github.com/spec/"


def build_facts(
    *,
    base: Tree,
    draft: Tree,
    read: Read,
    proof: Mapping[str, Any] | None,
    claimed: Mapping[str, Any],
    actors: Mapping[str, Any],
    ratchet: Sequence[str],
    workflows_call: Sequence[str],
    precedents: Sequence[Mapping[str, Any]],
    now: datetime,
    commands_of: CommandsOf = commands_of,
) -> dict[str, Any]:
    """The facts/v1 document of the change from `base` to `draft`.

    `read` gives a blob's content, `proof` is the proof's record (see `records.proof`), `actors` who
    took part (see `records.actors`), `ratchet` names base's rehearsals, `workflows_call` files that
    CI is known to run besides those found here. Raises `FactsError` when something can't be read.
    """
    return _Builder(base, draft, read, set(ratchet), commands_of).build(
        proof, claimed, actors, workflows_call, precedents, now
    )


@dataclass
class _Side:
    """A file as one side has it."""

    mode: int = 0
    content: bytes | None = None  # None: no such file, or nothing that can be read


@dataclass
class _File:
    """A path that differs, and what was found out about it."""

    path: bytes
    text: str  # as shown
    kind: str
    old: _Side
    new: _Side
    binary: bool
    lines: Difference
    commands: tuple[list[str], list[str]] = ([], [])  # added, removed


@dataclass
class _Room:
    """How much still fits of one thing."""

    left: int
    cut: bool = False

    def take(self, size: int) -> bool:
        if size > self.left:
            self.cut = True
            self.left = 0  # nothing after the first that did not fit: the order stays honest
            return False
        self.left -= size
        return True


@dataclass
class _Builder:
    base: Tree
    draft: Tree
    read: Read
    ratchet: set[str]
    commands_of: CommandsOf
    commands_cut: bool = False
    other_cut: bool = False
    files: list[_File] = field(default_factory=list)

    def build(
        self,
        proof: Mapping[str, Any] | None,
        claimed: Mapping[str, Any],
        actors: Mapping[str, Any],
        workflows_call: Sequence[str],
        precedents: Sequence[Mapping[str, Any]],
        now: datetime,
    ) -> dict[str, Any]:
        changed = sorted(
            path
            for path in self.base.keys() | self.draft.keys()
            if self.base.get(path) != self.draft.get(path)
        )
        self.files = [self._file(path) for path in changed[:MOST_FILES]]
        proven, proof_cut = records.proof(proof, self._words_only_in)
        secrets = self._secrets()
        added, removed = _Room(MOST_ADDED), _Room(MOST_REMOVED)
        commands = _Room(MOST_COMMANDS)
        twins = paths.Twins(self.draft) if self.files else paths.Twins(())
        ci = self._ci_runs() | set(workflows_call)
        files = [self._facts(file, twins, ci, added, removed, commands) for file in self.files]
        rehearsals = {_rehearsal(path) for path in self.draft} - {""}
        touched = {_rehearsal(path) for path in changed} - {""}
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "now": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "trees": {"base": tree_id(self.base), "draft": tree_id(self.draft)},
            "files": files,
            "totals": {
                "files": len(changed),
                "added": sum(len(file.lines.added) for file in self.files),
                "removed": sum(len(file.lines.removed) for file in self.files),
                "bytes": sum(len(file.new.content or b"") for file in self.files),
            },
            "workflows": [self._workflow(f) for f in self.files if f.kind == "workflow"],
            "terraform": self._terraform(),
            "secrets": secrets,
            "ratchet": {
                "names": self._most(sorted(self.ratchet)),
                "added": self._most(sorted(rehearsals - self.ratchet)),
                "edited": self._most(sorted(touched & self.ratchet & rehearsals)),
                "removed": self._most(sorted(self.ratchet - rehearsals)),
            },
            "proof": proven,
            "actors": records.actors(actors),
            "claimed": records.claimed(claimed),
            "precedents": records.precedents(precedents),
        }
        document["truncated"] = {
            "files": len(changed) > MOST_FILES,
            "added": added.cut,
            "removed": removed.cut,
            "commands": self.commands_cut or commands.cut,
            "other": self.other_cut or proof_cut,
        }
        if len(json.dumps(document, ensure_ascii=False).encode()) > MOST_DOCUMENT:
            document["truncated"]["other"] = True
        return document

    # --- one path ---------------------------------------------------------------------------

    def _side(self, tree: Tree, path: bytes) -> _Side:
        if path not in tree:
            return _Side()
        mode, blob = tree[path]
        if mode == _GITLINK:
            return _Side(mode)
        content = self.read(blob)
        if len(content) > MOST_BLOB:
            raise FactsError(f"{paths.shown(path)} is too large to be judged", code="too-large")
        return _Side(mode, content)

    def _file(self, path: bytes) -> _File:
        old, new = self._side(self.base, path), self._side(self.draft, path)
        plain = path.decode("utf-8", "surrogateescape")
        best = new if new.content is not None else old
        kind = kinds.kind(plain, (best.content or b"")[:200], best.mode)
        if kind == "docs" and old.content:
            # What was a script stays one to the rules, whatever it is called or begins with now.
            kind = kinds.kind(plain, old.content[:200], old.mode)
        contents = [_text_of(side) for side in (old, new)]
        binary = any(b"\0" in content[:8000] for content in contents)
        lines = Difference((), ()) if binary else differ(contents[0], contents[1])
        file = _File(path, paths.shown(path), kind, old, new, binary, lines)
        if not binary:
            file.commands = self._commands(file, contents)
        return file

    def _commands(self, file: _File, contents: list[bytes]) -> tuple[list[str], list[str]]:
        """Commands that only the draft and only base has, each as often as it comes more often."""
        if file.kind not in ("shell", "workflow", "test", "rehearsal", "other"):
            return [], []
        counted = []
        for content in contents:
            if file.kind == "workflow":
                scripts = workflows.scripts(content)
            elif file.kind != "shell" and not kinds.is_shell(file.path, content):
                scripts = []
            else:
                scripts = [content]
            found: Counter[str] = Counter()
            for script in scripts:
                try:
                    found.update(self.commands_of(script))
                except TooLarge:
                    self.commands_cut = True
            counted.append(found)
        old, new = counted
        return list((new - old).elements()), list((old - new).elements())

    def _facts(
        self,
        file: _File,
        twins: paths.Twins,
        ci: set[str],
        added: _Room,
        removed: _Room,
        commands: _Room,
    ) -> dict[str, Any]:
        plain = file.path.decode("utf-8", "surrogateescape")
        rehearsal = kinds.rehearsal(plain)
        link = (file.new.content or b"").decode("utf-8", "replace") if _is_link(file.new) else ""
        return {
            "path": file.text,
            "kind": file.kind,
            "status": self._status(file),
            "old_mode": _mode(file.old.mode),
            "new_mode": _mode(file.new.mode),
            "problems": self._problems(file.path),
            "twin": paths.shown(twins.of(file.path)) if twins.of(file.path) else "",
            "link": records.text(link),
            "link_leaves": _is_link(file.new) and _leaves(plain, link),
            "binary": file.binary,
            "pointer": (file.new.content or b"").startswith(_POINTER),
            "crlf": _crlf(file.new.content or b""),
            "size": len(file.new.content or b""),
            "added_lines": len(file.lines.added),
            "removed_lines": len(file.lines.removed),
            "added": _fitting(file.lines.added, added),
            "removed": _fitting(file.lines.removed, removed),
            "commands_added": _fitting_texts(file.commands[0], commands),
            "commands_removed": _fitting_texts(file.commands[1], commands),
            "words_only": self._words_only(file),
            "judges": kinds.judges(file.kind),
            "rehearsal": records.text(rehearsal, 200),
            "old_rehearsal": rehearsal in self.ratchet,
            "ci_runs": plain in ci,
        }

    def _status(self, file: _File) -> str:
        if not file.old.mode:
            return "added"
        if not file.new.mode:
            return "removed"
        same = self.base[file.path][1] == self.draft[file.path][1]
        return "mode" if same else "changed"

    def _problems(self, path: bytes) -> list[str]:
        found = set(paths.problems(path))
        above = path.rpartition(b"/")[0]
        while above:
            if above in self.draft:  # a file or a link stands where a folder must be
                found.add("under-link")
            above = above.rpartition(b"/")[0]
        return sorted(found)

    def _words_only(self, file: _File) -> bool:
        if file.kind == "docs":
            return True
        same_mode = file.old.mode == file.new.mode
        if file.binary or not same_mode or _is_link(file.new) or file.kind == "rehearsal":
            return False
        lines = file.lines.added + file.lines.removed
        return bool(lines) and all(
            kinds.is_words(file.text, file.kind, line.text) for line in lines
        )

    def _words_only_in(self, path: str, old: range, new: range) -> bool:
        """Whether what differs in these lines of a file is comments and blank lines alone."""
        for file in self.files:
            if path in (file.text, file.path.decode("utf-8", "surrogateescape")):
                lines = [line for line in file.lines.added if line.n in new]
                lines += [line for line in file.lines.removed if line.n in old]
                return file.kind == "docs" or (
                    bool(lines)
                    and all(kinds.is_words(file.text, file.kind, line.text) for line in lines)
                )
        return False

    # --- several paths ----------------------------------------------------------------------

    def _secrets(self) -> list[dict[str, Any]]:
        found = []
        for file in self.files:
            if file.new.content is None or not file.lines.added or file.binary:
                continue
            added = {line.n for line in file.lines.added}
            before = (file.old.content or b"").decode("utf-8", "replace")
            for secret in secret_search.find(file.new.content.decode("utf-8", "replace")):
                if added.isdisjoint(range(secret.line, max(secret.line, secret.last) + 1)):
                    continue
                found.append(
                    {
                        "path": file.text,
                        "line": secret.line,
                        "rule": records.text(secret.rule, 200),
                        "level": secret.level,
                        "known": secret.value in before,
                    }
                )
        return self._most(found)

    def _ci_runs(self) -> set[str]:
        """Files that workflows of base or draft run, as far as their texts name them."""
        found: set[str] = set()
        for tree in (self.base, self.draft):
            texts = {
                path.decode("utf-8", "surrogateescape"): path
                for path in tree
                if path.startswith(b".github/workflows/")
            }
            started = [
                self._side(tree, path).content or b""
                for text, path in texts.items()
                if kinds.kind(text, b"", _FILE) == "workflow"
            ]

            def there(path: str, tree: Tree = tree) -> bool:
                return path.encode("utf-8", "surrogateescape") in tree

            def text_of(path: str, tree: Tree = tree) -> bytes | None:
                mode, blob = tree[path.encode("utf-8", "surrogateescape")]
                if mode not in (_FILE, _PROGRAM):
                    return None
                content = self.read(blob)
                kind = kinds.kind(path, content[:200], mode)
                return content if kind in ("shell", "program", "test", "ci") else None

            found |= workflows.called(started, there, text_of)
        return found

    def _workflow(self, file: _File) -> dict[str, Any]:
        added = file.lines.added
        return {
            "path": file.text,
            "before": workflows.side(file.old.content),
            "after": workflows.side(file.new.content),
            "quiet": self._most(_plain(workflows.quiet(added))),
            "injected": self._most(_plain(workflows.injected(added))),
            "unpinned": self._most(_plain(workflows.unpinned(added))),
        }

    def _terraform(self) -> dict[str, list[str]]:
        old: set[str] = set()
        new: set[str] = set()
        for file in self.files:
            if file.kind == "terraform":
                old |= terraform.resources(file.text, _text_of(file.old))
                new |= terraform.resources(file.text, _text_of(file.new))
        return {"added": self._most(sorted(new - old)), "removed": self._most(sorted(old - new))}

    def _most(self, items: list[Any]) -> list[Any]:
        if len(items) > MOST_ITEMS:
            self.other_cut = True
        return items[:MOST_ITEMS]


def _text_of(side: _Side) -> bytes:
    return side.content if side.content is not None and side.mode != _LINK else b""


def _is_link(side: _Side) -> bool:
    return side.mode == _LINK


def _mode(mode: int) -> str:
    return _MODES.get(mode, "other") if mode else ""


def _leaves(path: str, target: str) -> bool:
    """Whether a link leads out of the tree, or into .git."""
    if target.startswith("/") or not target or "\\" in target or "\0" in target:
        return True
    steps = normpath(f"{path.rpartition('/')[0]}/{target}".lstrip("/"))
    return (
        steps == ".." or steps.startswith("../") or "git-folder" in paths.problems(steps.encode())
    )


def _crlf(content: bytes) -> bool:
    return content.startswith(b"#!") and content.partition(b"\n")[0].endswith(b"\r")


def _rehearsal(path: bytes) -> str:
    return kinds.rehearsal(path.decode("utf-8", "surrogateescape"))


def _plain(lines: list[Line]) -> list[dict[str, object]]:
    return [{"n": line.n, "text": records.text(line.text, 300)} for line in lines]


def _size(text: object) -> int:
    """Bytes of a text in the document: what can't be seen is written at length."""
    return len(json.dumps(text, ensure_ascii=False))


def _fitting(lines: Sequence[Line], room: _Room) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for line in lines:
        parts = pieces(line)
        if not room.take(sum(_size(part["text"]) + 20 for part in parts)):
            break
        found += parts
    return found


def _fitting_texts(texts: list[str], room: _Room) -> list[str]:
    found = []
    for text in texts:
        if not room.take(_size(text) + 4):
            break
        found.append(text)
    return found


class GitFacts:
    """The facts as the flow asks for them: trees as files, base's ratchet found here."""

    def __init__(self, commands_of: CommandsOf = commands_of) -> None:
        self._commands_of = commands_of

    def build(
        self,
        *,
        base: Mapping[str, tuple[int, bytes]],
        draft: Mapping[str, tuple[int, bytes]],
        proof: Mapping[str, Any] | None,
        claimed: Mapping[str, Any],
        actors: Mapping[str, Any],
        reach: Sequence[str],
        now: datetime,
        precedents: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, Any]:
        """See `build_facts`; `reach` names files that CI is known to run."""
        old, new = flatten(base), flatten(draft)
        contents = {blob: data for flat in (old, new) for blob, data in flat.contents.items()}
        return build_facts(
            base=old.tree,
            draft=new.tree,
            read=reader(contents),
            proof=proof,
            claimed=claimed,
            actors=actors,
            ratchet=sorted(ratchet_of(old.tree)),
            workflows_call=reach,
            precedents=precedents,
            now=now,
            commands_of=self._commands_of,
        )

    def mask(self, text: str) -> str:
        """See `secrets.mask`."""
        return secret_search.mask(text)


def ratchet_of(tree: Tree) -> set[str]:
    """Names of the rehearsals of a tree: folders with a `rehearsal.yaml`."""
    names = {_rehearsal(path) for path in tree if path.endswith(b"/rehearsal.yaml")}
    return {n for n in names if n and f"{kinds.REHEARSALS}{n}/rehearsal.yaml".encode() in tree}
