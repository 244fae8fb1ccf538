"""What an entry point would run, step by step, without running it.

Follows shell text through functions, wrappers that run their arguments, sourced files, called
scripts, make targets and package scripts; both ways where a condition can't be told. Each step
carries the reasons why its failure would be lost. Nothing is judged here.
"""

from __future__ import annotations

import fnmatch
import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from tree_sitter import Node

from agents import Argv, Files
from agents.reading import makefiles, tools
from agents.reading.expand import Expander
from agents.reading.state import Function, Shell, Source, Variable
from agents.reading.syntax import (
    looks_like_shell,
    options_of,
    parse_shell,
    shebang,
    text,
    walk,
)
from agents.reading.values import (
    TREE,
    Assigned,
    Mask,
    MaskKind,
    Piece,
    Place,
    Process,
    Reading,
    Step,
    Trace,
    Word,
    line_of,
    literal,
    tree_path,
)

MAX_STEPS = 3000
MAX_DEPTH = 24
MAX_LOOP = 12
MADE = "/tmp/made."  # noqa: S108 (a name for what mktemp makes, never opened)

_SETTINGS_LINE = re.compile(rb"^\s*(?:#.*|(?:export\s+)?[A-Za-z_]\w*=.*|set\s+[-+][a-z]+)?$")
_EXAMPLES = ("{}.example", "{}.sample", "{}.dist", "{}.template", "example.{}", "sample.{}")


@dataclass(frozen=True)
class _Context:
    """Where a statement stands in the run."""

    source: Source
    masks: tuple[Mask, ...] = ()
    leaving: tuple[Mask, ...] = ()  # what an `exit` here still meets
    returning: tuple[Mask, ...] = ()  # what a failing `return` here still meets
    stack: tuple[Place, ...] = ()
    tail: bool = True  # its status is the status of the whole
    ignoring: bool = False  # errexit is off: somebody looks at the status
    repeats: bool = False
    maybe: bool = False
    captured: bool = False
    piped: bool = False
    outputs: tuple[Word, ...] = ()
    inputs: tuple[Word, ...] = ()
    flows: bool = False  # the status of a substitution is the status of the statement

    def masked(self, *masks: Mask) -> _Context:
        return replace(self, masks=(*self.masks, *masks))


_Redirected = tuple[tuple[Word, ...], tuple[Word, ...]]  # outputs and inputs
_End = str | None  # "exit", "return" or None: whether a statement surely ends the shell or function


@lru_cache(maxsize=256)
def _parsed(content: bytes) -> Node:
    return parse_shell(content)


def trace(
    tree: Files, argv: Argv, *, cwd: str = TREE, env: Mapping[str, str] | None = None
) -> Trace:
    """What `argv`, started in `cwd` of the tree with `env`, would run. Never raises."""
    tracer = _Tracer(tree, argv)
    tracer.env = dict(env or {})
    try:
        tracer.start(argv, cwd)
    except RecursionError:
        tracer.opaque.append(f"{' '.join(argv)}: nested too deeply to follow")
    return tracer.trace()


def trace_text(tree: Files, content: Source, name: str, *, errexit: bool, pipefail: bool) -> Trace:
    """What a piece of shell text (a CI block, a cron line) would run in the tree's root."""
    tracer = _Tracer(tree, (name,))
    options = {o for o, on in (("errexit", errexit), ("pipefail", pipefail)) if on}
    shell = Shell(tracer.process("", "bash"), TREE, name, options=options)
    try:
        root = _parsed(content.content)
        tracer.statements(root.children, shell, _Context(content))
    except RecursionError:
        tracer.opaque.append(f"{name}: nested too deeply to follow")
    return tracer.trace()


