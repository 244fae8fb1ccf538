"""What CI would start for a commit, as GitHub reads workflows; what can't be known is said."""

from __future__ import annotations

import pytest

from sandbox import Files
from sandbox.toil.expressions import Known, Unplayable, evaluated, is_met
from sandbox.toil.workflows import Job, jobs

STEP = "    steps:\n      - uses: actions/checkout@v4\n      - run: ./check\n"
PLAIN = f"on: push\njobs:\n  check:\n{STEP}"


def _tree(text: str) -> Files:
    return {".github/workflows/a.yml": (0o100644, text.encode()), "src/a": (0o100644, b"")}


def _jobs(text: str, *changed: str) -> tuple[Job, ...]:
    return jobs(_tree(text), changed or ("src/a",))


def _events(text: str, *changed: str) -> list[str]:
    return [job.event.words for job in _jobs(text, *changed)]


MAIN, BRANCH, PULL = "push to main", "push to change", "pull request into main"
STARTS = {
    "push": ("push", [MAIN, BRANCH]),
    "both": ("[push, pull_request]", [PULL, MAIN, BRANCH]),
    "pull requests": ("pull_request", [PULL]),
    "main only": ("{push: {branches: [main]}}", [MAIN]),
    "all but main": ("{push: {branches-ignore: [main]}}", [BRANCH]),
    "a pattern": ("{push: {branches: ['ch*']}}", [BRANCH]),
    "a pattern and a no": ("{push: {branches: ['**', '!main']}}", [BRANCH]),
    "into main": ("{pull_request: {branches: [main]}}", [PULL]),
    "into others": ("{pull_request: {branches: [release]}}", []),
    "closed only": ("{pull_request: {types: [closed]}}", []),
    "tags only": ("{push: {tags: ['v*']}}", []),
    "its path": ("{push: {paths: ['src/**']}}", [MAIN, BRANCH]),
    "another path": ("{push: {paths: [list.csv]}}", []),
    "its path ignored": ("{push: {paths-ignore: ['src/**']}}", []),
    "another path ignored": ("{push: {paths-ignore: ['**.md']}}", [MAIN, BRANCH]),
    "at night": ("{schedule: [{cron: '0 3 * * *'}]}", []),
    "by a button": ("workflow_dispatch", []),
}


@pytest.mark.parametrize(("on", "events"), STARTS.values(), ids=STARTS.keys())
def test_a_commit_starts_what_its_events_and_filters_say(on: str, events: list[str]) -> None:
    assert _events(PLAIN.replace("on: push", f"on: {on}")) == events


def test_only_files_that_the_commit_changes_count_for_a_filter() -> None:
    text = PLAIN.replace("on: push", "on: {push: {paths: [docs/*.md]}}")
    assert _events(text, "docs/a.md", "src/a") == [MAIN, BRANCH]
    assert _events(text, "docs/deep/a.md") == []


RUNS = {
    "nothing said": ("", True, False),
    "false": ("if: false", False, False),
    "false in braces": ("if: ${{ false }}", False, False),
    "always": ("if: always()", True, True),
    "after failure": ("if: failure()", False, True),
    "on main": ("if: github.ref == 'refs/heads/main'", True, False),
    "not on main": ("if: github.ref_name != 'main'", False, False),
    "a pull request": ("if: github.event_name == 'pull_request' && success()", False, False),
    "contains": ("if: contains(github.ref, 'main') || failure()", True, True),
    "a setting": ("if: ${{ env.RUN == 'yes' }}", True, False),
}


@pytest.mark.parametrize(("line", "runs", "after"), RUNS.values(), ids=RUNS.keys())
def test_a_step_runs_where_its_condition_says(line: str, runs: bool, after: bool) -> None:
    text = PLAIN.replace("on: push", "on: {push: {branches: [main]}}\nenv: {RUN: 'yes'}")
    (job,) = _jobs(text + (f"        {line}\n" if line else ""))
    found = [step for step in job.steps if step.script]
    if not runs and not after:
        assert not found
    else:
        assert [(step.runs, step.runs_after_failure) for step in found] == [(runs, after)]


