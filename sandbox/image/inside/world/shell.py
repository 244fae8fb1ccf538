"""The ssh port: runs a command on a host, with that host's folder as its root.

The client is the `ssh` of the cell. Everything that a command does lands in the host's folder by
way of libfakechroot; it is no wall, but all that lies outside it belongs to this container alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

from .machines import Machines

PRELOAD = "/usr/lib/x86_64-linux-gnu/fakechroot/libfakechroot.so"
SHARED = (
    *(f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "share")),
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/dev",
    "/sys",
    *(f"/etc/{name}" for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache", "localtime")),
    "/etc/alternatives",
    "/etc/ssl",
)
"""What every host has from the image: the system folders, read-only."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SFTP = "/usr/lib/openssh/sftp-server"
PATIENCE = 2.0  # seconds that a command gets when nobody listens any more
MOST = 32  # sessions at once
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_HEADER = struct.Struct(">cI")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}")

# bash calls it for a bare name that no folder of PATH has: the world lacks that program
_NOT_FOUND = """() {  exec 9<>/dev/tcp/127.0.0.1/%d
 printf 'POST /unknown HTTP/1.1\\r\\nHost: w\\r\\nConnection: close\\r\\nContent-Length: %%d\\r\\n\\r\\n%%s' \
$((${#PAWL_HOST}+${#1}+6)) "ssh $PAWL_HOST $1 " >&9
 read -r -t 5 <&9
 exec 9>&-
 echo "bash: line 1: $1: command not found" >&2
 return 127
}"""


class Shell:
    """Sessions of every host. `reachable` and folders come from the machines."""

    def __init__(self, machines: Machines, web_port: int, preload: str = PRELOAD) -> None:
        self._machines, self._web_port, self._preload = machines, web_port, preload
        self._sessions: set[_Session] = set()
        self._guard = threading.Lock()
        self._used = False  # no session since `clear`: nothing can be left running
        # what a command leaves in the background comes to us, not to the first process
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)

    def busy(self) -> bool:
        """Whether a command is at work on some host, in the background too."""
        return self._used and (bool(self._sessions) or bool(_descendants()))

    def settle(self, *, alone: bool) -> None:
        """Wait for commands that nobody listens to; end them when they take too long.

        `alone`: no cell runs any more, so nobody listens to any.
        """
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with self._guard:
                waiting = [s for s in self._sessions if alone or s.deserted]
            if not waiting:
                return
            time.sleep(0.005)
        with self._guard:
            late = [s for s in self._sessions if alone or s.deserted]
        for session in late:
            session.end()

    def clear(self) -> None:
        """End every session and whatever it left running."""
        with self._guard:
            sessions = list(self._sessions)
        for session in sessions:
            session.end()
        end = time.monotonic() + PATIENCE
        while self._used and time.monotonic() < end:
            left = _descendants()
            self._take_leave()
            if not left and not self._sessions:
                self._used = False
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.002)

    def _take_leave(self) -> None:
        """Reap orphans that came to us; the sessions wait for their own commands."""
        with self._guard:
            own = {session.pid for session in self._sessions}
        for pid, parent, state in _processes():
            if parent == os.getpid() and state == "Z" and pid not in own:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def serve(self, port: int) -> socket.socket:
        """Listen on loopback, a thread a connection."""
        listener = socket.create_server(("127.0.0.1", port), backlog=64)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, name="ssh", daemon=True).start()
        return listener

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ValueError, EOFError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(10)
            kind, asked = _read(connection)
            if kind != b"c":
                return
            connection.settimeout(None)
            self._start(connection, json.loads(asked))

    def _start(self, connection: socket.socket, asked: dict[str, Any]) -> None:
        host, user = str(asked.get("host", "")), str(asked.get("user") or "ops")
        port = int(asked.get("port") or 22)
        refusal = self._refusal(host, user, port)
        if not refusal and len(self._sessions) >= MOST:
            refusal = f"kex_exchange_identification: Connection closed by remote host {host}"
        if refusal:
            _write(connection, b"e", f"{refusal}\r\n".encode())
            _write(connection, b"x", struct.pack(">i", 255))
            return
        self._machines.touched()
        self._used = True
        session = _Session(connection, self._command(asked), self._place(host, user))
        with self._guard:
            self._sessions.add(session)
        try:
            session.run()
        finally:
            self._machines.touched()
            with self._guard:
                self._sessions.discard(session)

    def _refusal(self, host: str, user: str, port: int) -> str:
        if not _USER.fullmatch(user):
            return f"{user}@{host}: Permission denied (publickey)."
        if host in self._machines.unreachable:
            return f"ssh: connect to host {host} port {port}: Connection timed out"
        if host not in self._machines.hosts:
            return f"ssh: Could not resolve hostname {host}: Name or service not known"
        return ""

    def _command(self, asked: dict[str, Any]) -> list[str]:
        if asked.get("subsystem") == "sftp":
            return [SFTP]
        if "command" in asked:
            return ["/bin/bash", "-c", str(asked["command"])]
        return ["/bin/bash", "-l"]

    def _place(self, host: str, user: str) -> tuple[str, dict[str, str]]:
        root = self._machines.root(host)
        home = "/root" if user == "root" else f"/home/{user}"
        if os.path.isdir(f"{root}/home"):
            os.makedirs(root + home, exist_ok=True)
        where = root + home if os.path.isdir(root + home) else root
        os.makedirs(where, exist_ok=True)
        return where, {
            "HOME": home,
            "USER": user,
            "LOGNAME": user,
            "SHELL": "/bin/bash",
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "SSH_CONNECTION": "10.20.0.2 50022 10.20.0.9 22",
            "HOSTNAME": host,
            "PAWL_HOST": host,
            "LD_PRELOAD": self._preload,
            "FAKECHROOT": "true",
            "FAKECHROOT_BASE": root,
            "FAKECHROOT_EXCLUDE_PATH": ":".join(SHARED),
            "BASH_FUNC_command_not_found_handle%%": _NOT_FOUND % self._web_port,
            "BASH_FUNC_hostname%%": "() {  echo \"$HOSTNAME\"\n}",
            "BASH_FUNC_whoami%%": "() {  echo \"$USER\"\n}",
        }


