"""Edits that make a run stop at the first failure, in the author's own style.

Takes the steps that must not be passed over and gives changes by byte range: options of scripts,
masks that threw a failure away, flags that delete. Which steps matter is the family's matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tree_sitter import Node

from agents import Files
from agents.edits import Change, indent_at, line_range, touches_error, word_range
from agents.reading import tools
from agents.reading.effects import Mirror, Way
from agents.reading.syntax import looks_like_shell, parse_shell, text, walk
from agents.reading.values import Mask, MaskKind, Place, Step, Trace, line_of

_FORGIVING = re.compile(
    r"never mind|ignor|don'?t care|do not care|may fail|can fail|might fail|okay to fail|ok to fail"
    r"|best[- ]effort|not fatal|non-fatal|harmless|doesn'?t matter|tolerat|carry on|keep going"
    r"|go on anyway|anyway|even if|no big deal|whatever|skip(s|ped)? (it|them|those|broken)",
    re.IGNORECASE,
)
_DELETING = re.compile(
    r"--del|\bdelet|\bremov|\bprun|\bstale\b|\borphan|\bgone\b|exact (copy|mirror)|\bget rid"
    r"|\bclean(s|ed)? (up|out)|\bwipe|\bempt(y|ies) |\bno longer in\b",
    re.IGNORECASE,
)


@dataclass
class Sheet:
    """Changes as they collect, what was done for people, and what had to be left."""

    tree: Files
    changes: list[Change] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def add(self, start: int, end: int, new: bytes, path: str, why: str) -> bool:
        """Take a change down unless it stands next to text that could not be parsed."""
        content = self.tree[path][1]
        place = Place(path, start, end)
        shell = looks_like_shell(path, content)
        if shell and touches_error(content, place):
            note = f"{path}:{line_of(content, start)} stands beside text that could not be parsed"
            self.leave(f"{note}, so it is not edited")
            return False
        self.changes.append(Change(place, new, why))
        return True

    def did(self, what: str) -> None:
        if what not in self.done:
            self.done.append(what)

    def leave(self, what: str) -> None:
        if what not in self.left:
            self.left.append(what)


@dataclass(frozen=True)
class Run:
    """One entry point's trace and the steps in it that must not be passed over."""

    trace: Trace
    steps: tuple[Step, ...]
    goals: tuple[Step, ...]  # what must not run after one of them failed


# --- options of scripts --------------------------------------------------------------------------


def strict_scripts(sheet: Sheet, runs: Sequence[Run], *, nounset: bool) -> None:
    """Make every script on the way stop at the first failure."""
    for path, dialect in _scripts(runs).items():
        steps = [s for run in runs for s in run.trace.steps if s.process.script == path and s.name]
        have = frozenset.intersection(*(s.options for s in steps)) if steps else frozenset()
        content = sheet.tree[path][1]
        want = {"errexit"} | ({"pipefail"} if dialect == "bash" else set())
        if nounset and not _reads_unset(runs, path):
            want.add("nounset")
        if {"errexit", "pipefail"} & want <= have:
            continue  # what it lacks at most is nounset, which stops no failure
        _switch(sheet, path, content, want, dialect)
        _never_off(sheet, path, content)


def _scripts(runs: Sequence[Run]) -> dict[str, str]:
    """The shell scripts on the way that run as processes of their own, with their dialect."""
    found: dict[str, str] = {}
    for run in runs:
        dialects = {p.script: p.dialect for p in run.trace.processes}
        for step in (*run.steps, *run.goals):
            for path in (*(p.path for p in step.places), step.process.script):
                if path and dialects.get(path) in ("bash", "sh"):
                    found[path] = dialects[path]
    return found


def _reads_unset(runs: Sequence[Run], path: str) -> bool:
    return any(r.script == path and not r.guarded for run in runs for r in run.trace.readings)


