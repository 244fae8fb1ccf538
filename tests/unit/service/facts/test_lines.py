from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from service.facts.commands import commands_of
from service.facts.lines import MOST_LINES, differ, split
from service.facts.trees import flatten, tree_id

CONTENT = st.lists(st.sampled_from([b"a", b"b", b"", b"}", b"\r", b"\xff"]), max_size=12).map(
    lambda lines: b"\n".join(lines)
)


@given(before=CONTENT, after=CONTENT)
def test_what_is_left_when_the_differing_lines_are_taken_out_is_the_same(
    before: bytes, after: bytes
) -> None:
    found = differ(before, after)
    old, new = split(before), split(after)
    assert all(old[line.n - 1] == line.text for line in found.removed)
    assert all(new[line.n - 1] == line.text for line in found.added)
    gone, come = {line.n for line in found.removed}, {line.n for line in found.added}
    assert [t for n, t in enumerate(old, 1) if n not in gone] == [
        t for n, t in enumerate(new, 1) if n not in come
    ]


def test_a_large_difference_shows_more_never_less() -> None:
    before = b"".join(b"%d\n" % n for n in range(MOST_LINES + 2))
    after = before.replace(b"\n", b" \n").replace(b"0 \n", b"0\n", 1)
    found = differ(before, after)
    assert found.added[-1].n == MOST_LINES + 2
    assert len(found.added) >= MOST_LINES


def test_commands_are_found_in_every_corner_of_a_script() -> None:
    script = b"""#!/bin/bash
for f in $(ls "$dir"); do mv "$f" \\
   /books/ ; done
if ! check; then echo no > log; fi
old=$(date -r x)
(cd /srv && rm -rf old) &
cat <<EOF | tee out
$(whoami)
EOF
"""
    found = commands_of(script)
    for command in (
        'ls "$dir"',
        'mv "$f" \\ /books/',
        "check",
        "echo no > log",
        "date -r x",
        "cd /srv",
        "rm -rf old",
        "tee out",
        "whoami",
    ):
        assert command in found, command


def test_a_script_that_does_not_parse_still_shows_its_commands() -> None:
    found = commands_of(b"if [ x ; then\nrm -rf /books\n")
    assert any("rm -rf /books" in command for command in found)


def test_a_tree_has_gits_own_id(tmp_path: Path) -> None:
    files = {
        "a/b/c": (0o100644, b"1\n"),
        "a.b/d": (0o100755, b"2\n"),
        "a-b": (0o100644, b""),
        "a/link": (0o120000, b"b/c"),
        "\u00fc": (0o100644, b"3"),
    }
    for path, (mode, content) in files.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if mode == 0o120000:
            target.symlink_to(content.decode())
        else:
            target.write_bytes(content)
            target.chmod(mode & 0o777)
    for argv in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *argv], cwd=tmp_path, check=True, capture_output=True)
    wrote = subprocess.run(
        ["git", "write-tree"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert tree_id(flatten(files).tree) == wrote.stdout.strip()
