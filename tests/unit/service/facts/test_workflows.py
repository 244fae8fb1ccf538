from __future__ import annotations

import pytest

from service.facts import workflows
from service.facts.lines import Line

HEAD = "name: books\non: {on}\n{more}jobs:\n  a:\n    runs-on: x\n    steps:\n      - run: make\n"


def side(on: str = "push", more: str = "", tail: str = "") -> dict[str, object]:
    return workflows.side((HEAD.format(on=on, more=more) + tail).encode())


@pytest.mark.parametrize(
    ("on", "triggers"),
    [
        ("push", ["push"]),
        ("[push, pull_request]", ["pull_request", "push"]),
        ("{schedule: [{cron: '0 3 * * *'}], push: {branches: [main]}}", ["push", "schedule"]),
    ],
)
def test_triggers_are_read_in_each_form(on: str, triggers: list[str]) -> None:
    assert side(on)["triggers"] == triggers


@pytest.mark.parametrize(
    ("more", "permissions", "writes"),
    [
        ("", [], True),
        ("permissions: read-all\n", ["workflow:*=read"], False),
        ("permissions: write-all\n", ["workflow:*=write"], True),
        ("permissions: {}\n", ["workflow:*=none"], False),
        ("permissions: {contents: read}\n", ["workflow:contents=read"], False),
        (
            "permissions: {contents: read, id-token: write}\n",
            ["workflow:contents=read", "workflow:id-token=write"],
            True,
        ),
    ],
)
def test_rights_are_read_in_each_form(more: str, permissions: list[str], writes: bool) -> None:
    found = side(more=more)
    assert (found["permissions"], found["writes"]) == (permissions, writes)


def test_rights_of_a_job_count() -> None:
    found = side(more="permissions: {}\n", tail="    permissions: {contents: write}\n")
    assert found["permissions"] == ["a:contents=write", "workflow:*=none"]
    assert found["writes"] is True


def test_strangers_secrets_and_checkouts_are_seen() -> None:
    tail = "      - uses: actions/checkout@v4\n        with: {token: '${{ secrets.FORGE }}'}\n"
    found = side("pull_request_target", tail=tail)
    assert (found["foreign"], found["secrets"], found["checks_out"]) == (True, True, True)
    assert side("pull_request")["foreign"] is False


@pytest.mark.parametrize(
    "text",
    ["jobs: [", "- a\n- b\n", "on: push\n", "on: push\njobs: 7\n", "\xff", "a: &a [b]\n" * 3],
    ids=["no YAML", "a list", "no jobs", "jobs of another kind", "latin", "anchors"],
)
def test_what_can_not_be_read_is_never_harmless(text: str) -> None:
    found = workflows.side(text.encode("latin-1"))
    assert (found["readable"], found["writes"]) == (False, True)


def test_a_document_that_grows_when_it_is_walked_is_not_read() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    assert workflows.side(f"{text}jobs: {{}}\n".encode())["readable"] is False


def test_a_side_without_the_file_is_no_unreadable_one() -> None:
    found = workflows.side(None)
    assert (found["present"], found["readable"], found["writes"]) == (False, True, False)


@pytest.mark.parametrize(
    ("line", "quiet"),
    [
        ("        continue-on-error: true", True),
        ("        continue-on-error: ${{ matrix.loose }}", True),
        ("        continue-on-error: false", False),
        ("      - run: make check || true", True),
        ("          make check || :", True),
        ("          make check || exit 1", False),
        ("          set +e", True),
        ("          truecheck || trueish", False),
    ],
)
def test_lines_that_fail_quietly(line: str, quiet: bool) -> None:
    assert bool(workflows.quiet([Line(1, line)])) is quiet


@pytest.mark.parametrize(
    ("line", "injected"),
    [
        ("      - run: echo ${{ github.event.issue.title }}", True),
        ("          git switch ${{ github.head_ref }}", True),
        ("          TITLE: ${{ github.event.issue.title }}", False),
        ("          echo ${{ github.event.pull_request.number }}", False),
    ],
)
def test_lines_that_run_a_strangers_words(line: str, injected: bool) -> None:
    assert bool(workflows.injected([Line(1, line)])) is injected


@pytest.mark.parametrize(
    ("line", "unpinned"),
    [
        ("      - uses: actions/checkout@v4", True),
        ("        uses: someone/tool@main # later", True),
        (f"      - uses: actions/checkout@{'a1' * 20}", False),
        ("      - uses: ./.github/actions/own", False),
        (f"      - uses: docker://alpine@sha256:{'0f' * 32}", False),
    ],
)
def test_actions_that_can_move(line: str, unpinned: bool) -> None:
    assert bool(workflows.unpinned([Line(1, line)])) is unpinned
