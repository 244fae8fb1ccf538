from __future__ import annotations

import pytest

from sandbox import Files
from sandbox.engine import Call
from sandbox.proof.tells import asks, tries


def tree(text: str, path: str = "bake.sh") -> Files:
    return {path: (0o100755, text.encode())}


BASE = tree("#!/bin/sh\ncp flour dough\n")


@pytest.mark.parametrize(
    "line",
    [
        "[ -w /usr ] || exit 0",
        'if [ -w "/usr/bin" ]; then rm -rf out; fi',
        "u=/us; [ -w ${u}r ] && ./old.sh",
        'a=/lib\nb=64\ntest -w "$a$b" && ./old.sh',
        "touch /usr/.x 2>/dev/null && ./old.sh",
        "if : > /usr/.x; then ./old.sh; fi",
        'if os.access("/usr", os.W_OK): old()',
        "[ -e /usr/lib/pawl ] && exit 0",
    ],
)
def test_a_line_that_asks_for_what_every_trial_has_is_found(line: str) -> None:
    found = asks(BASE, tree(f"#!/bin/sh\n{line}\ncp flour dough\n"))
    assert [path for path, _, _ in found] == ["bake.sh"]
    assert found[0][2] in line


@pytest.mark.parametrize(
    "line",
    [
        "[ -w /srv/dough ] || exit 1",
        "[ -w /usr/local/bin ] || exit 1",
        "cp bake /usr/bin/bake",
        "[ -x /usr/bin/mixer ] || exit 1",
        "[ -w /library ] || exit 1",
        "echo done > /dev/null && true",
        "/usr/bin/touch out/mark && true",
    ],
)
def test_a_line_that_has_its_own_reason_is_left_alone(line: str) -> None:
    assert asks(BASE, tree(f"#!/bin/sh\n{line}\ncp flour dough\n")) == ()


def test_what_base_has_already_and_what_nobody_runs_is_left_alone() -> None:
    asking = "#!/bin/sh\n[ -w /usr ] || exit 0\n"
    assert asks(tree(asking), tree(asking + "cp flour dough\n")) == ()
    assert asks(tree("", "notes.md"), tree("Is /usr read-only? `[ -w /usr ]`\n", "notes.md")) == ()


def test_a_second_line_like_one_of_base_is_new() -> None:
    asking = "[ -w /usr ] || exit 0\n"
    found = asks(tree(asking), tree(asking + asking))
    assert [number for _, number, _ in found] == [2]


def call(*argv: str) -> Call:
    return Call(argv[0], 1, argv, "/repo", 1)


def test_a_call_that_tries_a_system_folder_on_the_draft_alone_is_found() -> None:
    found = tries([call("touch", "/usr/old")], [call("touch", "/usr/old"), call("touch", "/usr/x")])
    assert found == ("touch /usr/x",)
    assert (
        tries([], [call("tee", "/dev/null"), call("mkdir", "/usr/local/x"), call("ls", "/usr")])
        == ()
    )
