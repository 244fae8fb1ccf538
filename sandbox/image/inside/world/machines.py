"""Hosts: the folders of every machine that ssh reaches, as real folders of this container.

Takes pictures of them, puts them back, and tells which folders were read by their access times.
Who runs commands in them is `shell`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .values import Item, Picture, Refused, digest

USUAL = (
    "etc/systemd/system",
    "home",
    "mnt",
    "opt",
    "root",
    "run",
    "srv",
    "tmp",
    "usr/local/bin",
    "var/backups",
    "var/cache",
    "var/lib",
    "var/log",
    "var/spool/cron/crontabs",
    "var/tmp",
    "var/www",
)
"""Folders that every host has. Empty folders are not part of a state."""

AGE = 3600  # seconds: what a world starts with was there for a while
LARGEST = 48 << 20  # bytes: what is larger can be told apart but not kept
_UNREAD = 1  # ns: an access time that no read leaves behind


@dataclass(frozen=True)
class File:
    """What is needed to make a file again."""

    content: bytes
    mode: int
    mtime: int  # ns


@dataclass(frozen=True)
class Link:
    target: str


@dataclass(frozen=True)
class Shape:
    """Which hosts there are, and their folders with mode; unreachable ones have none."""

    hosts: Mapping[str, Mapping[str, int]]
    unreachable: frozenset[str]


@dataclass(frozen=True)
class _Seen:
    mark: tuple[int, ...]  # inode, size, mtime, ctime, mode
    item: Item


class Machines:
    """All hosts of a world, below one folder. `busy` says whether a command may be at work."""

    def __init__(
        self, top: str, busy: Callable[[], bool], clock: Callable[[], float] = time.time
    ) -> None:
        self._top = top
        self._busy = busy
        self._clock = clock
        self._hosts: tuple[str, ...] = ()
        self.unreachable: frozenset[str] = frozenset()
        self._seen: dict[str, _Seen] = {}
        self._folders: dict[str, dict[str, int]] = {}
        self._picture: Picture | None = {}
        self._latest = 0
        self._touches = 0
        self._watched = False  # nothing happened since access times were set
        self._unread: dict[str, int] = {}  # path -> inode of all that was there then
        os.makedirs(top, exist_ok=True)

    @property
    def hosts(self) -> tuple[str, ...]:
        return self._hosts

    def root(self, host: str) -> str:
        """The folder that is `/` of `host`."""
        return f"{self._top}/{host}"

    def touched(self) -> None:
        """Something may have changed or been read: the next picture looks again."""
        self._touches += 1
        self._picture = None
        self._watched = False

    def reset(self, hosts: Iterable[str], unreachable: Iterable[str]) -> None:
        """Empty machines with the usual folders, and the names of those that don't answer."""
        names = tuple(sorted(set(hosts)))
        for name in (*names, *unreachable):
            if not name or "/" in name or name.startswith(".") or "\0" in name:
                raise Refused(f"{name!r} can't be the name of a host")
        self._clear()
        for name in names:
            for folder in USUAL:
                os.makedirs(f"{self.root(name)}/{folder}", exist_ok=True)
        self._hosts, self.unreachable = names, frozenset(unreachable)
        self._latest = 0
        self.touched()

    def old(self) -> int:
        """The time of files that a world starts with, in ns."""
        return (int(self._clock()) - AGE) * 10**9

    def new(self) -> int:
        """A time for files placed now, in ns: later than anything that is there, so that they count
        as newer for tools that compare whole seconds."""
        self._latest = max(int(self._clock()) + 1, self._latest + 1)
        return self._latest * 10**9

    # what a store does

    def owns(self, address: str) -> bool:
        host, colon, path = address.partition(":")
        return bool(colon) and path.startswith("/") and not path.startswith("//") and "/" not in host

    def picture(self) -> Picture:
        if self._picture is not None and not self._busy():
            return self._picture
        touches = self._touches
        picture = self._look()
        # a command that came and went meanwhile may not have been seen
        self._picture = picture if touches == self._touches else None
        return picture

    def shape(self) -> Shape:
        self.picture()
        return Shape({host: dict(found) for host, found in self._folders.items()}, self.unreachable)

    def become(self, picture: Picture, shape: Shape) -> None:
        self.touched()
        there = self.picture()
        for host in set(self._hosts) - set(shape.hosts):
            _remove(self.root(host))
        self._hosts, self.unreachable = tuple(sorted(shape.hosts)), shape.unreachable
        for address in sorted(there, reverse=True):
            if address not in picture:
                _remove(self._disk(address, any_host=True))
        for host, folders in shape.hosts.items():
            self._fold(host, folders)
        for address, item in picture.items():
            old = there.get(address)
            if old is None or old.shows != item.shows or old.kept != item.kept:
                self._make(address, item)
        self._settle_modes(shape)
        self.touched()

    def give_back(self, address: str, item: Item | None) -> None:
        if item is None:
            _remove(self._disk(address))
        else:
            self._make(address, item)
        self.touched()

    def put(self, address: str, content: bytes | None) -> None:
        self.place(address, content, self.new())

    def place(self, address: str, content: bytes | None, mtime: int, mode: int = 0o644) -> None:
        """Put content with a time of its own; None removes, all below for an address ending in /."""
        path = self._disk(address)
        if content is not None:
            self._make(address, Item("", File(content, mode, mtime)))
        elif address.endswith("/"):
            for entry in sorted(os.listdir(path)) if os.path.isdir(path) else ():
                _remove(f"{path}/{entry}")
        else:
            _remove(path)
        self.touched()

    def make_folder(self, host: str, folder: str, mode: int) -> None:
        """Make a folder of a host, with its mode."""
        path = self._disk(f"{host}:{folder or '/'}")
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        self.touched()

    def link(self, address: str, target: str) -> None:
        """Put a symbolic link."""
        self._make(address, Item("", Link(target)))
        self.touched()

    def read(self, address: str) -> bytes | None:
        item = self.picture().get(address)
        return item.kept.content if item and isinstance(item.kept, File) else None

    def watch(self) -> None:
        if self._watched and not self._busy():
            return
        self.picture()
        self._unread.clear()
        for host in self._hosts:
            for path, info, _ in _walk(self.root(host)):
                if stat.S_ISLNK(info.st_mode):
                    continue
                self._unread[path] = info.st_ino
                if info.st_atime_ns != _UNREAD:
                    with contextlib.suppress(OSError):
                        os.utime(path, ns=(_UNREAD, info.st_mtime_ns), follow_symlinks=False)
        self._remark()
        self._watched = True

    def reads(self) -> Iterable[str]:
        found: set[str] = set()
        if self._watched and not self._busy():
            return found
        for host in self._hosts:
            root = self.root(host)
            for path, info, folder in _walk(root):
                # what came since has a time of its own, which says nothing of reading
                if info.st_atime_ns != _UNREAD and self._unread.get(path) == info.st_ino:
                    where = path if folder else os.path.dirname(path)
                    found.add(f"{host}:{where[len(root):] or '/'}")
        return found

    # how

    def _disk(self, address: str, *, any_host: bool = False) -> str:
        host, _, path = address.partition(":")
        if host not in self._hosts and not any_host:
            raise Refused(f"there is no host {host!r} in this world")
        if ".." in path.split("/") or "\0" in path:
            raise Refused(f"{address!r} is no address")
        return self.root(host) + path.rstrip("/")

    def _clear(self) -> None:
        for name in os.listdir(self._top):
            _remove(f"{self._top}/{name}")
        self._seen.clear()

    def _look(self) -> Picture:
        picture: dict[str, Item] = {}
        seen: dict[str, _Seen] = {}
        folders: dict[str, dict[str, int]] = {}
        for host in self._hosts:
            root = self.root(host)
            mine = folders.setdefault(host, {})
            for path, info, folder in _walk(root):
                inside = path[len(root) :]
                if folder:
                    mine[inside] = stat.S_IMODE(info.st_mode)
                    continue
                mark = _mark(info)
                known = self._seen.get(path)
                if known is None or known.mark != mark:
                    item = self._item(path, info, root)
                    if item is None:
                        continue
                    known = _Seen(_mark(os.lstat(path)), item)
                seen[path] = known
                picture[f"{host}:{inside}"] = known.item
        self._seen, self._folders = seen, folders
        return picture

    def _remark(self) -> None:
        """Setting access times changed nothing that counts: keep what is known of the files."""
        for path, known in list(self._seen.items()):
            with contextlib.suppress(OSError):
                self._seen[path] = _Seen(_mark(os.lstat(path)), known.item)

    def _item(self, path: str, info: os.stat_result, root: str) -> Item | None:
        try:
            if stat.S_ISLNK(info.st_mode):
                target = _inside(os.readlink(path), root)
                return Item(f"->{target}", Link(target))
            if not stat.S_ISREG(info.st_mode):
                return Item("!special")
            if info.st_size > LARGEST:
                return Item(f"!large:{info.st_size}")
            content = _content(path, info)
        except FileNotFoundError:  # gone since it was listed: a command is at work
            return None
        kept = File(content, stat.S_IMODE(info.st_mode), info.st_mtime_ns)
        return Item(digest(content), kept)

    def _make(self, address: str, item: Item) -> None:
        path = self._disk(address)
        _folders_above(path, self.root(address.partition(":")[0]))
        kept = item.kept
        if isinstance(kept, Link):
            _remove(path)
            root = self.root(address.partition(":")[0])
            os.symlink(root + kept.target if kept.target.startswith("/") else kept.target, path)
            return
        if not isinstance(kept, File):
            return  # nothing was kept of it
        if os.path.islink(path) or os.path.isdir(path):
            _remove(path)
        # a new file beside, renamed: whoever has the old one open keeps the old one
        fresh = f"{self._top}/.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        with open(fresh, "wb") as file:
            file.write(kept.content)
        os.chmod(fresh, kept.mode)
        os.utime(fresh, ns=(_UNREAD, kept.mtime))
        os.replace(fresh, path)

    def _fold(self, host: str, folders: Mapping[str, int]) -> None:
        root = self.root(host)
        for folder in sorted(self._folders.get(host, {}), reverse=True):
            if folder and folder not in folders:
                with contextlib.suppress(OSError):
                    os.rmdir(root + folder)
        for folder in sorted(folders):
            if folder not in self._folders.get(host, {}) or not os.path.isdir(root + folder):
                path = root + folder
                if os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path)):
                    _remove(path)
                os.makedirs(path, exist_ok=True)

    def _settle_modes(self, shape: Shape) -> None:
        for host, folders in shape.hosts.items():
            for folder, mode in sorted(folders.items(), reverse=True):
                with contextlib.suppress(OSError):
                    path = self.root(host) + folder
                    if stat.S_IMODE(os.lstat(path).st_mode) != mode:
                        os.chmod(path, mode)

    def drop_folders(self, shape: Shape) -> None:
        """Take away empty folders that `shape` does not know: those that undone files left."""
        for host in self._hosts:
            known = shape.hosts.get(host, {})
            found = [path for path, _, folder in _walk(self.root(host)) if folder]
            for path in sorted(found, reverse=True):
                if path[len(self.root(host)) :] not in known:
                    with contextlib.suppress(OSError):
                        os.rmdir(path)
        self.touched()


