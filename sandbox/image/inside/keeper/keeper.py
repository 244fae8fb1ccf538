"""The keeper: holds what cells start from, makes their fresh views, and says what they left.

Main process of one idle, hardened container; orders come as JSON lines on stdin, answers go to
stdout, several at once. It never runs anything of a tree and never starts a container.
"""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import calls
import states
import world

BASE = "/k"  # one tmpfs: grounds, trees, control folders
SLOTS = "/s"  # one small tmpfs a slot: what cells write
PAWL = "/usr/lib/pawl"
SYSTEM = {
    "etc": "/etc",
    "home": "/home",
    "opt": "/opt",
    "srv": "/srv",
    "var": "/var",
    "root": "/root",
    "mnt": "/mnt",
    "local": "/usr/local",
}
COPY_MOST = 2000  # objects; a larger place is an overlay instead of a copy
TREES_KEPT = 6
READ_MOST = 64 << 20
ENGINE_FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")  # the engine's own mounts


class Bad(Exception):
    """An order that can't be carried out; the text is the answer."""


class Place:
    """One writable place of a ground: where it stands, and the folders that hold it."""

    def __init__(self, name, mount, folders, values, layered):
        self.name, self.mount, self.folders = name, mount, folders
        self.sorted = states.Sorted(values)
        self.layered = layered

    @property
    def values(self):
        return self.sorted.values

    def inside(self, address):
        """The path of `address` relative to this place, or None."""
        prefix = self.mount.rstrip("/") + "/"
        return address[len(prefix) :] if address.startswith(prefix) else None

    def find(self, address):
        """The file in the folders that holds the content at `address` (it must be there)."""
        relative = self.inside(address)
        for folder in reversed(self.folders):
            path = f"{folder}/{relative}"
            if os.path.lexists(path):
                return path
        raise Bad(f"no content at {address}")


class Ground:
    """A tree and a world's files: places by name. Cells copy or layer them and never write here."""

    def __init__(self, name, tree, places):
        self.name, self.tree, self.places = name, tree, places
        self.version = 0
        self.tracked = frozenset(places["repo"].values)

    def place_of(self, address):
        best = None
        for place in self.places.values():
            if place.inside(address) and (best is None or len(place.mount) > len(best.mount)):
                best = place
        if best is None:
            raise Bad(f"{address} is in no writable place")
        return best

    def value_of(self, address):
        for place in self.places.values():
            if address in place.values:
                return place.values[address]
        return None

    def own_folder(self):
        self.version += 1
        folder = f"{BASE}/g/{self.name}/{self.version}"
        os.makedirs(folder)
        return folder


