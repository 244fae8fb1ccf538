from __future__ import annotations

import pytest

from sandbox.worlds import is_boundary, signature, unknown_call


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param(["/usr/bin/cp", "-a", "x", "y"], "cp", id="a path is left out"),
        pytest.param(["aws", "s3", "sync", "a", "s3://b"], "aws s3 sync", id="two verbs"),
        pytest.param(["aws", "--profile", "p", "s3", "rm", "x"], "aws s3 rm", id="valued option"),
        pytest.param(["aws", "--no-sign-request", "s3", "ls"], "aws s3 ls", id="bare option"),
        pytest.param(["kubectl", "--context=c", "-n", "n", "apply"], "kubectl apply", id="options"),
        pytest.param(["git", "-C", "/x", "push"], "git push", id="git in another folder"),
        pytest.param(["aws"], "aws", id="no verbs at all"),
        pytest.param(["npm", "run", "site", "--", "-v"], "npm run site", id="npm script"),
    ],
)
def test_a_signature_is_the_command_and_its_verbs(argv: list[str], name: str) -> None:
    assert signature(argv) == name


@pytest.mark.parametrize(
    "argv",
    [
        ["aws", "s3", "cp", "a", "s3://b/a"],
        ["rsync", "-a", "a/", "attic:/srv/a/"],
        ["rsync", "-a", "bo@attic:a", "."],
        ["rsync", "a", "rsync://attic/a"],
        ["curl", "-fsS", "https://example.test/x"],
        ["git", "push", "origin"],
        ["pg_dump", "letters"],
        ["docker", "push", "letters"],
        ["restic", "-r", "sftp:attic:/r", "backup", "/x"],
    ],
    ids=" ".join,
)
def test_these_calls_leave_the_machine(argv: list[str]) -> None:
    assert is_boundary(signature(argv), argv)


@pytest.mark.parametrize(
    "argv",
    [
        ["rsync", "-a", "a/", "/srv/b/"],
        ["rsync", "-a", "./x:y", "/srv/b/"],
        ["cp", "a", "b"],
        ["git", "status"],
        ["docker", "build", "."],
        ["curl", "http://127.0.0.1:80/x"],
        ["restic", "-r", "/srv/r", "backup", "/x"],
    ],
    ids=" ".join,
)
def test_these_calls_stay_on_the_machine(argv: list[str]) -> None:
    assert not is_boundary(signature(argv), argv)


def test_an_rsync_daemon_is_said_to_be_unknown() -> None:
    assert "attic::letters" in (unknown_call(["rsync", "-a", "x", "attic::letters"]) or "")
    assert "rsync://attic" in (unknown_call(["rsync", "-a", "x", "rsync://attic/l"]) or "")
    assert unknown_call(["rsync", "-a", "x", "attic:letters"]) is None
    assert unknown_call(["cp", "a::b", "c"]) is None