@dataclass
class _Tracer:
    tree: Files
    argv: Argv
    steps: list[Step] = field(default_factory=list)
    files: dict[str, None] = field(default_factory=dict)
    settings: dict[tuple[str, str], Assigned] = field(default_factory=dict)
    readings: dict[tuple[str, str, bool], Reading] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)
    outside: dict[str, str | None] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)  # what it is started with
    made: int = 0  # temporary folders

    def trace(self) -> Trace:
        return Trace(
            self.argv,
            tuple(self.steps),
            tuple(self.files),
            tuple(self.settings.values()),
            tuple(self.readings.values()),
            tuple(self.processes),
            tuple(dict.fromkeys(self.opaque)),
            tuple(self.outside.items()),
        )

    def process(self, script: str, dialect: str) -> Process:
        process = Process(script, dialect, len(self.processes))
        self.processes.append(process)
        return process

    def start(self, argv: Argv, cwd: str) -> None:
        shell = Shell(self.process("", "sh"), cwd, argv[0] if argv else "")
        for name, value in self.env.items():
            piece = Piece(value, None, (name,))
            shell.variables[name] = Variable((Word((piece,)),), exported=True)
        nowhere = Source("", b"")
        words = [literal(word) for word in argv]
        self.dispatch(words, Place("", 0, 0), shell, _Context(nowhere), {})

    # --- statements ------------------------------------------------------------------------------

    def statements(self, nodes: Sequence[Node], shell: Shell, ctx: _Context) -> _End:
        """Run statements in order; answer whether they surely end the shell or function."""
        found: list[tuple[Node, bool]] = []
        for node in nodes:
            if node.type == "&" and found:
                found[-1] = (found[-1][0], True)
            elif node.is_named and node.type not in ("comment", "heredoc_body"):
                found.append((node, False))
        for i, (node, background) in enumerate(found):
            tail = ctx.tail and i == len(found) - 1
            inner = replace(ctx, tail=tail)
            if background:
                inner = inner.masked(Mask(MaskKind.BACKGROUND, ctx.source.of(node)))
            elif not tail and ctx.ignoring and "errexit" in shell.options:
                inner = inner.masked(Mask(MaskKind.IGNORED, ctx.source.of(node)))
            elif not tail and (ctx.ignoring or "errexit" not in shell.options):
                inner = inner.masked(
                    Mask(MaskKind.NO_ERREXIT, ctx.source.of(node), process=shell.process)
                )
            if end := self.statement(node, shell, inner):
                return end
        return None

    def statement(self, node: Node, shell: Shell, ctx: _Context) -> _End:
        """Run one statement."""
        if len(self.steps) > MAX_STEPS:
            return "exit"
        match node.type:
            case "command":
                return self._command(node, shell, ctx)
            case "redirected_statement":
                return self._redirected(node, shell, ctx)
            case "pipeline":
                return self._pipeline(node, shell, ctx)
            case "list":
                return self._list(node, shell, ctx)
            case "if_statement":
                return self._if(node, shell, ctx)
            case "while_statement":
                self._while(node, shell, ctx)
            case "for_statement":
                self._for(node, shell, ctx)
            case "c_style_for_statement":
                body = node.child_by_field_name("body")
                for variable in (n for n in walk(node) if n.type == "variable_assignment"):
                    if name := variable.child_by_field_name("name"):
                        shell.unknown(text(name))
                if body is not None:
                    self.statements(body.children, shell, replace(ctx, repeats=True, tail=False))
            case "case_statement":
                return self._case(node, shell, ctx)
            case "compound_statement" | "do_group" | "else_clause" | "program":
                return self.statements(node.children, shell, ctx)
            case "subshell":
                inside = replace(ctx, leaving=ctx.masks)
                self.statements(node.children, shell.fork(), inside)
            case "negated_command":
                mask = Mask(MaskKind.CONDITION, ctx.source.of(node))
                for child in node.named_children:
                    self.statement(child, shell, replace(ctx.masked(mask), ignoring=True))
            case "function_definition":
                name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
                if name is not None and body is not None:
                    shell.functions[text(name)] = Function(text(name), ctx.source, body)
            case "variable_assignment" | "variable_assignments":
                for one in [node] if node.type == "variable_assignment" else node.named_children:
                    self._assign(one, shell, ctx)
            case "declaration_command":
                self._declare(node, shell, ctx)
            case "unset_command":
                for child in node.named_children:
                    shell.variables.pop(text(child), None)
            case "test_command":
                self._substitutions(node, shell, ctx)
            case "ERROR":
                line = line_of(self._bytes(ctx), ctx.source.of(node).start)
                self.opaque.append(f"{ctx.source.path}:{line}: could not be parsed")
                self.statements(node.children, shell, replace(ctx, tail=False))
            case _:
                self._substitutions(node, shell, ctx)
        return None

    def _bytes(self, ctx: _Context) -> bytes:
        entry = self.tree.get(ctx.source.path)
        return entry[1] if entry else ctx.source.content

    def _redirected(self, node: Node, shell: Shell, ctx: _Context) -> _End:
        body = node.child_by_field_name("body")
        outputs, inputs = list(ctx.outputs), list(ctx.inputs)
        for child in node.children:
            if child.type == "file_redirect":
                target = child.child_by_field_name("destination")
                if target is None:
                    continue
                sign = "".join(text(c) for c in child.children if not c.is_named)
                word = self._expander(shell, ctx).word(target)
                if target.type == "process_substitution" or ("&" in sign and ">" not in sign):
                    continue
                if ">" in sign and target.type not in ("number", "file_descriptor"):
                    outputs.append(word)
                elif "<" in sign:
                    inputs.append(word)
            elif child.type == "herestring_redirect":
                self._substitutions(child, shell, ctx)
        if body is None:
            return None
        last = (tuple(outputs), tuple(inputs))
        if body.type == "list":  # the parser hangs a redirection of the last part on the whole
            return self._list(body, shell, ctx, last)
        if body.type == "pipeline":
            return self._pipeline(body, shell, ctx, last)
        return self.statement(body, shell, replace(ctx, outputs=last[0], inputs=last[1]))

    def _pipeline(
        self, node: Node, shell: Shell, ctx: _Context, redirected: _Redirected | None = None
    ) -> _End:
        parts = [c for c in node.named_children if c.type != "comment"]
        mask = Mask(MaskKind.PIPE, ctx.source.of(node), process=shell.process)
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            inner = ctx if last or "pipefail" in shell.options else ctx.masked(mask)
            inner = replace(
                inner,
                leaving=inner.masks,
                tail=True,
                piped=ctx.piped or not last,
                outputs=(redirected[0] if redirected else ctx.outputs) if last else (),
                inputs=ctx.inputs if i == 0 else (),
            )
            self.statement(part, shell.fork(), inner)
        return None

    def _list(
        self, node: Node, shell: Shell, ctx: _Context, redirected: _Redirected | None = None
    ) -> _End:
        children = node.children
        sign = next((c.type for c in children if c.type in ("&&", "||")), "")
        sides = [c for c in node.named_children if c.type != "comment"]
        if not sign or len(sides) < 2:
            return self.statements(sides, shell, ctx)
        left, right = sides[0], sides[-1]
        told = self._tell(left, shell, ctx)
        outer = node.parent if redirected and node.parent is not None else node
        later = ctx
        if redirected:
            later = replace(ctx, outputs=redirected[0], inputs=redirected[1])
        if sign == "||":
            stops = self._stops(right, shell)
            if stops is None:
                side = ctx.source.place(right.start_byte, max(right.end_byte, outer.end_byte))
                mask = Mask(MaskKind.OR, ctx.source.of(node), other=side)
                inner = ctx.masked(mask)
            else:
                inner = replace(ctx, masks=ctx.leaving if stops == "exit" else ctx.returning)
            self.statement(left, shell, replace(inner, ignoring=True, tail=True))
            if told is True:
                return None
            end = self.statement(right, shell, replace(later, maybe=ctx.maybe or told is None))
            return end if told is False else None
        inner = ctx
        if not ctx.tail:
            inner = ctx.masked(Mask(MaskKind.AND, ctx.source.of(node)))
        self.statement(left, shell, replace(inner, ignoring=True, tail=True))
        if told is False:
            return None
        end = self.statement(
            right, shell, replace(later, maybe=ctx.maybe or left.type == "test_command")
        )
        return end if told is True else None

    def _stops(self, node: Node, shell: Shell, depth: int = 0) -> _End:
        """Whether a statement surely ends the shell or the function as failed."""
        if depth > 8:
            return None
        if node.type in ("compound_statement", "redirected_statement", "do_group", "else_clause"):
            inner = [c for c in node.named_children if c.type not in ("comment", "file_redirect")]
            return self._stops(inner[-1], shell, depth + 1) if inner else None
        if node.type == "list":
            inner = [c for c in node.named_children if c.type != "comment"]
            return self._stops(inner[-1], shell, depth + 1) if inner else None
        if node.type != "command":
            return None
        words = [text(c) for c in node.children if c.is_named]
        if not words:
            return None
        if words[0] in ("exit", "return", "false"):
            if words[0] == "false":
                return "return"
            return None if words[1:2] == ["0"] else words[0]
        function = shell.functions.get(words[0])
        if function is not None and function.body.type == "compound_statement":
            end = self._stops(function.body, shell, depth + 1)
            return "exit" if end == "exit" else None
        return None

    def _if(self, node: Node, shell: Shell, ctx: _Context) -> _End:
        condition, then, others = _clauses(node)
        told = self._tell(condition, shell, ctx) if condition is not None else None
        place = ctx.source.of(node)
        if condition is not None:
            negated = condition.type == "negated_command"
            failing = then if negated else (others[-1:] if others else [])
            stops = next((self._stops(n, shell) for n in reversed(failing) if n.is_named), None)
            if stops is None:
                inner = ctx.masked(Mask(MaskKind.CONDITION, place))
            else:
                inner = replace(ctx, masks=ctx.leaving if stops == "exit" else ctx.returning)
            real = list(condition.named_children) if negated else [condition]
            for one in real:
                self.statement(one, shell, replace(inner, ignoring=True, tail=True))
        if told is True:
            return self.statements(then, shell, ctx)
        maybe = ctx if told is False else replace(ctx, maybe=True)
        before = shell.fork()
        ended = "skip" if told is False else self.statements(then, shell, maybe)
        if not others:
            if told is not False and ended:
                _restore(shell, before)
            return None
        other = before.fork() if told is not False else shell
        ends: list[_End] = [ended]
        for clause in others:
            if clause.type == "elif_clause":
                test, body, _ = _clauses(clause)
                if test is not None:
                    mask = Mask(MaskKind.CONDITION, place)
                    self.statement(test, other, replace(ctx.masked(mask), ignoring=True, tail=True))
                ends.append(self.statements(body, other, maybe))
            else:
                ends.append(self.statements(clause.children, other, maybe))
        if told is False:
            return ends[-1] if len(others) == 1 and others[0].type == "else_clause" else None
        if ended:
            _restore(shell, other)
        has_else = others[-1].type == "else_clause"
        return ends[0] if has_else and all(ends) else None

    def _while(self, node: Node, shell: Shell, ctx: _Context) -> None:
        body = node.child_by_field_name("body")
        mask = Mask(MaskKind.CONDITION, ctx.source.of(node))
        for child in node.children_by_field_name("condition"):
            if child.is_named:
                inside = replace(ctx.masked(mask), ignoring=True, repeats=True)
                self.statement(child, shell, inside)
        if body is not None:
            self.statements(body.children, shell, replace(ctx, repeats=True, tail=False))

    def _for(self, node: Node, shell: Shell, ctx: _Context) -> None:
        variable, body = node.child_by_field_name("variable"), node.child_by_field_name("body")
        if variable is None or body is None:
            return
        name = text(variable)
        words: list[Word] = []
        for value in node.children_by_field_name("value"):
            words += self._globbed(self._expander(shell, ctx).words(value), shell)
        if not node.children_by_field_name("value"):
            words = list(shell.positional)
        inside = replace(ctx, repeats=True, tail=False)
        if words and len(words) <= MAX_LOOP and all(word.known for word in words):
            for word in words:
                shell.assign(name, (word,))
                self.statements(body.children, shell, inside)
            return
        shell.unknown(name)
        if len(words) == 1:
            shell.assign(name, (replace_unknown(words[0]),))
        self.statements(body.children, shell, inside)

    def _globbed(self, words: list[Word], shell: Shell) -> list[Word]:
        """Patterns replaced by the names of the tree that they match, where there are any."""
        found: list[Word] = []
        for word in words:
            if not word.known or not re.search(r"[*?\[]", word.text):
                found.append(word)
                continue
            where = tree_path(shell.absolute(word.text)) if shell.cwd else None
            names = self._match(where) if where is not None else []
            lead = word.text[: -len(where)] if where and word.text.endswith(where) else ""
            if not names:
                found.append(replace_unknown(word))
            elif len(names) <= MAX_LOOP:
                found += [literal(lead + name) for name in names]
            else:
                found.append(replace_unknown(word))
        return found

    def _match(self, pattern: str) -> list[str]:
        depth = pattern.count("/")
        names = {p for p in self.tree if p.count("/") == depth}
        names |= {"/".join(p.split("/")[: depth + 1]) for p in self.tree if p.count("/") > depth}
        return sorted(n for n in names if fnmatch.fnmatchcase(n, pattern))[: MAX_LOOP + 1]

    def _case(self, node: Node, shell: Shell, ctx: _Context) -> _End:
        value = node.child_by_field_name("value")
        subject = self._expander(shell, ctx).word(value) if value is not None else literal("")
        items = [c for c in node.named_children if c.type == "case_item"]
        if subject.known:
            for item in items:
                values = item.children_by_field_name("value")
                patterns = [self._expander(shell, ctx).word(v).text for v in values]
                if any(fnmatch.fnmatchcase(subject.text, p) for p in patterns):
                    return self.statements(_body(item), shell, ctx)
            return None
        before, kept = shell.fork(), False
        for item in items:
            inside = before.fork()
            end = self.statements(_body(item), inside, replace(ctx, maybe=True))
            if not end and not kept:
                _restore(shell, inside)
                kept = True
        return None

    # --- what can be told ------------------------------------------------------------------------

    def _tell(self, node: Node, shell: Shell, ctx: _Context) -> bool | None:
        """Whether a condition holds, if that can be told."""
        quiet = self._expander(shell, ctx, quiet=True)
        match node.type:
            case "negated_command":
                inner = [self._tell(c, shell, ctx) for c in node.named_children]
                return None if len(inner) != 1 or inner[0] is None else not inner[0]
            case "test_command":
                inner = [self._test(c, shell, quiet) for c in node.named_children]
                return inner[0] if len(inner) == 1 else None
            case "command":
                words = [
                    w
                    for c in node.children
                    if c.is_named and c.type != "command_name"
                    for w in quiet.words(c)
                ]
                name = node.child_by_field_name("name")
                if name is not None and text(name) == "true":
                    return True
                if name is not None and text(name) == "false":
                    return False
                if name is not None and text(name) == "test" and all(w.known for w in words):
                    return self._compare([w.text for w in words], shell)
        return None

    def _test(self, node: Node, shell: Shell, expander: Expander) -> bool | None:
        parts = [c for c in node.children if c.type not in ("(", ")")]
        if node.type == "parenthesized_expression" and len(parts) == 1:
            return self._test(parts[0], shell, expander)
        if node.type == "unary_expression" and len(parts) == 2 and text(parts[0]) == "!":
            inner = self._test(parts[1], shell, expander)
            return None if inner is None else not inner
        if (
            node.type == "binary_expression"
            and len(parts) == 3
            and text(parts[1]) in ("&&", "||", "-a", "-o")
        ):
            left, right = (self._test(parts[i], shell, expander) for i in (0, 2))
            if text(parts[1]) in ("&&", "-a"):
                if left is False or right is False:
                    return False
                return None if left is None or right is None else True
            if left is True or right is True:
                return True
            return None if left is None or right is None else False
        if node.type in ("unary_expression", "binary_expression"):
            words = [
                w
                for p in parts
                for w in (
                    [literal(text(p))]
                    if p.type in ("test_operator", "=", "==", "!=", "=~", "<", ">")
                    else [expander.word(p)]
                )
            ]
            if all(w.known for w in words):
                return self._compare([w.text for w in words], shell)
        return None

    def _compare(self, words: list[str], shell: Shell) -> bool | None:
        if len(words) == 2 and words[0] in ("-n", "-z"):
            return bool(words[1]) == (words[0] == "-n")
        if len(words) == 2 and words[0] in ("-f", "-e", "-r", "-d", "-s"):
            where = tree_path(shell.absolute(words[1])) if shell.cwd else None
            if where is None:
                return None
            folder = any(p.startswith(where + "/") for p in self.tree) if where else True
            if (where in self.tree and words[0] != "-d") or (folder and words[0] in ("-d", "-e")):
                return True
            return None
        if len(words) == 3 and words[1] in ("=", "=="):
            return fnmatch.fnmatchcase(words[0], words[2])
        if len(words) == 3 and words[1] == "!=":
            return not fnmatch.fnmatchcase(words[0], words[2])
        numbers = len(words) == 3 and all(re.fullmatch(r"-?\d+", words[i]) for i in (0, 2))
        if numbers and words[1] in _NUMBERS:
            return _NUMBERS[words[1]](int(words[0]), int(words[2]))
        return None

    # --- words and values ------------------------------------------------------------------------

    def _expander(self, shell: Shell, ctx: _Context, *, quiet: bool = False) -> Expander:
        def substitute(node: Node, inside: Shell, source: Source) -> Word:
            if quiet:
                return Word((Piece(text(node), known=False),))
            return self._substitute(node, inside, replace(ctx, source=source))

        def note(
            name: str, default: str | None, guarded: bool, required: bool, inside: Shell
        ) -> None:
            if not quiet:
                reading = Reading(name, default, inside.process.script, guarded, required)
                self.readings.setdefault((name, reading.script, guarded), reading)

        return Expander(shell, ctx.source, substitute, note)

    def _substitutions(self, node: Node, shell: Shell, ctx: _Context) -> None:
        expander = self._expander(shell, ctx)
        for one in node.named_children:
            if one.type in ("string", "concatenation", "simple_expansion", "expansion", "word"):
                expander.word(one)
            elif one.type in ("command_substitution", "process_substitution"):
                self._substitute(one, shell, ctx)
            elif one.named_child_count:
                self._substitutions(one, shell, ctx)

    def _substitute(self, node: Node, shell: Shell, ctx: _Context) -> Word:
        mask = Mask(MaskKind.SUBSTITUTION, ctx.source.of(node))
        inside = shell.fork()
        first = len(self.steps)
        inner = ctx if ctx.flows else ctx.masked(mask)
        inner = replace(inner, captured=True, outputs=(), inputs=(), tail=True, flows=False)
        inner = replace(inner, leaving=inner.masks)
        self.statements(node.children, inside, inner)
        told = self._printed(node, inside, ctx, first)
        return told if told is not None else Word((Piece(text(node), known=False),))

    def _printed(self, node: Node, inside: Shell, ctx: _Context, first: int) -> Word | None:
        """What a substitution prints, for the few commands whose output can be told."""
        parts = [c for c in node.named_children if c.type != "comment"]
        if len(parts) == 1 and parts[0].type == "file_redirect":
            return self._content(
                self._expander(inside, ctx, quiet=True).word(parts[0].named_children[-1]), inside
            )
        last = parts[-1] if parts else None
        while last is not None and last.type in ("list", "redirected_statement"):
            body = last.child_by_field_name("body")
            last = body if body is not None else last.named_children[-1]
        if last is None or last.type != "command":
            return None
        name = last.child_by_field_name("name")
        words = [
            w
            for c in last.children
            if c.is_named
            and c is not name
            and c.type not in ("command_name", "variable_assignment")
            for w in self._expander(inside, ctx, quiet=True).words(c)
        ]
        if name is None:
            return None
        plain = [w for w in words if not w.text.startswith("-") or not w.known]
        command = text(name)
        one = plain[0] if plain else literal("")
        if command == "pwd" and inside.cwd:
            return literal(inside.cwd)
        if command == "mktemp":
            self.made += 1
            return literal(f"{MADE}{self.made}")
        if command == "git" and [w.text for w in words] == ["rev-parse", "--show-toplevel"]:
            return literal(TREE)
        if not one.known and command in ("dirname", "basename", "realpath", "readlink", "echo"):
            nested = self._nested(last, inside, ctx)
            one = nested if nested is not None else one
        if not one.known or not plain:
            return None
        if command == "dirname":
            return literal(
                posixpath.dirname(one.text.rstrip("/"))
                or ("/" if one.text.startswith("/") else ".")
            )
        if command == "basename":
            end = plain[1].text if len(plain) > 1 else ""
            return literal(posixpath.basename(one.text.rstrip("/")).removesuffix(end))
        if command in ("realpath", "readlink"):
            where = inside.absolute(one.text)
            return literal(where) if where else None
        if command in ("echo", "printf") and len(plain) == 1 and "%" not in one.text:
            return one
        if command == "cat":
            return self._content(one, inside)
        return None

    def _nested(self, node: Node, shell: Shell, ctx: _Context) -> Word | None:
        """The first argument of a command with substitutions inside it told as well."""
        for child in node.children:
            if child.is_named and child.type not in ("command_name", "variable_assignment"):
                if text(child).startswith("-"):
                    continue
                count = len(self.steps)
                word = self._expander(shell, ctx).word(child)
                del self.steps[count:]
                return word
        return None

    def _content(self, path: Word, shell: Shell) -> Word | None:
        where = tree_path(shell.absolute(path.text)) if path.known and shell.cwd else None
        entry = self.tree.get(where) if where else None
        if entry is None or len(entry[1]) > 200:
            return None
        return literal(entry[1].decode("utf-8", "replace").strip())

    def _assign(
        self,
        node: Node,
        shell: Shell,
        ctx: _Context,
        *,
        export: bool = False,
        declared: bool = False,
    ) -> None:
        name_node, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name_node is None:
            return
        name = text(name_node)
        if name_node.type == "subscript":
            inner = name_node.child_by_field_name("name")
            if inner is not None:
                shell.unknown(text(inner))
            return
        flows = (
            value is not None and not declared and value.type in ("command_substitution", "string")
        )
        expander = self._expander(shell, replace(ctx, flows=flows))
        append = any(child.type == "+=" for child in node.children)
        array = value is not None and value.type == "array"
        words = (
            (literal(""),)
            if value is None
            else expander.array(value)
            if array
            else (expander.word(value),)
        )
        old = shell.variables.get(name)
        if append and old is not None:
            if array:
                words = (*(old.words), *words)
                array = True
            elif not old.array:
                words = (Word((*old.word.pieces, *words[0].pieces)),)
        shell.assign(name, words, array=array or (append and old is not None and old.array))
        if export:
            shell.export(name)
        path = ctx.source.path
        if path and self._is_settings(path) and words and words[0].known:
            self.settings[(path, name)] = Assigned(name, path, words[0].text)

    def _is_settings(self, path: str) -> bool:
        entry = self.tree.get(path)
        return entry is not None and _is_settings(entry[1])

    def _declare(self, node: Node, shell: Shell, ctx: _Context) -> None:
        words = [text(c) for c in node.children if c.type == "word"]
        keyword = node.children[0].type if node.children else ""
        export = keyword == "export" or any("x" in w for w in words if w.startswith("-"))
        for child in node.named_children:
            if child.type == "variable_assignment":
                # `local x=$(a)` hides the status of a, as `export` does
                self._assign(child, shell, ctx, export=export, declared=True)
            elif child.type == "command_substitution" and export:
                self._exported_file(child, shell, ctx)
            elif child.type == "variable_name":
                if export:
                    shell.export(text(child))
                elif keyword in ("local", "declare", "typeset"):
                    shell.variables.setdefault(text(child), Variable((literal(""),)))

    def _exported_file(self, node: Node, shell: Shell, ctx: _Context) -> None:
        """`export $(grep -v '^#' .env | xargs)`: the settings of that file."""
        self._substitute(node, shell, ctx)
        for word in walk(node):
            if word.type in ("word", "string", "raw_string", "concatenation"):
                path = self._expander(shell, ctx, quiet=True).word(word)
                if not path.known or "=" in path.text or path.text.startswith("-"):
                    continue
                where = tree_path(shell.absolute(path.text)) if shell.cwd else None
                if where is not None and self._is_settings(where):
                    before = "allexport" in shell.options
                    shell.options.add("allexport")
                    self._run_in(where, [], ctx.source.of(node), shell, ctx)
                    if not before:
                        shell.options.discard("allexport")

    # --- commands --------------------------------------------------------------------------------

    def _command(self, node: Node, shell: Shell, ctx: _Context) -> _End:
        expander = self._expander(shell, ctx)
        extra: dict[str, Variable] = {}
        words: list[Word] = []
        for child in node.children:
            match child.type:
                case "variable_assignment":
                    name, value = (child.child_by_field_name(f) for f in ("name", "value"))
                    if name is not None:
                        word = expander.word(value) if value is not None else literal("")
                        extra[text(name)] = Variable((word,), exported=True)
                case "command_name":
                    for inner in child.named_children or [child]:
                        words += expander.words(inner)
                case "herestring_redirect" | "file_redirect" | "heredoc_redirect":
                    self._substitutions(child, shell, ctx)
                case _ if child.is_named and child.type != "comment":
                    words += expander.words(child)
        words = [w for w in words if w.pieces]
        if not words:
            return None
        return self.dispatch(words, ctx.source.of(node), shell, ctx, extra)

    def dispatch(
        self,
        words: list[Word],
        place: Place,
        shell: Shell,
        ctx: _Context,
        extra: dict[str, Variable],
    ) -> _End:
        """Run a command whose words are known as far as they can be."""
        name = words[0].text
        base = name.rsplit("/", 1)[-1]
        if name in ("exit", "return"):
            return name
        if name in shell.functions:
            self._function(shell.functions[name], words[1:], place, shell, ctx)
            return None
        if name in ("cd", "pushd"):
            self._cd(words, shell)
            return None
        if name in (".", "source"):
            self._source(words, place, shell, ctx)
            return None
        if name == "set":
            self._set(words[1:], shell)
            return None
        if name == "shift":
            count = int(words[1].text) if len(words) > 1 and words[1].text.isdigit() else 1
            del shell.positional[:count]
            return None
        if name in ("export", "readonly", "local", "declare"):
            for word in words[1:]:
                shell.export(word.text.partition("=")[0])
            return None
        if name in ("read", "mapfile", "readarray", "getopts"):
            for word in words[1:]:
                if re.fullmatch(r"[A-Za-z_]\w*", word.text):
                    shell.unknown(word.text)
            return None
        if name == "trap":
            if len(words) > 2 and "ERR" in [w.text for w in words[2:]] and "exit" in words[1].text:
                shell.options.add("errexit")
            return None
        if name == "eval":
            self._eval(words[1:], place, shell, ctx)
            return None
        if base in tools.PREFIXES and len(words) > 1 and name not in ("[",):
            rest, more = _strip_prefix(base, words)
            if rest:
                end = self.dispatch(rest, place, shell, ctx, {**extra, **more})
                return "exit" if name == "exec" and not ctx.maybe else end
            return None
        if base == "xargs":
            rest = _after_options(
                words,
                tools.named(
                    """
                    -n -P -I -L -s -d -a -E
                    """
                ),
            )
            if rest:
                self.dispatch(rest, place, shell, replace(ctx, repeats=True), extra)
                return None
        if name in tools.BUILTINS and not ctx.outputs:
            return None
        if base in tools.SHELLS:
            if self._shell(words, place, shell, ctx, extra):
                return None
        elif base in tools.MAKES:
            if self._make(words, place, shell, ctx, extra):
                return None
        elif base in tools.PACKAGE_RUNNERS:
            if self._package(words, place, shell, ctx, extra):
                return None
        elif "/" in name and self._path(words, place, shell, ctx, extra):
            return None
        self._step(words, place, shell, ctx)
        if base == "find":
            self._find_exec(words, place, shell, ctx)
        if base in tools.INTERPRETERS:
            for word in words[1:]:
                where = self._resolve(word, shell)
                if where is not None:
                    self.files[where] = None
                    break
        return None

    def _step(self, words: list[Word], place: Place, shell: Shell, ctx: _Context) -> None:
        self.steps.append(
            Step(
                tuple(words),
                shell.cwd,
                place,
                shell.process,
                frozenset(shell.options & {"errexit", "nounset", "pipefail"}),
                tuple(dict.fromkeys(ctx.masks)),
                ctx.stack,
                ctx.outputs,
                ctx.inputs,
                ctx.repeats,
                ctx.maybe,
                ctx.captured,
                ctx.piped,
            )
        )

    def _find_exec(self, words: list[Word], place: Place, shell: Shell, ctx: _Context) -> None:
        texts = [w.text for w in words]
        for i, word in enumerate(texts):
            if word in ("-exec", "-execdir", "-ok"):
                stop = next((j for j in range(i + 1, len(texts)) if texts[j] in (";", "+")), None)
                if stop is not None and stop > i + 1:
                    inner = replace(ctx, repeats=True)
                    if texts[stop] == ";":
                        inner = inner.masked(Mask(MaskKind.FIND_EXEC, place))
                    self.dispatch(words[i + 1 : stop], place, shell, inner, {})

    def _function(
        self, function: Function, args: list[Word], place: Place, shell: Shell, ctx: _Context
    ) -> None:
        if len(ctx.stack) >= MAX_DEPTH:
            self.opaque.append(f"{function.source.path}: {function.name} calls itself too deeply")
            return
        kept = shell.positional
        shell.positional = list(args)
        inner = replace(
            ctx, source=function.source, returning=ctx.masks, stack=(*ctx.stack, place), tail=True
        )
        if function.source.path:
            self.files[function.source.path] = None
        body = function.body
        if body.type == "subshell":
            self.statements(body.children, shell.fork(), replace(inner, leaving=inner.masks))
        else:
            self.statements(body.children, shell, inner)
        shell.positional = kept

    def _cd(self, words: list[Word], shell: Shell) -> None:
        plain = [w for w in words[1:] if w.text not in ("--", "-P", "-L")]
        if not plain:
            shell.cwd = ""
        elif plain[0].known and plain[0].text != "-":
            shell.cwd = shell.absolute(plain[0].text)
        else:
            shell.cwd = self._suffix_folder(plain[0]) or ""

    def _suffix_folder(self, word: Word) -> str | None:
        """An unknown root followed by a folder that the tree has: that folder."""
        tail = _known_tail(word)
        if tail and any(p.startswith(tail + "/") for p in self.tree):
            return f"{TREE}/{tail}"
        return None

    def _set(self, words: list[Word], shell: Shell) -> None:
        texts = [w.text for w in words]
        if "--" in texts:
            at = texts.index("--")
            shell.positional = list(words[at + 1 :])
            texts = texts[:at]
        shell.options |= options_of(texts)
        shell.options -= options_of(texts, "+")

    def _resolve(self, word: Word, shell: Shell) -> str | None:
        """The file of the tree that a word names, also behind an unknown root."""
        if word.known:
            where = shell.absolute(word.text)
            path = tree_path(where) if where else None
            if path in self.tree:
                return path
            if (where and path is None) or not where:
                return self._by_suffix(word.text)
            return None
        tail = _known_tail(word)
        return tail if tail in self.tree else None

    def _by_suffix(self, path: str) -> str | None:
        """A file of the tree that an absolute path of another machine ends with."""
        parts = [p for p in path.split("/") if p not in ("", ".", "..")]
        for i in range(len(parts) - 1):
            tail = "/".join(parts[i:])
            if tail in self.tree and "/" in tail:
                return tail
        return parts[-1] if parts and len(parts) > 2 and parts[-1] in self.tree else None

    def _source(self, words: list[Word], place: Place, shell: Shell, ctx: _Context) -> None:
        if len(words) < 2:
            return
        where = self._resolve(words[1], shell)
        if where is None or len(ctx.stack) >= MAX_DEPTH:
            self._outside(words[1], place, shell, ctx)
            return
        self._run_in(where, words[2:], place, shell, ctx)

    def _run_in(
        self, where: str, args: list[Word], place: Place, shell: Shell, ctx: _Context
    ) -> None:
        self.files[where] = None
        source = Source(where, self.tree[where][1])
        kept = shell.positional
        if args:
            shell.positional = list(args)
        shell.sourced.append(f"{TREE}/{where}")
        inner = replace(ctx, source=source, stack=(*ctx.stack, place), returning=ctx.masks)
        self.statements(_parsed(source.content).children, shell, inner)
        shell.sourced.pop()
        shell.positional = kept

    def _outside(self, word: Word, place: Place, shell: Shell, ctx: _Context) -> None:
        """A settings file that the tree does not hold; its example may stand in for it."""
        where = shell.absolute(word.text) if word.known else ""
        if not where:
            self.opaque.append(f"{self._at(place)}: sources {word.text}, which is not known")
            return
        base = posixpath.basename(where)
        names = {form.format(base) for form in _EXAMPLES}
        found = sorted(p for p in self.tree if posixpath.basename(p) in names)
        example = found[0] if len(found) == 1 and self._is_settings(found[0]) else None
        path = tree_path(where)
        self.outside[where] = example
        if example is not None:
            self._run_in(example, [], place, shell, ctx)
        else:
            shown = where if path is None else path
            self.opaque.append(f"{self._at(place)}: sources {shown}, which the tree does not hold")

    def _at(self, place: Place) -> str:
        entry = self.tree.get(place.path)
        return f"{place.path}:{line_of(entry[1], place.start)}" if entry else place.path or "entry"

    def _eval(self, words: list[Word], place: Place, shell: Shell, ctx: _Context) -> None:
        """Text for eval is read for what it names, but nothing in it can be edited."""
        joined = " ".join(w.text for w in words)
        self.opaque.append(f"{self._at(place)}: eval of a string: {joined[:120]}")

    def _shell(
        self,
        words: list[Word],
        place: Place,
        shell: Shell,
        ctx: _Context,
        extra: dict[str, Variable],
    ) -> bool:
        dialect = "bash" if words[0].text.endswith("bash") else "sh"
        i = 1
        flags: list[str] = []
        while i < len(words) and words[i].text[:1] in "-+" and len(words[i].text) > 1:
            flags.append(words[i].text)
            # the last letter may be an o that takes the next word, as in `-euo pipefail`
            takes = re.fullmatch(r"[-+][a-zA-Z]*[oO]", words[i].text) is not None
            if takes and i + 1 < len(words):
                i += 1
                flags.append(words[i].text)
            if (
                words[i].text.startswith("-")
                and not words[i].text.startswith("--")
                and ("c" in words[i].text)
            ):
                break
            i += 1
        options = set(options_of(flags))
        if flags and "c" in flags[-1] and flags[-1].startswith("-"):
            if i + 1 >= len(words):
                return False
            return self._string(words[i + 1], words[i + 2 :], options, dialect, place, shell, ctx)
        if i >= len(words):
            return False
        where = self._resolve(words[i], shell)
        if where is None:
            return False
        self._script(where, words[i:], dialect, options, place, shell, ctx, extra)
        return True

    def _string(
        self,
        word: Word,
        args: list[Word],
        options: set[str],
        dialect: str,
        place: Place,
        shell: Shell,
        ctx: _Context,
    ) -> bool:
        """`sh -c TEXT` with a text that stands in the tree, or that a person gave."""
        if not word.known or len(ctx.stack) >= MAX_DEPTH:
            return False
        content = word.text.encode("utf-8", "surrogateescape")
        own = word.place
        if own is not None and own.end - own.start == len(content):
            offsets = tuple(range(own.start, own.end + 1))
            source = Source(own.path, content, offsets)
        else:
            source = Source(place.path, content, (place.start,) * (len(content) + 1))
        inner_shell = Shell(
            self.process("", dialect),
            shell.cwd,
            args[0].text if args else dialect,
            variables=shell.exported(),
            options=options,
            positional=list(args[1:]),
        )
        self.statements(
            _parsed(content).children,
            inner_shell,
            replace(
                ctx,
                source=source,
                leaving=ctx.masks,
                returning=(),
                tail=True,
                ignoring=False,
                stack=(*ctx.stack, place),
                outputs=(),
                inputs=(),
            ),
        )
        return True

    def _path(
        self,
        words: list[Word],
        place: Place,
        shell: Shell,
        ctx: _Context,
        extra: dict[str, Variable],
    ) -> bool:
        where = self._resolve(words[0], shell)
        if where is None:
            return False
        content = self.tree[where][1]
        found = shebang(content)
        if found is None and not (looks_like_shell(where, content)):
            self.files[where] = None
            return False
        dialect = found.dialect if found else "bash"
        self._script(
            where, words, dialect, set(found.options if found else ()), place, shell, ctx, extra
        )
        return True

    def _script(
        self,
        where: str,
        words: list[Word],
        dialect: str,
        options: set[str],
        place: Place,
        shell: Shell,
        ctx: _Context,
        extra: dict[str, Variable],
    ) -> None:
        """A script of the tree as a process of its own."""
        if len(ctx.stack) >= MAX_DEPTH:
            self.opaque.append(f"{where}: calls itself too deeply")
            return
        self.files[where] = None
        inner_shell = Shell(
            self.process(where, dialect),
            shell.cwd,
            words[0].text if words[0].known else f"{TREE}/{where}",
            variables={**shell.exported(), **extra},
            options=set(options),
            positional=list(words[1:]),
        )
        source = Source(where, self.tree[where][1])
        self.statements(
            _parsed(source.content).children,
            inner_shell,
            replace(
                ctx,
                source=source,
                leaving=ctx.masks,
                returning=ctx.masks,
                tail=True,
                ignoring=False,
                stack=(*ctx.stack, place),
                outputs=ctx.outputs,
                inputs=(),
            ),
        )

    # --- make and packages -----------------------------------------------------------------------

    def _make(
        self,
        words: list[Word],
        place: Place,
        shell: Shell,
        ctx: _Context,
        extra: dict[str, Variable],
    ) -> bool:
        folder, given, goals, ignoring = shell.cwd, {}, [], False
        name = None
        texts = [w.text for w in words]
        skip = ""
        for word in texts[1:]:
            if skip:
                if skip == "-C":
                    folder = shell.absolute(word) if shell.cwd else word
                elif skip == "-f":
                    name = word
                skip = ""
            elif word in ("-C", "-f", "-j", "-o", "-W", "-I", "--directory", "--file"):
                skip = {"--directory": "-C", "--file": "-f"}.get(word, word)
                skip = "" if word == "-j" else skip
            elif word.startswith("-"):
                ignoring |= word in ("--ignore-errors", "--keep-going") or bool(
                    re.fullmatch(r"-[a-zA-Z]*[ik][a-zA-Z]*", word)
                )
            elif re.match(r"^[A-Za-z_]\w*=", word):
                key, _, given_value = word.partition("=")
                given[key] = given_value
            elif not word.isdigit():
                goals.append(word)
        where = tree_path(folder) if folder else None
        if where is None:
            return False
        path = posixpath.join(where, name) if name else makefiles.find(self.tree, where)
        if path is None or path not in self.tree:
            return False
        makefile = makefiles.parse(self.tree, path)
        self.files[path] = None
        for key in makefile.defaults:
            default = makefile.variables[key]
            env = shell.variables.get(key)
            outside = env is None or not env.exported
            if outside and key not in given and key not in extra:
                self.settings[(path, key)] = Assigned(key, path, default.text)
        masks = (Mask(MaskKind.MAKE_PREFIX, place),) if ignoring else ()
        goal = goals or ([makefile.default] if makefile.default else [])
        done: set[str] = set()
        for target in goal:
            self._target(
                makefile, target, folder, given, place, shell, ctx.masked(*masks), extra, done
            )
        return True

    def _target(
        self,
        makefile: makefiles.Makefile,
        target: str,
        folder: str,
        given: dict[str, str],
        place: Place,
        shell: Shell,
        ctx: _Context,
        extra: dict[str, Variable],
        done: set[str],
    ) -> None:
        if target in done or len(ctx.stack) >= MAX_DEPTH or len(done) > 200:
            return
        done.add(target)
        found = makefile.rule(target)
        if found is None:
            return
        rule, stem = found
        needs = [need.replace("%", stem) for need in rule.needs]
        for need in needs:
            self._target(makefile, need, folder, given, place, shell, ctx, extra, done)
        flags = options_of(list(makefile.flags))
        variables = {
            **shell.exported(),
            **{
                k: Variable((w,), exported=k in makefile.exported)
                for k, w in makefile.variables.items()
                if re.fullmatch(r"\w+", k)
            },
            **{k: Variable((w,)) for k, w in makefile.unknown.items()},
            "make_target": Variable((literal(target),)),
            "make_first": Variable((literal(needs[0] if needs else ""),)),
            "make_all": Variable((literal(" ".join(needs)),)),
            "make_stem": Variable((literal(stem),)),
            "make_MAKE": Variable((literal("make"),)),
            "MAKE": Variable((literal("make"),)),
            **extra,
            **{k: Variable((literal(v),), exported=True) for k, v in given.items()},
        }
        for key in makefile.defaults:
            env = shell.variables.get(key)
            if env is not None and env.exported and key not in given:
                variables[key] = env
        all_ignored = makefile.ignoring is not None and (
            not makefile.ignoring or target in makefile.ignoring
        )
        for line in rule.lines:
            inner_shell = Shell(
                self.process(makefile.path, "make"),
                folder,
                makefile.shell,
                variables=dict(variables),
                options=set(flags),
            )
            inner = replace(
                ctx,
                source=line.source,
                stack=(*ctx.stack, place),
                tail=True,
                ignoring=False,
                outputs=(),
                inputs=(),
            )
            if line.ignored is not None or all_ignored:
                where = line.ignored or rule.place
                inner = inner.masked(Mask(MaskKind.MAKE_PREFIX, where))
            inner = replace(inner, leaving=inner.masks, returning=inner.masks)
            self.statements(_parsed(line.source.content).children, inner_shell, inner)

    def _package(
        self,
        words: list[Word],
        place: Place,
        shell: Shell,
        ctx: _Context,
        extra: dict[str, Variable],
    ) -> bool:
        """`npm run X`: the script of package.json, run by sh."""
        texts = [w.text for w in words]
        plain = [t for t in texts[1:] if not t.startswith("-")]
        runner = texts[0].rsplit("/", 1)[-1]
        if plain[:1] in (["run"], ["run-script"]):
            plain = plain[1:]
        elif (runner == "npm" and plain[:1] not in (["test"], ["start"])) or plain[:1] in (
            ["install"],
            ["ci"],
            ["add"],
            ["exec"],
            ["dlx"],
        ):
            return False
        where = tree_path(shell.cwd) if shell.cwd else None
        if where is None or not plain:
            return False
        path = posixpath.join(where, "package.json") if where else "package.json"
        source = _package_script(self.tree, path, plain[0])
        if source is None or len(ctx.stack) >= MAX_DEPTH:
            return False
        self.files[path] = None
        self._step(words, place, shell, ctx)  # the runner itself is a command as well
        inner_shell = Shell(
            self.process(path, "package"), shell.cwd, "sh", variables={**shell.exported(), **extra}
        )
        self.statements(
            _parsed(source.content).children,
            inner_shell,
            replace(
                ctx,
                source=source,
                leaving=ctx.masks,
                returning=ctx.masks,
                tail=True,
                ignoring=False,
                stack=(*ctx.stack, place),
                outputs=(),
                inputs=(),
            ),
        )
        return True


