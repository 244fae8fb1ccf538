"""The report of a change: one page that a reviewer reads, as Markdown or in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.syntax import Syntax

from service.app.live import fault_words

Document = Mapping[str, Any]
TITLES = {
    "stands": "The proposal stands",
    "nothing-fits": "Nothing fits",
    "not-reproduced": "Not reproduced",
    "not-proven": "Not proven",
    "refused": "Refused by the gate",
}


def markdown(document: Document, patch: str = "", *, lead: str = "") -> str:
    """Write the page as Markdown. `patch` is the diff; `lead` says where the proposal lies."""
    lines: list[str] = [f"# {TITLES.get(document['outcome'], document['outcome'])}", ""]
    plan = document.get("plan")
    if plan:
        lines += [f"**{plan['title']}** (reshape: {plan['kind']})", ""]
    lines += [str(document["why"]).strip(), ""]
    if lead:
        lines += [lead, ""]
    lines += _section("What was asked", _quote(document["request"]))
    lines += _section("The failure, re-enacted", _failure(document))
    lines += _section("What was looked for and tried", _ending(document))
    if plan:
        lines += _section("The reshape", _plan(plan, patch))
    if document.get("proof"):
        lines += _section("Proof", _proof(document["proof"]))
    if document.get("gate"):
        lines += _section("Gate", _gate(document))
    lines += _section("On record", _record(document))
    return "\n".join(lines).rstrip() + "\n"


def show(console: Console, document: Document, patch: str = "", *, lead: str = "") -> None:
    """Print the page; on a terminal the diff is coloured, elsewhere it is plain Markdown."""
    if not console.is_terminal:
        console.out(markdown(document, patch, lead=lead), end="", highlight=False)
        return
    before, fence, rest = markdown(document, patch, lead=lead).partition("```diff\n")
    console.print(Markdown(before))
    if fence:
        diff, _, after = rest.partition("\n```")
        console.print(Syntax(diff, "diff", background_color="default", word_wrap=True))
        console.print(Markdown(after))


def _section(title: str, body: Iterable[str]) -> list[str]:
    listed = list(body)
    return [f"## {title}", "", *listed, ""] if listed else []


def _quote(text: str) -> Iterator[str]:
    for line in text.strip().splitlines():
        yield f"> {line}".rstrip()


def _failure(document: Document) -> Iterator[str]:
    rehearsal = document.get("rehearsal")
    if not rehearsal:
        return
    yield f"{rehearsal['story']} Kept as `{rehearsal['path']}/`, class `{rehearsal['failure']}`."
    yield ""
    trial = rehearsal["trial"]
    cells = document["proof"]["cells"] if document.get("proof") else []
    declared = [c for c in cells if c["kind"] == "declared"] or [
        c for c in trial if c["kind"] == "declared"
    ]
    shown: set[str] = set()
    for cell in declared:
        key = f"{cell['side']} {cell['entry']} {cell['fault']}"
        if key in shown:
            continue
        shown.add(key)
        yield (
            f"- **{cell['side']}**, `{' '.join(cell['entry'])}`, {fault_words(cell['fault'])}: "
            f"**{cell['outcome']}**. {cell['why']}"
        )
        if cell["lost"]:
            yield f"  Lost: {_few(cell['lost'], cell['lost_count'])}"


def _ending(document: Document) -> Iterator[str]:
    ending = document.get("ending") or {}
    if document["outcome"] not in ("nothing-fits", "not-reproduced"):
        return
    survey = document.get("survey") or {}
    entries = survey.get("entry_points", [])
    if entries:
        yield "Entry points found:"
        yield ""
        for entry in entries[:12]:
            yield f"- `{' '.join(entry['argv'])}` ({entry['started_by']})"
        if len(entries) > 12:
            yield f"- and {len(entries) - 12} more"
        yield ""
    if survey.get("destructive"):
        yield "Destructive commands found:"
        yield ""
        yield from (f"- `{line}`" for line in survey["destructive"][:12])
        yield ""
    for key, title in (
        ("looked_for", "Looked for:"),
        ("tried", "Tried:"),
        ("unknown", "Not known:"),
        ("would_help", "What would help:"),
    ):
        if ending.get(key):
            yield title
            yield ""
            yield from (f"- {line}" for line in ending[key])
            yield ""
    for ask in ending.get("asks", []):
        yield f"- {ask['question']} (default: {ask['default']})"


def _plan(plan: Document, patch: str) -> Iterator[str]:
    for reason in plan["reasons"]:
        yield f"- {reason}"
    yield ""
    if patch:
        yield "```diff"
        yield from patch.rstrip("\n").splitlines()
        yield "```"
        yield ""
    yield "Why, file by file:"
    yield ""
    yield from (f"- `{edit['path']}`: {edit['why']}" for edit in plan["edits"])
    yield ""
    yield "Alternatives weighed:"
    yield ""
    yield from (f"- {a['title']}: {a['why_not']}" for a in plan["alternatives"])
    for title, key in (("Price:", "price"), ("Not solved by this:", "unsolved")):
        if plan[key]:
            yield ""
            yield title
            yield ""
            yield from (f"- {line}" for line in plan[key])
    prediction = plan["prediction"]
    yield ""
    yield (
        f"Prediction: {prediction['readout']} goes from {prediction['before']} "
        f"to {prediction['after']}."
    )


_KINDS = (
    *("control", "declared", "honest", "lying", "input"),
    *("omission", "operation", "drift", "ratchet", "check"),
)


def _proof(proof: Document) -> Iterator[str]:
    yield ("It holds: " if proof["holds"] else "It does not hold: ") + str(proof["why"])
    yield ""
    yield "| cells | base hit | base held | draft hit | draft held | broken |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for kind in _KINDS:
        count = Counter((c["side"], c["outcome"]) for c in proof["cells"] if c["kind"] == kind)
        if count:
            broken = count["base", "broken"] + count["draft", "broken"]
            yield (
                f"| {kind} | {count['base', 'hit']} | {count['base', 'held']} "
                f"| {count['draft', 'hit']} | {count['draft', 'held']} | {broken} |"
            )
    yield ""
    entries = sorted({" ".join(c["entry"]) for c in proof["cells"]})
    yield (
        f"{len(proof['cells'])} cells in {proof['ms'] / 1000:.0f} s at "
        f"{len(entries)} entry points ({', '.join(f'`{e}`' for e in entries)}), "
        f"image `{proof['image']}`."
    )
    for title, rows in (
        ("Residuals (base has them too; each can be the next request):", proof["residuals"]),
        ("Degrades:", proof["degrades"]),
        ("Not covered:", proof["not_covered"]),
    ):
        if rows:
            yield ""
            yield title
            yield ""
            yield from (f"- {row}" for row in rows[:8])
            if len(rows) > 8:
                yield f"- and {len(rows) - 8} more"
    if proof["load_bearing"]:
        yield ""
        yield "Load-bearing edits (one sufficient set):"
        yield ""
        for hunk in proof["load_bearing"]:
            yield f"- {hunk['role']}: `{hunk['path']}` {hunk['header']}: {hunk['why']}"


def _gate(document: Document) -> Iterator[str]:
    gate = document["gate"]
    if gate["broke"]:
        yield f"The gate could not judge, and that refuses: {gate['broke']}"
        yield ""
    if not document["findings"]:
        yield f"No findings from {gate['loaded']} rules."
    alike: dict[tuple[str, str, str, str], list[Document]] = {}
    for finding in document["findings"]:
        key = (finding["level"], finding["role"], finding["rule"], finding["remedy"])
        alike.setdefault(key, []).append(finding)
    for (level, role, rule, remedy), found in alike.items():
        needs = f" (needs {role})" if role else ""
        places = ", ".join(dict.fromkeys(str(f["place"]) for f in found[:6]))
        more = f" and {len(found) - 6} more" if len(found) > 6 else ""
        whys = list(dict.fromkeys(str(f["why"]).rstrip(".") for f in found))
        also = f" (and {len(whys) - 1} like it)" if len(whys) > 1 else ""
        yield f"- **{level}**{needs} `{rule}` at {places}{more}: {whys[0]}{also}. {remedy}".rstrip()
    yield ""
    yield f"Rules `{gate['rules'][:16]}`, engine {gate['engine']}."


def _record(document: Document) -> Iterator[str]:
    yield f"- change `{document['change']}`, base `{document['base'][:16]}`"
    if document.get("binding"):
        yield f"- an approval would bind to `{document['binding']}`"
    log = document.get("log")
    if log:
        yield f"- log: {log['size']} entries, root `{log['root']}`, checkpoint at `{log['path']}`"
    if document["outcome"] == "stands":
        yield (
            "- merging needs a second person; whoever is alone takes the proposal "
            "as a branch or patch"
        )


def _few(rows: list[str], count: int) -> str:
    text = ", ".join(f"`{row}`" for row in rows[:4])
    return text + (f" and {count - 4} more" if count > 4 else "")
