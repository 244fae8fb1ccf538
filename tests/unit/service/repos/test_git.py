"""Git ends in time, within its bounds, or as an error that says which."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from service.repos import RepositoryError, git


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started() -> None:
    started = monotonic()
    with pytest.raises(RepositoryError) as wrong:
        git.run(["-c", "alias.wait=!sleep 30; true", "wait"], timeout=0.2)
    assert wrong.value.code == "git-timeout"
    assert monotonic() - started < 15


def test_output_beyond_the_cap_is_an_error_and_not_cut_in_silence() -> None:
    with pytest.raises(RepositoryError) as wrong:
        git.run(["help", "--all"], cap=10)
    assert wrong.value.code == "git-output"


def test_a_failure_says_what_git_said(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="not a git repository"):
        git.run(["status"], git_dir=tmp_path)


@pytest.mark.parametrize("url", ["ext::sh -c true", "https://example.org/x.git", "/"])
def test_no_protocol_is_left_on(tmp_path: Path, url: str) -> None:
    done = git.run(["clone", "--", url, str(tmp_path / "c")], ok=None)
    assert done.code != 0
    assert not (tmp_path / "c").exists()


def test_git_sees_no_environment_and_no_settings_but_ours() -> None:
    shown = git.run(["-c", "alias.seen=!env", "seen"]).out.decode().splitlines()
    seen = dict(line.split("=", 1) for line in shown if "=" in line)
    guards = {
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    assert guards.items() <= seen.items()
    ours = ("GIT_", "HOME", "PATH", "LC_ALL", "TZ", "PWD", "OLDPWD", "SHLVL", "_")
    assert [name for name in seen if not name.startswith(ours)] == []


def test_one_protocol_is_open_and_no_other(library: Path) -> None:
    answer = git.network(["ls-remote", "--", str(library)], protocol=git.Protocol.FILE)
    assert b"refs/heads/main" in answer.out
    for closed in (git.Protocol.SSH, git.Protocol.HTTPS):
        with pytest.raises(RepositoryError, match="not allowed"):
            git.network(["ls-remote", "--", str(library)], protocol=closed)
    with pytest.raises(RepositoryError, match="not allowed"):
        git.network(["ls-remote", "--", "ext::sh -c true"], protocol=git.Protocol.FILE)


def test_the_hosts_own_settings_are_seen_where_git_has_to_sign_in_and_only_there(
    tmp_path: Path,
) -> None:
    (tmp_path / ".gitconfig").write_text("[credential]\n\thelper = store\n")
    asked = ["config", "--get-all", "credential.helper"]
    host = {"HOME": str(tmp_path)}
    seen = git.network(asked, protocol=git.Protocol.HTTPS, host=host)
    assert seen.text == "store"
    hidden = git.network(asked, protocol=git.Protocol.FILE, host=host)
    assert hidden.text == ""


def test_a_fetch_that_brings_too_much_ends(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror.git"
    git.run(["init", "-q", "--bare", str(mirror)])
    monkeypatch.setattr(git, "MAX_PACK", 16)
    with pytest.raises(RepositoryError):
        git.network(
            ["fetch", "-q", "--", str(library), "+refs/heads/main:refs/heads/main"],
            protocol=git.Protocol.FILE,
            git_dir=mirror,
        )
