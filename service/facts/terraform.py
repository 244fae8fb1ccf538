"""Terraform resources by address, read lightly from the text.

Enough to say which addresses come and go; plans and state are not known here.
"""

from __future__ import annotations

import re
from posixpath import dirname

_BLOCK = re.compile(r'^\s*(?:resource\s+"([\w-]+)"\s+"([\w-]+)"|module\s+"([\w-]+)")', re.M)


def resources(path: str, content: bytes) -> set[str]:
    """Addresses of a file, with the folder that they stand in."""
    folder = dirname(path)
    prefix = f"{folder}:" if folder else ""
    text = content.decode("utf-8", "replace")
    return {
        prefix + (f"module.{found[3]}" if found[3] else f"{found[1]}.{found[2]}")
        for found in _BLOCK.finditer(text)
    }