def _switch(sheet: Sheet, path: str, content: bytes, want: set[str], dialect: str) -> None:
    root = parse_shell(content)
    shown = f"`set {_flags('', want)}`"
    why = "a failure ends the script"
    for node in root.children:
        if node.type != "command" or not text(node).startswith("set "):
            continue
        words = text(node).split()[1:]
        if not words or not words[0].startswith("-") or words[0] == "--":
            continue
        if re.fullmatch(r"-[a-z]+", words[0]) and len(words) <= 2:
            letters = words[0][1:].replace("o", "") if len(words) == 2 else words[0][1:]
            given = set(words[1:])
            if "errexit" in given or "nounset" in given:
                break  # `set -o errexit`: written out, so a line of the same kind is added
            new = f"set {_flags(letters, want | given)}".encode()
            if sheet.add(node.start_byte, node.end_byte, new, path, why):
                sheet.did(f"{path}: `{text(node)}` becomes `{new.decode()}`")
            return
        break
    at = _after_header(content, root)
    line = f"set {_flags('', want)}\n".encode()
    if sheet.add(at, at, line, path, why):
        sheet.did(f"{path}: {shown}, so that a failure ends the script")


def _flags(letters: str, want: set[str]) -> str:
    kept = [c for c in letters if c not in ("e", "u", "o")]
    head = "e" + ("u" if "nounset" in want or "u" in letters else "") + "".join(kept)
    return f"-{head}o pipefail" if "pipefail" in want else f"-{head}"


def _after_header(content: bytes, root: Node) -> int:
    """The offset behind the first block of comment lines."""
    at = 0
    for line in content.splitlines(keepends=True):
        if not line.startswith(b"#"):
            break
        at += len(line)
    first = next((n for n in root.children if n.is_named and n.type != "comment"), None)
    return min(at, first.start_byte) if first is not None else at


def _never_off(sheet: Sheet, path: str, content: bytes) -> None:
    """Take `set +e` out where nobody looks at the status that it saves."""
    nodes = [n for n in walk(parse_shell(content)) if n.type == "command"]
    for i, node in enumerate(nodes):
        words = text(node).split()
        if words[:1] != ["set"] or not any(re.fullmatch(r"\+[a-z]*e[a-z]*", w) for w in words[1:]):
            continue
        later = next((n for n in nodes[i + 1 :] if text(n).startswith("set -")), None)
        between = content[node.end_byte : later.start_byte if later else len(content)]
        if b"$?" in between or b"PIPESTATUS" in between:
            sheet.leave(f"{path}:{line_of(content, node.start_byte)} looks at a status by itself")
            continue
        start, end = line_range(content, node.start_byte, node.end_byte)
        if content[start:end].strip() == text(node).encode():
            sheet.add(start, end, b"", path, "failures count here as well")
            sheet.did(f"{path}: `{text(node)}` goes")


def stop_after_steps(sheet: Sheet, runs: Sequence[Run]) -> None:
    """Without making whole scripts strict: `|| exit 1` behind each call that leads to a step."""
    seen: set[Place] = set()
    for run in runs:
        for step in (*run.steps, *run.goals):
            for place in step.places:
                if place in seen or place.path not in sheet.tree:
                    continue
                seen.add(place)
                _stop_after(sheet, place)
    for path, dialect in _scripts(runs).items():
        # a pipe can't be closed from outside, so its shell gets pipefail and no more
        if dialect == "bash":
            at = _after_header(sheet.tree[path][1], parse_shell(sheet.tree[path][1]))
            if b"pipefail" not in sheet.tree[path][1]:
                sheet.add(at, at, b"set -o pipefail\n", path, "a pipe fails when a part fails")
                sheet.did(f"{path}: `set -o pipefail`")


def _stop_after(sheet: Sheet, place: Place) -> None:
    content = sheet.tree[place.path][1]
    if not looks_like_shell(place.path, content):
        return
    node = _node_at(content, place, ("command",))
    if node is None or node.parent is None:
        return
    if node.parent.type == "redirected_statement":
        node = node.parent
    if node.parent is None or node.parent.type not in ("program", "do_group"):
        return
    if sheet.add(node.end_byte, node.end_byte, b" || exit 1", place.path, "a failure ends the run"):
        sheet.did(f"{place.path}:{line_of(content, node.start_byte)}: a failure ends the run")


