"""The family "hand-kept copies": found by shared values, rehearsed, made one list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from agents import (
    Files,
    NothingFits,
    NotReproduced,
    Plan,
    Question,
    Rehearsal,
    ReshapeKind,
)
from agents.recipes.planner import RecipePlanner
from sandbox import rehearsal as format_
from sandbox.toil.places import Measure, measure
from tests.unit.agents.hand_kept_parts import STYLES, Checkout, drafted, planned, rehearsed
from tests.unit.agents.trees import ScriptedDesk, brief, load


def answered(
    files: Files, request: str, desk: ScriptedDesk | None = None
) -> Rehearsal | Question | NothingFits | NotReproduced:
    return RecipePlanner().rehearse(brief(files, request), desk or ScriptedDesk())


def changed(files: Files, path: str, old: str, new: str) -> Files:
    mode, content = files[path]
    assert old.encode() in content
    return {**files, path: (mode, content.replace(old.encode(), new.encode(), 1))}


# --- rehearsing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_the_rehearsal_is_read_by_the_judge_and_measures_the_same_truth(style: str) -> None:
    files, request = load(style)
    parsed = format_.parse(rehearsed(files, request).files)
    assert parsed.toil is not None
    truth = measure(parsed.toil, files, {})
    assert isinstance(truth, Measure), truth
    after = drafted(files, planned(files, request))
    assert truth.wrong(after, {}) == ()


def test_places_readers_and_words_come_from_the_files_and_the_request() -> None:
    files, request = load("stations-inventory")
    toil = yaml.safe_load(rehearsed(files, request).files["rehearsal.yaml"][1])["toil"]
    assert toil["facts"] == {"id": "name", "address": "ipv4", "zone": "existing"}
    assert [p["file"] for p in toil["places"]] == [
        "dhcp/stations.conf",
        "dns/weather.zone",
        "inventory/hosts.ini",
    ]
    assert toil["truth"] == "dhcp/stations.conf"
    assert toil["operation"]["add"] == [
        ["scripts/stations.py", "enroll", "{id}", "{address}", "{zone}"]
    ]
    assert "check" not in toil, "the request names none"


def test_where_places_differ_and_nobody_says_which_is_right_there_is_a_question() -> None:
    files, request = load("stations-inventory")
    silent = request.replace("If in doubt trust dhcp.", "")
    answer = answered(files, silent)
    assert isinstance(answer, Question)
    ((asked, default),) = answer.asks
    assert "st-31 is missing in dns/weather.zone" in asked
    assert default in asked


def test_the_answer_to_the_question_is_taken() -> None:
    files, request = load("stations-inventory")
    silent = request.replace("If in doubt trust dhcp.", "")
    one = rehearsed(files, silent, told=("dhcp/stations.conf",))
    assert b"truth: dhcp/stations.conf" in one.files["rehearsal.yaml"][1]
    assert isinstance(RecipePlanner().plan(brief(files, silent), ScriptedDesk(), one), Plan)


def test_where_places_agree_nobody_has_to_say_which_is_right() -> None:
    files, request = load("berths-signs")
    agreed = changed(files, "signage/boards.json", '"metres": 6', '"metres": 4')
    one = rehearsed(agreed, request.split("Where they differ")[0])
    assert b"truth" not in one.files["rehearsal.yaml"][1]


def test_drift_that_is_noticed_on_base_leaves_nothing_to_propose() -> None:
    files, request = load("berths-signs")
    answer = answered(files, request, ScriptedDesk(False))
    assert isinstance(answer, NotReproduced)
    assert "noticed on base already" in answer.why


def test_places_that_are_not_understood_are_handed_over_with_their_rehearsal() -> None:
    files, request = load("berths-signs")
    answer = answered(files, request, ScriptedDesk(False, control_good=False))
    assert isinstance(answer, NothingFits)
    assert answer.rehearsal is not None
    assert "does not come out right" in answer.why


@pytest.mark.parametrize(
    "request_",
    ["The rollout hangs when the controller is away.", "Deleted half of the live site again."],
)
def test_a_request_about_something_else_finds_nothing(request_: str) -> None:
    answer = answered(load("berths-signs")[0], request_)
    assert isinstance(answer, NothingFits)
    assert answer.rehearsal is None


def test_a_command_with_other_values_than_the_places_tell_is_said() -> None:
    files, request = load("stations-inventory")
    answer = answered(files, request.replace(" <zone>", ""))
    assert isinstance(answer, NothingFits)
    assert "takes 2 values" in answer.why


def test_settings_of_two_environments_are_no_copies_of_each_other() -> None:
    names = ("REGION", "REPLICAS", "QUEUE_NAME", "LOG_LEVEL", "CACHE_HOST", "MAIL_FROM")
    one = "".join(f"{n}={('live', 'same')[i % 2]}{i}\n" for i, n in enumerate(names))
    files: Files = {
        "config/live.env": (0o100644, one.encode()),
        "config/trial.env": (0o100644, one.replace("live", "trial").encode()),
    }
    answer = answered(files, "We forget config/trial.env each time we edit two files by hand.")
    assert isinstance(answer, NothingFits)
    assert "no copies" in answer.why


def test_a_third_copy_in_stanzas_that_a_runbook_tells_to_edit_is_not_passed_over() -> None:
    files, request = load("stations-inventory")
    names = ("st-11", "st-27", "st-08", "st-31", "st-02", "st-40")
    stanzas = "".join(f"- id: {n}\n  address: 172.20.0.1\n  since: spring\n" for n in names)
    more = changed(
        files, "handbook/stations.md", "5. Send", "5. Add it to `web/map.yaml`.\n6. Send"
    )
    more["web/map.yaml"] = (0o100644, stanzas.encode())  # type: ignore[index]
    answer = answered(more, request)
    assert isinstance(answer, NothingFits)
    assert "web/map.yaml" in answer.why


# --- planning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_the_plan_is_one_list_one_command_one_check_and_a_shorter_runbook(style: str) -> None:
    files, request = load(style)
    plan = planned(files, request)
    assert plan.kind is ReshapeKind.AUTOMATE
    assert plan.why_not_deeper
    assert plan.alternatives
    assert plan.prediction.readout == "runbook steps"
    assert plan.prediction.after < plan.prediction.before
    new = {e.path for e in plan.edits if e.before is None}
    assert len(new) == 2
    assert any(p.endswith(".csv") for p in new)


def test_the_check_runs_in_the_job_that_runs_for_each_change_in_the_style_of_its_steps() -> None:
    files, request = load("berths-signs")
    after = drafted(files, planned(files, request))[".github/workflows/ci.yml"][1].decode()
    data = yaml.safe_load(after)
    last = data["jobs"]["syntax"]["steps"][-1]
    assert last["run"] == "bin/berths check"
    assert last["name"].startswith("The files")
    assert "bin/berths check\n\n  # nur von Hand\n" in after
    assert len(data["jobs"]["rollout"]["steps"]) == 2


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("inventory/hosts.ini", "st-08 ", "# the old ones\nst-08 "),
        ("inventory/hosts.ini", "zone=east\n", "zone=east  # on the roof\n"),
        ("dhcp/stations.conf", "    host st-08", "\thost st-08"),
        ("dns/weather.zone", "st-08   IN  A   172.20.6.8\n", "st-08   IN  AAAA   fd00\n"),
    ],
    ids=["a comment between", "a remark of its own", "another indent", "another kind"],
)
def test_entries_that_would_lose_something_are_left_alone_with_the_reason(
    path: str, old: str, new: str
) -> None:
    files, request = load("stations-inventory")
    odd = changed(files, path, old, new)
    answer = answered(odd, request)
    if isinstance(answer, Rehearsal):
        said = RecipePlanner().plan(brief(odd, request), ScriptedDesk(), answer)
        assert isinstance(said, NothingFits), said
        assert said.rehearsal is answer
    else:
        assert isinstance(answer, NothingFits)
        said = answer
    assert path in said.why


def test_remarks_that_name_the_entry_are_rendered() -> None:
    files, request = load("stations-inventory")
    lines = [
        f"{line}  // {line.split()[1]}" if line.strip().startswith("host ") else line
        for line in files["dhcp/stations.conf"][1].decode().splitlines()
    ]
    text = "\n".join(lines) + "\n"
    more = {**files, "dhcp/stations.conf": (0o100644, text.encode())}
    after = drafted(more, planned(more, request))
    assert after["dhcp/stations.conf"][1].decode() == text


def test_a_line_with_other_blanks_is_written_like_the_rest() -> None:
    files, request = load("stations-inventory")
    old = "st-08   IN  A   172.20.6.8\n"
    odd = changed(files, "dns/weather.zone", old, "st-08   IN  A 172.20.6.8\n")
    assert old in drafted(odd, planned(odd, request))["dns/weather.zone"][1].decode()


def test_json_in_a_layout_of_its_own_is_written_anew_and_the_price_says_so(tmp_path: Path) -> None:
    files, request = load("berths-signs")
    rows = json.loads(files["signage/boards.json"][1])
    packed = json.dumps(rows, separators=(",", ":")).encode()
    odd = {**files, "signage/boards.json": (0o100644, packed)}
    plan = planned(odd, request)
    assert any("another layout" in one for one in plan.price)
    checkout = Checkout(drafted(odd, plan), tmp_path)
    assert checkout.run("bin/berths", "check").returncode == 0
    assert len(json.loads(checkout.text("signage/boards.json"))) == len(rows)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("on: [push, pull_request]", "on:\n  push:\n    paths: [a]"),
        ("on: [push, pull_request]", "on:\n  schedule:\n    - cron: '0 1 * * *'"),
        ("on: [push, pull_request]", "on: workflow_dispatch"),
        ("on: [push, pull_request]", "on:\n  pull_request:\n    paths: [a]"),
        ("  check:\n", "  check:\n    if: false\n"),
        ("  check:\n", "  check:\n    continue-on-error: true\n"),
    ],
    ids=["a filter", "a schedule", "a button", "a filter of requests", "an if", "a mask"],
)
def test_a_job_that_does_not_run_for_each_change_is_not_the_one_that_checks(
    old: str, new: str
) -> None:
    files, request = load("stations-inventory")
    flow = (
        "on: [push, pull_request]\njobs:\n  check:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - uses: actions/checkout@v4\n      - run: 'true'\n"
    )
    assert old in flow
    del files[".github/workflows/lint.yaml"]  # type: ignore[attr-defined]
    plain = {**files, ".github/workflows/a.yml": (0o100644, flow.encode())}
    after = drafted(plain, planned(plain, request))
    assert b"stations.py check" in after[".github/workflows/a.yml"][1]
    odd = {
        **files,
        ".github/workflows/a.yml": (0o100644, flow.replace(old, new).encode()),
    }
    after = drafted(odd, planned(odd, request))
    assert after[".github/workflows/a.yml"] == odd[".github/workflows/a.yml"]
    assert b"stations.py check" in after[".github/workflows/stations.yml"][1]


def test_without_any_ci_drift_would_stay_silent_so_nothing_fits() -> None:
    files, request = load("stations-inventory")
    bare = {p: e for p, e in files.items() if not p.startswith(".github/")}
    one = rehearsed(bare, request)
    said = RecipePlanner().plan(brief(bare, request), ScriptedDesk(), one)
    assert isinstance(said, NothingFits)
    assert said.rehearsal is one


def test_a_comment_that_asks_to_keep_files_in_step_says_where_entries_come_from() -> None:
    files, request = load("berths-signs")
    text = drafted(files, planned(files, request))["lights/berths.yaml"][1].decode()
    assert text.startswith("# Von den Lampen gelesen. The entries come from bin/berths.csv")
    assert "keep in step" not in text


def test_a_runbook_loses_its_edits_and_keeps_what_people_still_do() -> None:
    files, request = load("stations-inventory")
    text = drafted(files, planned(files, request))["handbook/stations.md"][1].decode()
    assert "1. Mount it and note its number.\n2. `scripts/stations.py enroll ID ADDRESS" in text
    assert "3. Send a pull request.\n4. Run `scripts/push.py`.\n" in text
    assert "reverse order" not in text
    assert "dns/weather.zone" not in text


def test_without_a_runbook_the_readme_tells_of_the_command() -> None:
    files, request = load("stations-inventory")
    bare = {p: e for p, e in files.items() if p != "handbook/stations.md"}
    plan = planned(bare, request)
    assert b"`scripts/stations.py enroll ID" in drafted(bare, plan)["README.md"][1]
    assert plan.prediction.readout == "open failures"


def test_a_plan_that_came_back_is_not_given_again() -> None:
    files, request = load("berths-signs")
    one = rehearsed(files, request)
    again = brief(files, request, told=("a place is wrong after the second add",))
    said = RecipePlanner().plan(again, ScriptedDesk(), one)
    assert isinstance(said, NothingFits)
    assert "second add" in said.why
    assert said.rehearsal is one


# --- a guard -------------------------------------------------------------------------------------

GUARD = (
    "We forget dns or dhcp each time we add a station by hand. `ops/stations check` should fail "
    "in CI when the three files differ. Trust dhcp."
)


def test_a_request_for_a_check_only_gets_a_guard_and_is_told_that_the_step_stays() -> None:
    files, _ = load("stations-inventory")
    one = rehearsed(files, GUARD)
    toil = yaml.safe_load(one.files["rehearsal.yaml"][1])["toil"]
    assert (toil["goal"], "operation" in toil) == ("noticed", False)
    assert "zone" not in toil["facts"], "a single place tells it"
    parsed = format_.parse(one.files).toil
    assert parsed is not None
    plan = planned(files, GUARD)
    assert plan.kind is ReshapeKind.GUARD
    assert "no more" in plan.why_not_deeper
    truth = measure(parsed, files, {})
    assert isinstance(truth, Measure)
    assert truth.wrong(drafted(files, plan), {}) == ()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("dhcp/stations.conf", "    host st-27 { fixed-address 172.20.4.27; }\n", ""),
        ("dhcp/stations.conf", "172.20.4.27", "172.20.4.28"),
        ("dns/weather.zone", "st-02 ", "st-03 "),
        ("inventory/hosts.ini", "st-08 ansible_host=172.20.6.8 zone=west\n", ""),
        ("inventory/hosts.ini", "[stations]\n", "[stations]\nst-1 ansible_host=1.1.1.1 zone=x\n"),
    ],
)
def test_the_guard_notices_each_edit_in_one_place_and_is_content_without(
    tmp_path: Path, path: str, old: str, new: str
) -> None:
    files, _ = load("stations-inventory")
    checkout = Checkout(drafted(files, planned(files, GUARD)), tmp_path)
    done = checkout.run("ops/stations", "check")
    assert done.returncode == 0, done.stderr
    checkout.change(path, old, new)
    before = checkout.files()
    assert checkout.run("ops/stations", "check").returncode != 0
    assert checkout.files() == before


def test_the_guard_reads_tables_and_json_as_well(tmp_path: Path) -> None:
    files, _ = load("berths-signs")
    request = (
        "The four lists of berths differ again, somebody forgot doc/berths.md. I want `bin/same "
        "check` in CI. lights/berths.yaml is right."
    )
    checkout = Checkout(drafted(files, planned(files, request)), tmp_path)
    done = checkout.run("bin/same", "check")
    assert done.returncode == 0, done.stderr
    for path, old, new in (
        ("doc/berths.md", "| 11 ", "| 12 "),
        ("signage/boards.json", '"metres": 9', '"metres": 8'),
        ("net/hosts", "10.8.3.31", "10.8.3.32"),
    ):
        checkout.change(path, old, new)
        assert checkout.run("bin/same", "check").returncode != 0
        checkout.change(path, new, old)


# --- a place that is right and names nobody ------------------------------------------------------

DOORS = (("east-1", "10.9.0.1", 8001), ("east-2", "10.9.0.2", 8001), ("west-1", "10.9.1.1", 8002))
MORE = (("west-2", "10.9.1.2", 8002), ("roof-1", "10.9.2.1", 8003))


def doors() -> Files:
    rows = [*DOORS, *MORE]
    table = "".join(f"| {n} | {a} | {p} |\n" for n, a, p in rows).replace("1.2 | 8002", "1.2 | 80")
    rules = "".join(f"  permit {a}:{p};\n" for _, a, p in rows)
    flow = (
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - uses: actions/checkout@v4\n      - run: python3 -c pass\n"
    )
    return {
        "list.md": (0o100644, f"| door | address | port |\n|---|---|---|\n{table}".encode()),
        "gate.rules": (0o100644, f"default deny;\n{{\n{rules}}}\n".encode()),
        ".github/workflows/a.yml": (0o100644, flow.encode()),
    }


WISH = "We forget gate.rules when we add a door by hand in two files. gate.rules is right."


def test_a_place_without_names_corrects_what_others_say_of_the_same_entry() -> None:
    files = doors()
    after = drafted(files, planned(files, WISH))
    assert "| west-2 | 10.9.1.2 | 8002 |" in after["list.md"][1].decode()
    assert after["gate.rules"] == files["gate.rules"]


@pytest.mark.parametrize("port", ["0", "65536", "99999", "-1", "http", "080"])
def test_a_port_out_of_range_is_refused(tmp_path: Path, port: str) -> None:
    files = doors()
    plan = planned(files, WISH)
    (command,) = (e.path for e in plan.edits if e.after and e.after[0] == 0o100755)
    checkout = Checkout(drafted(files, plan), tmp_path)
    before = checkout.files()
    assert checkout.run(command, "add", "roof-2", "10.9.2.2", port).returncode != 0
    assert checkout.files() == before
    assert checkout.run(command, "add", "roof-2", "10.9.2.2", "8080").returncode == 0
