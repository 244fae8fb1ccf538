"""The record of a cell: which commands were called, which went wrong, what each of them did.

The shim in the cell tells of a call and does what is answered here. It signs with a key that the
cell can't read; a line without a good signature makes the whole run void. Nothing here judges.
"""

import contextlib
import hmac
import json
import os
import secrets
import shutil
import socket
import threading

import states
import world
from signatures import signature

WHOLE = frozenset(["git", "ln", "mv", "rename", "rsync"])
"""Commands that never leave a half-written file at its own name."""

AT_ONCE = 64  # connections; a tree that holds more of them open stops only itself
LINE_CAP = 1 << 20
IDLE_SECONDS = 5


class Record:
    """Answers the shims of one cell on a socket of its own."""

    def __init__(self, cell, key, faults, record, aliases):
        self._cell = cell
        self._key = key
        self._faults = faults
        self._record = record
        self._aliases = aliases
        self._lock = threading.Lock()
        self._numbers = {}
        self._met = [0] * len(faults)
        self._open = {}  # call id -> (delta before, world token or None)
        self.calls = []
        self.fired = []
        self.steps = {}
        self.cannot = None
        self.oom = 0
        self.ended = False
        self.broken = ""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(cell.control + "/s")
        os.chmod(cell.control + "/s", 0o666)
        self._socket.listen(128)
        self._room = threading.Semaphore(AT_ONCE)
        threading.Thread(target=self._serve, daemon=True).start()

    def finish(self):
        """Stop answering; calls that never said how they ended get what was left at the end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            if self._open and self._record:
                after = self._cell.delta()
                for number, (before, token) in self._open.items():
                    self._note(number, before, after, token, None)
            self._open.clear()

    # ---- the wire ----

    def _serve(self):
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            self._room.acquire()
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line):
        try:
            with line:
                line.settimeout(IDLE_SECONDS)
                nonce = secrets.token_hex(16)
                line.sendall(nonce.encode() + b"\n")
                message = self._read(line, nonce)
                if message is None:
                    self._spoil("something in the cell spoke to the record without its key")
                    return
                answer = self._handle(message)
                line.settimeout(60)
                line.sendall(answer.encode())
        except world.WorldError as error:
            self._spoil(f"the world did not answer: {error}")
        except OSError as error:
            if not self.ended:
                self._spoil(f"a call could not be recorded: {error}")
        finally:
            self._room.release()

    def _read(self, line, nonce):
        got = bytearray()
        while not got.endswith(b"\n"):
            part = line.recv(65536)
            if not part or len(got) > LINE_CAP:
                return None
            got += part
        mac, _, text = bytes(got[:-1]).partition(b" ")
        right = hmac.new(self._key, nonce.encode() + text, "sha256").hexdigest().encode()
        if not hmac.compare_digest(mac, right):
            return None
        return json.loads(text)

    def _spoil(self, why):
        if not self.broken:
            self.broken = why

    def _handle(self, message):
        with self._lock:
            kind = message["k"]
            if kind == "call":
                return self._call(message)
            if kind == "done":
                return self._done(message["id"], message["st"])
            if kind == "step":
                self.steps[message["step"]] = message["st"]
            elif kind == "cannot":
                self.cannot = [message["step"], message["errno"]]
            elif kind == "end":
                self.oom, self.ended = message["oom"], True
            return "ok\n"

    # ---- calls ----

    def _call(self, message):
        name = _text(message["name"])
        name = self._aliases.get(name, name)
        argv = [_text(word) for word in message["argv"]]
        called = signature([name, *argv])
        number = self._numbers[called] = self._numbers.get(called, 0) + 1
        word, argument, fault = self._what_happens(called)
        identity = len(self.calls)
        watched = self._record or word in ("cut", "short")
        self.calls.append(
            {
                "signature": called,
                "number": number,
                "argv": [name, *argv],
                "cwd": _text(message["cwd"]),
                "code": None,
                "fault": fault,
            }
        )
        if watched:
            before = self._cell.delta()
            if word in ("cut", "short"):
                self._cell.remember(identity, before)
            token = None
            if self._cell.has_world:
                token = world.ask(self._cell.slot, {"op": "mark"})["token"]
            self._open[identity] = (before, token)
        if word == "run" and watched:
            word = "watch"
        return f"{identity} {word} {argument}\n"

    def _what_happens(self, called):
        for index, fault in enumerate(self._faults):
            if called != fault["command"] and not called.startswith(fault["command"] + " "):
                continue
            self._met[index] += 1
            met, wanted = self._met[index], fault["call"]
            if met != wanted and not (fault["persistent"] and met > wanted):
                continue
            if index not in self.fired:
                self.fired.append(index)
            does = fault["does"]
            if does in ("fail", "cut"):
                return does, str(fault["exit"]), index
            if does == "slow":
                return does, f"{fault['seconds']:.3f}", index
            return does, str(index), index
        return "run", "-", None

    def _done(self, identity, status):
        if identity not in self._open:
            return "ok\n"
        before, token = self._open.pop(identity)
        after = self._cell.delta()
        fault = self.calls[identity]["fault"]
        does = self._faults[fault]["does"] if fault is not None else ""
        if does not in ("cut", "short"):
            self._note(identity, before, after, token, status)
            return "ok\n"
        created, changed, removed = compare(before, after, self._cell.value_of)
        effects = created + changed + removed
        lacks = self._faults[fault]["lacks"]
        undone = effects[len(effects) // 2 :]
        if lacks:
            undone = (created or changed)[-lacks:] + removed
        orders = self._orders(identity, does == "cut" and not lacks, undone, created, before, after)
        total = len(effects)
        if token is not None:
            order = {"op": "undo", "token": token, "how": does, "lacks": lacks}
            undone = world.ask(self._cell.slot, order)
            total += len(undone["kept"]) + len(undone["undone"])
        if self._record:
            self._note(identity, before, after, token, status)
        return "\n".join([f"effects {total}", *orders, "end"]) + "\n"

    def _note(self, identity, before, after, token, status):
        call = self.calls[identity]
        created, changed, removed = compare(before, after, self._cell.value_of)
        read = []
        if token is not None:
            since = world.ask(self._cell.slot, {"op": "since", "token": token})
            created, changed = created + since["created"], changed + since["changed"]
            removed, read = removed + since["removed"], since["read"]
        call.update(created=created, changed=changed, removed=removed, read=read)
        if status is not None:
            call["code"] = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else status >> 8

    # ---- taking effects back ----

    def _orders(self, identity, halves, undone, created, before, after):
        """What the shim has to do so that the effects `undone` are taken back.

        They come in the order created, changed, removed: a half-done copy has written and not yet
        deleted. Where it `halves`, the file at the border is left half written, unless the command
        puts whole files in place by renaming them: stopped midway it leaves each as it was or as it
        will be.
        """
        orders, created = [], set(created)
        halves = halves and self.calls[identity]["signature"].split()[0] not in WHOLE
        for place, address in enumerate(undone):
            value, path = after.get(address), self._cell.path_of(address)
            if halves and place == 0 and value and not value.startswith(("->", "!")):
                size = self._cell.size_of(address)
                orders.append(f"trunc {size // 2} {_hex(path)}")
            elif address in created:
                orders.append(f"rm {_hex(path)}")
            else:
                order = self._put_back(identity, len(orders), address, before)
                if order:
                    orders.append(order)
        return orders

    def _put_back(self, identity, number, address, before):
        value = before.get(address, self._cell.value_of(address))
        if value is None or value.startswith("!"):
            return None
        path = self._cell.path_of(address)
        if value.startswith("->"):
            return f"link {_hex(value[2:])} {_hex(path)}"
        name = f"{identity}-{number}"
        found, mode, when = self._cell.content_before(identity, address)
        with open(states.open_file(found), "rb") as old:
            with open(f"{self._cell.control}/undo/{name}", "wb") as new:
                shutil.copyfileobj(old, new)
        return f"put {name} {mode:o} {when} {_hex(path)}"


def compare(before, after, ground):
    """Return (created, changed, removed) between two deltas over the same ground, each sorted."""
    created, changed, removed = [], [], []
    for address in before.keys() | after.keys():
        old = before[address] if address in before else ground(address)
        new = after[address] if address in after else ground(address)
        if old == new:
            continue
        if old is None:
            created.append(address)
        elif new is None:
            removed.append(address)
        else:
            changed.append(address)
    return sorted(created), sorted(changed), sorted(removed)


def _text(points):
    """The bytes that the shim sent as code points, as a path of this Python."""
    return points.encode("latin-1").decode("utf-8", "surrogateescape")


def _hex(text):
    return text.encode("utf-8", "surrogateescape").hex()
