"""Runs git as a plain subprocess, in bytes, with an environment and settings that are all ours.

Nothing of the caller's environment, of the user's or the system's configuration reaches git; no
hook, pager, prompt, helper or protocol is left on, but for `network`, which opens one protocol. No
other module starts git.
"""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from pathlib import Path
from threading import Timer

from service.errors import SomethingMissing
from service.repos import RepositoryError, shown

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

MAX_BLOB = 512 << 20
MAX_PACK = 4 << 30
"""Bytes that a fetch may bring into one file: git itself has no such limit for who fetches."""

Arg = str | bytes

_SETTINGS = (
    "protocol.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.sshCommand=/bin/false",
    "core.pager=cat",
    "core.protectNTFS=true",
    "core.protectHFS=true",
    "core.autocrlf=false",
    "safe.bareRepository=explicit",
    "transfer.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "credential.helper=",
    f"attr.tree={EMPTY_TREE}",  # newer git reads a bare repository's attributes from HEAD
)

_ENVIRONMENT = {
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "TZ": "UTC",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_EDITOR": "/bin/false",
    "GIT_PAGER": "cat",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
}

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Done:
    """How a git command ended."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Standard output as one stripped string."""
        return self.out.decode("utf-8", "surrogateescape").strip()

    @property
    def complaint(self) -> str:
        """What git said on standard error, last lines, safe to show."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        return "; ".join(shown(line) for line in lines[-3:])[-600:]


def _argv(
    args: Sequence[Arg],
    git_dir: Path | None,
    work_tree: Path | None,
    settings: Sequence[str] = _SETTINGS,
) -> list[Arg]:
    program = shutil.which("git")
    if program is None:
        raise SomethingMissing(
            "git is not installed", code="git-missing", mend="Install git 2.39 or newer."
        )
    argv: list[Arg] = [program]
    for setting in settings:
        argv += ["-c", setting]
    if git_dir is not None:
        argv.append(f"--git-dir={git_dir}")
    if work_tree is not None:
        argv.append(f"--work-tree={work_tree}")
    return argv + list(args)


def _environment(program: str, extra: Mapping[str, str] | None) -> dict[str, str]:
    path = f"{Path(program).parent}:{_SYSTEM_PATH}"
    return {**_ENVIRONMENT, "PATH": path, **(extra or {})}


def run(
    args: Sequence[Arg],
    *,
    cwd: str | PathLike[str] = "/",
    git_dir: Path | None = None,
    work_tree: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: bytes | Iterable[bytes] = b"",
    timeout: float = 60.0,
    cap: int = 64 << 20,
    ok: Sequence[int] | None = (0,),
) -> Done:
    """Run `git ARGS` and return how it ended.

    `env` adds to an environment that holds nothing of the caller's. Output over `cap` bytes,
    `timeout` seconds gone by, or an exit code that is not in `ok` (None: any) raise
    `RepositoryError`.
    """
    argv = _argv(args, git_dir, work_tree)
    return _run(
        argv,
        f"git {_name(args)}",
        _environment(str(argv[0]), env),
        cwd=cwd,
        input=input,
        timeout=timeout,
        cap=cap,
        ok=ok,
    )


class Protocol(StrEnum):
    """How git may reach another repository; whatever is not named stays off."""

    FILE = "file"
    SSH = "ssh"
    HTTPS = "https"


def network(
    args: Sequence[Arg],
    *,
    protocol: Protocol,
    git_dir: Path | None = None,
    host: Mapping[str, str] | None = None,
    timeout: float = 300.0,
    cap: int = 16 << 20,
    ok: Sequence[int] | None = (0,),
) -> Done:
    """Run a git that speaks with another repository over `protocol` and over nothing else.

    With ssh and https it sees the host's own HOME, git settings and ssh agent, as `host` names
    them (HOME, SSH_AUTH_SOCK ...), for keys and credentials; it never prompts. No file that it
    writes gets larger than `MAX_PACK`. Hooks, submodules and unchecked objects stay off.
    """
    settings, environment = _reach(protocol, host or {})
    argv = _argv(args, git_dir, None, settings)
    return _run(
        argv,
        f"git {_name(args)}",
        {**environment, "PATH": _environment(str(argv[0]), None)["PATH"]},
        timeout=timeout,
        cap=cap,
        ok=ok,
        file_size=MAX_PACK,
    )


# What only a host's own git settings can say when a remote asks who is there.
_OF_THE_HOST = ("core.sshCommand=", "credential.helper=")
_HIDES_THE_HOST = ("HOME", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL")


def _reach(protocol: Protocol, host: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Settings and environment that open `protocol` alone."""
    allowed = (f"protocol.{protocol}.allow=always", "http.followRedirects=initial")
    environment = {**_ENVIRONMENT, "GIT_ALLOW_PROTOCOL": protocol.value}
    if protocol is Protocol.FILE:
        return (*_SETTINGS, *allowed), environment
    settings = tuple(s for s in _SETTINGS if not s.startswith(_OF_THE_HOST))
    for name in _HIDES_THE_HOST:
        environment.pop(name)
    environment.update(host)
    environment.setdefault("HOME", pwd.getpwuid(os.getuid()).pw_dir)
    ssh = "core.sshCommand=ssh -oBatchMode=yes -oConnectTimeout=20"
    return (*settings, ssh, *allowed), environment


