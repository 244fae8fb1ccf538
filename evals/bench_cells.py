"""What a cell costs against a bare container, and what a large tree costs: figures and bars.

Measures ratios in one run, each pair side by side, since the machine's load moves all of them. Run
as a program (`python -m evals.bench_cells`); nothing here decides whether a cell is right.
"""

from __future__ import annotations

import io
import statistics
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import docker

from sandbox import Files
from sandbox.engine import Ended, Engine, Ground, Run, World
from sandbox.engine.docker import open_engine

_SCRIPT = b"""#!/bin/bash
set -e
mkdir -p out
for f in src/*.txt; do tr a-z A-Z < "$f" > "out/${f##*/}"; done
rsync -a --delete out/ /srv/site/
cp config.ini /etc/site.ini
find /srv/site -name '*9.txt' -delete
"""
_URL = "unix:///var/run/docker.sock"


@dataclass(frozen=True)
class Figure:
    """One measured ratio and what it may be at most."""

    what: str
    ratio: float
    bar: float
    detail: str

    @property
    def holds(self) -> bool:
        return self.ratio <= self.bar


def bench(engine: Engine, docker_url: str = _URL, rounds: int = 12) -> tuple[Figure, ...]:
    """Measure cells against bare containers, one by one and two at a time, and a large tree."""
    tree = _tree(40)
    world = World(content={f"/srv/site/{n}.txt": b"old" for n in range(40)})
    figures = []
    with _opened(engine, tree, world) as ground, _bare(engine.image, tree, docker_url) as bare:

        def cell() -> None:
            ran = ground.run(Run(("./publish.sh",)))
            if ran.ended is not Ended.EXITED or ran.code != 0:
                raise AssertionError(f"the cell ended {ran.ended} {ran.code}: {ran.error}")

        cells, bares = _side_by_side(cell, bare, rounds)
        figures.append(_figure("a cell against a bare container", cells, bares, 1.2))
        cells, bares = _in_pairs(cell, bare, rounds)
        figures.append(_figure("cells two at a time against bare ones", cells, bares, 1.15))
    with (
        _opened(engine, _tree(10), World()) as small,
        _opened(engine, _tree(100_000), World()) as large,
    ):
        quick = Run(("bash", "-c", "echo done > out.txt"))
        many, few = _side_by_side(lambda: _must(large, quick), lambda: _must(small, quick), rounds)
        figures.append(_figure("100,000 files against 10", many, few, 1.5))
    return tuple(figures)


def _must(ground: Ground, run: Run) -> None:
    ran = ground.run(run)
    if ran.ended is not Ended.EXITED:
        raise AssertionError(f"the cell ended {ran.ended}: {ran.error}")


def _tree(files: int) -> Files:
    made = {f"src/{n % 500}/{n}.txt": (0o100644, b"line %d\n" % n * 20) for n in range(files)}
    made |= {f"src/{n}.txt": (0o100644, b"text %d\n" % n) for n in range(min(files, 40))}
    return made | {"publish.sh": (0o100755, _SCRIPT), "config.ini": (0o100644, b"[site]\n")}


@contextmanager
def _opened(engine: Engine, tree: Files, world: World) -> Iterator[Ground]:
    ground = engine.open(tree, world)
    try:
        yield ground
    finally:
        ground.close()


@contextmanager
def _bare(image: str, tree: Files, url: str) -> Iterator[Callable[[], None]]:
    """A deed that runs the same commands in a plain container, the tree baked into its image."""
    client = docker.DockerClient(base_url=url, timeout=60, max_pool_size=8)
    tag = "pawl-bench:bare"
    context = io.BytesIO()
    dockerfile = (
        f"FROM {image}\nUSER root\nCOPY tree /repo\nRUN mkdir -p /srv/site && "
        "for n in $(seq 0 39); do echo old > /srv/site/$n.txt; done && "
        "chown -R 10001:10001 /repo /srv\nUSER 10001\n"
    ).encode()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, mode, data in [
            ("Dockerfile", 0o644, dockerfile),
            *((f"tree/{path}", mode & 0o777, data) for path, (mode, data) in tree.items()),
        ]:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
    context.seek(0)
    client.images.build(fileobj=context, custom_context=True, tag=tag, network_mode="none", rm=True)

    def deed() -> None:
        api = client.api
        made: str = api.create_container(
            tag,
            ["./publish.sh"],
            working_dir="/repo",
            host_config=api.create_host_config(network_mode="none", init=True),
        )["Id"]
        stream: Any = api.attach(made, stream=True, stdout=True, stderr=True)
        api.start(made)
        output = b"".join(stream)
        code = api.wait(made)["StatusCode"]
        api.remove_container(made, force=True)
        if code != 0:
            raise AssertionError(f"the bare container failed: {output.decode()}")

    try:
        yield deed
    finally:
        client.images.remove(tag, force=True)
        client.close()


def _side_by_side(
    one: Callable[[], None], other: Callable[[], None], rounds: int
) -> tuple[list[float], list[float]]:
    one()
    other()
    ones: list[float] = []
    others: list[float] = []
    for number in range(rounds):
        # the order changes, so that neither always pays for the other's leftovers
        for deed, times in ((one, ones), (other, others))[:: 1 if number % 2 else -1]:
            times.append(_timed(deed))
    return ones, others


def _in_pairs(
    one: Callable[[], None], other: Callable[[], None], rounds: int
) -> tuple[list[float], list[float]]:
    def many(deed: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            with ThreadPoolExecutor(2) as pool:
                for future in [pool.submit(deed) for _ in range(8)]:
                    future.result()

        return run

    return _side_by_side(many(one), many(other), max(3, rounds // 4))


def _timed(deed: Callable[[], None]) -> float:
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began


def _figure(what: str, ones: Sequence[float], others: Sequence[float], bar: float) -> Figure:
    one, other = statistics.median(ones), statistics.median(others)
    return Figure(what, one / other, bar, f"{one * 1000:.0f} ms against {other * 1000:.0f} ms")


def main() -> int:
    """Print the figures; the exit code says whether all bars hold."""
    engine = open_engine("bench", f"bench{time.time_ns()}", say=print)
    try:
        figures = bench(engine)
    finally:
        engine.close()
    for figure in figures:
        verdict = "ok" if figure.holds else "OVER"
        print(f"{figure.what}: {figure.ratio:.2f}x (bar {figure.bar}x, {figure.detail}) {verdict}")
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    raise SystemExit(main())