class Cell:
    """A fresh view for one run."""

    def __init__(self, name, slot, ground, has_world, stands):
        self.name, self.slot, self.ground, self.has_world = name, slot, ground, has_world
        self.stands = stands  # where the cell sees the tree
        self.folder = f"{SLOTS}/{slot}/{name}"
        self.control = f"{BASE}/x/{name}"
        self.look = states.Look()
        self.record = None
        self._before = {}
        os.makedirs(self.folder)
        os.makedirs(self.control + "/undo")
        copied = [p.folders[0] for p in ground.places.values() if not p.layered]
        copy_folders(copied, self.folder)
        for place in ground.places.values():
            if place.layered:
                os.makedirs(f"{self.folder}/{place.name}/u")
                os.makedirs(f"{self.folder}/{place.name}/w")
            else:
                self.look.learn(f"{self.folder}/{place.name}", place.mount, place.values)

    def mounts(self):
        """What the engine mounts: copies by their folder, layered places by their layers."""
        out = []
        for place in self.ground.places.values():
            at = f"{self.slot}/{self.name}/{place.name}"
            below = [folder[len(BASE) + 1 :] for folder in place.folders] if place.layered else []
            out.append({"mount": place.mount, "at": at, "below": below})
        return out

    def delta(self):
        """{address: value} of everything that differs from the ground; None for what is gone."""
        out = {}
        for place in self.ground.places.values():
            folder = f"{self.folder}/{place.name}"
            if place.layered:
                out.update(self.look.layer(folder + "/u", place.mount, place.sorted))
                continue
            now, before = self.look.plain(folder, place.mount), place.values
            for address, value in now.items():
                if before.get(address) != value:
                    out[address] = value
            for address in before.keys() - now.keys():
                out[address] = None
        for address in ENGINE_FILES:
            out.pop(address, None)
        return out

    def value_of(self, address):
        return self.ground.value_of(address)

    def _file(self, address):
        place = self.ground.place_of(address)
        upper = "/u" if place.layered else ""
        return f"{self.folder}/{place.name}{upper}/{place.inside(address)}"

    def path_of(self, address):
        """The path by which the cell itself knows an address."""
        inside = self.ground.places["repo"].inside(address)
        return address if inside is None else f"{self.stands}/{inside}"

    def size_of(self, address):
        return os.lstat(self._file(address)).st_size

    def remember(self, call, delta):
        """Keep what a call may spoil, so that it can be put back: what the run had changed by then,
        and modes and times, which no state holds."""
        folder = f"{self.control}-before/{call}"
        os.makedirs(folder)
        names, stamps = {}, {}
        for number, (address, value) in enumerate(delta.items()):
            if value and not value.startswith(("->", "!")):
                names[address] = f"{folder}/{number}"
                copy_file(self._file(address), names[address])
        for place in self.ground.places.values():
            upper = "/u" if place.layered else ""
            stamps.update(self.look.stamps(f"{self.folder}/{place.name}{upper}", place.mount))
        self._before[call] = (names, stamps)

    def content_before(self, call, address):
        """Return (file with the content, mode, time in ns) of `address` as it was before a call."""
        names, stamps = self._before[call]
        found = names.get(address) or self.ground.place_of(address).find(address)
        status = os.lstat(found)
        return found, *stamps.get(address, (status.st_mode & 0o7777, status.st_mtime_ns))

    def write(self, address, content):
        """Put content for this run only. None removes."""
        place = self.ground.place_of(address.rstrip("/"))
        if not place.layered:
            write(f"{self.folder}/{place.name}", place.inside(address), content)
            return
        upper = f"{self.folder}/{place.name}/u"
        write(upper, place.inside(address), content)
        if content is None and (
            address.rstrip("/") in place.values or place.sorted.under(address.rstrip("/"))
        ):
            whiteout(upper, place.inside(address).rstrip("/"))

    def drop(self):
        remove_folder(self.folder)
        remove_folder(self.control)
        remove_folder(f"{self.control}-before")


# ---- folders ----


def copy_folders(sources, target):
    """Copy whole folders into `target`, each under its own name, with times, modes and links."""
    if not sources:
        return
    done = subprocess.run(
        ["cp", "-a", "-t", target, *sources], capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        raise Bad(f"no fresh copy: {done.stderr[-500:]}")


def copy_file(source, target):
    with open(states.open_file(source), "rb") as old, open(target, "wb") as new:
        shutil.copyfileobj(old, new)
        status = os.fstat(old.fileno())
    os.chmod(target, status.st_mode & 0o7777 | 0o400)
    os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))


def write(folder, relative, content, when=None):
    """Put `content` (bytes) at a path of a quiet folder; None removes the file, or with "/" all below."""
    path = f"{folder}/{relative.rstrip('/')}"
    if content is None:
        if os.path.isdir(path) and not os.path.islink(path):
            remove_folder(path)
        elif os.path.lexists(path):
            os.unlink(path)
        return
    parent = folder
    for part in relative.split("/")[:-1]:
        parent = f"{parent}/{part}"
        if os.path.islink(parent) or os.path.isfile(parent):
            raise Bad(f"{relative} lies below something that is no folder")
        if not os.path.isdir(parent):
            os.mkdir(parent)
    if relative.endswith("/"):
        os.makedirs(path, exist_ok=True)
        return
    if os.path.isdir(path) and not os.path.islink(path):
        raise Bad(f"{relative} is a folder")
    mode = 0o755 if content.startswith(b"#!") else 0o644
    if os.path.lexists(path):
        if not os.path.islink(path):
            mode = os.lstat(path).st_mode & 0o7777
        os.unlink(path)
    with open(path, "xb") as file:
        file.write(content)
    os.chmod(path, mode)
    if when:
        os.utime(path, (when, when))


def whiteout(upper, relative):
    parent = upper
    for part in relative.split("/")[:-1]:
        parent = f"{parent}/{part}"
        if not os.path.lexists(parent):
            os.mkdir(parent)
        elif os.path.islink(parent) or not os.path.isdir(parent):
            return  # it hides what lay below
    os.mknod(f"{upper}/{relative}", 0o020000, 0)


