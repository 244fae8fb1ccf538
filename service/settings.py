"""Where Pawl keeps its things and which parts it uses; nothing else reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service.errors import PawlError


@dataclass(frozen=True)
class Settings:
    """All that a person can set from outside. `load` makes it from an environment."""

    home: Path  # store, artifacts, keys, mirrors
    docker_url: str | None  # None: the local socket
    slots: int  # cells at once
    opa: Path | None  # folder of the policy engine's library; None: where set-up put it


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read settings from `environ` (default: the process' own). PawlError on a bad value."""
    env = os.environ if environ is None else environ  # noqa: TID251 - this is the one place
    home = env.get("PAWL_HOME") or str(Path(env.get("HOME", "/root")) / ".local/share/pawl")
    slots = env.get("PAWL_SLOTS", "2")
    if not slots.isdigit() or not 1 <= int(slots) <= 32:
        raise PawlError(
            f"PAWL_SLOTS is {slots!r}, but must be a number from 1 to 32",
            code="bad-setting",
            mend="unset it, or set it to the number of cells that may run at once",
            exit_code=2,
        )
    opa = env.get("PAWL_OPA")
    return Settings(
        home=Path(home).expanduser().absolute(),
        docker_url=env.get("DOCKER_HOST") or None,
        slots=int(slots),
        opa=Path(opa) if opa else None,
    )
