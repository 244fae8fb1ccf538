"""The sandbox on a Docker engine: opens grounds, holds slots, starts anew when the engine did.

Wires the parts beside it together. What a proof makes of a run is not known here.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sandbox import Files, SandboxError
from sandbox.engine import Ended, Engine, Ground, Run, World, hardening, probe, reaper, trees
from sandbox.engine.cell import Slot, Start, tools_folder
from sandbox.engine.daemon import DEFAULT_URL, Daemon
from sandbox.engine.ground import DockerGround, top_folders
from sandbox.engine.image import ensure_image
from sandbox.engine.keeper import Keeper, Labels
from sandbox.engine.world import WorldServer, encoded, first_dump

_LARGE_TREE = 4000  # files; from here on a tree is brought as the difference from another
_HEAVY_TREE = hardening.SLOT_BYTES // 4  # bytes; likewise, and a cell sees it without a copy
_GRACE = 600
_RENEW_AFTER = hardening.HELPER_SECONDS / 3


def open_engine(
    owner: str,
    boot: str,
    docker_url: str | None = None,
    slots: int = 2,
    say: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
    lives: Callable[[str], bool | None] = reaper.unknown,
) -> Engine:
    """Return an engine whose image is there; `say` gets progress while that is built.

    `owner` names this installation and `boot` this process: both are labels of everything made.
    `lives` answers of an owner's boot (with a number behind a dot) whether its process lives.
    `slots` cells may run at once. Containers start with the first ground, and never before a probe
    from inside has found every wall in its place. Raises `SandboxError` with what to do.
    """
    url = docker_url or DEFAULT_URL
    daemon = Daemon(url)
    try:
        info = daemon.info()
        probe.check_engine(info)
        image = ensure_image(url, say)
    except BaseException:
        daemon.close()
        raise
    return DockerEngine(daemon, image, owner, boot, slots, int(info.get("NCPU", 1)), clock, lives)


class DockerEngine:
    """The real `sandbox.engine.Engine`. Safe for several threads."""

    def __init__(
        self,
        daemon: Daemon,
        image: str,
        owner: str,
        boot: str,
        slots: int,
        cpus: int,
        clock: Callable[[], float],
        lives: Callable[[str], bool | None],
    ) -> None:
        self._daemon, self._image, self._owner, self._boot = daemon, image, owner, boot
        self._slots, self._cpus, self._clock = slots, cpus, clock
        self._lives = lives
        self._lock = threading.RLock()
        self._rig: _Rig | None = None
        self._rigs = itertools.count(1)

    @property
    def image(self) -> str:
        return self._image

    @property
    def slots(self) -> int:
        return self._slots

    def probe(self) -> Mapping[str, Any]:
        with self._lock:
            return self._ready().walls

    def open(self, tree: Files, world: World) -> Ground:
        with self._lock:
            rig = self._ready()
            rig.opening += 1
        try:
            return rig.open(tree, world)
        finally:
            with self._lock:
                rig.opening -= 1

    def reap(self) -> int:
        now = self._clock()
        return reaper.reap(self._daemon, owner=self._owner, now=now, lives=self._lives)

    def close(self) -> None:
        with self._lock:
            if self._rig:
                self._rig.close()
                self._rig = None
            self._daemon.close()

    def _ready(self) -> _Rig:
        """The rig; a new one when there is none, when it broke, or when it is old and idle."""
        rig = self._rig
        if rig and (not rig.alive or (rig.idle and rig.age > _RENEW_AFTER)):
            rig.close()
            self._rig = rig = None
        if rig is None:
            now, number = int(self._clock()), next(self._rigs)
            expires = now + hardening.HELPER_SECONDS + _GRACE
            labels = Labels(self._owner, f"{self._boot}.{number}", now, expires)
            # a new name each time: mounts of the last one may not be free yet
            name = f"pawl-{_short(self._boot)}-{number}"
            rig = _Rig(self._daemon, self._image, labels, name, self._slots, self._cpus)
            self._rig = rig
        return rig


def _short(boot: str) -> str:
    """A boot's name as part of a container's name."""
    return hashlib.sha256(boot.encode()).hexdigest()[:10]


class _Rig:
    """A keeper, slots with their worlds, and the grounds on them: all live and die together."""

    def __init__(
        self, daemon: Daemon, image: str, labels: Labels, name: str, slots: int, cpus: int
    ) -> None:
        self._started = time.monotonic()
        self._cpus = cpus
        self._lock = threading.Lock()
        self._grounds: set[DockerGround] = set()
        self._numbers = itertools.count(1)
        self._folders: set[str] = set()
        self._large: dict[str, trees.Outline] = {}
        self.opening = 0
        self._slots: list[Slot] = []
        names = [str(n) for n in range(slots)]
        self.keeper = Keeper(daemon, image, labels, name, names, cpus)
        try:
            with ThreadPoolExecutor(slots) as pool:
                made = [pool.submit(self._slot, daemon, image, labels, n) for n in names]
                for future in made:
                    future.result()
            self._free: queue.LifoQueue[Slot] = queue.LifoQueue()
            for slot in self._slots:
                self._free.put(slot)
            self.walls = self._probe()
        except BaseException:
            self.close()
            raise

    def _slot(self, daemon: Daemon, image: str, labels: Labels, name: str) -> None:
        world = WorldServer(daemon, self.keeper, image, labels, name, self._cpus)
        client = Daemon(daemon.url)
        slot = Slot(name, client, self.keeper, world, image, labels, self._cpus)
        with self._lock:
            self._slots.append(slot)
        world.wait()

    def _probe(self) -> Mapping[str, Any]:
        ground = self.open({}, World())
        try:
            argv = (f"{hardening.PAWL}/python3", "-ISc", probe.PROGRAM)
            ran = ground.run(Run(argv, timeout=30))
        finally:
            ground.close()
        if ran.ended is not Ended.EXITED or ran.broken:
            why = ran.error or ran.broken or ran.output[-500:].decode(errors="replace")
            raise SandboxError(f"the probe container {ran.ended}: {why}", code="probe-failed")
        return probe.check(ran.output, hardening.cell_limits(self._cpus))

    # ---- life ----

    @property
    def alive(self) -> bool:
        return self.keeper.alive

    @property
    def idle(self) -> bool:
        return not self._grounds and not self.opening

    @property
    def age(self) -> float:
        return time.monotonic() - self._started

    def close(self) -> None:
        for slot in self._slots:
            slot.close()
        with contextlib.suppress(SandboxError):
            self.keeper.close()

    # ---- slots ----

    @contextlib.contextmanager
    def taken(self) -> Iterator[Slot]:
        slot = self._free.get()
        try:
            yield slot
        finally:
            self._free.put(slot)

    def each(self, deed: Callable[[Slot], None]) -> None:
        held = [self._free.get() for _ in self._slots]
        try:
            for slot in held:
                deed(slot)
        finally:
            for slot in held:
                self._free.put(slot)

    # ---- grounds ----

    def open(self, tree: Files, world: World) -> DockerGround:
        """Open a ground. Raises `SandboxError` for a tree or world that can't be set up."""
        size = trees.size(tree)
        if size > hardening.SLOT_BYTES // 2 and not self.keeper.layers:
            raise trees.too_big(tree, hardening.SLOT_BYTES // 2)
        name = f"g{next(self._numbers)}"
        empty = [folder for folder in world.empty if folder.startswith("/")]
        addresses = [*world.content, *(folder.rstrip("/") + "/" for folder in empty)]
        tops = top_folders(addresses, frozenset(hardening.SYSTEM_FOLDERS))
        content = {a: v for a, v in world.content.items() if v is not None}
        files = {a: v for a, v in content.items() if a.startswith("/")}
        beyond = {a: v for a, v in content.items() if not a.startswith("/")}
        with self._lock:
            tree_name = self._put_tree(tree)
            tools = self._put_tools(world)
            commands = self._put_commands(world)
            files_state = self.keeper.ask(
                "ground",
                ground=name,
                tree=tree_name,
                tops=list(tops),
                content=encoded(files),
                empty=empty,
                layers=self.keeper.layers,
                heavy=size > _HEAVY_TREE,
            )["state"]
        dump = first_dump(world, beyond)
        with self.taken() as slot:
            slot.world.revive()
            slot.world.restore(f"{name}-0", dump)
            dump = slot.world.ask({"op": "dump"})
            beyond_state = slot.world.state()
        start = Start(
            ground=name,
            files=files_state,
            beyond=beyond_state,
            world_name=f"{name}-0",
            world_dump=dump,
            world=world,
            tools=tools,
            commands=commands,
            places=frozenset(tops),
        )
        ground = DockerGround(self.keeper, self, start, self._grounds.discard)
        self._grounds.add(ground)
        return ground

    def _put_tree(self, tree: Files) -> str:
        """Bring a tree to the keeper, once; a large one as what differs from one that is there."""
        new = trees.outline(tree)
        known = self.keeper.ask("tree", digest=new.digest)
        if not known["have"]:
            below, gone = "", frozenset[str]()
            size = trees.size(tree)
            if self.keeper.layers and (len(tree) > _LARGE_TREE or size > _HEAVY_TREE):
                here = set(known["trees"])
                self._large = {d: old for d, old in self._large.items() if d in here}
                for old in self._large.values():
                    written, missing = trees.difference(old, new)
                    few = len(written) + len(missing) < len(tree) / 4
                    if few or sum(len(tree[path][1]) for path in written) < size / 4:
                        tree = {path: tree[path] for path in written}
                        below, gone = old.digest, missing
                        break
                else:
                    self._large[new.digest] = new
            owner = int(hardening.CELL_USER.partition(":")[0])
            with trees.archive(tree, int(time.time()), owner) as archive:
                self.keeper.put(known["folder"], archive)
            self.keeper.ask("tree_filled", digest=new.digest, below=below, gone=sorted(gone))
        return new.digest

    def _put_tools(self, world: World) -> str:
        if not world.tools:
            return ""
        folder = f"tools/{tools_folder(world.tools)}"
        if folder not in self._folders:
            self.keeper.copies(
                folder, f"{hardening.PAWL}/tool.py", sorted({tool.name for tool in world.tools})
            )
            self._folders.add(folder)
        return folder

    def _put_commands(self, world: World) -> str:
        """The folder that stands over /usr/bin in a recorded run: every name is the shim."""
        folder = f"bin/{tools_folder(world.tools)}"
        if folder not in self._folders:
            names = {n for n, path in self.keeper.commands.items() if path.startswith("/usr/bin/")}
            names |= {tool.name for tool in world.tools}
            self.keeper.link_commands(folder, sorted(names))
            self._folders.add(folder)
        return folder