def remove_folder(path):
    if not os.path.lexists(path):
        return
    shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        for folder, names, _ in os.walk(path):
            for name in names:
                inner = f"{folder}/{name}"
                # an overlay's own work folder belongs to root and stays until its volume goes
                if not os.path.islink(inner):
                    with contextlib.suppress(OSError):
                        os.chmod(inner, 0o700)
        shutil.rmtree(path, ignore_errors=True)


def listing():
    """The commands of this image: {name: (path without links, name it is a link to or "")}."""
    out = {}
    for folder in ("/usr/sbin", "/usr/bin"):
        for entry in os.scandir(folder):
            real = os.path.realpath(entry.path)
            if os.path.dirname(real) in ("/usr/bin", "/usr/sbin") and os.path.isfile(real):
                out[entry.name] = real
    return out


# ---- orders ----


class Keeper:
    def __init__(self, key):
        self.key = key
        self.born = time.time()
        self.trees = {}  # digest -> {folder, values, used}
        self.grounds = {}
        self.cells = {}
        self.lock = threading.RLock()
        self.commands = listing()
        # an interpreter is known by the shortest name that leads to it
        self.aliases = {
            os.path.basename(real): name
            for name, real in sorted(self.commands.items(), reverse=True)
            if os.path.basename(real) != name and os.path.basename(real).startswith(name)
        }
        for name in ("t", "g", "x", "sys"):
            os.makedirs(f"{BASE}/{name}")
        self.system = {}
        for name, mount in SYSTEM.items():
            folder = f"{BASE}/sys/{name}"
            os.mkdir(folder)
            subprocess.run(["cp", "-a", mount + "/.", folder], capture_output=True)
            self.system[name] = (mount, folder, states.Look().plain(folder, mount))
        for address in ENGINE_FILES:
            self.system["etc"][2].pop(address, None)

    def do(self, order):
        method = getattr(self, "do_" + order.pop("op"), None)
        if method is None:
            raise Bad("unknown order")
        return method(**order)

    def do_hello(self):
        return {
            "commands": self.commands,
            "attributes": attributes_work(),
            "system": sum(len(values) for _, _, values in self.system.values()),
        }

    def do_file(self, path):
        """A file of the image, for the engine (the unkeyed shim, the tool stand-in)."""
        with open(path, "rb") as file:
            return {"content": base64.b64encode(file.read()).decode()}

    def do_folder(self, path):
        os.makedirs(f"{BASE}/{path}", exist_ok=True)
        return {}

    def do_tree(self, digest):
        """Is this tree here? If not: the folder to fill."""
        with self.lock:
            known = self.trees.get(digest)
            if known:
                known["used"] = time.monotonic()
                return {"have": True}
            remove_folder(f"{BASE}/t/{digest}")
            os.makedirs(f"{BASE}/t/{digest}/repo")
            return {"have": False, "folder": f"t/{digest}/repo", "trees": list(self.trees)}

    def do_tree_filled(self, digest, below, gone):
        """The folder is filled: with the whole tree, or with what differs from the tree `below`."""
        folders, values = [f"{BASE}/t/{digest}/repo"], {}
        if below:
            for path in gone:
                # a path that is now a folder hides the old file by itself
                if not os.path.lexists(f"{folders[0]}/{path}"):
                    whiteout(folders[0], path)
            values = dict(self.trees[below]["values"])
            change = states.Look().layer(folders[0], "/repo", states.Sorted(values))
            values.update(change)
            values = {address: value for address, value in values.items() if value is not None}
            folders = [*self.trees[below]["folders"], *folders]
        else:
            values = states.Look().plain(folders[0], "/repo")
        with self.lock:
            self.trees[digest] = {
                "folders": folders,
                "values": values,
                "used": time.monotonic(),
                "below": below,
            }
            self._forget_trees(digest)
        return {"objects": len(values)}

    def _forget_trees(self, keep):
        used = {ground.tree for ground in self.grounds.values()} | {keep}
        used |= {tree["below"] for tree in self.trees.values()}
        idle = sorted(
            (tree for tree in self.trees if tree not in used),
            key=lambda tree: self.trees[tree]["used"],
        )
        for tree in idle[: max(0, len(self.trees) - TREES_KEPT)]:
            remove_folder(f"{BASE}/t/{tree}")
            del self.trees[tree]

    def do_ground(self, ground, tree, tops, content, empty, layers, heavy):
        """Make a ground of a tree and files. `layers`: may large places be overlays? `heavy`: the
        tree has more bytes than a cell should copy."""
        known = self.trees[tree]
        large = heavy or len(known["values"]) > COPY_MOST
        layered = len(known["folders"]) > 1 or (layers and large)
        places = {"repo": Place("repo", "/repo", known["folders"], known["values"], layered)}
        for name, (mount, folder, values) in self.system.items():
            places[name] = Place(name, mount, [folder], values, False)
        made = Ground(ground, tree, places)
        for number, top in enumerate(tops):
            folder = f"{made.own_folder()}/x{number}"
            os.mkdir(folder, 0o755)
            os.chmod(folder, 0o1777 if top == "/tmp" else 0o755)
            places[f"x{number}"] = Place(f"x{number}", top, [folder], {}, False)
        if "/run" in tops:
            content = {"/run/lock/": "", **content}
        wanted = {address: base64.b64decode(data) for address, data in content.items()}
        wanted.update({folder.rstrip("/") + "/": b"" for folder in empty})
        self._put(made, wanted, self.born)
        with self.lock:
            self.grounds[ground] = made
        return self._state(made)

    def do_place(self, ground, content):
        made = self.grounds[ground]
        decoded = {a: None if data is None else base64.b64decode(data) for a, data in content.items()}
        self._put(made, decoded, None)
        return self._state(made)

    def _put(self, ground, content, when):
        by_place = {}
        for address, data in content.items():
            if address.rstrip("/") in {p.mount for p in ground.places.values()}:
                continue
            by_place.setdefault(ground.place_of(address.rstrip("/")).name, []).append((address, data))
        for name, items in by_place.items():
            place = ground.places[name]
            folder = f"{ground.own_folder()}/{name}"
            if place.layered:
                os.mkdir(folder)
            else:
                copy_folders(place.folders, os.path.dirname(folder))
            for address, data in items:
                relative = place.inside(address)
                write(folder, relative, data, when)
                below = place.sorted.under(address.rstrip("/"))
                if place.layered and data is None and (address in place.values or below):
                    whiteout(folder, relative.rstrip("/"))
            self._replace(ground, place, folder)

    def _replace(self, ground, place, folder):
        """Make `folder` (a whole copy, or one more layer) the newest of a place."""
        look = states.Look()
        if place.layered:
            values = dict(place.values)
            for address, value in look.layer(folder, place.mount, place.sorted).items():
                if value is None:
                    values.pop(address, None)
                else:
                    values[address] = value
            folders = [*place.folders, folder]
        else:
            values = look.plain(folder, place.mount)
            folders = [folder]
            for old in place.folders:
                if old.startswith(f"{BASE}/g/"):
                    remove_folder(old)
        for address in ENGINE_FILES:
            values.pop(address, None)
        ground.places[place.name] = Place(
            place.name, place.mount, folders, values, place.layered
        )

    def do_clear(self, ground, patterns):
        """Remove what git would ignore by `patterns`, as `git clean -X` does: never a tree's own file."""
        made = self.grounds[ground]
        place = made.places["repo"]
        if not patterns:
            return self._state(made)
        scratch = f"{BASE}/x/clear-{ground}"
        remove_folder(scratch)
        os.makedirs(scratch + "/w")
        untracked = [a for a in place.values if a not in made.tracked]
        for address in untracked:  # names are all that git needs
            path = f"{scratch}/w/{place.inside(address)}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "w").close()
        with open(scratch + "/patterns", "w") as file:
            file.write("\n".join(patterns) + "\n")
        git = {"GIT_DIR": scratch + "/g", "GIT_WORK_TREE": scratch + "/w", "HOME": scratch}
        environment = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", **git}
        subprocess.run(["git", "init", "-q"], env=environment, check=True, capture_output=True)
        listed = subprocess.run(
            ["git", "ls-files", "-z", "-o", "-i", f"--exclude-from={scratch}/patterns"],
            env=environment,
            cwd=scratch + "/w",
            check=True,
            capture_output=True,
        ).stdout
        remove_folder(scratch)
        names = [os.fsdecode(name) for name in listed.split(b"\0") if name]
        if names:
            self._put(made, {f"/repo/{name}": None for name in names}, None)
        return self._state(made)

    def do_state(self, ground):
        return self._state(self.grounds[ground])

    def _state(self, ground):
        out = {}
        for place in ground.places.values():
            out.update(place.values)
        return {"state": out}

    def do_read(self, ground, address):
        made = self.grounds[ground]
        value = made.value_of(address)
        if value is None or value == states.SPECIAL:
            return {"content": None}
        if value.startswith("->"):
            return {"content": base64.b64encode(os.fsencode(value[2:])).decode()}
        with open(states.open_file(made.place_of(address).find(address)), "rb") as file:
            return {"content": base64.b64encode(file.read(READ_MOST)).decode()}

    def do_close(self, ground):
        with self.lock:
            self.grounds.pop(ground, None)
        remove_folder(f"{BASE}/g/{ground}")
        return {}

    def do_cell(self, cell, slot, ground, content, faults, record, bare, tools, has_world, folder):
        """A fresh view of a ground, with the run's own content, ready to be mounted."""
        made = Cell(cell, slot, self.grounds[ground], has_world, folder)
        try:
            for address, data in content.items():
                made.write(address, None if data is None else base64.b64decode(data))
            if record:
                with open(made.control + "/bare", "w") as file:
                    file.write("\n".join(bare) + "\n")
            if tools:
                with open(made.control + "/tools.json", "w") as file:
                    file.write(tools)
            for index, fault in enumerate(faults):
                if fault["does"] == "play":
                    path = f"{made.control}/play-{index}"
                    with open(path, "wb") as file:
                        file.write(base64.b64decode(fault["script"]))
                    os.chmod(path, 0o755)
            made.record = calls.Record(made, self.key, faults, record, self.aliases)
        except BaseException:
            made.drop()
            raise
        with self.lock:
            self.cells[cell] = made
        return {"mounts": made.mounts()}

    def do_after(self, cell):
        """What the cell left and what was recorded. Its container must be gone."""
        made = self.cells[cell]
        record = made.record
        record.finish()
        return {
            "delta": made.delta(),
            "calls": [dict(call) for call in record.calls],
            "fired": record.fired,
            "steps": record.steps,
            "cannot": record.cannot,
            "oom": record.oom,
            "ended": record.ended,
            "broken": record.broken,
        }

    def do_adopt(self, cell):
        """Make what the cell left its ground's own state (priming)."""
        made = self.cells[cell]
        ground = made.ground
        for place in list(ground.places.values()):
            target = f"{ground.own_folder()}/{place.name}"
            source = f"{made.folder}/{place.name}"
            if place.layered:
                copy_folders([source + "/u"], os.path.dirname(target))
                os.rename(f"{os.path.dirname(target)}/u", target)
            else:
                copy_folders([source], os.path.dirname(target))
            self._replace(ground, place, target)
        return self._state(ground)

    def do_drop(self, cell):
        with self.lock:
            made = self.cells.pop(cell, None)
        if made:
            if made.record:
                made.record.finish()
            made.drop()
        return {}

    def do_world(self, slot, request):
        return world.ask(slot, request)


