"""The engine's end of the keeper: starts it with its volumes, sends orders, takes answers.

The other end is `sandbox/image/inside/keeper`. When the line breaks, every order fails with
`KeeperGone`, and whatever the keeper held is lost.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import secrets
import tarfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from typing import Any

from sandbox import SandboxError
from sandbox.engine import hardening
from sandbox.engine.daemon import Daemon, EngineDown, Line, Mount, Recipe
from sandbox.engine.stream import Frames

_ORDER_SECONDS = 300.0
_MARK = b"@@PAWL-KEY@@"
_KEY_LENGTH = 64


class KeeperGone(EngineDown):
    """The keeper ended or its line broke: its grounds are lost, a new keeper starts clean."""


@dataclass(frozen=True)
class Labels:
    """Whose a container or volume is and how long it may live."""

    owner: str
    boot: str  # of this process and this rig: what has one keeper lives and dies together
    made: int  # seconds since the epoch
    expires: int

    def of(self, kind: str) -> Mapping[str, str]:
        return {
            "pawl.owner": self.owner,
            "pawl.boot": self.boot,
            "pawl.made": str(self.made),
            "pawl.expires": str(self.expires),
            "pawl.kind": kind,
        }


class Keeper:
    """One running keeper. `ask` may be called from several threads at once."""

    def __init__(
        self, daemon: Daemon, image: str, labels: Labels, name: str, slots: Sequence[str], cpus: int
    ) -> None:
        """Start it. Raises `SandboxError` when it does not come up; nothing is left then."""
        self._daemon = daemon
        self.name = name
        self._volumes: list[str] = []
        self._container = ""
        self._line: Line | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Mapping[str, Any]]] = {0: Future()}
        self._lock = threading.Lock()
        self._gone = ""
        self._shim = b""
        self.commands: Mapping[str, str] = {}
        self.layers = False
        key = secrets.token_hex(_KEY_LENGTH // 2)
        try:
            self.path = self._volume("k", hardening.BASE_BYTES, 1_200_000, "700", labels)
            self.slot_paths = {
                slot: self._volume(f"s{slot}", hardening.SLOT_BYTES, 100_000, "700", labels)
                for slot in slots
            }
            self.control_volume = f"{name}-ctl"
            self._volume("ctl", hardening.MEBIBYTE, 1000, "1777", labels)
            self._start(image, labels, key, slots, cpus)
            self._install_shim(key)
        except BaseException:
            self.close()
            raise

    def _volume(self, part: str, size: int, inodes: int, mode: str, labels: Labels) -> str:
        uid, _, gid = hardening.CELL_USER.partition(":")
        name = f"{self.name}-{part}"
        options = f"size={size},nr_inodes={inodes},nosuid,nodev,uid={uid},gid={gid},mode={mode}"
        path = self._daemon.make_volume(
            name, {"type": "tmpfs", "device": "tmpfs", "o": options}, labels.of("tmpfs")
        )
        self._volumes.append(name)
        return path

    def _start(self, image: str, labels: Labels, key: str, slots: Sequence[str], cpus: int) -> None:
        mounts = [Mount(f"{self.name}-k", "/k", volume=True)]
        mounts += [Mount(f"{self.name}-s{s}", f"/s/{s}", volume=True) for s in slots]
        mounts += [Mount(self.control_volume, "/ctl", volume=True)]
        self._container = self._daemon.create(
            Recipe(
                image=image,
                command=[
                    f"{hardening.PAWL}/python3",
                    "-IS",
                    f"{hardening.PAWL}/keeper/keeper.py",
                ],
                user=hardening.CELL_USER,
                limits=hardening.keeper_limits(cpus),
                labels=labels.of("keeper"),
                mounts=mounts,
                hostname=hardening.HOSTNAME,
                tmpfs={"/tmp": hardening.tmpfs(16 << 20, hardening.CELL_USER, "700")},  # noqa: S108
                stdin=True,
                name=f"{self.name}-keeper",
            )
        )
        line = self._line = self._daemon.attach(self._container, stdin=True)
        line.socket.settimeout(None)
        self._daemon.start(self._container)
        threading.Thread(target=self._read, args=(line,), daemon=True).start()
        self._send({"key": key, "life": hardening.HELPER_SECONDS})
        self._answer(self._waiting[0], "start", 60)
        hello = self.ask("hello")
        self.commands = {str(n): str(path) for n, path in hello["commands"].items()}
        self.layers = bool(hello["attributes"])

    def _install_shim(self, key: str) -> None:
        """Put the keyed shim where cells get it: root's, mode 0111, unreadable inside."""
        program = base64.b64decode(self.ask("file", path=f"{hardening.PAWL}/shim")["content"])
        at = program.find(_MARK)
        if at < 0 or program.find(_MARK, at + 1) >= 0:
            raise SandboxError("the image's shim has no place for its key", code="bad-image")
        self._shim = program[:at] + key.encode() + program[at + _KEY_LENGTH :]
        self.link_commands("shim", ["enter"])

    def put(self, folder: str, archive: Any) -> None:
        """Unpack a tar archive below a folder of the base volume, with the owners it names."""
        self._daemon.put(self._container, f"/k/{folder}", archive)

    def link_commands(self, folder: str, names: Sequence[str]) -> None:
        """Make a folder in which every name is the shim: bound over /usr/bin for a recorded run."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            _entry(tar, names[0], self._shim, 0o111)
            for name in names[1:]:
                link = tarfile.TarInfo(name)
                link.type, link.linkname, link.mode = tarfile.LNKTYPE, names[0], 0o111
                tar.addfile(link)
        self.ask("folder", path=folder)
        self.put(folder, archive.getvalue())

    def copies(self, folder: str, program: str, names: Sequence[str]) -> None:
        """Make a folder that holds a program of the image under several names."""
        content = base64.b64decode(self.ask("file", path=program)["content"])
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name in names:
                _entry(tar, name, content, 0o755)
        self.ask("folder", path=folder)
        self.put(folder, archive.getvalue())

    # ---- the line ----

    def ask(self, op: str, /, **order: Any) -> Mapping[str, Any]:
        """Send an order, return its answer. Raises `KeeperGone`; `SandboxError` for a refusal."""
        number = next(self._numbers)
        future: Future[Mapping[str, Any]] = Future()
        with self._lock:
            if self._gone:
                raise KeeperGone(self._gone)
            self._waiting[number] = future
        self._send({"id": number, "op": op, **order})
        return self._answer(future, op, _ORDER_SECONDS)

    def _answer(
        self, future: Future[Mapping[str, Any]], op: str, seconds: float
    ) -> Mapping[str, Any]:
        try:
            answer = future.result(seconds)
        except Late as error:
            raise KeeperGone(f"the keeper did not answer {op} in {seconds:.0f} s") from error
        if "error" in answer:
            code = str(answer.get("code", "keeper-refused"))
            raise SandboxError(f"the keeper can't {op}: {answer['error']}", code=code)
        return answer

    def _send(self, order: Mapping[str, Any]) -> None:
        data = json.dumps(order).encode() + b"\n"
        try:
            with self._lock:
                if self._line:
                    self._line.socket.sendall(data)
        except OSError as error:
            raise KeeperGone(f"the keeper's line broke: {error}") from error

    def _read(self, line: Line) -> None:
        frames, rest = Frames(), b""
        why = "the keeper ended"
        try:
            while data := line.socket.recv(1 << 20):
                rest += b"".join(frames.take(data))
                *whole, rest = rest.split(b"\n")
                for text in whole:
                    answer = json.loads(text)
                    with self._lock:
                        future = self._waiting.pop(answer["id"], None)
                    if future:
                        future.set_result(answer)
        except (OSError, ValueError, SandboxError) as error:
            why = f"the keeper's line broke: {error}"
        with self._lock:
            self._gone = why
            left, self._waiting = list(self._waiting.values()), {}
        for future in left:
            future.set_exception(KeeperGone(why))

    @property
    def alive(self) -> bool:
        return not self._gone

    def close(self) -> None:
        """End it and remove its volumes; what the engine can't remove yet the reaper takes."""
        if self._line:
            self._line.close()
        if self._container:
            self._daemon.remove(self._container)
        for name in self._volumes:
            self._daemon.remove_volume(name)


def _entry(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))