def _walk(root: str) -> Iterable[tuple[str, os.stat_result, bool]]:
    """Everything below `root` and `root` itself, each looked at before it is opened; not followed."""
    try:
        info = os.lstat(root)
    except OSError:
        return
    waiting = [(root, info)]
    while waiting:
        path, info = waiting.pop()
        yield path, info, True
        try:
            entries = _entries(path, info)
        except OSError as problem:
            if problem.errno in (errno.ENOENT, errno.ENOTDIR):
                continue
            raise
        for name in entries:
            inside = f"{path}/{name}"
            try:
                about = os.lstat(inside)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(about.st_mode):
                waiting.append((inside, about))
            else:
                yield inside, about, False


def _entries(path: str, info: os.stat_result) -> list[str]:
    """Names in a folder, without leaving a trace in its access time, whatever its mode is."""
    locked = stat.S_IMODE(info.st_mode) & 0o700 != 0o700
    if locked and os.geteuid():
        os.chmod(path, stat.S_IMODE(info.st_mode) | 0o700)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NOATIME
    handle = os.open(path, flags)
    try:
        return sorted(os.listdir(handle))
    finally:
        os.close(handle)
        # a folder that its owner locked stays open to us: only `become` puts modes back


def _content(path: str, info: os.stat_result) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOATIME
    mode = stat.S_IMODE(info.st_mode)
    try:
        handle = os.open(path, flags)
    except PermissionError:
        os.chmod(path, mode | 0o400)
        try:
            handle = os.open(path, flags)
        finally:
            os.chmod(path, mode)
    with open(handle, "rb") as file:
        return file.read(LARGEST + 1)


def _mark(info: os.stat_result) -> tuple[int, ...]:
    return (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_mode)


def _inside(target: str, root: str) -> str:
    """A link's text as the host sees it: links to absolute paths are kept with the root before."""
    if target == root:
        return "/"
    return target[len(root) :] if target.startswith(root + "/") else target


def _folders_above(path: str, root: str) -> None:
    """Make the folders above `path`; a file or link in the way gives place."""
    above = os.path.dirname(path)
    if len(above) <= len(root):
        os.makedirs(root, exist_ok=True)
        return
    if os.path.isdir(above) and not os.path.islink(above):
        return
    _folders_above(above, root)
    if os.path.lexists(above):
        os.unlink(above)
    os.mkdir(above)


def _remove(path: str) -> None:
    """Remove whatever is at `path`, below all; nothing there is fine."""
    if os.path.islink(path) or not os.path.isdir(path):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(path)
        return

    def unlock(_: Any, locked: str, __: Any) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(locked), 0o700)
            os.chmod(locked, 0o700)
        if os.path.isdir(locked) and not os.path.islink(locked):
            shutil.rmtree(locked, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(locked)

    shutil.rmtree(path, onerror=unlock)
