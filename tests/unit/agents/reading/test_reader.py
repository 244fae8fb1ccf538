"""The survey of a tree: ways to start something, what is destructive, settings and sources."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agents import Files
from agents.reading.reader import TreeReader
from tests.unit.agents.trees import load, made

PRESS = {
    "press/run.sh": """
        #!/bin/bash
        # press/run.sh morning|evening : set the paper and send it out.
        set -e
        source "conf/$1.env"
        rsync -a "$DESK/" copy/
        rsync -a --delete copy/ "$STAND"
        """,
    "conf/morning.env": "DESK=desk.example:/srv/copy\nSTAND=stand.example:/srv/www/morning\n",
    "conf/evening.env": "DESK=desk.example:/srv/copy\nSTAND=stand.example:/srv/www/evening\n",
    "press/clean.sh": "#!/bin/bash\nrm -rf copy\n",
    ".github/workflows/paper.yml": """
        on: push
        jobs:
          paper:
            steps:
              - run: |
                  cd .
                  press/run.sh morning
              - {run: "make -C docs all"}
        """,
    "docs/Makefile": "all:\n\tcp a b\n",
    "docs/guide.md": "Run `press/run.sh evening` at five.\n\n    press/clean.sh      afterwards\n",
    "cron.d/paper": "5 4 * * * paper /opt/paper/press/run.sh morning\n",
}


def entries(files: Files) -> dict[tuple[str, ...], str]:
    return {e.argv: e.started_by for e in TreeReader().survey(files).entry_points}


def test_ci_cron_and_people_are_told_with_their_place() -> None:
    found = entries(made(PRESS))
    assert found[("press/run.sh", "morning")] == "CI .github/workflows/paper.yml:5"
    assert found[("press/run.sh", "evening")] == "people docs/guide.md:1"
    assert found[("press/clean.sh",)] == "people docs/guide.md:3"
    assert found[("make", "-C", "docs", "all")] == "CI .github/workflows/paper.yml:8"


def test_a_usage_line_gives_the_arguments_where_nobody_else_does() -> None:
    files = made({p: t for p, t in PRESS.items() if p.startswith(("press", "conf"))})
    assert {argv for argv in entries(files) if argv[0] == "press/run.sh"} == {
        ("press/run.sh", "morning"),
        ("press/run.sh", "evening"),
    }


def test_a_placeholder_is_no_argument() -> None:
    files = made({**PRESS, "docs/guide.md": "Call `press/clean.sh FOLDER` or `press/clean.sh`.\n"})
    assert ("press/clean.sh", "FOLDER") not in entries(files)


def test_destructive_commands_are_told_where_their_words_stand() -> None:
    found = TreeReader().survey(made(PRESS)).destructive
    assert "press/run.sh:6 rsync --delete" in found
    assert "press/clean.sh:2 rm -rf copy" in found


def test_around_keeps_one_way_a_script_and_only_those_that_reach_the_effect() -> None:
    found = TreeReader().around(made(PRESS), ("press/run.sh", "evening"), "destructive-publish")
    assert [e.argv for e in found.entry_points] == [("press/run.sh", "evening")]
    assert found.sources == ("desk.example:/srv/copy",)
    assert {(s.name, s.file, s.feeds) for s in found.settings} == {
        ("DESK", "conf/evening.env", "remote"),
        ("STAND", "conf/evening.env", "remote"),
    }


def test_around_takes_every_other_entry_that_reaches_the_effect() -> None:
    files = made({**PRESS, "again.sh": "#!/bin/sh\npress/run.sh morning\n"})
    found = TreeReader().around(files, ("./again.sh",), "destructive-publish")
    assert [e.argv for e in found.entry_points] == [
        ("./again.sh",),
        ("press/run.sh", "morning"),
    ]


def test_the_closure_names_scripts_settings_and_programs() -> None:
    found = TreeReader().survey(made(PRESS)).reach
    assert found is not None
    assert found[("press/run.sh", "morning")] == ("press/run.sh", "conf/morning.env")


def test_what_could_not_be_parsed_is_named() -> None:
    files = made({**PRESS, "odd.sh": "#!/bin/bash\nif then fi (( \n"})
    assert any(line.startswith("odd.sh:") for line in TreeReader().survey(files).unread)


def test_a_program_that_mirrors_by_itself_is_named_as_unread() -> None:
    files = made(
        {
            "go": "#!/bin/sh\npython3 put.py\n",
            "put.py": 'import subprocess\nsubprocess.run(["rsync", "--delete", "a", "b:c"])\n',
        }
    )
    assert any("put.py:2" in line for line in TreeReader().survey(files).unread)


def test_make_target_in_another_style_is_an_entry_with_a_world() -> None:
    files, _ = load("makefile-handbook")
    found = TreeReader().around(files, ("make", "publish"), "destructive-publish")
    assert [e.argv for e in found.entry_points] == [("make", "publish")]
    assert ("HOST", "Makefile", "remote") in {(s.name, s.file, s.feeds) for s in found.settings}


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "a.sh",
                "Makefile",
                ".github/workflows/x.yml",
                "README.md",
                "crontab",
                "x.service",
                "package.json",
                ".gitlab-ci.yml",
                "\udcff.sh",
            ]
        ),
        st.binary(max_size=200),
        max_size=6,
    )
)
def test_a_survey_never_raises_on_arbitrary_bytes(files: dict[str, bytes]) -> None:
    tree = {p: (0o100755, c) for p, c in files.items()}
    found = TreeReader().survey(tree)
    for entry in found.entry_points[:3]:
        TreeReader().around(tree, entry.argv, "destructive-publish")