# --- masks ---------------------------------------------------------------------------------------


def restore_failures(sheet: Sheet, runs: Sequence[Run]) -> None:
    """Give back the failures that are thrown away on the way."""
    seen: set[tuple[MaskKind, Place]] = set()
    for run in runs:
        for step in (*run.steps, *run.goals):
            for mask in step.masks:
                if (mask.kind, mask.place) in seen or guards(mask, run.goals, step):
                    continue
                seen.add((mask.kind, mask.place))
                if mask.place.path in sheet.tree:
                    _restore(sheet, mask, step)


def guards(mask: Mask, goals: Iterable[Step], step: Step) -> bool:
    """Whether the construct that hides a failure keeps the goal from running all the same."""
    if mask.kind not in (MaskKind.AND, MaskKind.CONDITION):
        return False
    others = [g for g in goals if g is not step]
    return bool(others) and all(any(mask.place.holds(p) for p in g.places) for g in others)


def masked(step: Step, goal: Step) -> tuple[Mask, ...]:
    """The masks that let `goal` run although `step` failed."""
    return tuple(m for m in step.masks if not guards(m, (goal,), step))


def _restore(sheet: Sheet, mask: Mask, step: Step) -> None:
    content = sheet.tree[mask.place.path][1]
    at = f"{mask.place.path}:{line_of(content, mask.place.start)}"
    dialect = mask.process.dialect if mask.process else step.process.dialect
    match mask.kind:
        case MaskKind.OR:
            _restore_or(sheet, mask, content, at)
        case MaskKind.PIPE if dialect == "sh":
            _restore_pipe(sheet, mask, content, at)
        case MaskKind.PIPE | MaskKind.NO_ERREXIT if dialect == "make":
            _make_flags(sheet, mask, content)
        case MaskKind.NO_ERREXIT if dialect == "package":
            _package_sequence(sheet, mask, content, at)
        case MaskKind.PIPE | MaskKind.NO_ERREXIT if dialect in ("bash", "sh"):
            pass  # the script's options see to it
        case MaskKind.MAKE_PREFIX:
            if content[mask.place.start : mask.place.end] == b"-":
                sheet.add(
                    mask.place.start,
                    mask.place.end,
                    b"",
                    mask.place.path,
                    "a failing recipe line counts",
                )
                sheet.did(f"{at}: the `-` that hid a failure goes")
            else:
                sheet.leave(f"{at}: make is told to go on after a failure")
        case MaskKind.AND:
            _split_and(sheet, mask, content, at)
        case MaskKind.CONDITION:
            _close_condition(sheet, mask, content, at)
        case MaskKind.IGNORED:
            word = b" || return 1" if _in_function(content, mask.place) else b" || exit 1"
            if not content[mask.place.start : mask.place.end].rstrip().endswith(word.strip()):
                sheet.add(
                    mask.place.end,
                    mask.place.end,
                    word,
                    mask.place.path,
                    "somebody looks at the status of the whole, so each part must give it",
                )
                sheet.did(f"{at}: the status of this step is handed on")
        case _:
            sheet.leave(f"{at}: a failure of {step.name} is not seen there ({mask.kind.value})")


