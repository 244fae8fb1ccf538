"""Object storage: buckets that the real aws client reaches at the S3 stand-in.

Says what a rehearsal may write below `object-storage` and what it starts with. The stand-in is
`sandbox/image/inside/world`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox import BadRehearsal
from sandbox.engine import World
from sandbox.worlds.checks import keys_of, mapping_of, names_of
from sandbox.worlds.seeds import seeded

KIND = "object-storage"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def part(spec: Any, seed: int) -> World:
    """`{buckets: [..], objects: {bucket: [keys]}}` as the start of a world."""
    keys_of(spec, KIND, allowed=("buckets", "objects"))
    buckets = list(names_of(spec.get("buckets", []), f"{KIND}.buckets"))
    objects: Mapping[str, Any] = mapping_of(spec.get("objects", {}), f"{KIND}.objects")
    buckets += [bucket for bucket in objects if bucket not in buckets]
    for bucket in buckets:
        if not _BUCKET.fullmatch(bucket):
            raise BadRehearsal(
                f'world: "{bucket}" can\'t be the name of a bucket',
                mend="use 3 to 63 small letters, digits, dots and hyphens",
            )
    content: dict[str, bytes | None] = {}
    for bucket, keys in objects.items():
        content.update(seeded(f"s3://{bucket}", names_of(keys, f"{KIND}.objects.{bucket}"), seed))
    return World(buckets=tuple(buckets), content=content)
