"""What an entry point would run, in order, with the reasons why a failure would be lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import Files
from agents.reading.trace import trace
from agents.reading.values import MaskKind, Step, Trace
from tests.unit.agents.trees import made


def run(files: dict[str, str], *argv: str) -> Trace:
    return trace(made(files), argv)


def step(found: Trace, start: str) -> Step:
    return next(s for s in found.steps if " ".join(s.texts).startswith(start))


def kinds(found: Trace, start: str) -> list[str]:
    return [m.kind.value for m in step(found, start).masks]


WRAPPED = {
    "go": """
        #!/bin/bash
        set -e
        . ./lib.sh
        settings calm
        quietly "fetch" rsync -a "$FROM/" in/
        """,
    "lib.sh": """
        quietly() {
          local title=$1
          shift
          "$@" 2>&1 | tee -a run.log
        }
        settings() {
          set -a
          source "settings/$1.env"
          set +a
        }
        """,
    "settings/calm.env": "FROM=user@weather.example:/srv/obs\n",
}


def test_a_wrapper_that_runs_its_arguments_is_looked_through() -> None:
    found = run(WRAPPED, "./go")
    assert step(found, "rsync").texts == ("rsync", "-a", "user@weather.example:/srv/obs/", "in/")


def test_the_pipe_of_a_wrapper_hides_the_failure_of_what_it_runs() -> None:
    assert kinds(run(WRAPPED, "./go"), "rsync") == ["pipe"]


def test_pipefail_set_in_a_sourced_file_holds_for_the_caller() -> None:
    files = {**WRAPPED, "lib.sh": "        set -o pipefail\n" + WRAPPED["lib.sh"]}
    assert kinds(run(files, "./go"), "rsync") == []


def test_settings_of_a_sourced_file_are_told_with_their_file() -> None:
    found = run(WRAPPED, "./go")
    assert [(s.name, s.file, s.value) for s in found.settings] == [
        ("FROM", "settings/calm.env", "user@weather.example:/srv/obs")
    ]


def test_each_word_knows_where_its_text_stands() -> None:
    files = made(
        {"go": '#!/bin/bash\nopts=(-v --delete)\nopts+=(--stats)\nrsync "${opts[@]}" a b\n'}
    )
    words = trace(files, ("./go",)).steps[0].words
    place = next(w for w in words if w.text == "--delete").place
    assert place is not None
    assert files["go"][1][place.start : place.end] == b"--delete"


def test_flags_in_a_string_are_split_and_keep_their_places() -> None:
    files = made({"go": '#!/bin/sh\nFLAGS="-a --del"\nrsync $FLAGS x y\n'})
    found = trace(files, ("./go",)).steps[0]
    assert found.texts == ("rsync", "-a", "--del", "x", "y")
    place = found.words[2].place
    assert place is not None
    assert files["go"][1][place.start : place.end] == b"--del"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a x\nb", ["no-errexit"]),
        ("set -e\na x\nb", []),
        ("set -e\na x || true\nb", ["or"]),
        ("set -e\na x || exit 1\nb", []),
        ("a x || exit 1\nb", []),
        ("a x || { echo no; exit 3; }\nb", []),
        ("set -e\na x && c\nb", ["and"]),
        ("set -e\nif a x; then c; fi\nb", ["condition"]),
        ("set -e\nif ! a x; then exit 1; fi\nb", []),
        ("set -e\na x | b\nc", ["pipe"]),
        ("set -eo pipefail\na x | b\nc", []),
        ("set -e\na x &\nb", ["background"]),
        ('set -e\necho "$(a x)"\nb', ["substitution"]),
        ("set -e\nv=$(a x)\nb", []),
        ("set -e\nlocal v=$(a x)\nb", ["substitution"]),
        ("set -e\nfind . -exec a x \\;\nb", ["find-exec"]),
        ("a x", []),
    ],
)
def test_why_a_failure_is_lost(text: str, expected: list[str]) -> None:
    assert kinds(run({"go": f"#!/bin/bash\n{text}\n"}, "./go"), "a x") == expected


def test_errexit_does_not_hold_inside_a_function_whose_status_is_looked_at() -> None:
    files = {"go": "#!/bin/bash\nset -e\nf() {\n  a x\n  c\n}\nf || exit 1\nb\n"}
    assert kinds(run(files, "./go"), "a x") == ["ignored"]


def test_a_dash_before_a_recipe_line_hides_its_failure() -> None:
    files = {"Makefile": "all: in\n\tpush x\nin:\n\t-fetch y\n"}
    found = run(files, "make", "all")
    assert [s.name for s in found.steps] == ["fetch", "push"]
    assert kinds(found, "fetch") == ["make-prefix"]
    assert kinds(found, "push") == []


def test_make_variables_are_followed_into_recipe_lines_with_their_places() -> None:
    text = "OPTS = -r --delete\nTO ?= web.example:/srv\nput:\n\trsync $(OPTS) out/ $(TO)/$$USER\n"
    files = made({"Makefile": text})
    found = trace(files, ("make", "put")).steps[0]
    assert found.texts == ("rsync", "-r", "--delete", "out/", "web.example:/srv/$USER")
    place = found.words[2].place
    assert place is not None
    assert files["Makefile"][1][place.start : place.end] == b"--delete"


def test_a_package_script_is_looked_through_and_its_semicolon_hides_a_failure() -> None:
    files = {
        "go": "#!/bin/sh -e\nnpm run build\n",
        "package.json": '{"scripts": {"build": "press src --outDir dist; true"}}',
    }
    assert kinds(run(files, "./go"), "press") == ["no-errexit"]


def test_a_condition_that_can_be_told_decides_the_branch() -> None:
    files = {
        "go": '#!/bin/sh\ncase $1 in live) to=a ;; *) to=b ;; esac\n[ $# -eq 1 ] && put "$to"\n'
    }
    assert step(run(files, "./go", "live"), "put").texts == ("put", "a")


def test_a_settings_file_outside_the_tree_is_read_from_its_example() -> None:
    files = {
        "go": '#!/bin/sh\n. /etc/ferry.conf\nput "$DEST"\n',
        "etc/ferry.conf.example": "DEST=pier.example:/srv\n",
    }
    found = run(files, "./go")
    assert step(found, "put").texts == ("put", "pier.example:/srv")
    assert found.outside == (("/etc/ferry.conf", "etc/ferry.conf.example"),)


def test_settings_exported_from_a_file_by_a_substitution_are_known() -> None:
    files = {
        "go": "#!/bin/bash\nexport $(grep -v '^#' quay.env | xargs)\nput \"$DEST\"\n",
        "quay.env": "# where\nDEST=pier.example:/srv\n",
    }
    found = run(files, "./go")
    assert step(found, "put").texts == ("put", "pier.example:/srv")
    assert [s.file for s in found.settings] == ["quay.env"]


def test_a_variable_that_nothing_assigns_is_told() -> None:
    found = run({"go": '#!/bin/sh\nput "$WHERE" "${HOW:-fast}" "${WHO:?}"\n'}, "./go")
    told = {r.name: (r.default, r.guarded, r.required) for r in found.readings}
    assert told == {
        "WHERE": (None, False, False),
        "HOW": ("fast", True, False),
        "WHO": (None, True, True),
    }


def test_text_for_eval_is_named_and_not_followed() -> None:
    found = run({"go": '#!/bin/sh\ncmd="rm -r x"\neval "$cmd"\n'}, "./go")
    assert not found.steps
    assert "eval of a string" in found.opaque[0]


def test_scripts_that_call_each_other_in_a_ring_come_to_an_end() -> None:
    found = run({"a.sh": "#!/bin/sh\n./b.sh\n", "b.sh": "#!/bin/sh\n./a.sh\n"}, "./a.sh")
    assert any("too deeply" in line for line in found.opaque)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["go", "Makefile", "package.json"]))
def test_reading_never_raises_on_arbitrary_bytes(content: bytes, name: str) -> None:
    files: Files = {
        "go": (0o100755, b"#!/bin/bash\n. ./lib\n" + content),
        "lib": (0o100644, content),
        "Makefile": (0o100644, content),
        "package.json": (0o100644, content),
        name: (0o100755, content),
    }
    for argv in (("./go",), ("make",), ("npm", "run", "build"), ("sh", "-c", "./go x")):
        assert trace(files, argv).argv == argv


_SNIPPETS = st.lists(
    st.sampled_from(
        [
            "if a; then",
            "fi",
            "for x in 1 2; do",
            "done",
            "f() {",
            "}",
            "f x",
            '"$@" | tee y',
            "case $1 in",
            "a) b ;;",
            "esac",
            "x=$(",
            ")",
            "cat <<E",
            "E",
            "a && b || c",
            "${x%%*}",
            "`a`",
            "opts=(--delete",
            "while read l",
            "do",
            "set +e",
            "((i++))",
            "$'\\n'",
            "a |",
            "!",
        ]
    ),
    max_size=14,
)


@settings(max_examples=100, deadline=None)
@given(_SNIPPETS)
def test_reading_never_raises_on_odd_shell(parts: list[str]) -> None:
    content = "#!/bin/bash\n" + "\n".join(parts) + "\n"
    found = trace({"go": (0o100755, content.encode("utf-8"))}, ("./go", "x"))
    assert all(isinstance(m.kind, MaskKind) for s in found.steps for m in s.masks)
