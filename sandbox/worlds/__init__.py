"""What stands for the systems outside a tree: what a rehearsal may ask for, and how it is filled.

Pure descriptions, one kind of world a module; the stand-ins themselves run in the sandbox image
(`sandbox/image/inside`). Nothing here starts a container, judges an outcome or knows a rehearsal's
other parts.
"""

from __future__ import annotations

from sandbox.worlds.build import KINDS, build, validate
from sandbox.worlds.inputs import empty, half, listing, minus_one
from sandbox.worlds.seeds import later, seeded
from sandbox.worlds.signatures import VERBS, is_boundary, signature, unknown_call

__all__ = [
    "KINDS",
    "VERBS",
    "build",
    "empty",
    "half",
    "is_boundary",
    "later",
    "listing",
    "minus_one",
    "seeded",
    "signature",
    "unknown_call",
    "validate",
]
