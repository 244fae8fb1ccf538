"""One cell: a hardened container over a fresh view, run once, and what it left.

Takes a slot and a run, gives a `Ran`. Never raises for what the engine does: a run that can't be
judged says so. What the outcome means is for `sandbox.proof`.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sandbox import SandboxError
from sandbox.engine import Call, Ended, Fault, Ran, Run, State, Tool, World, hardening
from sandbox.engine.daemon import Daemon, EngineDown, Mount, Recipe
from sandbox.engine.daemon import Ended as ContainerEnded
from sandbox.engine.keeper import Keeper, Labels
from sandbox.engine.stream import Heard, Stop, follow
from sandbox.engine.world import WorldServer, encoded
from sandbox.faults.commands import PASSED_BY

_TIDY_BEHIND = 2
_KINDS = frozenset({"fail", "cut", "short", "noop", "kill", "slow", "hang", "play"})
_NO_OUTPUT = Heard(Stop.END, b"", False)


@dataclass
class Slot:
    """One place where a cell may run: its client, its volume, its world. One run at a time."""

    name: str
    daemon: Daemon
    keeper: Keeper
    world: WorldServer
    image: str
    labels: Labels
    cpus: int
    tidying: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    behind: list[Future[None]] = field(default_factory=list)

    def later(self, deed: Callable[[], None]) -> None:
        """Do something that no result waits for; never more than a few at a time are left over."""
        self.behind = [f for f in self.behind if not f.done()]
        while len(self.behind) >= _TIDY_BEHIND:
            self.behind.pop(0).exception()
        self.behind.append(self.tidying.submit(deed))

    def close(self) -> None:
        self.tidying.shutdown(wait=True)
        with suppress(SandboxError):
            self.world.close()
        self.daemon.close()


@dataclass(frozen=True)
class Start:
    """What a cell starts from, as its ground knows it."""

    ground: str  # the keeper's name for it
    files: State
    beyond: State  # what the world holds besides files
    world_name: str  # the world server's name for it
    world_dump: Mapping[str, Any]
    world: World
    tools: str  # the keeper's folder with one stand-in a tool, "" for none
    commands: str  # the keeper's folder with a shim a command, for records
    places: frozenset[str]  # top folders besides the system's

    @property
    def state(self) -> State:
        return {**self.files, **self.beyond}


@dataclass(frozen=True)
class Left:
    """What a run left: the result, and what to do with the view."""

    ran: Ran
    adopted: State | None = None  # files only
    world_dump: Mapping[str, Any] | None = None


_numbers = itertools.count(1)


def run_cell(
    slot: Slot, start: Start, run: Run, on_line: Callable[[bytes], None] | None, *, adopt: bool
) -> Left:
    """Run in a fresh view. With `adopt`, if the run can be judged, the view becomes the ground.

    Raises `SandboxError` only for a run that makes no sense, never for what became of it.
    """
    command = _command(run)
    for fault in run.faults:
        if fault.does not in _KINDS or not fault.command.strip() or fault.call < 1:
            raise SandboxError(f"a fault that can't be: {fault}", code="bad-run")
    began = time.monotonic()
    try:
        return _Cell(slot, start, run, command).go(on_line, adopt, began)
    except SandboxError as error:
        return Left(
            Ran(
                ended=Ended.ENGINE_ERROR,
                code=None,
                output=b"",
                truncated=False,
                seconds=time.monotonic() - began,
                state=start.state,
                error=str(error),
            )
        )


class _Cell:
    def __init__(self, slot: Slot, start: Start, run: Run, command: Sequence[str]) -> None:
        self._slot, self._start, self._run, self._command = slot, start, run, command
        self._name = f"c{next(_numbers)}"
        self._container = ""
        self._volumes: list[str] = []

    def go(self, on_line: Callable[[bytes], None] | None, adopt: bool, began: float) -> Left:
        slot, keeper = self._slot, self._slot.keeper
        try:
            mounts = self._prepare()
            heard, ended = self._execute(mounts, on_line)
            after = keeper.ask("after", cell=self._name)
            ran = self._result(heard, ended, after, time.monotonic() - began)
            left = Left(ran)
            if adopt and ran.ended not in (Ended.ENGINE_ERROR, Ended.CANNOT_START):
                files = keeper.ask("adopt", cell=self._name)["state"]
                left = Left(ran, files, slot.world.ask({"op": "dump"}))
            # the container is dead and its mounts with it: the next cell gets the slot's whole room
            keeper.ask("drop", cell=self._name)
            return left
        finally:
            slot.later(self._tidy)

    def _tidy(self) -> None:
        # what fails here the reaper takes: the labels say whose it is
        with suppress(SandboxError):
            if self._container:
                self._slot.daemon.remove(self._container)
            for name in self._volumes:
                self._slot.daemon.remove_volume(name)
        with suppress(SandboxError):
            self._slot.keeper.ask("drop", cell=self._name)

    # ---- before ----

    def _prepare(self) -> list[Mount]:
        slot, start, run, keeper = self._slot, self._start, self._run, self._slot.keeper
        files = {a: v for a, v in run.content.items() if a.startswith("/")}
        beyond = {a: v for a, v in run.content.items() if not a.startswith("/")}
        slot.world.revive()
        slot.world.restore(start.world_name, start.world_dump)
        slot.world.put(beyond)
        made = keeper.ask(
            "cell",
            cell=self._name,
            slot=slot.name,
            ground=start.ground,
            content=encoded(files),
            faults=[_order(fault) for fault in run.faults],
            record=run.record,
            bare=sorted(PASSED_BY),
            tools=tools_config(start.world.tools, run.seed) if start.tools else "",
            has_world=True,
            folder=start.world.folder,
        )
        base, pawl = keeper.path, hardening.PAWL
        mounts = [self._place(place) for place in made["mounts"]]
        mounts.append(Mount(f"{base}/x/{self._name}", f"{pawl}/cell", read_only=True))
        mounts.append(Mount(f"{base}/shim/enter", f"{pawl}/enter", read_only=True))
        if start.tools:
            mounts.append(Mount(f"{base}/{start.tools}", f"{pawl}/tools", read_only=True))
            mounts.append(
                Mount(f"{base}/x/{self._name}/tools.json", f"{pawl}/tools.json", read_only=True)
            )
        if run.record:
            mounts.append(Mount(f"{base}/{start.commands}", "/usr/bin", read_only=True))
            return mounts
        tools = {tool.name for tool in start.world.tools}
        faulted = {fault.command.split()[0] for fault in run.faults}
        for name in sorted(tools | faulted):
            target = f"/usr/bin/{name}" if name in tools else keeper.commands.get(name)
            if not target:
                continue  # no such command here: the fault is never reached, and that shows
            source = "shim/enter" if name in faulted else f"{start.tools}/{name}"
            mounts.append(Mount(f"{base}/{source}", target, read_only=True))
        return mounts

    def _place(self, place: Mapping[str, Any]) -> Mount:
        slot, keeper = self._slot, self._slot.keeper
        at = f"{keeper.slot_paths[slot.name]}/{place['at'].partition('/')[2]}"
        where = place["mount"]
        if where == hardening.REPO:
            where = self._start.world.folder
        if not place["below"]:
            return Mount(at, where)
        lower = ":".join(f"{keeper.path}/{folder}" for folder in reversed(place["below"]))
        name = f"{keeper.name}-{slot.name}-{self._name}"
        options = f"nosuid,nodev,userxattr,lowerdir={lower},upperdir={at}/u,workdir={at}/w"
        slot.daemon.make_volume(
            name,
            {"type": "overlay", "device": "overlay", "o": options},
            slot.labels.of("overlay"),
        )
        self._volumes.append(name)
        return Mount(name, where, volume=True)

    # ---- the run ----

    def _execute(
        self, mounts: Sequence[Mount], on_line: Callable[[bytes], None] | None
    ) -> tuple[Heard, ContainerEnded]:
        slot, run, daemon = self._slot, self._run, self._slot.daemon
        self._container = daemon.create(
            Recipe(
                image=slot.image,
                command=self._command,
                user=hardening.CELL_USER,
                limits=hardening.cell_limits(slot.cpus),
                labels=slot.labels.of("cell"),
                mounts=mounts,
                tmpfs={
                    at: hardening.tmpfs(size, hardening.CELL_USER, mode)
                    for at, size, mode in _TEMPORARY
                    if at not in self._start.places
                },
                environment=_environment(self._start.world, run),
                network=f"container:{slot.world.container}",
                folder=self._start.world.folder,
                name=f"{slot.keeper.name}-{slot.name}-{self._name}",
            )
        )
        line = daemon.attach(self._container)
        heard = _NO_OUTPUT
        try:
            deadline = time.monotonic() + min(run.timeout, hardening.CELL_SECONDS_MOST)
            daemon.start(self._container)
            heard = follow(line, deadline, on_line)
        finally:
            line.close()  # always before kill
        if heard.stop is not Stop.END:
            daemon.kill(self._container)
        return heard, daemon.wait(self._container, 30)

    # ---- after ----

    def _result(
        self, heard: Heard, ended: ContainerEnded, after: Mapping[str, Any], seconds: float
    ) -> Ran:
        run, world = self._run, self._slot.world
        state = dict(self._start.files)
        for address, value in after["delta"].items():
            if value is None:
                state.pop(address, None)
            else:
                state[address] = value
        broken = str(after["broken"])
        unknown: tuple[str, ...] = ()
        try:
            state.update(world.state())
            unknown = world.unknown()
        except EngineDown:
            raise
        except SandboxError as error:
            broken = broken or f"the world's stand-ins no longer answer: {error}"
        how, code, error_text = _ending(heard, ended, after)
        return Ran(
            ended=how,
            code=code,
            output=heard.output,
            truncated=heard.truncated,
            seconds=seconds,
            state=state,
            calls=tuple(_call(c) for c in after["calls"]) if run.record else (),
            fired=tuple(run.faults[i] for i in after["fired"]),
            unknown=unknown,
            broken=broken,
            oom_kills=int(after["oom"]) or int(ended.oom_killed),
            error=error_text,
            codes=_codes(after["steps"]),
        )


_TEMPORARY = (
    ("/tmp", hardening.TEMPORARY_BYTES, "1777"),  # noqa: S108
    ("/run", 4 * hardening.MEBIBYTE, "755"),
)


def _ending(
    heard: Heard, ended: ContainerEnded, after: Mapping[str, Any]
) -> tuple[Ended, int | None, str]:
    """How the run ended. The launcher's own signed word goes before the container's exit code.

    A code above 128 alone would be "a signal, or pretended".
    """
    if heard.stop is Stop.DEADLINE:
        return Ended.TIMEOUT, None, ""
    if heard.stop is Stop.TOO_MUCH:
        return Ended.OUTPUT_CAP, None, ""
    if ended.error:
        return Ended.ENGINE_ERROR, ended.code, ended.error
    if after["cannot"]:
        step, number = after["cannot"]
        return Ended.CANNOT_START, None, f"entry {step + 1}: {os.strerror(number)}"
    if (ended.oom_killed or after["oom"]) and ended.code == 128 + signal.SIGKILL:
        return Ended.OOM, ended.code, ""
    signals = [s & 0x7F for s in after["steps"].values() if s & 0x7F]
    if signals:
        return Ended.SIGNALLED, 128 + signals[0], ""
    if after["ended"]:
        return Ended.EXITED, ended.code, ""
    if ended.code > 128:  # the launcher itself was killed, as by `kill -9 -1`
        return Ended.SIGNALLED, ended.code, ""
    return Ended.ENGINE_ERROR, ended.code, "the launcher ended without a word"


def _codes(steps: Mapping[str, int]) -> tuple[int, ...]:
    """The exit code of each entry point from its wait status, in order."""
    in_order = [steps[number] for number in sorted(steps, key=int)]
    return tuple(128 + (s & 0x7F) if s & 0x7F else s >> 8 for s in in_order)


def _command(run: Run) -> list[str]:
    words = [f"{hardening.PAWL}/enter", "-" if run.file_limit is None else str(run.file_limit)]
    steps = [run.argv, *run.then]
    words.append(str(len(steps)))
    for argv in steps:
        if not argv or not argv[0]:
            raise SandboxError("an entry point without a command", code="bad-run")
        words += [str(len(argv)), *argv]
    if any("\udc80" <= sign <= "\udcff" for word in words for sign in word):
        raise SandboxError("an entry point's words have to be UTF-8", code="bad-run")
    return words


def _environment(world: World, run: Run) -> Mapping[str, str]:
    merged = {**hardening.ENVIRONMENT, **world.env, **run.env}
    return {name: value for name, value in merged.items() if value is not None}


def _order(fault: Fault) -> Mapping[str, Any]:
    return {
        "command": fault.command,
        "does": fault.does,
        "call": fault.call,
        "persistent": fault.persistent,
        "exit": fault.exit,
        "seconds": fault.seconds,
        "lacks": fault.lacks,
        "script": base64.b64encode(fault.script).decode(),
    }


def _call(call: Mapping[str, Any]) -> Call:
    return Call(
        signature=call["signature"],
        number=call["number"],
        argv=tuple(call["argv"]),
        cwd=call["cwd"],
        code=call["code"],
        created=tuple(call.get("created", ())),
        changed=tuple(call.get("changed", ())),
        removed=tuple(call.get("removed", ())),
        read=tuple(call.get("read", ())),
    )


def tools_config(tools: Sequence[Tool], seed: int) -> str:
    """The JSON that the builder stand-ins read."""
    config: dict[str, Any] = {
        tool.name: {"kind": tool.kind, "output": tool.output, "count": tool.count} for tool in tools
    }
    return json.dumps({**config, "seed": seed})


def tools_folder(tools: Sequence[Tool]) -> str:
    """A folder name that is the same for the same tools."""
    names = "\n".join(sorted(tool.name for tool in tools))
    return hashlib.sha256(names.encode()).hexdigest()[:12]
