"""The summary of a run: rows, counts and a table; written after each row, so none is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]

OUT = Path("build/eval")


@dataclass
class Summary:
    """Rows as they come, and what they add up to. `counts` turns the rows into the numbers."""

    kind: str  # "proof" or "solve"
    cases: int
    counts: Callable[[Sequence[Row]], Mapping[str, int]]
    folder: Path = OUT
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Take a row in and write the summary anew."""
        self.rows.append(row)
        self.write()

    def document(self) -> dict[str, Any]:
        """Give the summary as it is written."""
        none = {
            "solved": 0,
            "abstained": 0,
            "false_proofs": 0,
            "wrong_accepted": 0,
            "right_refused": 0,
        }
        counted = {**none, **self.counts(self.rows)}
        return {"kind": self.kind, "cases": self.cases, **counted, "rows": list(self.rows)}

    def write(self) -> None:
        """Write `summary.json`, and beside it the same under the kind's own name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.document(), indent=2, sort_keys=False) + "\n"
        for name in ("summary.json", f"{self.kind}.json"):
            fresh = self.folder / f".{name}"
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.folder / name)


def table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """Give `rows` as a plain text table; the last column is as wide as it likes."""
    cells = [columns, *([_cell(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns) - 1)]
    return "\n".join(
        "  ".join(
            [*(f"{text:<{w}}" for text, w in zip(line, widths, strict=False)), line[-1]]
        ).rstrip()
        for line in cells
    )


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    return " ".join(str(value).split())[:160]