# --- small things --------------------------------------------------------------------------------

_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}


def _restore(shell: Shell, other: Shell) -> None:
    shell.variables, shell.functions = other.variables, other.functions
    shell.options, shell.cwd, shell.positional = other.options, other.cwd, other.positional


def _clauses(node: Node) -> tuple[Node | None, list[Node], list[Node]]:
    """Condition, body and the elif and else clauses of an if statement or elif clause."""
    condition: Node | None = None
    then: list[Node] = []
    others: list[Node] = []
    seen = False
    for child in node.children:
        if child.type == "then":
            seen = True
        elif child.type in ("elif_clause", "else_clause"):
            others.append(child)
        elif not seen and child.is_named and child.type != "comment":
            condition = child
        elif seen and child.type != "fi":
            then.append(child)
    return condition, then, others


def _body(item: Node) -> list[Node]:
    found: list[Node] = []
    seen = False
    for child in item.children:
        if child.type == ")" and not seen:
            seen = True
        elif seen and child.type not in (";;", ";&", ";;&"):
            found.append(child)
    return found


def _is_settings(content: bytes) -> bool:
    if len(content) > 64 * 1024 or b"=" not in content:
        return False
    return all(_SETTINGS_LINE.match(line) for line in content.splitlines())


def replace_unknown(word: Word) -> Word:
    """The word as a pattern: its text is kept for people, but it stands for unknown many."""
    return Word(tuple(replace(p, known=False) for p in word.pieces))


