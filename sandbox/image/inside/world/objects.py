"""Object storage: moto's S3, worked on directly in this process.

Takes pictures of the buckets, puts them back, and notes which prefixes were asked for. The HTTP
side is `web`; this is the only module that knows moto's inside.
"""

from __future__ import annotations

import datetime
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.utils import utcnow
from moto.s3.models import FakeKey, s3_backends
from moto.s3.utils import _VersionedKeyStore

from .values import Item, Picture, Refused, digest

ACCOUNT = "123456789012"
REGION = "us-east-1"
PREFIX = "s3://"
AGE = datetime.timedelta(hours=1)


@dataclass
class Object:
    """What is needed to make an object again; `key` is moto's own, as long as it lives."""

    state: Mapping[str, Any]
    key: Any

    @property
    def content(self) -> bytes:
        return bytes(self.state["value"])


class Objects:
    """All buckets of a world."""

    def __init__(self) -> None:
        self._backend = s3_backends[ACCOUNT]["aws"]
        self._picture: Picture | None = {}
        self._reads: set[str] = set()
        self._latest: datetime.datetime | None = None

    @property
    def buckets(self) -> tuple[str, ...]:
        return tuple(sorted(self._backend.buckets))

    def touched(self) -> None:
        """A request went through that may have changed something."""
        self._picture = None

    def reset(self, buckets: Iterable[str]) -> None:
        """These buckets, empty, as new."""
        for name in list(self._backend.buckets):
            del self._backend.buckets[name]
            s3_backends.bucket_accounts.pop(name, None)
        FakeKey.instances_tracked = []  # moto would keep every object that ever was
        for name in buckets:
            try:
                self._backend.create_bucket(name, REGION)
            except Exception as problem:
                raise Refused(f"there can't be a bucket {name!r}: {problem}") from problem
        self._latest = None
        self._reads.clear()
        self.touched()

    def asked(self, bucket: str, key: str | None, prefix: str) -> None:
        """A request read an object, or listed below a prefix (`key` None)."""
        below = prefix if key is None else key
        folder = below.rpartition("/")[0]
        self._reads.add(f"{PREFIX}{bucket}/{folder}".rstrip("/"))

    # what a store does

    def owns(self, address: str) -> bool:
        return address.startswith(PREFIX)

    def picture(self) -> Picture:
        if self._picture is None:
            picture: dict[str, Item] = {}
            for bucket in self._backend.buckets.values():
                for name, key in bucket.keys.items():
                    if isinstance(key, FakeKey):
                        picture[f"{PREFIX}{bucket.name}/{name}"] = _item(key)
            self._picture = picture
        return self._picture

    def shape(self) -> tuple[str, ...]:
        return self.buckets

    def become(self, picture: Picture, shape: tuple[str, ...]) -> None:
        fresh: dict[str, Any] = {name: _VersionedKeyStore() for name in shape}
        for address, item in picture.items():
            bucket, key = _split(address)
            dict.__setitem__(fresh[bucket], key, [_key(item.kept)])
        self.reset(shape)  # configuration that a run left (versions, policies) goes as well
        for name, keys in fresh.items():
            self._backend.buckets[name].keys = keys
        self.touched()

    def give_back(self, address: str, item: Item | None) -> None:
        bucket, key = _split(address)
        keys = self._keys(bucket)
        dict.pop(keys, key, None)
        if item is not None:
            dict.__setitem__(keys, key, [_key(item.kept)])
        self.touched()

    def put(self, address: str, content: bytes | None) -> None:
        now = utcnow().replace(microsecond=0)
        later = datetime.timedelta(seconds=1)
        self._latest = max(now, self._latest or now) + later
        self.place(address, content, self._latest)

    def old(self) -> datetime.datetime:
        """The time of objects that a world starts with."""
        return utcnow().replace(microsecond=0) - AGE

    def moment(self, about: Mapping[str, Any], usual: datetime.datetime) -> datetime.datetime:
        """The time that a dump says of an object, or the usual one."""
        if "modified" not in about:
            return usual
        return datetime.datetime.fromtimestamp(about["modified"], datetime.UTC).replace(tzinfo=None)

    def place(
        self,
        address: str,
        content: bytes | None,
        modified: datetime.datetime,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Put content with a time of its own; None removes, all below for an address ending in /."""
        bucket, key = _split(address)
        keys = self._keys(bucket)
        if content is None:
            gone = [name for name in keys if name.startswith(key)] if key.endswith("/") else [key]
            for name in list(keys) if not key else gone:
                dict.pop(keys, name, None)
        else:
            made = FakeKey(
                name=key,
                value=content,
                account_id=ACCOUNT,
                region_name=REGION,
                bucket_name=bucket,
            )
            made.last_modified = modified
            if headers:
                made.set_metadata(dict(headers))
            dict.__setitem__(keys, key, [made])
        self.touched()

    def about(self, item: Item) -> dict[str, Any]:
        """What a dump says of an object beside its content."""
        state = item.kept.state
        return {"modified": state["last_modified"].replace(tzinfo=datetime.UTC).timestamp(), "headers": dict(state["_metadata"])}

    def read(self, address: str) -> bytes | None:
        item = self.picture().get(address)
        return None if item is None else item.kept.content

    def watch(self) -> None:
        self._reads.clear()

    def reads(self) -> Iterable[str]:
        return set(self._reads)

    def _keys(self, bucket: str) -> Any:
        if bucket not in self._backend.buckets:
            raise Refused(f"there is no bucket {bucket!r} in this world")
        return self._backend.buckets[bucket].keys


def note_reads(objects: Objects, method: str, path: str, query: str) -> None:
    """Tell `objects` what a request by path (`/bucket/key?query`) reads."""
    if method not in ("GET", "HEAD"):
        return
    bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
    asked = urllib.parse.parse_qs(query, keep_blank_values=True)
    if not bucket:
        return
    if key:
        objects.asked(bucket, key, "")
    elif method == "GET" and not asked.keys() & _CONFIGURATION:
        objects.asked(bucket, None, asked.get("prefix", [""])[0])


_CONFIGURATION = frozenset(
    "accelerate acl cors encryption lifecycle location logging notification ownershipControls policy "
    "publicAccessBlock replication tagging uploads versioning website".split()
)


def _item(key: FakeKey) -> Item:
    known: Item | None = key.__dict__.get("_pawl_item")
    # moto makes a new object for new content; the size is looked at in case that it ever doesn't
    if known is None or key.__dict__.get("_pawl_size") != key.contentsize:
        content = key.value
        state = {name: what for name, what in key.__getstate__().items() if name[:6] != "_pawl_"}
        known = Item(digest(content), Object(state, key))
        _remember(key, known)
    return known


def _key(kept: Object) -> FakeKey:
    """Moto's object again: the living one, or, where moto threw it away, one made of its state."""
    if kept.key.disposed:
        made = FakeKey.__new__(FakeKey)
        made.__setstate__({**kept.state, "disposed": False})
        _remember(made, Item(digest(kept.content), kept))
        kept.key = made
    return kept.key  # type: ignore[no-any-return]


def _remember(key: FakeKey, item: Item) -> None:
    key.__dict__["_pawl_item"], key.__dict__["_pawl_size"] = item, key.contentsize


def _split(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix(PREFIX).partition("/")
    return bucket, key
