"""The image that cells run on: built once from the folder `sandbox/image`, found again by its hash.

Works with a container registry and without one (then the system is made by debootstrap). Nothing of
this machine (mirror, proxy, certificate) may enter a layer; starting containers is not done here.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import docker
import docker.errors
import requests

from sandbox import SandboxError
from sandbox.engine.daemon import DEFAULT_URL

Say = Callable[[str], None]

_FOLDER = Path(__file__).parent.parent / "image"
_SIGNATURES = Path(__file__).parent.parent / "worlds" / "signatures.py"
_SYSTEM = "debian:12-slim"
_SUITE = "bookworm"
_SLOW_FILES = ("base.Dockerfile", "settle.sh", "packages.txt", "wheels.lock")
_WHEEL_PLATFORMS = {
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64"),
    "aarch64": ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"),
}
_REGISTRY_SECONDS = 5
_BUILD_SECONDS = 600
_KEPT = {"pawl-sandbox": 6, "pawl-base": 2, "pawl-system": 2}


def image_tag() -> str:
    """Return the tag of the image that the folder as it is now would build: a content hash."""
    return f"pawl-sandbox:{_digest(_files())}"


def ensure_image(docker_url: str, say: Say) -> str:
    """Return the tag of the image, building what is missing. `say` gets lines for people who wait.

    Takes no time when the image is there, some 10 s when only Pawl's own files changed, 2-3 minutes
    the first time. Raises `SandboxError` with what to do when something needed is not there.
    """
    tag = image_tag()
    client = docker.DockerClient(base_url=docker_url, timeout=_BUILD_SECONDS)
    try:
        if _there(client, tag):
            return tag
        started = time.monotonic()
        base = _ensure_base(client, docker_url, say)
        _build_cell_image(client, docker_url, base, tag, say)
        say(f"sandbox image {tag} is ready after {time.monotonic() - started:.0f} s")
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise _down(error) from error
    finally:
        client.close()
    return tag


def is_there(docker_url: str | None) -> bool:
    """Whether the image that the folder describes is built. Raises `SandboxError` engine-down."""
    try:
        client = docker.DockerClient(base_url=docker_url or DEFAULT_URL, timeout=10)
        with contextlib.closing(client):
            return _there(client, image_tag())
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise _down(error) from error


def _down(error: Exception) -> SandboxError:
    return SandboxError(
        f"the container engine did not answer: {error}",
        code="engine-down",
        mend="start the Docker engine, or say with DOCKER_HOST where it is",
    )


def _files() -> Mapping[str, bytes]:
    """All files of the folder, by relative path, and the one that the keeper shares with Pawl."""
    found = {
        path.relative_to(_FOLDER).as_posix(): path.read_bytes()
        for path in sorted(_FOLDER.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    return found | {"keeper/signatures.py": _SIGNATURES.read_bytes()}


def _digest(files: Mapping[str, bytes]) -> str:
    total = hashlib.sha256(platform.machine().encode())
    for path in sorted(files):
        total.update(f"{path}\0{hashlib.sha256(files[path]).hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def _there(client: docker.DockerClient, tag: str) -> bool:
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


# ---- the slow half ----


def _ensure_base(client: docker.DockerClient, docker_url: str, say: Say) -> str:
    files = {name: data for name, data in _files().items() if name in _SLOW_FILES}
    tag = f"pawl-base:{_digest(files)}"
    if _there(client, tag):
        return tag
    say("building the sandbox image; this happens once and takes about 2 minutes")
    with tempfile.TemporaryDirectory(prefix="pawl-image-") as scratch:
        libraries = Path(scratch) / "lib"
        _unpack_wheels(libraries, say)
        if _registry_answers(docker_url):
            system, network = _SYSTEM, "default"
            say(f"the base system comes from the registry: {_SYSTEM}")
        else:
            system, network = _ensure_system(client, Path(scratch), say), "none"
        say("installing the stand-ins' libraries, taking away what a cell must not find")
        with tempfile.TemporaryFile() as context:
            with tarfile.open(fileobj=context, mode="w") as tar:
                for name, data in files.items():
                    _add(tar, name, data)
                tar.add(libraries, "lib", filter=_as_root)
            context.seek(0)
            _build(client, context, "base.Dockerfile", tag, {"BASE": system}, network)
    return tag


def _registry_answers(docker_url: str) -> bool:
    """Ask by a client of its own with a short limit: where packets are dropped it would hang."""
    quick = docker.APIClient(base_url=docker_url, timeout=_REGISTRY_SECONDS)
    try:
        quick.inspect_distribution(_SYSTEM)  # type: ignore[no-untyped-call]
    except (docker.errors.DockerException, requests.exceptions.RequestException):
        return False
    finally:
        quick.close()
    return True


def _ensure_system(client: docker.DockerClient, scratch: Path, say: Say) -> str:
    packages = (_FOLDER / "packages.txt").read_bytes()
    tag = f"pawl-system:{_digest({'packages.txt': packages})}"
    if _there(client, tag):
        return tag
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise SandboxError(
            f"no container registry answers for {_SYSTEM}, and debootstrap can't be used here",
            code="no-base-system",
            mend="let the engine reach a registry, or run once as root on Debian with the package "
            "debootstrap installed",
        )
    say("no registry answers: making the base system with debootstrap (about 80 s)")
    root = scratch / "root"
    mirror = _mirror()
    names = ",".join(packages.decode().split())
    _run(
        ["debootstrap", "--variant=minbase", f"--include={names}", _SUITE, str(root), mirror],
        "debootstrap",
        "look at the last lines; the system's package mirror has to answer",
    )
    _forget_the_builder(root, mirror)
    say("handing the base system to the engine")
    with tempfile.TemporaryFile() as archive:
        subprocess.run(
            ["tar", "-C", str(root), "--one-file-system", "--exclude=./dev/*", "-cf", "-", "."],
            stdout=archive,
            check=True,
        )
        archive.seek(0)
        repository, _, version = tag.partition(":")
        client.api.import_image_from_data(archive, repository=repository, tag=version)
    shutil.rmtree(root, ignore_errors=True)
    return tag


def _mirror() -> str:
    """The package mirror that this system itself uses."""
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME)"],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in asked.stdout.splitlines():
        site, _, suite = line.partition(" ")
        if suite == _SUITE and site.startswith(("http://", "https://", "file:")):
            return site
    raise SandboxError(
        f"no package mirror for {_SUITE} is known to this system",
        code="no-mirror",
        mend=f"add a source for {_SUITE} to apt's list and run apt-get update",
    )


def _forget_the_builder(root: Path, mirror: str) -> None:
    """Take away caches and every word about where the packages came from; raise if one is left."""
    for name in ("etc/resolv.conf", "etc/hostname", "etc/apt/sources.list"):
        (root / name).write_text("")
    for name in ("var/lib/apt/lists", "var/cache/apt", "var/log", "debootstrap"):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in ("doc", "man", "info", "locale"):
        shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
    (root / "var/log").mkdir()
    (root / "var/lib/apt/lists").mkdir(parents=True)
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)
    host = re.sub(r"^\w+:/*|[/:].*$", "", mirror).encode()
    if not host or host.endswith(b".debian.org"):  # the public archive, named in many places
        return
    for top in ("etc", "var/lib"):
        for path in (root / top).rglob("*"):
            if path.is_symlink() or not path.is_file() or path.suffix in (".list", ".md5sums"):
                continue
            if host in path.read_bytes():
                raise SandboxError(
                    f"the base system still names its mirror in {path.relative_to(root)}",
                    code="image-names-mirror",
                )


def _unpack_wheels(into: Path, say: Say) -> None:
    """Unpack the locked wheels for the image's Python; nothing of them is run here.

    The host's own pip settings say where they come from; nothing of that reaches the image.
    """
    say("fetching the stand-ins' libraries (awscli and moto, about 60 MB)")
    machine = platform.machine()
    if machine not in _WHEEL_PLATFORMS:
        raise SandboxError(
            f"no sandbox image for the machine type {machine}",
            code="unknown-machine",
            mend="use an x86_64 or aarch64 engine",
        )
    _run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"),
            *("--require-hashes", "--only-binary=:all:", "--python-version=3.11"),
            *("--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none"),
            *(f"--platform={name}" for name in _WHEEL_PLATFORMS[machine]),
            *("--target", str(into), "-r", str(_FOLDER / "wheels.lock")),
        ],
        "pip",
        "pip has to reach a package index; its own settings and variables are used",
    )
    shutil.rmtree(into / "bin", ignore_errors=True)


# ---- the quick half ----


def _build_cell_image(
    client: docker.DockerClient, docker_url: str, base: str, tag: str, say: Say
) -> None:
    say("putting Pawl's own files into the image")
    shim = _compile_shim()
    if not shim and not _registry_answers(docker_url):
        raise SandboxError(
            "there is no C compiler here, and no registry to get one from",
            code="no-compiler",
            mend="install the packages gcc and libc6-dev, once",
        )
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, data in _files().items():
            if name.startswith("inside/keeper/") or name == "inside/shim.c":
                _add(tar, name.removeprefix("inside/"), data)
            elif name not in _SLOW_FILES:
                _add(tar, name, data)
        for folder in ("inside", "inside/bin", "inside/world"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        if shim:
            _add(tar, "shim", shim, 0o755)
    context.seek(0)
    arguments = {"BASE": base, "SYSTEM": base if shim else _SYSTEM}
    _build(client, context, "Dockerfile", tag, arguments, "none" if shim else "default")
    client.images.prune({"dangling": True, "label": "pawl.image=stage"})
    for name, kept in _KEPT.items():
        _forget_old(client, name, kept)


def _forget_old(client: docker.DockerClient, name: str, kept: int) -> None:
    """Remove all but the newest images of a name; one that a container uses stays."""
    found = client.images.list(name)
    for image in sorted(found, key=lambda one: str(one.attrs["Created"]))[:-kept]:
        for tag in image.tags:
            if tag.startswith(name + ":"):
                with contextlib.suppress(docker.errors.APIError):
                    client.images.remove(tag)


def _compile_shim() -> bytes | None:
    """The shim, if there is a compiler here; else None, and the build gets one by apt."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        return None
    with tempfile.TemporaryDirectory(prefix="pawl-shim-") as scratch:
        out = Path(scratch) / "shim"
        made = subprocess.run(
            [compiler, "-static", "-Os", "-s", "-o", str(out), str(_FOLDER / "inside/shim.c")],
            capture_output=True,
            check=False,
        )
        return out.read_bytes() if made.returncode == 0 else None


def _build(
    client: docker.DockerClient,
    context: IO[bytes],
    dockerfile: str,
    tag: str,
    arguments: Mapping[str, str],
    network: str,
) -> None:
    try:
        client.images.build(
            fileobj=context,
            custom_context=True,
            dockerfile=dockerfile,
            tag=tag,
            buildargs=dict(arguments),
            network_mode=network,
            use_config_proxy=network != "none",
            rm=True,
            forcerm=True,
        )
    except docker.errors.BuildError as error:
        lines = "".join(_streams(error.build_log)).strip().splitlines()[-8:]
        raise SandboxError(
            f"the sandbox image could not be built: {error}\n" + "\n".join(lines),
            code="image-build-failed",
            mend="look at the last lines above; with no registry the build has no network at all",
        ) from error


def _streams(log: Any) -> Iterator[str]:
    for part in log:
        if isinstance(part, dict) and "stream" in part:
            yield str(part["stream"])


def _run(argv: Sequence[str], what: str, mend: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise SandboxError(f"{what} failed: {tail}", code="image-build-failed", mend=mend)


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


def _as_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    with contextlib.suppress(ValueError):
        info.mtime = 0  # the engine's build cache then knows the same files again
    return info
