"""What a repository keeps for Pawl is found whole, or the reason is said in one sentence."""

from __future__ import annotations

import pytest

from service.repos import FILE, LINK, RepositoryError, ratchet

KEPT = {
    ".pawl/config.yaml": (FILE, b'checks:\n  - ["make", "check"]\n  - ["./lint", "--all"]\n'),
    ".pawl/rehearsals/README.md": (FILE, b"what these are\n"),
    ".pawl/rehearsals/late-fee/rehearsal.yaml": (FILE, b"schema: rehearsal/v1\n"),
    ".pawl/rehearsals/late-fee/bin/harm.sh": (0o100755, b"exit 0\n"),
    ".pawl/rehearsals/empty/notes.txt": (FILE, b"\n"),
    ".pawl/policies/desk.rego": (FILE, b"package pawl.repo.desk\n"),
    ".pawl/policies/desk_test.rego": (FILE, b"package pawl.repo.desk_test\n"),
    ".pawl/policies/away.rego": (LINK, b"/etc/rules.rego"),
    "desk/.pawl/config.yaml": (FILE, b"not here\n"),
}


def config(text: bytes) -> ratchet.Config:
    return ratchet.config({".pawl/config.yaml": (FILE, text)})


def test_the_ratchet_is_every_folder_of_rehearsals_by_name() -> None:
    assert ratchet.rehearsals(KEPT) == {
        "late-fee": {
            "rehearsal.yaml": (FILE, b"schema: rehearsal/v1\n"),
            "bin/harm.sh": (0o100755, b"exit 0\n"),
        },
        "empty": {"notes.txt": (FILE, b"\n")},
    }


def test_rules_are_files_and_their_tests_come_when_asked_for() -> None:
    assert list(ratchet.policies(KEPT)) == [".pawl/policies/desk.rego"]
    assert len(ratchet.policies(KEPT, tests=True)) == 2


def test_checks_are_commands() -> None:
    assert ratchet.config(KEPT).checks == (("make", "check"), ("./lint", "--all"))
    assert ratchet.config({}).checks == ()
    assert config(b"# nothing yet\n").checks == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(b"cheks: []\n", "`cheks` is no key", id="unknown key"),
        pytest.param(b"checks: make\n", "list of commands", id="no list"),
        pytest.param(b"checks:\n  - make check\n", "check 1", id="a check as one string"),
        pytest.param(b"checks:\n  - [make, 1]\n", "check 1", id="a word that is a number"),
        pytest.param(b"checks:\n  - []\n", "check 1", id="an empty check"),
        pytest.param(b"checks: []\nchecks: []\n", "comes twice", id="a key twice"),
        pytest.param(b"checks: [\n", "not YAML", id="broken YAML"),
        pytest.param(b"checks: !!python/name:os.system\n", "not YAML", id="a Python object"),
        pytest.param(b"- checks\n", "must hold keys", id="a list"),
        pytest.param(b"\xff\xfe", "not UTF-8", id="other bytes"),
        pytest.param(b"#" * 70_000, "plain file", id="too large"),
    ],
)
def test_a_configuration_that_is_not_understood_is_an_error(text: bytes, says: str) -> None:
    with pytest.raises(RepositoryError, match=says) as wrong:
        config(text)
    assert wrong.value.code == "bad-config"
    assert "\n" not in str(wrong.value)