def _restore_or(sheet: Sheet, mask: Mask, content: bytes, at: str) -> None:
    other = mask.other
    if other is None:
        return
    path = mask.place.path
    right = content[other.start : other.end].decode("utf-8", "replace")
    command = right.split()[0] if right.split() else ""
    sign = content.rfind(b"||", mask.place.start, other.start)
    if sign < 0:
        return
    start = sign
    while start > mask.place.start and content[start - 1 : start] in (b" ", b"\t", b"\n", b"\\"):
        start -= 1
    why = "a failure counts"
    if re.fullmatch(r"true|:|exit 0|return 0", right.strip()):
        if sheet.add(start, other.end, b"", path, why):
            sheet.did(f"{at}: `|| {right}` goes, so that a failure counts")
            _mend_comment(sheet, path, content, mask.place.start, _FORGIVING)
        return
    if command in tools.PASSIVE or re.match(r"^\w+=\S*$", right.strip()) or right.startswith("{"):
        inner = right.strip()
        if inner.startswith("{"):
            close = content.rfind(b"}", other.start, other.end)
            sheet.add(close, close, b"exit 1; ", path, why)
        else:
            sheet.add(other.start, other.end, f"{{ {inner}; exit 1; }}".encode(), path, why)
        sheet.did(f"{at}: what follows `||` ends the script as well")
        _mend_comment(sheet, path, content, mask.place.start, _FORGIVING)
        return
    sheet.leave(f"{at}: `|| {right[:40]}` is taken as a second way to do it, not as a mask")


_SINKS = frozenset(
    ("tee", "logger", "cat", "sed", "ts", "awk", "gawk", "grep", "tail", "systemd-cat")
)


def _restore_pipe(sheet: Sheet, mask: Mask, content: bytes, at: str) -> None:
    """In a shell without pipefail: hand the first part's status round the pipe."""
    node = _node_at(content, mask.place, ("pipeline",))
    if node is None:
        sheet.leave(f"{at}: a pipeline hides a failure, and its shell has no pipefail")
        return
    parts = [c for c in node.named_children if c.type != "comment"]
    last = parts[-1]
    name = text(last).split()[0] if text(last).split() else ""
    if len(parts) != 2 or name not in _SINKS:
        sheet.leave(f"{at}: a pipeline hides a failure, and its shell has no pipefail")
        return
    path = mask.place.path
    pad = indent_at(content, mask.place.start).decode()
    first, sink = text(parts[0]), text(last)
    end = "return" if _in_function(content, mask.place) else "exit"
    new = (
        "# sh has no pipefail, so the status goes round the pipe\n"
        f"{pad}{{ status=$({{ {{ trap 'echo $? >&3' EXIT; {first} 3>&-; }}"
        f" | {sink} >&4; }} 3>&1); }} 4>&1\n"
        f'{pad}[ "${{status:-1}}" -eq 0 ] || {end} "${{status:-1}}"'
    )
    if sheet.add(
        mask.place.start,
        mask.place.end,
        new.encode(),
        path,
        "the status of the step, not of the pipe's end, counts",
    ):
        sheet.did(f"{at}: the status of the step goes round the pipe")


def _make_flags(sheet: Sheet, mask: Mask, content: bytes) -> None:
    """Let make's shell stop at the first failure in a recipe line."""
    path = mask.place.path
    node_text = content[mask.place.start : mask.place.end]
    rest = re.match(rb"\s*;\s*(true|:|exit 0)[ \t]*(?=\n|$)", content[mask.place.end :])
    if rest and mask.kind is MaskKind.NO_ERREXIT:
        end = mask.place.end + rest.end()
        if sheet.add(mask.place.end, end, b"", path, "a failure counts"):
            line = line_of(content, mask.place.start)
            sheet.did(
                f"{path}:{line}: `; {rest.group(1).decode()}` behind "
                f"`{node_text.decode('utf-8', 'replace')[:40]}` goes"
            )
        return
    flags = re.search(rb"(?m)^\.SHELLFLAGS\s*:?=\s*(.*)$", content)
    shell = re.search(rb"(?m)^SHELL\s*:?=\s*(.*)$", content)
    new = b".SHELLFLAGS := -eo pipefail -c"
    if flags:
        sheet.add(flags.start(), flags.end(), new, path, "a failure ends a recipe line")
    else:
        block = new + b"\n"
        at = _after_comments(content)
        if shell:
            at = line_range(content, shell.start(), shell.end())[1]
        sheet.add(
            at,
            at,
            block if shell else b"SHELL := /bin/bash\n" + block,
            path,
            "a failure ends a recipe line",
        )
    if shell and b"bash" not in shell.group(1):
        sheet.add(shell.start(), shell.end(), b"SHELL := /bin/bash", path, "pipefail needs bash")
    sheet.did(f"{path}: recipe lines run with `-eo pipefail`")