def test_what_a_step_is_run_with() -> None:
    text = (
        "on: pull_request\nenv: {A: '1', B: one}\ndefaults: {run: {shell: sh}}\n"
        "jobs:\n  x:\n    env: {B: two}\n    strategy: {matrix: {to: [3, 4]}}\n    steps:\n"
        "      - run: echo ${{ matrix.to }} ${{ env.B }}\n        working-directory: sub\n"
        "        continue-on-error: ${{ matrix.to == 3 }}\n        env: {C: '${{ github.ref }}'}\n"
    )
    first, second = _jobs(text)
    assert (first.key, second.key) == ("a.yml x (3)", "a.yml x (4)")
    assert first.env == {"A": "1", "B": "two"}
    (step,) = first.steps
    assert step.script == "echo 3 two"
    assert step.shell == ("sh", "-e", "{0}")
    assert step.folder == "sub"
    assert step.env == {"C": "refs/pull/1/merge"}
    assert (step.soft, second.steps[0].soft) == (True, False)


def test_an_action_is_left_out_and_named_if_it_may_check() -> None:
    text = PLAIN + "      - uses: actions/setup-python@v5\n      - uses: some/linter@v1\n"
    job = _jobs(text)[0]
    assert [step.title for step in job.steps] == ["actions/checkout@v4", "./check"]
    assert job.unheard == ("some/linter@v1",)


UNPLAYABLE = {
    "another workflow": ("    uses: ./.github/workflows/b.yml\n", "another workflow"),
    "another system": ("    runs-on: windows-latest\n" + STEP, "runs on windows-latest"),
    "a container": ("    container: node:20\n" + STEP, "a container of its own"),
    "services": ("    services: {db: {image: x}}\n" + STEP, "a container of its own"),
    "a matrix with include": (
        "    strategy: {matrix: {include: [{a: 1}]}}\n" + STEP,
        "strategy.matrix",
    ),
    "a local action": ("    steps:\n      - uses: ./action\n", "it uses ./action"),
    "what a step says": (STEP + "        if: steps.one.outputs.x == 'y'\n", "steps.one.outputs"),
    "what a job says": ("    if: needs.one.result == 'success'\n" + STEP, "needs.one.result"),
    "an unknown function": (STEP + "        if: hashFiles('x') != ''\n", "hashFiles"),
    "a foreign checkout": (
        "    steps:\n      - uses: actions/checkout@v4\n        with: {ref: main}\n",
        "its checkout says ref",
    ),
    "a step that does nothing": ("    steps:\n      - name: x\n", "neither runs nor uses"),
}


@pytest.mark.parametrize(("body", "said"), UNPLAYABLE.values(), ids=UNPLAYABLE.keys())
def test_what_cannot_be_played_says_which(body: str, said: str) -> None:
    found = _jobs(f"on: pull_request\njobs:\n  one:\n{STEP}  two:\n{body}")
    assert [bool(job.unplayable) for job in found] == [False, True]
    assert said in found[1].unplayable


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "not YAML"), ("on: push", "no workflow"), ("[1]", "no workflow")]
)
def test_a_file_that_is_no_workflow_says_so(text: str, said: str) -> None:
    assert {said in job.unplayable for job in _jobs(text)} == {True}


VALUES = {
    "1 == 1.0": True,
    "'A' == 'a'": True,
    "true && 'x' || 'y'": "x",
    "false && 'x' || 'y'": "y",
    "!false": True,
    "(1 < 2) == true": True,
    "format('{0}-{1}', 'a', 2)": "a-2",
    "startsWith('main', 'MA')": True,
    "github['ref']": "main",
    "github.nothing": None,
    "'it''s'": "it's",
}


@pytest.mark.parametrize(("text", "value"), VALUES.items(), ids=VALUES.keys())
def test_an_expression_has_the_value_that_github_gives_it(text: str, value: object) -> None:
    assert evaluated(text, Known({"github": {"ref": "main"}})) == value


@pytest.mark.parametrize("text", ["", "1 +", "a b", "x.y", "github.", "f()", "(1", "github.*"])
def test_an_expression_that_is_not_known_is_never_guessed(text: str) -> None:
    with pytest.raises(Unplayable):
        evaluated(text, Known({"github": {}}))


def test_a_condition_put_together_from_parts_is_never_guessed() -> None:
    with pytest.raises(Unplayable):
        is_met("${{ true }} && x", Known({}))
