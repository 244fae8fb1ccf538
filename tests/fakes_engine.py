"""An engine in memory: trees and worlds are dictionaries, entry points a small subset of sh.

What it can run runs the same in a real cell, so one contract suite holds for both
(`tests/contract/test_engine.py`). It knows `set -e`, assignments, `$NAME` and `$PWD`, `.`,
`[ -e/-n x ]`, `[ x = y ]`, `||`, `&&`, `> FILE`, exit, echo and the commands in `_COMMANDS`.
"""

from __future__ import annotations

import fnmatch
import hashlib
import posixpath
import re
import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox import Argv, Files, SandboxError
from sandbox.engine import Call, Ended, Fault, Ran, Run, State, World, WorldContent
from sandbox.worlds import signature

Disk = dict[str, bytes]
_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib/", "/tmp/")
_COMMANDS = {"cp", "mv", "rm", "mkdir", "touch", "cat", "grep", "date", "rsync", "aws", "sleep"}
_COMMANDS |= {"false", "true"}


class _Exit(Exception):
    """The script ends."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Stop(Exception):
    """The whole run ends."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended)
        self.ended = ended


def _effects(before: Disk, after: Disk) -> tuple[list[str], list[str], list[str]]:
    created = sorted(a for a in after if a not in before)
    changed = sorted(a for a in after if a in before and before[a] != after[a])
    return created, changed, sorted(a for a in before if a not in after)