def _after_comments(content: bytes) -> int:
    at = 0
    for line in content.splitlines(keepends=True):
        if not line.startswith(b"#"):
            break
        at += len(line)
    return at


def _package_sequence(sheet: Sheet, mask: Mask, content: bytes, at: str) -> None:
    rest = re.match(rb"\s*;\s*(true|:|exit 0)\s*(?=\")", content[mask.place.end :])
    if rest:
        sheet.add(
            mask.place.end, mask.place.end + rest.end(), b"", mask.place.path, "a failure counts"
        )
        sheet.did(f"{at}: `; {rest.group(1).decode()}` goes, so that a failure counts")
        return
    semicolon = re.match(rb"\s*;", content[mask.place.end :])
    if semicolon:
        sheet.add(
            mask.place.end,
            mask.place.end + semicolon.end(),
            b" &&",
            mask.place.path,
            "the next part waits for success",
        )
        sheet.did(f"{at}: `;` becomes `&&`")
        return
    sheet.leave(f"{at}: a failure is not seen there")


def _split_and(sheet: Sheet, mask: Mask, content: bytes, at: str) -> None:
    """`a && b` as a statement: under errexit only `b` would count, so give each its own line."""
    node = _node_at(content, mask.place, ("list",))
    if (
        node is None
        or node.parent is None
        or node.parent.type
        not in ("program", "compound_statement", "do_group", "if_statement", "else_clause")
    ):
        sheet.leave(f"{at}: a failure left of `&&` is not seen there")
        return
    sides = [c for c in node.named_children if c.type != "comment"]
    if (
        len(sides) != 2
        or sides[0].type == "test_command"
        or text(sides[1]).split()[:1] in (["break"], ["return"], ["exit"], ["continue"])
    ):
        sheet.leave(f"{at}: a failure left of `&&` is not seen there")
        return
    pad = indent_at(content, mask.place.start)
    if sheet.add(
        sides[0].end_byte,
        sides[1].start_byte,
        b"\n" + pad,
        mask.place.path,
        "each step counts by itself",
    ):
        sheet.did(
            f"{at}: the steps joined by `&&` stand on lines of their own, so that each counts"
        )


def _close_condition(sheet: Sheet, mask: Mask, content: bytes, at: str) -> None:
    """`if a; then ...; else warn; fi`: the way on after a failure ends the script."""
    node = _node_at(content, mask.place, ("if_statement",))
    if node is None:
        sheet.leave(f"{at}: a failure is taken as an answer there")
        return
    others = [c for c in node.children if c.type in ("elif_clause", "else_clause")]
    condition = next((c for c in node.named_children), None)
    negated = condition is not None and condition.type == "negated_command"
    if negated and not others:
        body = [c for c in node.named_children[1:] if c.type != "comment"]
    elif not negated and len(others) == 1 and others[0].type == "else_clause":
        body = [c for c in others[0].named_children if c.type != "comment"]
    else:
        sheet.leave(f"{at}: a failure is taken as an answer there")
        return
    if not body:
        return
    end = body[-1].end_byte
    one_line = b"\n" not in content[node.start_byte : node.end_byte]
    pad = indent_at(content, body[-1].start_byte)
    new = b"; exit 1" if one_line else b"\n" + pad + b"exit 1"
    if sheet.add(end, end, new, mask.place.path, "what failed is not passed over"):
        sheet.did(f"{at}: the branch for a failure ends the script")


# --- deletion ------------------------------------------------------------------------------------


