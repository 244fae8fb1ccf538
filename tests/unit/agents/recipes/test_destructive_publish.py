"""The family "destructive publish": found by effect, rehearsed from the tree, edited in style."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from agents import Files, NothingFits, NotReproduced, Plan, Rehearsal, ReshapeKind
from agents.recipes.planner import RecipePlanner
from tests.unit.agents.trees import ScriptedDesk, brief, load, made

REQUEST = "The nightly publish deleted half of the live site."
STYLES = ("makefile-handbook", "arrays-scores", "wrapper-feeds")


def rehearsed(files: Files, request: str = REQUEST, *hits: bool) -> tuple[Rehearsal, ScriptedDesk]:
    desk = ScriptedDesk(*hits)
    answer = RecipePlanner().rehearse(brief(files, request), desk)
    assert isinstance(answer, Rehearsal), answer
    return answer, desk


def document(rehearsal: Rehearsal) -> dict[str, object]:
    found = yaml.safe_load(rehearsal.files["rehearsal.yaml"][1])
    assert isinstance(found, dict)
    return found


def planned(files: Files, request: str = REQUEST, told: tuple[str, ...] = ()) -> Plan:
    rehearsal, desk = rehearsed(files, request)
    answer = RecipePlanner().plan(brief(files, request, told), desk, rehearsal)
    assert isinstance(answer, Plan), answer
    return answer


def after(plan: Plan, path: str) -> str:
    edit = next(e for e in plan.edits if e.path == path)
    assert edit.after is not None
    return edit.after[1].decode()


def one(script: str, **more: str) -> Files:
    return made({"go": "#!/bin/bash\n" + script, **more})


# --- rehearsing ----------------------------------------------------------------------------------


def test_the_world_comes_from_operands_settings_and_names_that_pages_refer_to() -> None:
    files, request = load("wrapper-feeds")
    found = document(rehearsed(files, request)[0])
    assert found["entry"] == ["jobs/refresh"]
    world = found["world"]
    assert isinstance(world, dict)
    names = world["hosts"]["depot.example"]["/srv/feeds"]
    assert {"lines.csv", "stops.csv", "trips.csv"} <= set(names)
    assert any("/" in name for name in names), "nothing nested"
    assert set(world["hosts"]) == {"depot.example", "mirror-north.example", "mirror-south.example"}
    assert found["invariants"] == [{"old-or-new": ["hosts"]}]
    assert found["workspace"] == "cold"
    assert found["faults"] == [{"command": "rsync", "call": 1, "does": "cut", "exit": 12}]


def test_an_unknown_program_gets_a_builder_where_the_tree_says_what_it_writes() -> None:
    files, request = load("makefile-handbook")
    world = document(rehearsed(files, request)[0])["world"]
    assert isinstance(world, dict)
    assert world["tools"] == {"pagepress": {"kind": "builder", "output": "-d", "count": 6}}


def test_an_unknown_program_with_input_and_output_file_is_a_converter() -> None:
    files = one(
        'mkdir -p out\nfor i in art/*.xcf; do\n  flatten "$i" -o "out/$(basename "$i").png"\n'
        "done\nrsync -a --delete out/ shop.example:/srv/art/\n",
        **{".gitignore": "out/\n", "art/a.xcf": "x", "art/b.xcf": "y"},
    )
    world = document(rehearsed(files)[0])["world"]
    assert isinstance(world, dict)
    assert world["tools"] == {"flatten": {"kind": "converter", "output": "-o"}}


def test_an_unknown_program_without_evidence_can_not_be_judged_and_is_named() -> None:
    files = one("data=$(ledgertool list)\nrsync -a --delete out/ shop.example:/srv/art/\n")
    answer = RecipePlanner().rehearse(brief(files, REQUEST), ScriptedDesk())
    assert isinstance(answer, NothingFits)
    assert any("ledgertool list" in u for u in answer.unknown)


def test_a_mirror_whose_far_side_nothing_plays_is_named() -> None:
    files = one("cp -R pages/. out/\nrclone sync out remote:site\n", **{"pages/a": "x"})
    answer = RecipePlanner().rehearse(brief(files, REQUEST), ScriptedDesk())
    assert isinstance(answer, NothingFits)
    assert any("rclone sync out" in u for u in answer.unknown)


def test_a_bucket_that_only_the_environment_names_is_made_up() -> None:
    files = one('cp -R a/. out/\naws s3 sync out "s3://$SITE_BUCKET" --delete\n', **{"a/x": "x"})
    world = document(rehearsed(files)[0])["world"]
    assert isinstance(world, dict)
    assert world["env"] == {"SITE_BUCKET": "site-bucket"}
    assert world["object-storage"] == {"buckets": ["site-bucket"]}


def test_where_only_a_stand_in_makes_the_pages_a_live_one_was_changed_by_hand() -> None:
    files = one(
        "npm run pages\nrsync -r --delete public/ shop.example:/srv/www/\n",
        **{"package.json": '{"scripts": {"pages": "press; true"}}', ".gitignore": "public\n"},
    )
    found = document(rehearsed(files)[0])
    assert found["stimulus"] == {"change": ["shop.example:/srv/www/index.html"]}
    assert found["faults"] == [{"command": "press", "call": 1, "does": "cut", "exit": 1}]


def test_the_next_fault_is_tried_when_the_first_does_not_hit_and_the_reason_is_kept() -> None:
    files, request = load("wrapper-feeds")
    rehearsal, desk = rehearsed(files, request, False, False, True)
    assert len(desk.tried) == 3
    faults = [str(document(r)["faults"]) for r in desk.tried]
    assert len(set(faults)) == 3
    assert rehearsal is desk.tried[-1]
    assert len(desk.discarded) == 2


def test_tries_are_bounded_and_end_in_not_reproduced_with_what_was_tried() -> None:
    files, request = load("wrapper-feeds")
    desk = ScriptedDesk(*[False] * 50)
    answer = RecipePlanner().rehearse(brief(files, request), desk)
    assert isinstance(answer, NotReproduced)
    assert len(answer.tried) == len(desk.tried) <= 6


def test_a_run_that_does_not_work_without_faults_is_not_tried_again() -> None:
    files, request = load("wrapper-feeds")
    desk = ScriptedDesk(False, control_good=False)
    answer = RecipePlanner().rehearse(brief(files, request), desk)
    assert isinstance(answer, NotReproduced)
    assert len(desk.tried) == 1
    assert "can't be judged" in answer.why
    assert "no live file was lost" not in answer.why


def test_a_hit_with_a_bad_control_does_not_count() -> None:
    files, request = load("wrapper-feeds")
    answer = RecipePlanner().rehearse(
        brief(files, request), ScriptedDesk(True, True, control_good=False)
    )
    assert isinstance(answer, NotReproduced)


@pytest.mark.parametrize(
    ("repository", "word"),
    [("nothing-wrong", ""), ("eval-publish", "eval of a string: rsync -a --delete")],
)
def test_what_does_not_fit_ends_honestly_without_a_try(repository: str, word: str) -> None:
    files, request = load(repository)
    desk = ScriptedDesk()
    answer = RecipePlanner().rehearse(brief(files, request), desk)
    assert isinstance(answer, NothingFits)
    assert not desk.tried
    assert word in " ".join(answer.unknown)


def test_a_request_about_something_else_is_no_publish_even_where_one_stands() -> None:
    files, _ = load("wrapper-feeds")
    request = "Adding a stop means editing four tables by hand. Can that be one command?"
    answer = RecipePlanner().rehearse(brief(files, request), ScriptedDesk())
    assert isinstance(answer, NothingFits)
    assert "something else" in answer.why


def test_a_rotation_that_is_mirrored_is_left_to_another_family() -> None:
    files = one(
        "cd /var/keep\nrm -rf night.7\nmv night.1 night.2\ntar -cf night.1 /etc\n"
        "rsync -a --delete /var/keep/ vault.example:/srv/keep/\n"
    )
    answer = RecipePlanner().rehearse(
        brief(files, "The mirror deleted our backups and the site is gone"), ScriptedDesk()
    )
    assert isinstance(answer, NothingFits)
    assert "rotation" in " ".join(answer.unknown)


def test_the_entry_that_a_person_gives_is_taken_first() -> None:
    files = made(
        {
            "a.sh": "#!/bin/bash\ncp -R s/. o/\nrsync -a --delete o/ x.example:/srv/a/\n",
            "b.sh": "#!/bin/bash\ncp -R s/. o/\nrsync -a --delete o/ x.example:/srv/b/\n",
            "s/f": "x",
        }
    )
    ask = brief(files, REQUEST)
    desk = ScriptedDesk()
    answer = RecipePlanner().rehearse(
        type(ask)(ask.request, files, ask.survey, entry=("./b.sh",)), desk
    )
    assert isinstance(answer, Rehearsal)
    assert document(answer)["entry"] == ["./b.sh"]


# --- planning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("repository", STYLES)
def test_a_plan_takes_deletion_out_and_weighs_alternatives(repository: str) -> None:
    files, request = load(repository)
    plan = planned(files, request)
    assert plan.kind is ReshapeKind.ELIMINATE
    assert len(plan.alternatives) >= 2
    assert plan.price
    assert plan.unsolved
    assert (plan.prediction.readout, plan.prediction.before, plan.prediction.after) == (
        "open failures",
        1,
        0,
    )
    text = b"".join(e.after[1] for e in plan.edits if e.after)
    assert b"--del" not in text


@pytest.mark.parametrize("repository", STYLES)
def test_edits_leave_scripts_that_a_shell_can_parse(repository: str, tmp_path: Path) -> None:
    files, request = load(repository)
    for edit in planned(files, request).edits:
        assert edit.after is not None
        if edit.after[1].startswith(b"#!"):
            script = tmp_path / "script"
            script.write_bytes(edit.after[1])
            shell = "bash" if b"bash" in edit.after[1].splitlines()[0] else "sh"
            subprocess.run([shell, "-n", str(script)], check=True)  # parses only, runs nothing


def test_an_options_array_loses_the_flag_and_keeps_the_rest() -> None:
    files, request = load("arrays-scores")
    text = after(planned(files, request), "publish.sh")
    assert "sync_opts=(\n  --only-show-errors\n  --cache-control max-age=300\n)" in text


def test_the_message_of_a_swallowed_failure_stays_and_the_run_ends() -> None:
    files, request = load("arrays-scores")
    text = after(planned(files, request), "publish.sh")
    assert '|| { echo "could not engrave $name" >&2; exit 1; }' in text
    assert "ignore them" not in text


def test_existing_options_are_widened_in_place() -> None:
    files, request = load("arrays-scores")
    text = after(planned(files, request), "publish.sh")
    assert text.splitlines()[2] == "set -euo pipefail"
    assert text.count("set -") == 1


def test_make_recipes_lose_their_masks() -> None:
    files, request = load("makefile-handbook")
    text = after(planned(files, request), "Makefile")
    assert "\n\tpagepress build --quiet -d $(OUT)\n" in text
    assert "\n\tcp -R img/. $(OUT)/img/\n" in text
    assert "RSYNC_FLAGS = -rt --exclude=.well-known" in text


def test_a_shell_without_pipefail_hands_the_status_round_the_pipe() -> None:
    files, request = load("wrapper-feeds")
    text = after(planned(files, request), "bin/run-step")
    assert "pipefail" not in text.replace("has no pipefail", "")
    assert "trap 'echo $? >&3' EXIT" in text


@pytest.mark.parametrize("shell", ["sh", "bash --posix"])
@pytest.mark.parametrize(
    ("command", "code"), [("true", 0), ("exit 7", 7), ("kill -9 $$", 137), ("nosuchcommand", 127)]
)
def test_that_wrapper_ends_as_its_command_did_and_shows_what_it_said(
    tmp_path: Path, shell: str, command: str, code: int
) -> None:
    files, request = load("wrapper-feeds")
    script = tmp_path / "run-step"
    script.write_text(after(planned(files, request), "bin/run-step"))
    # our own text with a command of our own: nothing of a target repository runs here
    ran = subprocess.run(
        [*shell.split(), str(script), "title", "sh", "-c", f"echo said; {command}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == code
    assert "said" in ran.stdout
    assert "said" in (tmp_path / "steps.log").read_text()


def test_nounset_is_left_out_where_a_script_reads_what_nothing_assigns() -> None:
    files = one(
        'cp -R a/. out/\necho "$NOTE"\naws s3 sync out s3://shelf --delete\n', **{"a/x": "x"}
    )
    assert "set -eo pipefail\n" in after(planned(files), "go")


def test_a_lib_that_callers_source_is_not_touched_where_the_caller_is_strict() -> None:
    files = made(
        {
            "go": "#!/bin/bash\nset -euo pipefail\n. ./lib.sh\nput\n",
            "lib.sh": "put() {\n  cp -R a/. out/\n  rsync -r --delete out/ h.example:/srv/x/\n}\n",
            "a/x": "x",
        }
    )
    assert [e.path for e in planned(files).edits] == ["lib.sh"]


def test_steps_joined_by_and_get_lines_of_their_own() -> None:
    files = one(
        "set -e\ncp -R a/. out/ && gzip out/x\nrsync -r --delete out/ h.example:/srv/x/\n",
        **{"a/x": "x"},
    )
    assert "cp -R a/. out/\ngzip out/x\n" in after(planned(files), "go")


def test_a_construct_that_keeps_the_publish_from_running_is_left_as_it_is() -> None:
    files = one(
        "set -e\nif cp -R a/. out/; then\n  rsync -r --delete out/ h.example:/srv/x/\nelse\n"
        "  echo later\nfi\necho done\n",
        **{"a/x": "x"},
    )
    assert "else\n  echo later\nfi" in after(planned(files), "go")


def test_a_place_that_is_emptied_first_is_filled_as_it_is() -> None:
    files = one(
        "press -d new\nrm -rf /srv/www/club\nmv new /srv/www/club\n", **{".gitignore": "new\n"}
    )
    text = after(planned(files), "go")
    assert "rm -rf" not in text
    assert "mkdir -p /srv/www/club\ncp -R new/. /srv/www/club/\n" in text


def test_a_mirror_that_feeds_the_publish_does_not_delete_either() -> None:
    files = one(
        "rsync -a --delete desk.example:/srv/copy/ copy/\ncp -R copy/. out/\n"
        "aws s3 sync out s3://stand --delete\n",
        **{".gitignore": "copy/\nout/\n"},
    )
    assert "--delete" not in after(planned(files), "go")


def test_words_that_came_back_lead_to_other_edits_and_then_to_an_honest_end() -> None:
    files, request = load("wrapper-feeds")
    seen = set()
    for count in range(8):
        rehearsal, desk = rehearsed(files, request)
        told = tuple(f"proof {i} did not hold" for i in range(count))
        answer = RecipePlanner().plan(brief(files, request, told), desk, rehearsal)
        if isinstance(answer, NothingFits):
            assert answer.rehearsal is rehearsal
            break
        assert isinstance(answer, Plan)
        edits = tuple((e.path, e.after) for e in answer.edits)
        assert edits not in seen
        seen.add(edits)
    assert 2 <= len(seen) < 8


def test_nothing_is_edited_beside_what_could_not_be_parsed() -> None:
    files = one(
        "cp -R a/. out/\nrsync -r --delete out/ h.example:/srv/x/\nif then (( \n", **{"a/x": "x"}
    )
    rehearsal, desk = rehearsed(files)
    answer = RecipePlanner().plan(brief(files, REQUEST), desk, rehearsal)
    assert isinstance(answer, NothingFits)
    assert answer.rehearsal is rehearsal


def test_bytes_that_no_edit_names_stay_as_they_are() -> None:
    script = (
        "#!/bin/bash\r\n# caf\u00e9 \ufeff\n\n\n   cp  -R   a/.    out/   # odd   blanks\n"
        "rsync -r  --delete   out/ h.example:/srv/x/\n\techo done  \n"
    )
    files = {**made({"a/x": "x"}), "go": (0o100755, script.encode())}
    text = after(planned(files), "go")
    assert text == script.replace("\n\n\n   cp", "\nset -euo pipefail\n\n\n   cp", 1).replace(
        "  --delete", "", 1
    )


def test_a_pattern_of_the_shell_still_tells_which_file_is_new_input() -> None:
    files: Files = {
        "push.sh": (
            0o100755,
            b"#!/bin/sh\nmkdir -p o; cp src/*.bin o/\naws s3 sync o/ s3://depot/x/ --delete\n",
        ),
        "README.md": (0o100644, b"Run `./push.sh` to publish.\n"),
        "src/a.bin": (0o100644, b"a"),
        "src/b.bin": (0o100644, b"b"),
        "src/notes.txt": (0o100644, b"n"),
    }
    rehearsal, _ = rehearsed(files, "push.sh deleted objects from the bucket", True)
    assert document(rehearsal)["stimulus"] == {
        "change": ["/repo/src/a.bin"],
        "add": ["/repo/src/newest.bin"],
    }