def _known_tail(word: Word) -> str:
    """The path behind the last unknown part of a word."""
    tail = ""
    for piece in reversed(word.pieces):
        if not piece.known:
            break
        tail = piece.text + tail
    return posixpath.normpath(tail.lstrip("/")) if tail.startswith("/") and tail != "/" else ""


def _after_options(words: list[Word], valued: frozenset[str]) -> list[Word]:
    i = 1
    while i < len(words):
        one = words[i].text
        if one in valued:
            i += 2
        elif one.startswith("-"):
            i += 1
        else:
            break
    return words[i:]


def _strip_prefix(base: str, words: list[Word]) -> tuple[list[Word], dict[str, Variable]]:
    rest = _after_options(words, tools.PREFIXES[base])
    extra: dict[str, Variable] = {}
    for _ in range(tools.TAKES_ONE.get(base, 0)):
        rest = rest[1:]
    if base in ("flock",):
        rest = _after_options([literal(""), *rest], frozenset())
    if base in ("env", "sudo"):
        while rest and re.match(r"^[A-Za-z_]\w*=", rest[0].text):
            name, _, value = rest[0].text.partition("=")
            extra[name] = Variable((literal(value),), exported=True)
            rest = rest[1:]
    return rest, extra


def _package_script(tree: Files, path: str, name: str) -> Source | None:
    entry = tree.get(path)
    if entry is None:
        return None
    try:
        document = json.loads(entry[1])
        command = document["scripts"][name]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(command, str):
        return None
    raw = command.encode("utf-8", "surrogateescape")
    at = entry[1].find(json.dumps(command, ensure_ascii=False).encode("utf-8", "surrogateescape"))
    if at < 0 or b"\\" in json.dumps(command).encode():
        at = max(at, 0)
        return Source(path, raw, (at,) * (len(raw) + 1))
    return Source(path, raw, tuple(range(at + 1, at + len(raw) + 2)))
