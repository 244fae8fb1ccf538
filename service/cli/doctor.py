"""`pawl doctor`: what is missing here, how to mend it, which engines were tried."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from service import settings as environment
from service import wiring
from service.settings import Settings

TRIED = "Docker Engine 20.10.24 (Debian 12's docker.io), overlay2, cgroup v1, kernel 6.x"
NOT_TRIED = "cgroup v2, containerd image store, rootless Docker, Docker Desktop, Podman"


@dataclass(frozen=True)
class Check:
    """One thing that Pawl needs: fine, or what is missing and how to mend it."""

    name: str
    fine: bool
    says: str
    mend: str = ""


def doctor(*, mend: bool, quiet: bool, as_json: bool) -> None:
    """Run all checks; exit 0 when all is there, 7 when something needed is missing."""
    settings = environment.load()

    def say(text: str) -> None:
        if not as_json:
            click.echo(f"[doctor] {text}", err=True)

    checks = [_guard(check, settings, mend, say) for check in (_git, _home, _opa, _engine, _gate)]
    if as_json:
        document: dict[str, Any] = {
            "fine": all(c.fine for c in checks),
            "checks": [vars(c) for c in checks],
            "engines": {"tried": TRIED, "not_tried": NOT_TRIED},
        }
        click.echo(json.dumps(document, indent=2))
    else:
        for check in checks:
            if quiet and check.fine:
                continue
            click.echo(f"{'ok     ' if check.fine else 'MISSING'}  {check.name}: {check.says}")
            if not check.fine and check.mend:
                click.echo(f"         to mend it: {check.mend}")
        if not quiet:
            click.echo(f"engines tried: {TRIED}; not tried: {NOT_TRIED}")
    sys.exit(0 if all(c.fine for c in checks) else 7)


Say = Callable[[str], None]


def _guard(
    check: Callable[[Settings, bool, Say], Check], settings: Settings, mend: bool, say: Say
) -> Check:
    """Run a check; an error of a part is a finding, not the end of the doctor."""
    try:
        return check(settings, mend, say)
    except Exception as wrong:  # noqa: BLE001 - each part has its own family
        return Check(
            check.__name__.strip("_"),
            False,
            str(wrong) or type(wrong).__name__,
            getattr(wrong, "mend", ""),
        )


def _git(settings: Settings, mend: bool, say: Say) -> Check:
    found = shutil.which("git")
    if found is None:
        return Check("git", False, "there is no git in PATH", "apt-get install -y git")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    return Check("git", True, version.stdout.strip())


def _home(settings: Settings, mend: bool, say: Say) -> Check:
    if settings.home.exists():
        wiring.home(settings)  # says what is wrong with it
    free = shutil.disk_usage(_existing(settings.home)).free
    fine = free > 1 << 30
    return Check(
        "PAWL_HOME",
        fine,
        f"{settings.home}, {free >> 20} MiB free, Python {platform.python_version()}",
        "free at least 1 GiB there, or set PAWL_HOME elsewhere",
    )


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _opa(settings: Settings, mend: bool, say: Say) -> Check:
    version = wiring.policy_engine(settings, mend=mend, say=say)
    return Check("policy engine", True, version)


def _engine(settings: Settings, mend: bool, say: Say) -> Check:
    if not mend and wiring.image(settings) is None:
        return Check("sandbox", False, "the sandbox image is not built yet", "pawl doctor --mend")
    engine = wiring.engine(settings, say)
    try:
        walls = engine.probe()
        return Check("sandbox", True, f"image {engine.image}, {len(walls)} walls seen from inside")
    finally:
        engine.close()


def _gate(settings: Settings, mend: bool, say: Say) -> Check:
    wiring.gate(settings).selftest()
    return Check("gate", True, "a canned bad change is denied, a good one is not")
