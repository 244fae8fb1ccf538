"""Where Pawl keeps its things and which parts it uses; nothing else reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.errors import PawlError


@dataclass(frozen=True)
class Settings:
    """All that a person can set from outside. `load` makes it from an environment."""

    home: Path  # store, artifacts, keys, mirrors
    docker_url: str | None  # None: the local socket
    slots: int  # cells at once
    opa: Path | None  # folder of the policy engine's library; None: where set-up put it
    changes: int = 2  # changes at once that `pawl serve` works on
    url: str | None = None  # where `pawl ask` and `pawl show` find the service
    token: str | None = field(default=None, repr=False)  # whom they speak for there
    demo_once: bool = False  # the demo ends at the queue
    host: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What git may see of this machine to sign in at a remote: HOME, SSH_AUTH_SOCK."""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read settings from `environ` (default: the process' own). PawlError on a bad value."""
    env = os.environ if environ is None else environ  # noqa: TID251 - this is the one place
    home = env.get("PAWL_HOME") or str(Path(env.get("HOME", "/root")) / ".local/share/pawl")
    opa = env.get("PAWL_OPA")
    return Settings(
        home=Path(home).expanduser().absolute(),
        docker_url=env.get("DOCKER_HOST") or None,
        slots=_number(env, "PAWL_SLOTS", "cells"),
        opa=Path(opa) if opa else None,
        changes=_number(env, "PAWL_CHANGES", "changes"),
        url=env.get("PAWL_URL") or None,
        token=env.get("PAWL_TOKEN") or None,
        demo_once=env.get("PAWL_DEMO_ONCE", "") not in ("", "0"),
        host={name: env[name] for name in ("HOME", "SSH_AUTH_SOCK") if name in env},
    )


def _number(env: Mapping[str, str], name: str, what: str) -> int:
    """A number from 1 to 32, 2 where it is not set."""
    said = env.get(name, "2")
    if not (said.isascii() and said.isdigit() and 1 <= int(said) <= 32):
        raise PawlError(
            f"{name} is {said!r}, but must be a number from 1 to 32",
            code="bad-setting",
            mend=f"unset it, or set it to the number of {what} that may run at once",
            exit_code=2,
        )
    return int(said)
