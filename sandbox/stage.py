"""Stages: one side's tree in its world, primed and fed, so that cells can start from it.

Both sides are set up by the same steps from the same seed, each priming with its own tree. Judging
what a run then leaves is the matter of `sandbox.proof`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sandbox import Argv, Files, SandboxError, Side, worlds
from sandbox.engine import Call, Ended, Engine, Ground, Ran, Run, State, World, WorldContent
from sandbox.engine import Fault as EngineFault
from sandbox.proof.assignments import reassigned
from sandbox.proof.states import digest, listing, placed
from sandbox.rehearsal import CallFault, Fault, InputFault, LimitFault, Rehearsal, Workspace


@dataclass
class Stage:
    """An opened ground with what its control run left. Closed by whoever opened it."""

    side: Side
    entry: Argv
    seed: int
    ground: Ground
    before: State
    tracked: frozenset[str]
    world: World
    own: frozenset[str] = frozenset()  # what only its priming made
    trouble: str = ""  # why it can't be judged
    control: Ran | None = None
    volatile: frozenset[str] | None = None  # not known until somebody has to ask
    calls: tuple[Call, ...] = ()
    timeout: float = 60.0
    lost: bool = False  # the engine itself failed in priming
    sequences: dict[tuple[Argv, ...], Ran] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def after(self) -> State:
        """What its control run left."""
        return self.control.state if self.control is not None else {}


@dataclass(frozen=True)
class Applied:
    """A fault as a run sees it. `content` was put in place for that run; `ready` = it could be."""

    faults: tuple[EngineFault, ...] = ()
    content: WorldContent = field(default_factory=dict)
    env: Mapping[str, str | None] = field(default_factory=dict)
    then: tuple[Argv, ...] = ()
    file_limit: int | None = None
    ready: bool = True

    def run(self, argv: Argv, *, timeout: float, seed: int, record: bool = False) -> Run:
        return Run(
            argv=argv,
            faults=self.faults,
            record=record,
            content=self.content,
            env=self.env,
            then=self.then,
            file_limit=self.file_limit,
            timeout=timeout,
            seed=seed,
        )


def apply(fault: Fault | None, stage: Stage, rehearsal: Rehearsal) -> Applied:
    """Turn a fault of the format into what a run takes."""
    if fault is None:
        return Applied()
    if isinstance(fault, LimitFault):
        return Applied(file_limit=fault.limit)
    if isinstance(fault, CallFault):
        one = EngineFault(
            command=fault.command,
            does=fault.does,
            call=fault.call,
            persistent=fault.persistent,
            exit=fault.exit,
            seconds=fault.seconds,
            script=rehearsal.scripts[fault.script] if fault.script else b"",
            lacks=fault.lacks,
        )
        return Applied(faults=(one,), then=fault.then)
    if fault.input.startswith("env:"):
        return Applied(env={fault.input.removeprefix("env:"): fault.value}, then=fault.then)
    if fault.is_setting:
        return _setting(fault, stage)
    names = listing(stage.before, fault.input)
    if fault.value == "half":
        content = worlds.half(names)
    elif fault.value == "empty":
        content = worlds.empty(names)
    else:
        number = int((fault.value or "minus:1").split(":")[1])
        content = {names[number - 1]: None} if number <= len(names) else {}
    return Applied(content=content, then=fault.then, ready=bool(content))


def _setting(fault: InputFault, stage: Stage) -> Applied:
    address, name = fault.input.rsplit("#", 1)
    content = stage.ground.read(address)
    if content is None:
        return Applied(ready=False)
    changed = reassigned(content, name, fault.value)
    if changed is None:
        return Applied(ready=False)
    return Applied(content={address: changed}, then=fault.then)


class Stages:
    """Opens stages of one rehearsal. Prepared worlds are made once for each seed."""

    def __init__(self, engine: Engine, rehearsal: Rehearsal) -> None:
        self._engine = engine
        self._rehearsal = rehearsal
        self._filled: dict[int, World] = {}
        self._filling = threading.Lock()

    def world(self, seed: int, extra: WorldContent | None = None) -> World:
        """The world of this seed, after `prepare` filled it. Raises `SandboxError`."""
        with self._filling:
            if seed not in self._filled:
                world = self._rehearsal.world.build(seed)
                if self._rehearsal.prepare:
                    world = self._prepared(world, seed)
                self._filled[seed] = world
            world = self._filled[seed]
        if extra:
            kept = {a: c for a, c in extra.items() if a not in world.content}
            world = replace(world, content={**world.content, **kept})
        return world

    def _prepared(self, world: World, seed: int) -> World:
        scripts: Files = {
            path: (0o100755, content) for path, content in self._rehearsal.scripts.items()
        }
        ground = self._engine.open(scripts, world)
        try:
            before = ground.state
            run = Run(argv=(f"./{self._rehearsal.prepare}",), env={"SEED": str(seed)}, seed=seed)
            ran = ground.advance(run)
            if ran.ended is not Ended.EXITED or ran.code != 0:
                raise SandboxError(
                    f"{self._rehearsal.prepare} of the rehearsal {_ending(ran)}: "
                    f"{_tail(ran.output)}",
                    code="bad-prepare",
                    mend="make it end with 0",
                )
            content: dict[str, bytes | None] = dict(world.content)
            after = ground.state
            for address in after.keys() | before.keys():
                if address.startswith("/repo/") or address.startswith("/tmp/"):  # noqa: S108
                    continue
                if after.get(address) != before.get(address):
                    content[address] = ground.read(address)
            return replace(world, content=content)
        finally:
            ground.close()

    def open(
        self,
        side: Side,
        tree: Files,
        entry: Argv,
        seed: int,
        world: World,
    ) -> Stage:
        """Open a side: world, tree, priming by the side itself, stimulus, workspace."""
        rehearsal = self._rehearsal
        ground = self._engine.open(tree, world)
        try:
            unprimed = ground.state
            trouble, lost = "", False
            for step in rehearsal.prime:
                ran = ground.advance(Run(argv=step or entry, seed=seed))
                trouble = trouble or _trouble(ran)
                lost = lost or ran.ended is Ended.ENGINE_ERROR
            own = frozenset(ground.state.keys() - unprimed.keys())
            content = stimulus(rehearsal, ground.read, seed)
            if content:
                ground.place(content)
            if rehearsal.workspace is Workspace.COLD:
                ground.clear(ignored(tree))
            tracked = frozenset(f"/repo/{path}" for path in tree)
            stage = Stage(side, entry, seed, ground, ground.state, tracked, world, own)
            return replace(stage, trouble=trouble, lost=lost)
        except BaseException:
            ground.close()
            raise


_PLACE = re.compile(rb"(?<![\w.~$}/-])/repo(?![\w.-])")


def counts_on_place(rehearsal: Rehearsal, tree: Files) -> bool:
    """Whether the text of a tree or of its rehearsal names the place where trees stand."""
    world = json.dumps([dict(rehearsal.world.spec), dict(rehearsal.world.text), rehearsal.entry])
    texts = [world.encode(), *rehearsal.scripts.values(), *(data for _, data in tree.values())]
    return any(b"/repo" in text and _PLACE.search(text) for text in texts)


def _trouble(ran: Ran) -> str:
    if ran.ended in (Ended.ENGINE_ERROR, Ended.CANNOT_START):
        return f"priming could not run: {ran.ended.value} {ran.error}".strip()
    if ran.ended in (Ended.TIMEOUT, Ended.OUTPUT_CAP):
        return f"priming {ran.ended.value}"
    if ran.broken:
        return f"priming can't be judged: {ran.broken}"
    if ran.unknown:
        return f"in priming a stand-in was asked what it does not know: {', '.join(ran.unknown)}"
    return ""


def _ending(ran: Ran) -> str:
    return f"ended with {ran.code}" if ran.ended is Ended.EXITED else ran.ended.value


def _tail(output: bytes) -> str:
    return output.decode("utf-8", "replace").strip()[-300:]


def stimulus(
    rehearsal: Rehearsal, read: Callable[[str], bytes | None], seed: int
) -> dict[str, bytes | None]:
    """What is put in place before the judged run: always another size than what was there.

    A text file of the tree gets a line more, so that whatever reads it still can.
    """
    content: dict[str, bytes | None] = dict.fromkeys(rehearsal.stimulus.remove)
    made = worlds.later((*rehearsal.stimulus.change, *rehearsal.stimulus.add), seed)
    for address, data in made.items():
        old = read(address)
        if address.startswith("/repo/") and old is not None and b"\0" not in old:
            data = old.rstrip(b"\n") + _line(address, f"seen {digest(data)[:8]}")
        while old is not None and len(data) == len(old):
            data += b"\n"
        content[address] = data
    return content


_PROSE = (".md", ".txt", ".rst", ".html", ".csv", ".adoc")


def _line(address: str, words: str) -> bytes:
    """One more line that a reader of that kind of file takes without harm."""
    if address.endswith(".json"):
        return b"\n" + b" " * len(words) + b"\n"
    if address.endswith(_PROSE):
        return f"\n\n{words}\n".encode()
    return f"\n# {words}\n".encode()


def ignored(tree: Files) -> tuple[str, ...]:
    """The git-ignore patterns of a tree, those of inner folders anchored there."""
    patterns: list[str] = []
    for path, (_, content) in sorted(tree.items()):
        folder, _, name = path.rpartition("/")
        if name != ".gitignore":
            continue
        for line in content.decode("utf-8", "replace").splitlines():
            pattern = line.strip()
            if not pattern or pattern.startswith("#"):
                continue
            patterns.append(_anchored(pattern, folder))
    return tuple(patterns)


def _anchored(pattern: str, folder: str) -> str:
    if not folder:
        return pattern
    negated = "!" if pattern.startswith("!") else ""
    bare = pattern.removeprefix("!")
    if "/" in bare.rstrip("/"):
        return f"{negated}/{folder}/{bare.lstrip('/')}"
    return f"{negated}/{folder}/**/{bare}"


def adjusted(control: State, before: State, content: WorldContent) -> State:
    """A control's state as it would be had `content` lain there too (where it left that alone)."""
    if not content:
        return control
    untouched = {
        address: data
        for address, data in content.items()
        if address.endswith("/") or control.get(address) == before.get(address)
    }
    return placed(control, untouched)
