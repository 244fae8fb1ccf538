"""Runs `pawl` the way a person or a script does: as a process, with a home of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PAWL = Path(sys.executable).with_name("pawl")


@dataclass(frozen=True)
class Pawl:
    """A home and a command to run in it."""

    home: Path

    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "PAWL_HOME": str(self.home / "pawl"),
            "LANG": "C.UTF-8",
            "LANGSMITH_TRACING": "false",
        }

    def run(self, *args: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PAWL), *map(str, args)],
            input=text,
            capture_output=True,
            text=True,
            env=self.environment(),
            timeout=900,
            check=False,
        )

    def start(self, *args: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(PAWL), *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )
