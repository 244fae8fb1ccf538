"""The web's bars: pages over many changes beside pages over few, their size, and idle memory.

`evals.bench` calls `figures` and `memory`. Pages are asked of the real app in this process, by
somebody who is signed in; the many changes are rows as a store would have written them.
"""

from __future__ import annotations

import gzip
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from starlette.testclient import TestClient

from evals.bench import Figure
from service import wiring
from service.changes import Person, Request, Source, Stage
from service.people import EVERYWHERE, LinkKind, Role
from service.settings import Settings
from service.store import Store

FEW, MANY = 100, 100_000
ROUNDS = 40
URL = "http://localhost:8090"
_MEMORY_MB, _COMPRESSED_KB, _GROWS = 200, 100, 1.5
_SPREAD = (Stage.WAITING, *(Stage.MERGED,) * 7, Stage.REJECTED, Stage.NOTHING_FITS)
_PASSWORD = "a long enough phrase 42"  # noqa: S105 (of a store that lasts for seconds)


def figures() -> list[Figure]:
    """Queue and change pages with 100,000 changes against 100: p95 ratios and compressed sizes."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        _pages(Path(folder) / "few", FEW) as few,
        _pages(Path(folder) / "many", MANY) as many,
    ):
        return [figure for name in few for figure in _beside(name, few[name], many[name])]


def _beside(name: str, few: Callable[[], bytes], many: Callable[[], bytes]) -> list[Figure]:
    times: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(ROUNDS):
        for which, ask in (("few", few), ("many", many)):
            began = time.perf_counter()
            ask()
            times[which].append(time.perf_counter() - began)
    small, large = (statistics.quantiles(times[which][1:], n=20)[-1] for which in times)
    detail = f"p95 {large * 1000:.1f} ms against {small * 1000:.1f} ms"
    size = len(gzip.compress(many())) / 1000
    return [
        Figure(
            f"{name} page, {MANY:,} changes against {FEW}",
            large / small,
            _GROWS,
            "x",
            False,
            detail,
        ),
        Figure(f"{name} page, compressed", size, _COMPRESSED_KB, "kB"),
    ]


@contextmanager
def _pages(home: Path, changes: int) -> Iterator[Mapping[str, Callable[[], bytes]]]:
    """Name -> asks for that page, over a store with so many changes."""
    settings = Settings(home=home, docker_url="unix:///nonexistent", slots=1, opa=None)
    with wiring.serving(settings, public_url=URL) as up:
        people = up.services.people
        account = people.make_account(
            login="bench", name="Bench", roles=tuple((EVERYWHERE, role) for role in Role)
        )
        known = _fill(up.services.store, changes)
        client = TestClient(up.app, base_url=URL, follow_redirects=True)
        entered = people.enter_by_link(
            people.make_link(LinkKind.SIGN_IN, account.id), agent="bench", address="127.0.0.1"
        )
        client.cookies.set("pawl_session", entered.token)  # type: ignore[union-attr]

        def ask(path: str) -> Callable[[], bytes]:
            def page() -> bytes:
                answer = client.get(path)
                if answer.status_code != 200 or b"<h1" not in answer.content:
                    raise RuntimeError(f"{path}: {answer.status_code}")
                return answer.content

            return page

        yield {"queue": ask("/"), "change": ask(f"/changes/{known}")}


def _fill(store: Store, changes: int) -> str:
    """Make one change as people do, its like in bulk; answers the id of that one: it has a log."""
    first = store.open_change(
        Request("The nightly publish wiped the pictures.", Person("somebody"), Source.CHAT),
        repository="bench",
        base="0" * 40,
        branch="main",
        key="0",
    )
    with store.writing() as work:
        driver = work.connection.connection.driver_connection
        row = dict(zip(*_row(driver, first.id), strict=True))
        columns = list(row)
        marks = ", ".join("?" for _ in columns)
        rows = []
        for number in range(2, changes + 1):
            stage = _SPREAD[number % len(_SPREAD)]
            own = {
                "number": number,
                "id": f"c{number:010d}",
                "key": str(number),
                "stage": stage.value,
                "open": stage is Stage.WAITING,
            }
            rows.append([{**row, **own}[column] for column in columns])
        names = ", ".join(f'"{column}"' for column in columns)
        driver.executemany(f"INSERT INTO change ({names}) VALUES ({marks})", rows)  # type: ignore[union-attr]  # noqa: S608
    return first.id


def _row(driver: object, ident: str) -> tuple[list[str], list[object]]:
    found = driver.execute("SELECT * FROM change WHERE id = ?", (ident,))  # type: ignore[attr-defined]
    return [column[0] for column in found.description], list(found.fetchone())


def memory() -> list[Figure]:
    """The resident memory of `pawl serve` that has answered its first pages and does nothing."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        pawl = Path(sys.executable).with_name("pawl")
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": folder, "PAWL_HOME": folder}
        child = subprocess.Popen(
            [str(pawl), "serve", "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/healthz", child)
            for _ in range(10):
                _get(f"http://localhost:{port}/sign-in")
            time.sleep(10)  # the engine opens in the background; then nothing is to be done
            resident = _resident(child.pid)
        finally:
            child.terminate()
            child.wait(30)
    return [
        Figure("pawl serve, idle memory", resident, _MEMORY_MB, "MB", detail="10 s after start")
    ]


def _resident(pid: int) -> float:
    """Resident memory of `pid` and of what it started, in MB (shared pages count by share)."""
    total = 0
    for process in (pid, *_children(pid)):
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.M)
        total += int(found.group(1)) if found else 0
    return total / 1000


def _children(pid: int) -> list[int]:
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 (names of threads)
        listed = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        found += [int(child) for child in listed]
    return found


def _get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (loopback)
        return int(answer.status)


def _wait(url: str, child: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            if _get(url) == 200:
                return
        except OSError:
            pass
        if child.poll() is not None:
            raise RuntimeError(f"pawl serve ended with {child.returncode}")
        time.sleep(0.1)
    raise RuntimeError("pawl serve did not answer in 30 s")