class _Session:
    """One command of one client."""

    def __init__(
        self, connection: socket.socket, argv: list[str], place: tuple[str, dict[str, str]]
    ) -> None:
        self._connection, self._argv = connection, argv
        self._folder, self._env = place
        self._write = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.deserted = False

    def run(self) -> None:
        process = self._process = subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._folder,
            env=self._env,
            start_new_session=True,
            bufsize=0,
        )
        feeder = threading.Thread(target=self._feed, args=(process.stdin,), daemon=True)
        readers = [
            threading.Thread(target=self._pass_on, args=(kind, stream), daemon=True)
            for kind, stream in ((b"o", process.stdout), (b"e", process.stderr))
        ]
        for thread in (feeder, *readers):
            thread.start()
        code = process.wait()
        for reader in readers:
            # a child in the background may keep the stream open: sshd waits for it, we a moment
            reader.join(PATIENCE)
        with contextlib.suppress(OSError), self._write:
            _write(self._connection, b"x", struct.pack(">i", code if code >= 0 else 255))
            # what the client still sends must be taken, or closing would throw the answer away
            self._connection.shutdown(socket.SHUT_WR)
        feeder.join(PATIENCE)

    @property
    def pid(self) -> int:
        """The command's process; 0 before it runs."""
        return self._process.pid if self._process else 0

    def end(self) -> None:
        """Kill the command with its group."""
        self.deserted = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _feed(self, stdin: Any) -> None:
        with contextlib.suppress(OSError, EOFError, ValueError):
            while True:
                kind, data = _read(self._connection)
                with contextlib.suppress(OSError, ValueError):  # the command reads no more
                    if kind == b"i":
                        stdin.write(data)
                    elif kind == b"z":
                        stdin.close()
        self.deserted = True
        with contextlib.suppress(OSError, ValueError):
            stdin.close()

    def _pass_on(self, kind: bytes, stream: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := stream.read(65536):
                if self.deserted:
                    break  # the pipe closes below: a command that goes on writing ends by SIGPIPE
                with self._write:
                    _write(self._connection, kind, data)
        with contextlib.suppress(OSError):
            stream.close()


def _write(connection: socket.socket, kind: bytes, data: bytes) -> None:
    connection.sendall(_HEADER.pack(kind, len(data)) + data)


def _read(connection: socket.socket) -> tuple[bytes, bytes]:
    kind, size = _HEADER.unpack(_exactly(connection, _HEADER.size))
    if size > 1 << 20:
        raise ValueError("a frame that no client of ours sends")
    return kind, _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        data = connection.recv(size - len(got))
        if not data:
            raise EOFError
        got += data
    return bytes(got)


def _descendants() -> list[int]:
    """Processes that came from this one, the ended ones left out. Ours alone run in the container,
    but a test runs us on a machine that has others."""
    parents: dict[int, int] = {}
    for pid, parent, state in _processes():
        if state != "Z":
            parents[pid] = parent
    me = os.getpid()

    def mine(pid: int) -> bool:
        seen = set()
        while pid in parents and pid not in seen:
            seen.add(pid)
            pid = parents[pid]
            if pid == me:
                return True
        return False

    return [pid for pid in parents if pid != me and mine(pid)]


def _processes() -> Iterator[tuple[int, int, str]]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
                yield int(name), int(fields[1]), fields[0]