def take_deletion_out(sheet: Sheet, mirrors: Iterable[Mirror]) -> tuple[Mirror, ...]:
    """Take what deletes out of each mirror; answer those where that could not be done."""
    stuck: list[Mirror] = []
    for mirror in mirrors:
        if mirror.way is Way.CLEAR:
            done = _plain_removal(mirror) and _drop_statement(sheet, mirror)
            if not done or not all(_fill_in_place(sheet, step) for step in mirror.fillers):
                stuck.append(mirror)
            continue
        for flag in mirror.flags:
            place = flag.place
            if place is None or place.path not in sheet.tree:
                stuck.append(mirror)
                break
            content = sheet.tree[place.path][1]
            if content[place.start : place.end].decode("utf-8", "replace") != flag.text:
                stuck.append(mirror)
                break
            start, end = word_range(content, place.start, place.end)
            if not sheet.add(start, end, b"", place.path, "copying never deletes"):
                stuck.append(mirror)
                break
            at = f"{place.path}:{line_of(content, place.start)}"
            sheet.did(f"{at}: `{flag.text}` goes from `{mirror.call.split(' --')[0]}`")
            _mend_comment(sheet, place.path, content, place.start, _DELETING)
    return tuple(stuck)


def _plain_removal(mirror: Mirror) -> bool:
    """Whether a clearing step does nothing that a later step needs."""
    if mirror.step.name != "ssh":
        return True
    parts = re.split(r"&&|;|\|\|", " ".join(mirror.step.texts[1:]).strip("'\""))
    return all(re.search(r"\b(rm|mkdir|true)\b", part) for part in parts if part.strip())


def _fill_in_place(sheet: Sheet, step: Step) -> bool:
    """Where a folder was moved or copied to a name that is free no more: copy into it instead."""
    if step.name not in ("mv", "cp"):
        return True
    operands = [step.words[i] for i in tools.operand_indexes(step.texts)]
    if len(operands) != 2:
        return step.name == "cp"
    source = operands[0].text
    into = operands[1].text.endswith("/") and step.name == "cp"
    if source.endswith(("/.", "/*")) or into:
        return True
    place = step.words[0].place
    if place is None or place.path not in sheet.tree:
        return False
    content = sheet.tree[place.path][1]
    node = _node_at(content, place, ("command",), inside=True)
    if node is None or node.start_byte != place.start or node.parent is None:
        return False
    words = [c for c in node.children if c.is_named and c.type != "command_name"]
    plain = [w for w in words if not text(w).startswith("-")]
    if len(plain) != 2 or node.parent.type not in ("program", "compound_statement", "do_group"):
        return False
    pad = indent_at(content, node.start_byte).decode()
    old, new = text(plain[0]).rstrip("/"), text(plain[1]).rstrip("/")
    lines = f"mkdir -p {new}\n{pad}cp -R {old}/. {new}/"
    if not sheet.add(
        node.start_byte,
        node.end_byte,
        lines.encode(),
        place.path,
        "the place is filled as it is, not replaced",
    ):
        return False
    at = f"{place.path}:{line_of(content, node.start_byte)}"
    sheet.did(f"{at}: `{text(node)}` becomes a copy into the place as it is")
    sheet.leave(f"{at}: a copy that stops midway leaves the file that it was at half written.")
    return True


def _drop_statement(sheet: Sheet, mirror: Mirror) -> bool:
    words = [w.place for w in mirror.step.words if w.place is not None and w.place.path]
    if not words or words[0].path not in sheet.tree:
        return False
    path = words[0].path
    content = sheet.tree[path][1]
    if not looks_like_shell(path, content):
        return False
    node = _node_at(content, words[0], ("command",), inside=True)
    if node is None:
        return False
    start, end = node.start_byte, node.end_byte
    parent = node.parent
    if parent is not None and parent.type == "redirected_statement":
        start, end, parent = parent.start_byte, parent.end_byte, parent.parent
    if parent is not None and parent.type == "list":
        sides = [c for c in parent.named_children if c.type != "comment"]
        if sides[0].start_byte == start and parent.parent is not None:
            end = sides[1].start_byte
        else:
            start = sides[0].end_byte
    elif parent is not None and parent.type in (
        "program",
        "compound_statement",
        "do_group",
        "if_statement",
        "else_clause",
        "subshell",
    ):
        first, stop = line_range(content, start, end)
        if content[first:stop].strip() == content[start:end].strip():
            start, end = first, stop
            if parent.named_child_count == 1:
                return False  # an empty body would be no shell any more
    else:
        return False
    if not sheet.add(start, end, b"", path, "nothing is emptied before it is filled"):
        return False
    at = f"{path}:{line_of(content, node.start_byte)}"
    sheet.did(f"{at}: `{text(node)[:60]}` goes, the place is filled as it is")
    _mend_comment(sheet, path, content, node.start_byte, _DELETING)
    return True