@dataclass
class _Shell:
    """One run of entry points over a disk of its own."""

    disk: Disk
    world: World
    run: Run
    clock: Callable[[], int]
    output: list[bytes] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    fired: list[Fault] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    depth: int = 0

    def start(self, argv: Argv, env: Mapping[str, str]) -> int:
        """Run a script of the tree in a process of its own; its exit code."""
        path = posixpath.normpath(posixpath.join("/repo", argv[0]))
        if argv[0] in ("sh", "bash") and len(argv) > 1:
            return self.start(argv[1:], env)
        if path not in self.disk:
            return 127
        numbered = {str(i): word for i, word in enumerate(argv)}
        variables = {**env, "PWD": self.world.folder, **numbered}
        self.depth += 1
        if self.depth > 20:
            raise _Stop(Ended.TIMEOUT)
        try:
            return self.lines(self.disk[path].decode(), variables, [False])
        except _Exit as end:
            return end.code
        finally:
            self.depth -= 1

    def lines(self, text: str, variables: dict[str, str], strict: list[bool]) -> int:
        code = 0
        for raw in text.splitlines():
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            code = self.chain(line, variables, strict)
        return code

    def chain(self, line: str, variables: dict[str, str], strict: list[bool]) -> int:
        parts = re.split(r" (\|\||&&) ", line)
        code = self.simple(parts[0], variables, strict)
        last = 0
        for i in range(1, len(parts), 2):
            if (parts[i] == "||") == (code != 0):
                code = self.simple(parts[i + 1], variables, strict)
                last = i + 1
        if code != 0 and strict[0] and last == len(parts) - 1:
            raise _Exit(code)
        return code

    def simple(self, text: str, variables: dict[str, str], strict: list[bool]) -> int:
        def value(match: re.Match[str]) -> str:
            return variables.get(match[1] or match[2], "")

        words = shlex.split(re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text))
        assignment = re.fullmatch(r"(?:export )?(\w+)=(.*)", " ".join(words), re.DOTALL)
        if assignment and "=" in (words[1] if words[0] == "export" else words[0]):
            variables[assignment[1]] = assignment[2]
            return 0
        if words[0] == "set":
            strict[0] = "e" in words[1]
            return 0
        if words[0] == "exit":
            raise _Exit(int(words[1]) if len(words) > 1 else 0)
        if words[0] == ".":
            return self.lines(self.disk[self.path(words[1])].decode(), variables, strict)
        if words[0] == "[":
            return self.test(words[1:-1])
        target = ""
        if ">" in words:
            target = self.path(words[words.index(">") + 1])
            words = words[: words.index(">")]
        if words[0] == "echo":
            return self.write(" ".join(words[1:]) + "\n", target)
        if words[0].startswith("./"):
            return self.start(tuple(words), {k: v for k, v in variables.items() if not k.isdigit()})
        if words[0] not in _COMMANDS:
            self.output.append(f"{words[0]}: not found\n".encode())
            return 127
        return self.command(tuple(words), target)

    def test(self, words: Sequence[str]) -> int:
        if words[0] == "-e":
            return 0 if self.below(self.path(words[1])) else 1
        if words[0] == "-n":
            return 0 if words[1] else 1
        if len(words) == 3 and words[1] in ("=", "!="):
            return 0 if (words[0] == words[2]) == (words[1] == "=") else 1
        raise SandboxError(f"the fake shell does not know [ {' '.join(words)} ]")

    def write(self, text: str, target: str) -> int:
        if not target:
            self.output.append(text.encode())
            return 0
        content = text.encode()
        limit = self.run.file_limit
        self.disk[target] = content if limit is None else content[:limit]
        return 0 if limit is None or len(content) <= limit else 1

    # --- commands with faults and a record ------------------------------------------------------

    def command(self, argv: Argv, target: str) -> int:
        name = signature(argv)
        number = self.counts[name] = self.counts.get(name, 0) + 1
        fault = next(
            (
                f
                for f in self.run.faults
                if f.command == name and (number == f.call or (f.persistent and number >= f.call))
            ),
            None,
        )
        before, said = dict(self.disk), len(self.output)
        read: list[str] = []
        if fault is None:
            code = self.real(argv, target, read)
        else:
            self.fired.append(fault)
            code = self.faulty(fault, argv, target, before, said)
        created, changed, removed = _effects(before, self.disk)
        self.calls.append(
            Call(
                name,
                number,
                argv,
                "/repo",
                code,
                tuple(created),
                tuple(changed),
                tuple(removed),
                tuple(read),
            )
        )
        return code

    def faulty(self, fault: Fault, argv: Argv, target: str, before: Disk, said: int) -> int:
        if fault.does == "fail":
            return fault.exit
        if fault.does == "noop":
            return 0
        if fault.does == "kill":
            raise _Exit(137)
        if fault.does == "hang":
            raise _Stop(Ended.TIMEOUT)
        code = self.real(argv, target, [])
        if fault.does == "slow":
            return code
        created, changed, removed = _effects(before, self.disk)
        effects = [*created, *changed, *removed]
        undone = effects[len(effects) // 2 :]
        if fault.lacks:
            undone = [*(created or changed)[-fault.lacks :], *removed]
        for place, address in enumerate(undone):
            halves = fault.does == "cut" and argv[0] not in ("rsync", "mv")  # these rename
            halves = halves and not fault.lacks
            border = place == 0 and halves and address.startswith("/")
            if border and address not in removed:
                content = self.disk[address]
                self.disk[address] = content[: len(content) // 2]
                continue
            if address in created:
                del self.disk[address]
            else:
                self.disk[address] = before[address]
        del self.output[said + (len(self.output) - said) // 2 :]
        return fault.exit if fault.does == "cut" else 0

    def real(self, argv: Argv, target: str, read: list[str]) -> int:
        options = [word for word in argv[1:] if word.startswith("-") and word != "-"]
        words = [word for word in argv[1:] if not word.startswith("-")]
        before = dict(self.disk)
        code = self.effect(argv[0], options, words, target, read)
        limit = self.run.file_limit
        if limit is not None:
            for address, content in self.disk.items():
                written = before.get(address) != content and address.startswith("/")
                if written and len(content) > limit:
                    self.disk[address] = content[:limit]
                    code = 1
        return code

    def effect(
        self, name: str, options: list[str], words: list[str], target: str, read: list[str]
    ) -> int:
        if name in ("true", "false"):
            return int(name == "false")
        if name == "sleep":
            if float(words[0]) > self.run.timeout:
                raise _Stop(Ended.TIMEOUT)
            return 0
        if name == "date":
            return self.write(f"{self.clock()}\n", target)
        if name == "cat":
            found = [self.disk[self.path(w)] for w in words if self.path(w) in self.disk]
            return self.write(b"".join(found).decode(), target) if found else 1
        if name == "grep":
            content = self.disk.get(self.path(words[-1]), b"").decode()
            return 0 if words[0] in content else 1
        if name == "mkdir":
            return 0
        if name == "touch":
            for word in words:
                self.disk.setdefault(self.path(word), b"")
            return 0
        if name == "rm":
            return self.remove(words)
        if name in ("cp", "mv"):
            return self.copy(name, words)
        if name == "rsync":
            return self.rsync("--delete" in options, words, read)
        return self.aws("--delete" in options, words)

    def remove(self, words: list[str]) -> int:
        for word in words:
            path = self.path(word.removesuffix("/*") or "/")
            for address in self.below(path):
                if not address.startswith(_SYSTEM):
                    del self.disk[address]
        return 0

    def copy(self, name: str, words: list[str]) -> int:
        if len(words) != 2:
            return 1  # the last one would have to be a folder that is there; here it never is
        source, target = words
        folder = source.endswith("/.")
        top = self.path(source.removesuffix("/."))
        names = self.below(top)
        if not names:
            self.output.append(f"{name}: {source}: no such file\n".encode())
            return 1
        for address in names:
            rest = address[len(top) :]
            place = self.path(target.rstrip("/"))
            if not folder and target.endswith("/"):
                place = f"{place}/{posixpath.basename(top)}"
            self.disk[place + rest] = self.disk[address]
            if name == "mv":
                del self.disk[address]
        return 0

    def rsync(self, delete: bool, words: list[str], read: list[str]) -> int:
        if len(words) != 2:
            return 1  # a place with a blank in it: what is meant is not there
        source, target = (self.remote(word) for word in words)
        for side in (source, target):
            if not side.startswith("/") and side.split(":")[0] not in self.world.hosts:
                return 255
        read += [] if source.startswith("/") else [source]
        return self.mirror(source, target, delete)

    def mirror(self, source: str, target: str, delete: bool) -> int:
        wanted = {a[len(source) :]: self.disk[a] for a in self.below(source)}
        have = {a[len(target) :] for a in self.below(target)}
        for rest, content in wanted.items():
            self.disk[target + rest] = content
        for rest in have - wanted.keys() if delete else ():
            del self.disk[target + rest]
        return 0

    def aws(self, delete: bool, words: list[str]) -> int:
        if words[:2] == ["s3", "sync"] and len(words) == 4:
            source, target = words[2:]
            bucket = target.removeprefix("s3://").split("/")[0]
            if bucket not in self.world.buckets or not self.below(self.path(source)):
                return 1
            return self.mirror(self.path(source), target.rstrip("/"), delete)
        if words[:2] == ["s3", "rm"]:
            self.disk.pop(words[2], None)
            return 0
        if words[1].startswith(("describe", "list", "get")):
            self.unknown.append(" ".join(["aws", *words]))
            return 255
        lines = sum(a.startswith("journal:aws/") for a in self.disk)
        self.disk[f"journal:aws/{lines + 1}"] = " ".join(words).encode()
        return 0

    # --- places ---------------------------------------------------------------------------------

    def path(self, word: str) -> str:
        """The address of a path: where the tree stands is /repo, wherever that is."""
        if not word:
            return ""
        top, found = self.world.folder, posixpath.normpath(posixpath.join("/repo", word))
        if word == top or word.startswith(f"{top}/"):
            return posixpath.normpath("/repo" + word.removeprefix(top))
        return found

    def remote(self, word: str) -> str:
        head, colon, tail = word.partition(":")
        if colon and "/" not in head:
            return f"{head.split('@')[-1]}:{posixpath.normpath(tail)}"
        return self.path(word)

    def below(self, top: str) -> list[str]:
        if top == "/":
            return sorted(a for a in self.disk if a.startswith("/"))
        return sorted(a for a in self.disk if a == top or (top and a.startswith(top + "/")))


class FakeGround:
    """A ground in memory."""

    def __init__(self, disk: Disk, world: World, engine: FakeEngine) -> None:
        self._disk = disk
        self._world = world
        self._engine = engine
        self._lock = threading.Lock()
        self._tracked = {address for address in disk if address.startswith("/repo/")}
        self.closed = False

    @property
    def state(self) -> State:
        with self._lock:
            return _state(self._disk)

    def run(self, run: Run, on_line: Callable[[bytes], None] | None = None) -> Ran:
        return self._run(run, on_line)[0]

    def advance(self, run: Run, on_line: Callable[[bytes], None] | None = None) -> Ran:
        ran, disk = self._run(run, on_line)
        with self._lock:
            self._disk = disk
        return ran

    def _run(self, run: Run, on_line: Callable[[bytes], None] | None) -> tuple[Ran, Disk]:
        if self.closed:
            raise SandboxError("the ground is closed")
        with self._lock:
            disk = dict(self._disk)
        _put(disk, run.content)
        env: dict[str, str] = {"HOME": "/home/ops", **self._world.env}
        for name, value in run.env.items():
            if value is None:
                env.pop(name, None)
            else:
                env[name] = value
        shell = _Shell(disk, self._world, run, self._engine.tick)
        ended = Ended.EXITED
        codes: list[int] = []
        try:
            codes.extend(shell.start(argv, env) for argv in (run.argv, *run.then))
        except _Stop as stop:
            ended = stop.ended
        code = next((one for one in codes if one), 0) if ended is Ended.EXITED else None
        output = b"".join(shell.output)
        for line in output.splitlines(keepends=True):
            if on_line is not None:
                on_line(line)
        ran = Ran(
            ended=ended,
            code=code,
            output=output,
            truncated=False,
            seconds=0.01,
            state=_state(disk),
            calls=tuple(shell.calls) if run.record else (),
            fired=tuple(dict.fromkeys(shell.fired)),
            unknown=tuple(shell.unknown),
            codes=tuple(codes),
        )
        self._engine.ran.append((run, ran))
        return self._engine.spoil(run, ran), disk

    def place(self, content: WorldContent) -> None:
        with self._lock:
            _put(self._disk, content)

    def clear(self, patterns: Sequence[str]) -> None:
        with self._lock:
            for address in [a for a in self._disk if a.startswith("/repo/")]:
                if address in self._tracked:
                    continue
                path = address.removeprefix("/repo/")
                for pattern in patterns:
                    folder = pattern.strip("/")
                    inside = f"/{folder}/" in f"/{path}" if pattern.endswith("/") else False
                    if inside or fnmatch.fnmatch(posixpath.basename(path), folder):
                        self._disk.pop(address, None)

    def read(self, address: str) -> bytes | None:
        with self._lock:
            return self._disk.get(address)

    def close(self) -> None:
        self.closed = True


class FakeEngine:
    """Opens grounds in memory. `spoil` is the one switch: it may replace what a run answers."""

    def __init__(self, slots: int = 2, spoil: Callable[[Run, Ran], Ran] | None = None) -> None:
        self._slots = slots
        self._time = 0
        self.grounds: list[FakeGround] = []
        self.ran: list[tuple[Run, Ran]] = []
        self.spoil = spoil or (lambda run, ran: ran)

    @property
    def image(self) -> str:
        return "fake:0"

    @property
    def slots(self) -> int:
        return self._slots

    def tick(self) -> int:
        self._time += 1
        return self._time

    def probe(self) -> Mapping[str, Any]:
        return {}

    def open(self, tree: Files, world: World) -> FakeGround:
        disk: Disk = {f"/repo/{path}": content for path, (_, content) in tree.items()}
        _put(disk, world.content)
        ground = FakeGround(disk, world, self)
        self.grounds.append(ground)
        return ground

    def reap(self) -> int:
        return 0

    def close(self) -> None:
        for ground in self.grounds:
            ground.close()


def _put(disk: Disk, content: WorldContent) -> None:
    for address, data in content.items():
        if data is not None:
            disk[address] = data
        elif address.endswith("/"):
            for gone in [a for a in disk if a.startswith(address)]:
                del disk[gone]
        else:
            disk.pop(address, None)


def _state(disk: Disk) -> State:
    return {a: hashlib.sha256(c).hexdigest()[:24] for a, c in disk.items()}
