"""What is there: folders and overlay layers, read into addresses and hashes.

Everything here was written by untrusted work that may still be running, so nothing follows a link,
opens a device or waits for a pipe. What a state means is not known here.
"""

import bisect
import contextlib
import hashlib
import os
import stat

HASH_BUDGET = 1 << 30  # bytes read in one look: sparse files could be endless
DEPTH = 200
SPECIAL = "!special"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Look:
    """Reads states of one view again and again; a file that did not move is hashed once."""

    def __init__(self):
        self.known = {}  # (inode, ctime, size, mtime) -> hash
        self._left = HASH_BUDGET

    def plain(self, folder, mount):
        """Return {address: value} for all files and links below `folder`, which stands at `mount`."""
        self._left = HASH_BUDGET
        found = {}

        def visit(fd, name, status, address):
            found[address] = self._value(fd, name, status)

        _walk(folder, mount, visit, None)
        return found

    def stamps(self, folder, mount):
        """Return {address: (mode, time of change in ns)} for all files below `folder`."""
        found = {}

        def visit(fd, name, status, address):
            if stat.S_ISREG(status.st_mode):
                found[address] = (stat.S_IMODE(status.st_mode), status.st_mtime_ns)

        _walk(folder, mount, visit, None)
        return found

    def learn(self, folder, mount, values):
        """Take `values` for what is below `folder` now: a copy of something that is known."""

        def visit(fd, name, status, address):
            if stat.S_ISREG(status.st_mode) and address in values:
                self.known[_key(status)] = values[address]

        _walk(folder, mount, visit, None)

    def layer(self, folder, mount, below):
        """Return what an overlay's upper `folder` changes of `below` (a `Sorted`): {address: value},
        None for what is gone."""
        self._left = HASH_BUDGET
        changes = {}

        def visit(fd, name, status, address):
            for gone in below.under(address):
                changes[gone] = None
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                changes[address] = None
            else:
                changes[address] = self._value(fd, name, status)

        def enter(fd, address):
            if address in below.values:
                changes[address] = None
            with contextlib.suppress(OSError):
                if os.getxattr(fd, "user.overlay.opaque") == b"y":
                    for gone in below.under(address):
                        changes[gone] = None

        _walk(folder, mount, visit, enter)
        get = below.values.get
        return {a: v for a, v in changes.items() if get(a) != v}

    def _value(self, fd, name, status):
        if stat.S_ISLNK(status.st_mode):
            try:
                return "->" + os.readlink(name, dir_fd=fd)
            except OSError:
                return SPECIAL
        if not stat.S_ISREG(status.st_mode):
            return SPECIAL
        key = _key(status)
        value = self.known.get(key)
        if value is None:
            value = self.known[key] = self._hash(fd, name, status)
        return value

    def _hash(self, fd, name, status):
        if status.st_size > self._left:
            return hashlib.sha256(b"too big to read: %d" % status.st_size).hexdigest()[:24]
        self._left -= status.st_size
        try:
            with open(open_file(name, fd), "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()[:24]
        except OSError:
            return SPECIAL


class Sorted:
    """Values by address, with quick answers about what lies below a folder."""

    def __init__(self, values):
        self.values = values
        self._order = None

    def under(self, address):
        """Return the addresses below the folder `address`."""
        if self._order is None:
            self._order = sorted(self.values)
        first = bisect.bisect_left(self._order, address + "/")
        last = bisect.bisect_left(self._order, address + "0")  # "0" comes after "/"
        return self._order[first:last]


def open_file(name, fd=None):
    """Open a regular file for reading without following a link; a file mode is no obstacle."""
    try:
        return os.open(name, _FILE, dir_fd=fd)
    except PermissionError:
        os.chmod(name, 0o600, dir_fd=fd)
        return os.open(name, _FILE, dir_fd=fd)


def _key(status):
    return status.st_ino, status.st_ctime_ns, status.st_size, status.st_mtime_ns


def _open_folder(name, fd=None):
    try:
        return os.open(name, _FOLDER, dir_fd=fd)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=fd)
        return os.open(name, _FOLDER, dir_fd=fd)


def _walk(folder, mount, visit, enter):
    try:
        top = _open_folder(folder)
    except OSError:
        return
    _walk_open(top, mount.rstrip("/"), visit, enter, 0)


def _walk_open(fd, prefix, visit, enter, depth):
    try:
        if enter and depth:
            enter(fd, prefix)
        for entry in os.scandir(fd):
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # it went away while we looked
            name = entry.name
            address = f"{prefix}/{name}"
            if not stat.S_ISDIR(status.st_mode):
                visit(fd, name, status, address)
            elif depth < DEPTH:
                try:
                    inner = _open_folder(name, fd)
                except OSError:
                    continue
                _walk_open(inner, address, visit, enter, depth + 1)
    finally:
        os.close(fd)