def attributes_work():
    """Do user attributes and whiteouts work on the base volume? Overlays of large places need both."""
    path = f"{BASE}/x/attributes"
    try:
        os.mkdir(path)
        os.setxattr(path, "user.overlay.opaque", b"y")
        os.mknod(path + "/gone", 0o020000, 0)
        return os.getxattr(path, "user.overlay.opaque") == b"y"
    except OSError:
        return False
    finally:
        remove_folder(path)


def main():
    os.umask(0o022)
    sys.setrecursionlimit(5000)
    out_lock = threading.Lock()

    def say(answer):
        with out_lock:
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
            sys.stdout.buffer.flush()

    first = json.loads(sys.stdin.buffer.readline())
    keeper = Keeper(first["key"].encode())
    # an orphan ends by itself, whatever became of the engine that started it
    threading.Timer(first["life"], os._exit, args=(0,)).start()

    def answer(order):
        number = order.pop("id")
        try:
            say({"id": number, **keeper.do(order)})
        except world.WorldGone as error:
            say({"id": number, "error": str(error), "code": "world-gone"})
        except (Bad, world.WorldError) as error:
            say({"id": number, "error": str(error)})
        except Exception as error:
            say({"id": number, "error": f"{type(error).__name__}: {error}"})

    say({"id": 0, "ready": True})
    with ThreadPoolExecutor(16) as pool:
        for line in sys.stdin.buffer:
            pool.submit(answer, json.loads(line))
    os._exit(0)


main()
