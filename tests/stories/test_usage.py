"""Bad input at a terminal gets one clear sentence and the right exit code; nothing is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.stories.cli import Pawl


@pytest.fixture
def pawl(tmp_path: Path) -> Pawl:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/run.sh").write_text("#!/bin/sh\necho hello\n")
    return Pawl(tmp_path)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["propose", "."], "say what happened"),
        (["propose", ".", "-m", "  "], "the request is empty"),
        (["propose", "nowhere", "-m", "x"], "nowhere"),
        (["propose", ".", "-m", "x", "--entry", "'"], "--entry"),
        (["propose", ".", "-m", "x", "--patch", "no/such/folder/out.patch"], "no/such/folder"),
        (["propose", ".", "-m", "x", "--planner", "oracle"], "recipes"),
        (["prove", ".", "-m", "x"], "--change"),
        (["bogus"], "bogus"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_call_is_refused_in_one_sentence(pawl: Pawl, args: list[str], says: str) -> None:
    args = [str(pawl.home / "site") if a == "." else a for a in args]
    done = pawl.run(*args)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_folder_is_no_repository(pawl: Pawl) -> None:
    (pawl.home / "empty").mkdir()
    done = pawl.run("propose", pawl.home / "empty", "-m", "x")
    assert done.returncode == 2
    assert "no files" in done.stderr


def test_a_patch_that_leads_out_of_the_tree_is_refused_by_its_path(pawl: Pawl) -> None:
    fix = pawl.home / "fix.patch"
    fix.write_text(
        "diff --git a/../x b/../x\nnew file mode 100644\n--- /dev/null\n+++ b/../x\n"
        "@@ -0,0 +1 @@\n+x\n"
    )
    done = pawl.run("prove", pawl.home / "site", "--change", fix, "-m", "x")
    assert done.returncode == 6
    assert "../x" in done.stderr


def test_a_bad_setting_names_itself(pawl: Pawl) -> None:
    class Odd(Pawl):
        def environment(self) -> dict[str, str]:
            return {**super().environment(), "PAWL_SLOTS": "many"}

    done = Odd(pawl.home).run("log", "export", "-")
    assert done.returncode == 2
    assert "PAWL_SLOTS" in done.stderr


def test_a_repository_without_rehearsals_holds_vacuously_and_says_so(pawl: Pawl) -> None:
    done = pawl.run("rehearse", pawl.home / "site")
    assert done.returncode == 0
    assert "no rehearsals" in done.stdout


def test_help_tells_the_exit_codes(pawl: Pawl) -> None:
    done = pawl.run("--help")
    assert done.returncode == 0
    assert "6 refused by the gate" in " ".join(done.stdout.split())


def test_the_ratchet_is_the_whole_repositorys_wherever_it_is_asked_for(pawl: Pawl) -> None:
    site = pawl.home / "site"
    rehearsal = site / ".pawl/rehearsals/one"
    rehearsal.mkdir(parents=True)
    (rehearsal / "rehearsal.yaml").write_text("schema: other\n")
    (site / "below").mkdir()
    (site / "below/file").write_text("x\n")
    subprocess.run(["git", "init", "-q", str(site)], check=True)
    done = pawl.run("rehearse", site / "below", "nobody")
    assert done.returncode == 2
    assert "there are: one" in done.stderr
