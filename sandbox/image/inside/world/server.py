"""Starts the world of a slot: opens its ports and its control socket, then waits.

Run as a file: `server.py SLOT`. Prints "ready" when it serves. Everything else is in the modules
beside it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
import threading

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBRARIES = "/usr/lib/pawl/lib"
WEB_PORT, SSH_PORT = 4566, 4522
_DUMPABLE = 4  # PR_SET_DUMPABLE


def main(words: list[str]) -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("slot", help="its control socket is SLOT.sock")
    parser.add_argument("--control", default="/ctl", help="the folder of the control socket")
    parser.add_argument("--hosts", default="/srv/hosts", help="where the folders of hosts lie")
    parser.add_argument("--web", type=int, default=WEB_PORT)
    parser.add_argument("--ssh", type=int, default=SSH_PORT)
    parser.add_argument("--preload", help="libfakechroot, where it is not the image's")
    parser.add_argument("--neighbours", action="store_true", help="take orders from our own uid")
    chosen = parser.parse_args(words)
    sys.path[:0] = [path for path in (HERE, LIBRARIES) if os.path.isdir(path)]

    from world import control, selftest, shell, web
    from world.journal import Journal
    from world.machines import Machines
    from world.objects import Objects
    from world.world import World

    # commands of hosts run under our uid: they may not look into our memory
    ctypes.CDLL(None).prctl(_DUMPABLE, 0, 0, 0, 0)
    os.umask(0o022)
    busy: list[shell.Shell] = []
    machines = Machines(chosen.hosts, lambda: any(one.busy() for one in busy))
    commands = shell.Shell(machines, chosen.web, chosen.preload or shell.PRELOAD)
    busy.append(commands)
    world = World(Objects(), machines, Journal(), commands)

    def write(name: str, argv: list[str]) -> None:
        world.journal.write(name, argv)

    application = web.Web(world.objects, world.lock, write, world.journal.lines, world.unknown)
    world.selftest = lambda: selftest.run(world, chosen.web)
    kept = [web.serve(application, chosen.web), commands.serve(chosen.ssh)]
    where = os.path.join(chosen.control, f"{chosen.slot}.sock")
    kept.append(control.serve(where, world.do, neighbours=chosen.neighbours))
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