# --- comments ------------------------------------------------------------------------------------


def _mend_comment(
    sheet: Sheet, path: str, content: bytes, offset: int, untrue: re.Pattern[str]
) -> None:
    """Take out of the comment lines right above a statement what the edit made untrue."""
    first = _statement_line(content, offset)
    lines: list[tuple[int, int]] = []
    at = first
    while at > 0:
        start = content.rfind(b"\n", 0, at - 1) + 1
        line = content[start:at]
        if not line.strip().startswith(b"#"):
            break
        lines.insert(0, (start, at))
        at = start
    if not lines or _is_header(content, lines[0][0]):
        return
    shown = [content[a:b].decode("utf-8", "replace") for a, b in lines]
    if not any(untrue.search(one) for one in shown):
        return
    joined = " ".join(one.strip().lstrip("#").strip() for one in shown)
    clauses = re.split(r"(?<=[.;])\s+|,\s+(?=\w)|\s+[-\u2013\u2014]\s+|;\s+", joined)
    kept = [c for c in clauses if c and not untrue.search(c)]
    whole = not kept or len(" ".join(kept)) < 8
    if whole:
        sheet.add(lines[0][0], lines[-1][1], b"", path, "the comment is not true any more")
        return
    if len(lines) == 1:
        start, end = lines[0]
        pad = content[start:end][: len(content[start:end]) - len(content[start:end].lstrip())]
        rest = ", ".join(kept).rstrip(",;")
        sheet.add(
            start,
            end,
            pad + b"# " + rest.encode() + b"\n",
            path,
            "the comment is not true any more",
        )
        return
    for (start, end), one in zip(lines, shown, strict=True):
        if untrue.search(one):
            sheet.add(start, end, b"", path, "the comment is not true any more")


def _statement_line(content: bytes, offset: int) -> int:
    """The start of the first line of the statement at an offset: continued lines go back."""
    first = content.rfind(b"\n", 0, offset) + 1
    while first > 0 and content[:first].endswith(b"\\\n"):
        first = content.rfind(b"\n", 0, first - 1) + 1
    return first


def _is_header(content: bytes, start: int) -> bool:
    return (
        all(line.startswith(b"#") or not line.strip() for line in content[:start].splitlines())
        and start >= 0
        and (start == 0 or content[:2] == b"#!")
        and (b"\n\n" not in content[:start])
    )


# --- nodes ---------------------------------------------------------------------------------------


def _node_at(
    content: bytes, place: Place, kinds: tuple[str, ...], *, inside: bool = False
) -> Node | None:
    """The node of a kind that has exactly this range; `inside`: the smallest around it."""
    best: Node | None = None
    for node in walk(parse_shell(content)):
        if node.type not in kinds:
            continue
        if inside:
            if (
                node.start_byte <= place.start
                and place.end <= node.end_byte
                and (
                    best is None
                    or node.end_byte - node.start_byte < best.end_byte - best.start_byte
                )
            ):
                best = node
        elif (node.start_byte, node.end_byte) == (place.start, place.end):
            return node
    return best


def _in_function(content: bytes, place: Place) -> bool:
    return any(
        n.type == "function_definition" and n.start_byte <= place.start and place.end <= n.end_byte
        for n in walk(parse_shell(content))
    )


__all__ = [
    "Run",
    "Sheet",
    "guards",
    "masked",
    "restore_failures",
    "stop_after_steps",
    "strict_scripts",
    "take_deletion_out",
]
