"""Where Pawl keeps its things and which parts it uses; nothing else reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from service.errors import PawlError


@dataclass(frozen=True)
class Model:
    """Where models are asked, which ones, and what they may take."""

    url: str
    name: str
    key: str = field(default="", repr=False)
    roles: Mapping[str, str] = field(default_factory=dict)  # role -> another model
    tokens_change: int = 400_000
    tokens_day: int = 4_000_000
    seconds: int = 120  # for one answer
    price: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))
    """What a million tokens cost, of the question and of the answer."""
    cassette: Path | None = None
    """Answers of an earlier run; then no model is asked."""


ROLES = ("clarifier", "rehearser", "planner", "critic")


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
    planner: str = "recipes"  # who plans for `pawl serve`
    model: Model | None = None  # None: nobody set one up
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
        slots=_number(env, "PAWL_SLOTS", "cells that may run at once"),
        opa=Path(opa) if opa else None,
        changes=_number(env, "PAWL_CHANGES", "changes that may run at once"),
        url=env.get("PAWL_URL") or None,
        token=env.get("PAWL_TOKEN") or None,
        demo_once=env.get("PAWL_DEMO_ONCE", "") not in ("", "0"),
        planner=_one_of(env, "PAWL_PLANNER", ("recipes", "model")),
        model=_model(env),
        host={name: env[name] for name in ("HOME", "SSH_AUTH_SOCK") if name in env},
    )


def _model(env: Mapping[str, str]) -> Model | None:
    """The model that PAWL_MODEL_URL and PAWL_MODEL name; None without them."""
    url, name = env.get("PAWL_MODEL_URL", ""), env.get("PAWL_MODEL", "")
    if not url and not name:
        return None
    if not name or not url.startswith(("http://", "https://")):
        raise PawlError(
            "PAWL_MODEL_URL and PAWL_MODEL go together: an http(s) address and a model's name",
            code="bad-setting",
            mend="set both, or neither; then `pawl model check`",
            exit_code=2,
        )
    roles = {r: env[k] for r in ROLES if env.get(k := f"PAWL_MODEL_{r.upper()}")}
    return Model(
        url=url.rstrip("/"),
        name=name,
        key=env.get("PAWL_MODEL_KEY", ""),
        roles=roles,
        tokens_change=_number(env, "PAWL_MODEL_TOKENS_CHANGE", "tokens", 400_000, 10**9),
        tokens_day=_number(env, "PAWL_MODEL_TOKENS_DAY", "tokens", 4_000_000, 10**10),
        seconds=_number(env, "PAWL_MODEL_SECONDS", "seconds", 120, 3600),
        price=_price(env),
        cassette=Path(env["PAWL_MODEL_CASSETTE"]) if env.get("PAWL_MODEL_CASSETTE") else None,
    )


def _price(env: Mapping[str, str]) -> tuple[Decimal, Decimal]:
    said = env.get("PAWL_MODEL_PRICE", "0/0")
    parts = said.split("/")
    if len(parts) != 2 or not all(re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", p) for p in parts):
        raise PawlError(
            f"PAWL_MODEL_PRICE is {said!r}, but must be two numbers with a slash between",
            code="bad-setting",
            mend="write what a million tokens cost, asked and answered, as in 2.50/10",
            exit_code=2,
        )
    return Decimal(parts[0]), Decimal(parts[1])


def _one_of(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """One of `choices`, the first where it is not set."""
    said = env.get(name) or choices[0]
    if said not in choices:
        raise PawlError(
            f"{name} is {said!r}, but must be one of {', '.join(choices)}",
            code="bad-setting",
            mend=f"unset it, or set it to {choices[0]}",
            exit_code=2,
        )
    return said


def _number(env: Mapping[str, str], name: str, what: str, default: int = 2, most: int = 32) -> int:
    """A number from 1 to `most`, `default` where it is not set."""
    said = env.get(name, str(default))
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:12]) <= most):
        raise PawlError(
            f"{name} is {said!r}, but must be a number from 1 to {most}",
            code="bad-setting",
            mend=f"unset it, or set it to the number of {what}",
            exit_code=2,
        )
    return int(said)
