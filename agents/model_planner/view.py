"""What a model may see of a tree: read-only, bounded, secrets hidden, the same answer each time.

No answer is longer than `MOST` characters, whatever the size of the repository.
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from agents import Files, Survey
from agents.model_planner.fence import capped, show_hidden
from agents.model_planner.ports import Mask

MOST = 8000
OVERVIEW = 1900
_BIG = 1 << 20
_LINK = 0o120000
_NAMES = re.compile(
    r"(^|/)(makefile|dockerfile|jenkinsfile|procfile|justfile|crontab[^/]*|readme[^/]*|runbook[^/]*)$"
    r"|\.(sh|bash|mk|tf|service|timer|cron)$"
    r"|(^|/)(\.github/workflows|\.circleci|\.gitlab|ops|deploy|bin|scripts|ansible)/"
    r"|\.gitlab-ci\.yml$",
    re.IGNORECASE,
)


@dataclass
class View:
    """One tree as a model may look at it. `hidden` collects the placeholders that it was shown."""

    tree: Files
    survey: Survey
    mask: Mask
    hidden: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)

    def overview(self, words: str) -> str:
        """How large it is, its largest folders, and the operational files most like `words`."""
        folders = Counter(path.partition("/")[0] if "/" in path else "." for path in self.tree)
        lines = [f"{len(self.tree)} files; top folders (number of files):"]
        shown = folders.most_common(30)
        lines.append(", ".join(f"{show_hidden(n)[:40]} {c}" for n, c in sorted(shown)))
        ranked = self._operational(words)
        lines.append(f"{len(ranked)} operational files; those nearest to the request:")
        for path in ranked[:40]:
            lines.append(show_hidden(path)[:120])
            if sum(map(len, lines)) + len(lines) > OVERVIEW:
                lines.pop()
                break
        return "\n".join(lines)[:OVERVIEW]

    def entries(self) -> str:
        """The entry points and the destructive commands that reading found."""
        lines = [
            f"{' '.join(e.argv)}  (started by {e.started_by})" for e in self.survey.entry_points
        ]
        lines = ["entry points:", *(lines or ["none found"]), "destructive commands:"]
        lines += self.survey.destructive or ("none found",)
        if self.survey.settings:
            lines.append("settings:")
            lines += [f"{s.name} ({s.file or 'environment'})" for s in self.survey.settings]
        return capped(self._masked("\n".join(show_hidden(line)[:240] for line in lines)), 4000)

    def folder(self, folder: str) -> str:
        """What lies in a folder."""
        prefix = "" if folder.strip("/.") == "" else folder.strip("/") + "/"
        found: Counter[str] = Counter()
        for path in self.tree:
            if path.startswith(prefix):
                name, slash, _ = path[len(prefix) :].partition("/")
                found[name + slash] += 1
        if not found:
            return "there is no such folder"
        lines = [f"{n} ({c} files)" if n.endswith("/") else n for n, c in sorted(found.items())]
        return _lines([show_hidden(line) for line in lines], "list a folder below it")

    def read(self, path: str, first: int, last: int) -> str:
        """Lines of a file, numbered by the head of the answer and otherwise as they are."""
        text = self.text(path)
        if text is None:
            return self._no_text(path)
        lines = text.split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        first = max(1, first)
        last = len(lines) if last <= 0 else min(last, len(lines))
        windows = "; its lines end with CRLF" if "\r\n" in text else ""
        head = f"lines {first} to {last} of {len(lines)}{windows}\n"
        shown = "\n".join(line.removesuffix("\r") for line in lines[first - 1 : last])
        return capped(head + shown, MOST, "read fewer lines")

    def search(self, pattern: str, glob: str) -> str:
        """Lines that hold one of the words of `a|b`, by path and line; `*` leaves a gap."""
        wanted = [
            [part.lower() for part in re.split(r"\.?\*", word) if part]
            for word in pattern.split("|")[:8]
            if word.strip()
        ]
        wanted = [parts for parts in wanted if parts]
        if not wanted:
            return "say a word to look for"
        found: list[str] = []
        more = 0
        for path in sorted(self.tree):
            if glob and not (fnmatch.fnmatch(path, glob) or fnmatch.fnmatch(path, f"*/{glob}")):
                continue
            if not _may_hold(self.tree[path], wanted):
                continue
            text = self.text(path) or ""
            for number, line in enumerate(text.split("\n"), 1):
                if not any(_holds(line.lower(), parts) for parts in wanted):
                    continue
                if len(found) >= 120:
                    more += 1
                    continue
                found.append(f"{show_hidden(path)}:{number}: {show_hidden(line)[:200]}")
            if more > 1000:
                break
        if not found:
            return "nothing"
        return _lines(found, "narrow it by a glob or a longer word", more)

    def who_runs(self, path: str) -> str:
        """The entry points whose code reaches a file, and the files that name it."""
        reach = self.survey.reach or {}
        lines = [" ".join(argv) for argv, files in sorted(reach.items()) if path in files]
        name = path.rsplit("/", 1)[-1]
        runs = capped("\n".join(lines or ["none"]), MOST // 4)
        named = capped(self.search(name, ""), MOST // 2)
        return f"entry points that reach it:\n{runs}\nnamed in:\n{named}"

    def text(self, path: str) -> str | None:
        """A file's text with its secrets hidden; None where it is no text that can be shown."""
        if path in self._texts:
            return self._texts[path]
        entry = self.tree.get(path)
        if entry is None or entry[0] == _LINK or len(entry[1]) > _BIG or b"\0" in entry[1]:
            return None
        shown, secrets = self.mask.hide(entry[1].decode("utf-8", "replace"))
        self.hidden[path] = secrets
        self._texts[path] = shown
        return shown

    def _no_text(self, path: str) -> str:
        entry = self.tree.get(path)
        if entry is None:
            return "there is no such file"
        if entry[0] == _LINK:
            return f"a link to {show_hidden(entry[1].decode('utf-8', 'replace'))}"
        return f"no text that can be shown ({len(entry[1])} bytes)"

    def _operational(self, words: str) -> list[str]:
        wanted = set(re.findall(r"[a-z0-9]{3,}", words.lower()[:20_000]))

        def rank(path: str) -> tuple[int, int, str]:
            near = wanted & set(re.findall(r"[a-z0-9]{3,}", path.lower()))
            return -len(near), path.count("/"), path

        return sorted((p for p in self.tree if _is_operational(p, self.tree[p][0])), key=rank)

    def _masked(self, text: str) -> str:
        return self.mask.hide(text)[0]


def _is_operational(path: str, mode: int) -> bool:
    return mode == 0o100755 or _NAMES.search(path) is not None


def _may_hold(entry: tuple[int, bytes], wanted: list[list[str]]) -> bool:
    """A quick look at the bytes, before a file's secrets are looked for."""
    mode, data = entry
    if mode == _LINK or len(data) > _BIG or b"\0" in data[:4096]:
        return False
    low = data.lower()
    return any(all(p.encode("utf-8", "surrogateescape") in low for p in parts) for parts in wanted)


def _holds(line: str, parts: list[str]) -> bool:
    at = 0
    for part in parts:
        at = line.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def _lines(lines: list[str], hint: str, more: int = 0) -> str:
    """As many lines as fit, and how many are left out."""
    size, shown = 0, 0
    for line in lines:
        size += len(line) + 1
        if size > MOST - 100:
            break
        shown += 1
    left = len(lines) - shown + more
    tail = [f"[{left} more; {hint}]" if hint else f"[{left} more]"] if left else []
    return "\n".join([*lines[:shown], *tail])
