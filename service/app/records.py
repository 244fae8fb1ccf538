"""Documents: values as plain JSON for the store, and back. The only place that knows both forms.

Documents hold strings, whole numbers, booleans, lists and objects: canonical JSON refuses floats,
so seconds become milliseconds.
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

from agents import (
    EntryPoint,
    Plan,
    Rehearsal,
    Setting,
    Survey,
)
from policies import Finding, Verdict
from sandbox import Cell, Proof

Files = Mapping[str, tuple[int, bytes]]
Document = dict[str, Any]


def dumps(document: object) -> bytes:
    """Write a document, keys sorted, so that equal documents are equal bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def loads(data: bytes) -> Document:
    """Read a document that `dumps` wrote."""
    document = json.loads(data)
    if not isinstance(document, dict):
        raise TypeError("a document is an object")
    return document


# --- trees ------------------------------------------------------------------------------------


def pack(files: Files) -> bytes:
    """Write a tree as one tar, sorted by path: equal trees are equal bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files):
            mode, data = files[path]
            member = tarfile.TarInfo(path)
            member.mode = mode & 0o777
            if mode == 0o120000:
                member.type = tarfile.SYMTYPE
                member.linkname = data.decode("utf-8", "surrogateescape")
                tar.addfile(member)
            else:
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def unpack(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Read what `pack` wrote, into memory: nothing is extracted anywhere."""
    files: dict[str, tuple[int, bytes]] = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        for member in tar:
            if member.issym():
                files[member.name] = (
                    0o120000,
                    member.linkname.encode("utf-8", "surrogateescape"),
                )
                continue
            handle = tar.extractfile(member)
            if handle is not None:
                files[member.name] = (
                    0o100755 if member.mode & 0o100 else 0o100644,
                    handle.read(),
                )
    return files


def _file(entry: tuple[int, bytes] | None) -> Document | None:
    if entry is None:
        return None
    return {"mode": f"{entry[0]:o}", "content": base64.b64encode(entry[1]).decode()}


def _unfile(document: Document | None) -> tuple[int, bytes] | None:
    if document is None:
        return None
    return int(document["mode"], 8), base64.b64decode(document["content"])


def _must(entry: tuple[int, bytes] | None) -> tuple[int, bytes]:
    if entry is None:
        raise TypeError("a file is missing in a document")
    return entry


# --- agents -----------------------------------------------------------------------------------


def survey(value: Survey) -> Document:
    return {
        "entry_points": [
            {"argv": list(e.argv), "started_by": e.started_by} for e in value.entry_points
        ],
        "settings": [
            {"name": s.name, "file": s.file, "value": s.value, "feeds": s.feeds}
            for s in value.settings
        ],
        "sources": list(value.sources),
        "destructive": list(value.destructive),
        "unread": list(value.unread),
    }


def to_survey(document: Document) -> Survey:
    return Survey(
        entry_points=tuple(
            EntryPoint(tuple(e["argv"]), e["started_by"]) for e in document["entry_points"]
        ),
        settings=tuple(Setting(**s) for s in document["settings"]),
        sources=tuple(document["sources"]),
        destructive=tuple(document["destructive"]),
        unread=tuple(document["unread"]),
    )


def rehearsal(value: Rehearsal) -> Document:
    return {
        "name": value.name,
        "files": {path: _file(entry) for path, entry in value.files.items()},
        "story": value.story,
        "failure": value.failure,
        "reasons": list(value.reasons),
    }


def to_rehearsal(document: Document) -> Rehearsal:
    return Rehearsal(
        name=document["name"],
        files={path: _must(_unfile(entry)) for path, entry in document["files"].items()},
        story=document["story"],
        failure=document["failure"],
        reasons=tuple(document["reasons"]),
    )


def plan(value: Plan) -> Document:
    return {
        "title": value.title,
        "kind": value.kind.value,
        "edits": [
            {"path": e.path, "before": _file(e.before), "after": _file(e.after), "why": e.why}
            for e in value.edits
        ],
        "reasons": list(value.reasons),
        "alternatives": [{"title": a.title, "why_not": a.why_not} for a in value.alternatives],
        "unsolved": list(value.unsolved),
        "price": list(value.price),
        "prediction": {
            "readout": value.prediction.readout,
            "before": value.prediction.before,
            "after": value.prediction.after,
        },
        "why_not_deeper": value.why_not_deeper,
    }


def plan_for_people(document: Document) -> Document:
    """A plan document without file contents: what `--json` and an approver's digest hold."""
    short = {key: value for key, value in document.items() if key != "edits"}
    short["edits"] = [{"path": e["path"], "why": e["why"]} for e in document["edits"]]
    return short


# --- sandbox ----------------------------------------------------------------------------------


def cell(value: Cell, keep: Callable[[bytes], str]) -> Document:
    """A cell; its log goes to `keep`, which answers the digest that it is found by."""
    return {
        "id": value.id,
        "rehearsal": value.rehearsal,
        "entry": list(value.entry),
        "side": value.side.value,
        "kind": value.kind.value,
        "fault": dict(value.fault) if value.fault is not None else None,
        "seed": value.seed,
        "outcome": value.outcome.value,
        "why": value.why,
        "lost": list(value.lost[:50]),
        "lost_count": len(value.lost),
        "altered": list(value.altered[:50]),
        "altered_count": len(value.altered),
        "reached": value.reached,
        "ended": value.ended,
        "code": value.code,
        "ms": round(value.seconds * 1000),
        "log": keep(value.log) if value.log else None,
        "frozen": value.frozen,
    }


def proof(value: Proof, keep: Callable[[bytes], str]) -> Document:
    return {
        "holds": value.holds,
        "why": value.why,
        "cells": [cell(c, keep) for c in value.cells],
        "residuals": list(value.residuals),
        "degrades": list(value.degrades),
        "load_bearing": [
            {"path": h.path, "header": h.header, "role": h.role, "why": h.why}
            for h in value.load_bearing
        ],
        "not_covered": list(value.not_covered),
        "decisive": [dict(d) for d in value.decisive],
        "image": value.image,
        "ms": round(value.seconds * 1000),
    }


def proof_outcome(document: Document) -> Document:
    """What of a proof an approval binds to: outcomes, not times or logs."""
    return {
        "holds": document["holds"],
        "image": document["image"],
        "cells": sorted(
            (
                [
                    c["rehearsal"],
                    " ".join(c["entry"]),
                    c["side"],
                    c["kind"],
                    json.dumps(c["fault"], sort_keys=True),
                    str(c["seed"]),
                    c["outcome"],
                ]
                for c in document["cells"]
            ),
        ),
        "residuals": sorted(document["residuals"]),
        "degrades": sorted(document["degrades"]),
    }


# --- policies ---------------------------------------------------------------------------------


def finding(value: Finding) -> Document:
    return {
        "rule": value.rule,
        "level": value.level.value,
        "title": value.title,
        "place": value.place,
        "why": value.why,
        "remedy": value.remedy,
        "role": value.role,
        "source": value.source,
    }


def verdict(value: Verdict) -> Document:
    return {
        "findings": [finding(f) for f in value.findings],
        "rules": value.rules,
        "engine": value.engine,
        "loaded": value.loaded,
        "broke": value.broke,
        "refused": value.refused,
    }
