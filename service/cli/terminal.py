"""A person at a terminal who follows a change: rich progress on a tty, plain lines when piped."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sandbox import Cell, CellKind, Outcome, Progress, Side
from service.app.live import fault_words
from service.changes import Change

MARK = {Outcome.HIT: ("●", "red"), Outcome.HELD: ("✓", "green"), Outcome.BROKEN: ("?", "yellow")}


class Terminal:
    """Follows a change on `out` (stderr by default, so that stdout stays for documents)."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.console = Console(file=out or sys.stderr, highlight=False, soft_wrap=True)
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._tally: Counter[tuple[Side, Outcome]] = Counter()
        self._told: set[str] = set()
        self._last_share = -1

    # --- Thread -----------------------------------------------------------------------------

    def stage(self, change: Change, text: str) -> None:
        self._line(Text.assemble((f"{change.stage.value:>14}", "bold cyan"), "  ", text))

    def say(self, text: str) -> None:
        self._line(Text.assemble(" " * 16, (text, "dim")))

    def progress(self, progress: Progress) -> None:
        """One cell was judged, or one line of news. Called from several threads."""
        with self._lock:
            cell = progress.cell
            if cell is None:
                if progress.text and progress.text not in self._told:
                    self._told.add(progress.text)
                    self._print(Text.assemble(" " * 16, (progress.text, "dim")))
                return
            self._tally[cell.side, cell.outcome] += 1
            news = self._news(cell)
            if news is not None:
                self._print(news)
            self._bar(progress)

    def close(self) -> None:
        """Take the progress line away."""
        with self._lock:
            if self._live is not None:
                self._live.stop()
                self._live = None

    # --- inside -----------------------------------------------------------------------------

    def _news(self, cell: Cell) -> Text | None:
        """The first time that something of this kind happens is worth a line of its own."""
        telling = cell.kind in (CellKind.DECLARED, CellKind.CONTROL, CellKind.RATCHET)
        if not telling and (cell.side is Side.BASE or cell.outcome is Outcome.HELD):
            return None
        key = f"{cell.side}{cell.kind}{cell.outcome}{cell.entry}{cell.fault}"
        if key in self._told:
            return None
        self._told.add(key)
        mark, colour = MARK[cell.outcome]
        return Text.assemble(
            " " * 16,
            (f"{mark} {cell.side.value:<5} ", colour),
            (f"{cell.outcome.value:<6} ", f"bold {colour}"),
            f"{' '.join(cell.entry)} ",
            (fault_words(cell.fault), "dim"),
            ("" if cell.outcome is Outcome.HELD else f"  {cell.why}", colour),
        )

    def _bar(self, progress: Progress) -> None:
        counted = {
            side: (self._tally[side, Outcome.HIT], self._tally[side, Outcome.HELD]) for side in Side
        }
        elapsed = int(time.monotonic() - self._began)
        text = (
            f"{progress.done}/{progress.total} cells   "
            f"base {counted[Side.BASE][0]} hit, {counted[Side.BASE][1]} held   "
            f"draft {counted[Side.DRAFT][0]} hit, {counted[Side.DRAFT][1]} held   {elapsed} s"
        )
        if self.console.is_terminal:
            if self._live is None:
                self._live = Live(console=self.console, refresh_per_second=8, transient=True)
                self._live.start()
            self._live.update(Text(" " * 16 + text, style="dim"))
        else:
            share = 4 * progress.done // max(progress.total, 1)
            if share != self._last_share:
                self._last_share = share
                self._print(Text(" " * 16 + text, style="dim"))

    def _line(self, text: Text) -> None:
        with self._lock:
            if self._live is not None:
                self._live.stop()
                self._live = None
            self._last_share = -1
            self._tally.clear()
            self._print(text)

    def _print(self, text: Text) -> None:
        elapsed = f"{int(time.monotonic() - self._began):>4} s "
        self.console.print(Text.assemble((elapsed, "dim"), text))