def _run(
    argv: Sequence[Arg],
    what: str,
    environment: Mapping[str, str],
    *,
    cwd: str | PathLike[str] = "/",
    input: bytes | Iterable[bytes] = b"",
    timeout: float,
    cap: int,
    ok: Sequence[int] | None,
    file_size: int | None = None,
) -> Done:
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.writelines([input] if isinstance(input, bytes) else input)
        given.seek(0)
        child = subprocess.Popen(
            argv,
            cwd=cwd,
            env=environment,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        )
        if file_size is not None:
            with suppress(ProcessLookupError):  # git writes nothing before it has connected
                resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (file_size, file_size))
        timed_out = False

        def stop() -> None:
            nonlocal timed_out
            timed_out = True
            _end(child)

        timer = Timer(timeout, stop)
        timer.start()
        try:
            assert child.stdout is not None  # noqa: S101 (asked for by stdout=PIPE)
            out = child.stdout.read(cap + 1)
            if len(out) > cap:
                _end(child)
            child.stdout.close()
            code = child.wait()
        finally:
            timer.cancel()
            if child.poll() is None:
                _end(child)
                child.wait()
        complaints.seek(0)
        done = Done(code, out, complaints.read(65536))
    if timed_out:
        raise RepositoryError(f"{what} took more than {timeout:g} seconds", code="git-timeout")
    if len(out) > cap:
        raise RepositoryError(f"{what} said more than {cap} bytes", code="git-output")
    if ok is not None and code not in ok:
        raise RepositoryError(f"{what} ended with {code}: {done.complaint}", code="git-failed")
    return done


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill `child` with all that it started: a grandchild would keep its output open."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _name(args: Sequence[Arg]) -> str:
    return next((a for a in args if isinstance(a, str) and not a.startswith("-")), "")


def missing(wanted: str) -> RepositoryError:
    """Give the error for an object that is named and not there, as in a partial clone."""
    return RepositoryError(
        f"the repository does not hold object {wanted}",
        code="object-missing",
        mend="A partial clone must be completed first: git fetch --refetch --no-filter.",
    )


@contextmanager
def blobs(ids: Sequence[str], *, git_dir: Path) -> Iterator[Iterator[bytes]]:
    """Give the contents of the blobs `ids`, in that order, one after the other.

    Raises `RepositoryError` when one is missing, as in a partial clone, or larger than `MAX_BLOB`.
    """
    argv = _argv(["cat-file", "--batch"], git_dir, None)
    with tempfile.TemporaryFile() as given:
        given.writelines(f"{i}\n".encode() for i in ids)
        given.seek(0)
        child = subprocess.Popen(
            argv,
            cwd="/",
            env=_environment(str(argv[0]), None),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert child.stdout is not None  # noqa: S101 (asked for by stdout=PIPE)
        out = child.stdout

        def contents() -> Iterator[bytes]:
            for asked in ids:
                head = out.readline().split()
                if len(head) != 3 or head[1] != b"blob":
                    raise missing(asked)
                size = int(head[2])
                if size > MAX_BLOB:
                    raise RepositoryError(
                        f"object {asked} has {size >> 20} MiB, at most {MAX_BLOB >> 20} are read",
                        code="too-large",
                        mend="Name the file in .gitignore, or keep it outside the repository.",
                    )
                data = out.read(size)
                if len(data) != size or out.read(1) != b"\n":
                    raise RepositoryError(f"object {asked} is cut short", code="object-damaged")
                yield data

        try:
            yield contents()
        finally:
            out.close()
            _end(child)
            child.wait()


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty bare repository that is gone afterwards.

    It has a configuration of its own, so whatever a target's configuration names is never run.
    """
    with tempfile.TemporaryDirectory(prefix="pawl-git-") as folder:
        git_dir = Path(folder) / "scratch.git"
        run(["init", "--quiet", "--bare", "--template=", str(git_dir)])
        yield git_dir


def borrow(store: Path, objects: Path) -> None:
    """Let the repository `store` read from the object folder `objects` of another.

    Only for reading: a git that writes an object which it can borrow touches the lender's file.
    """
    path = str(objects)
    if any(c in path for c in '\n"') or path.startswith("#"):
        raise RepositoryError(
            f"git can't be pointed at {shown(path)}: the name holds a quote or a newline",
            code="odd-folder",
            mend="Move the repository to a folder with a plain name.",
        )
    info = store / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_bytes(path.encode("utf-8", "surrogateescape") + b"\n")
