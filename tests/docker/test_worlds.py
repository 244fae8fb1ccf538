"""Outside systems as a cell meets them: the real clients at work, and what is seen of it."""

from __future__ import annotations

import hashlib

import pytest

from sandbox.engine import Call, Ended, Fault, Ran, Run, Tool, World
from tests.docker.conftest import Open

pytestmark = pytest.mark.docker

LETTERS = {f"/srv/letters/{name}": name.encode() * 50 for name in ("ada", "bo", "cy/dee")}
SHELF = World(buckets=("paper-shelf",), content=LETTERS)
ATTIC = World(
    hosts=("attic",),
    unreachable=("moon",),
    content={**LETTERS, "attic:/srv/old/one": b"1\n", "attic:/srv/old/two": b"2\n"},
)


def bash(script: str, **more: object) -> Run:
    return Run(("bash", "-c", script), **more)  # type: ignore[arg-type]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


def outside(ran: Ran) -> dict[str, str]:
    """The part of a state that lies in no cell."""
    return {at: shows for at, shows in ran.state.items() if not at.startswith("/")}


def good(ran: Ran, code: int = 0) -> Ran:
    assert (ran.ended, ran.code, ran.broken) == (Ended.EXITED, code, ""), ran.output
    return ran


def call(ran: Ran, signature: str) -> Call:
    return next(call for call in ran.calls if call.signature == signature)


# object storage


def test_a_sync_puts_and_deletes_objects(opened: Open) -> None:
    ground = opened({}, SHELF)
    sync = "aws s3 sync /srv/letters s3://paper-shelf/post --delete --no-progress"
    after = good(ground.advance(bash(sync)))
    assert outside(after) == {
        "s3://paper-shelf/post/ada": digest(b"ada" * 50),
        "s3://paper-shelf/post/bo": digest(b"bo" * 50),
        "s3://paper-shelf/post/cy/dee": digest(b"cy/dee" * 50),
    }
    assert ground.read("s3://paper-shelf/post/bo") == b"bo" * 50

    again = good(ground.run(bash(f"{sync}; echo done")))
    assert (
        again.output == b"done\n"
    )  # nothing to do: sizes and times are as the first run left them

    gone = good(ground.run(bash(f"rm /srv/letters/bo; {sync}")))
    assert "s3://paper-shelf/post/bo" not in gone.state
    assert "s3://paper-shelf/post/ada" in gone.state


def test_a_source_that_changes_after_a_sync_is_sent_again(opened: Open) -> None:
    ground = opened({}, SHELF)
    sync = "aws s3 sync /srv/letters s3://paper-shelf --no-progress"
    good(ground.advance(bash(sync)))
    ground.place({"/srv/letters/ada": b"ADA" * 50})
    assert outside(good(ground.run(bash(sync))))["s3://paper-shelf/ada"] == digest(b"ADA" * 50)


def test_profile_region_endpoint_and_environment_change_nothing(opened: Open) -> None:
    ground = opened({}, SHELF)
    ran = good(
        ground.run(
            bash(
                "export AWS_PROFILE=nobody AWS_ENDPOINT_URL=http://elsewhere.test\n"
                "aws --profile prod --region eu-west-1 s3 cp /srv/letters/ada s3://paper-shelf/a\n"
                "echo 'b' | env -i /usr/bin/aws s3 cp - s3://paper-shelf/b --no-cli-pager\n"
                "aws --endpoint-url https://elsewhere.test s3 cp s3://paper-shelf/b -\n"
                "aws s3api head-object --bucket paper-shelf --key a --query ContentLength"
            )
        )
    )
    assert set(outside(ran)) == {"s3://paper-shelf/a", "s3://paper-shelf/b"}
    assert ran.output.endswith(b"b\n150\n")
    assert ran.unknown == ()


def test_a_bucket_that_is_not_there_fails_as_in_life(opened: Open) -> None:
    ran = opened({}, SHELF).run(bash("aws s3 ls s3://no-such-shelf"))
    assert ran.code
    assert b"NoSuchBucket" in ran.output


def test_an_object_is_there_whole_or_not_at_all_after_a_cut(opened: Open) -> None:
    ground = opened({}, SHELF)
    ran = ground.run(
        bash(
            "aws s3 sync /srv/letters s3://paper-shelf --no-progress",
            faults=[Fault("aws s3 sync", "cut", exit=9)],
        )
    )
    assert ran.fired
    assert ran.code == 9
    assert outside(ran) == {"s3://paper-shelf/ada": digest(b"ada" * 50)}  # one of three


def test_a_record_shows_what_a_call_made_and_read_in_storage(opened: Open) -> None:
    ground = opened({}, SHELF)
    good(ground.advance(bash("aws s3 cp /srv/letters/ada s3://paper-shelf/in/ada")))
    ran = ground.run(
        bash(
            "aws s3 sync s3://paper-shelf/in /srv/back --no-progress\n"
            "aws s3 mv s3://paper-shelf/in/ada s3://paper-shelf/out/ada\n",
            record=True,
        )
    )
    assert call(ran, "aws s3 sync").created == ("/srv/back/ada",)
    assert call(ran, "aws s3 sync").read == ("s3://paper-shelf/in",)
    assert call(ran, "aws s3 mv").created == ("s3://paper-shelf/out/ada",)
    assert call(ran, "aws s3 mv").removed == ("s3://paper-shelf/in/ada",)


def test_an_effect_without_state_is_a_line_that_two_runs_share(opened: Open) -> None:
    ground = opened({}, SHELF)
    script = bash(
        'aws cloudfront create-invalidation --distribution-id E1 --paths "/*" '
        "--query Invalidation.Status --output text; aws sns publish --topic-arn t --message hello"
    )
    one, two = good(ground.run(script)), good(ground.run(script))
    assert one.output.startswith(b"InProgress\n")
    assert set(outside(one)) == {"journal:aws/1", "journal:aws/2"}
    assert one.state == two.state
    assert one.unknown == ()


def test_a_question_that_no_stand_in_can_answer_is_unknown(opened: Open) -> None:
    ran = opened({}, SHELF).run(bash("aws ec2 describe-instances || true"))
    assert ran.code == 0
    assert ran.unknown == ("aws ec2 describe-instances",)


# hosts


def test_a_command_on_a_host_works_in_that_hosts_folders(opened: Open) -> None:
    ran = good(
        opened({}, ATTIC).run(
            bash(
                "ssh bo@attic 'mkdir -p /srv/new && mv /srv/old/one /srv/new/ && rm -r /srv/old"
                " && ln -sfn /srv/new /srv/now && cat /srv/now/one && pwd && hostname && whoami'"
            )
        )
    )
    assert ran.output == b"1\n/home/bo\nattic\nbo\n"
    assert outside(ran) == {"attic:/srv/new/one": digest(b"1\n"), "attic:/srv/now": "->/srv/new"}


def test_rsync_goes_both_ways_and_deletes(opened: Open) -> None:
    ran = good(
        opened({}, ATTIC).run(
            bash(
                "rsync -a --delete /srv/letters/ attic:/srv/old/\n"
                'rsync -a -e "ssh -p 2222 -o BatchMode=yes" attic:/srv/old/ /srv/back/\n'
                "cat /srv/back/cy/dee"
            )
        )
    )
    assert ran.output == b"cy/dee" * 50
    assert set(outside(ran)) == {f"attic:/srv/old/{name}" for name in ("ada", "bo", "cy/dee")}


def test_scp_sftp_tar_and_scripts_by_stdin_reach_a_host(opened: Open) -> None:
    ran = good(
        opened({}, ATTIC).run(
            bash(
                "set -e\n"
                "scp -q /srv/letters/ada attic:/srv/by-scp\n"
                "scp -q -O /srv/letters/ada attic:/srv/by-old-scp\n"
                "echo 'put /srv/letters/ada /srv/by-sftp' | sftp -q -b - attic >/dev/null\n"
                "tar -C /srv/letters -c ada | ssh attic tar -C /srv -x\n"
                "ssh attic 'bash -s' <<< 'cp /srv/ada /srv/by-stdin; exit 5' || echo code $?\n"
            )
        )
    )
    assert ran.output == b"code 5\n"
    names = ("by-scp", "by-old-scp", "by-sftp", "ada", "by-stdin")
    assert {outside(ran)[f"attic:/srv/{name}"] for name in names} == {digest(b"ada" * 50)}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ssh moon true", b"ssh: connect to host moon port 22: Connection timed out"),
        ("ssh mars true", b"ssh: Could not resolve hostname mars: Name or service not known"),
        ("rsync -a /srv/letters/ mars:/x", b"Could not resolve hostname mars"),
        ("scp /srv/letters/ada moon:/x", b"connect to host moon"),
    ],
)
def test_a_host_that_does_not_answer_fails_as_in_life(
    opened: Open, command: str, said: bytes
) -> None:
    ran = opened({}, ATTIC).run(bash(command))
    # rsync tells the end of ssh (255) or its own (12), by which of the two it sees first
    assert ran.code in ((255, 12) if command.startswith("rsync") else (255,))
    assert said in ran.output
    assert ran.unknown == ()


def test_a_program_that_no_host_has_is_unknown(opened: Open) -> None:
    ran = opened({}, ATTIC).run(bash("ssh attic 'brewctl pour || true'"))
    assert ran.code == 0
    assert ran.unknown == ("ssh attic brewctl",)


def test_an_alias_of_the_ssh_configuration_leads_to_its_host(opened: Open) -> None:
    ground = opened(
        {"ssh_config": "Host store*\n  HostName attic\n  User cy\n"},
        ATTIC,
    )
    assert good(ground.run(bash("ssh -F ssh_config store-1 whoami"))).output == b"cy\n"


def test_a_record_shows_effects_and_reads_on_a_host(opened: Open) -> None:
    ran = opened({}, ATTIC).run(
        bash(
            "rsync -a attic:/srv/old/ /srv/back/\n"
            "ssh attic 'rm /srv/old/one; echo 3 > /srv/old/two; echo 4 > /srv/old/four'\n",
            record=True,
        )
    )
    pull = call(ran, "rsync")
    assert pull.created == ("/srv/back/one", "/srv/back/two")
    assert pull.read == ("attic:/srv/old",)
    push = next(c for c in ran.calls if c.signature == "ssh" and "/srv/old/one" in c.argv[-1])
    assert push.created == ("attic:/srv/old/four",)
    assert push.changed == ("attic:/srv/old/two",)
    assert push.removed == ("attic:/srv/old/one",)


def test_a_cut_on_a_host_keeps_the_earlier_half_of_whole_files(opened: Open) -> None:
    ran = opened({}, ATTIC).run(
        bash(
            "rsync -a --delete /srv/letters/ attic:/srv/old/",
            faults=[Fault("rsync", "cut", exit=12)],
        )
    )
    assert ran.code == 12
    # created ada, bo, cy/dee; removed one, two: the first two of five stay
    assert outside(ran) == {
        "attic:/srv/old/ada": digest(b"ada" * 50),
        "attic:/srv/old/bo": digest(b"bo" * 50),
        "attic:/srv/old/one": digest(b"1\n"),
        "attic:/srv/old/two": digest(b"2\n"),
    }


def test_what_a_run_left_on_hosts_is_gone_in_the_next_and_kept_by_priming(opened: Open) -> None:
    ground = opened({}, ATTIC)
    write = bash(
        "ssh attic 'echo x > /srv/left; (sleep 60; echo late > /srv/late) >/dev/null 2>&1 &'"
    )
    assert "attic:/srv/left" in good(ground.run(write)).state
    assert outside(good(ground.run(bash("true")))) == {
        "attic:/srv/old/one": digest(b"1\n"),
        "attic:/srv/old/two": digest(b"2\n"),
    }
    good(ground.advance(write))
    assert good(ground.run(bash("ssh attic cat /srv/left"))).output == b"x\n"


REACHING = r"""
import ctypes, socket, struct
reached = []
for slot in range(4):
    name = b"/ctl/%d.sock" % slot
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(5)
    address = struct.pack("H", socket.AF_UNIX) + name + bytes(1)
    if ctypes.CDLL(None).syscall(42, link.fileno(), address, len(address)) == 0:
        try:
            link.send(b'{"op": "state"}\n')
            reached.append(link.recv(100))
        except OSError:
            reached.append(b"")
print(reached)
"""
"""Connects by the bare system call, past whatever stands between a command and the kernel."""


def test_neither_a_cell_nor_a_command_of_a_host_can_give_orders(opened: Open) -> None:
    ground = opened({"reach.py": REACHING}, ATTIC)
    assert good(ground.run(Run(("python3", "reach.py")))).output == b"[]\n"
    ran = good(ground.run(bash("ssh attic python3 - < reach.py")))
    assert b"b''" in ran.output  # the socket is there, and says nothing
    assert b"state" not in ran.output


def test_a_command_that_ends_the_stand_ins_makes_its_run_broken_and_no_other(opened: Open) -> None:
    ground = opened({}, ATTIC)
    assert ground.run(bash("ssh attic 'kill -9 -1'")).broken
    assert good(ground.run(bash("ssh attic cat /srv/old/one"))).output == b"1\n"


# tools and what a machine has


def test_a_converters_output_follows_from_its_input(opened: Open) -> None:
    world = World(content=LETTERS, tools=(Tool("press", "converter", "-o"),), empty=("/srv/out",))
    ran = opened({}, world).run(
        bash(
            "press -q 80 /srv/letters/ada -o /srv/out/a && press /srv/letters/ada -o /srv/out/b\n"
            "press /srv/letters/bo -o /srv/out/c; press /srv/letters/none -o /srv/out/d; echo $?\n"
            "press --version >/dev/null; echo $?"
        )
    )
    assert ran.output.endswith(b"1\n0\n")
    made = {name: ran.state.get(f"/srv/out/{name}") for name in "abcd"}
    assert made["a"] == made["b"]
    assert made["a"] != made["c"]
    assert made["d"] is None


def test_a_builder_makes_its_files_from_the_seed(opened: Open) -> None:
    ground = opened({}, World(tools=(Tool("bindery", "builder", "site", count=4),)))
    one, again, two = (
        good(ground.run(bash("bindery --fast", seed=seed))).state for seed in (1, 1, 2)
    )
    files = sorted(at for at in one if at.startswith("/repo/site/"))
    assert len(files) == 4
    assert "/repo/site/index.html" in files
    assert one == again
    assert all(one[at] != two[at] for at in files)


def test_a_sink_writes_down_that_it_was_called(opened: Open) -> None:
    ran = opened({}, World(tools=(Tool("bell", "sink"),))).run(bash("bell ring twice"))
    assert outside(good(ran)) == {"journal:bell/1": digest(b"bell ring twice")}


def test_services_are_written_down_and_remembered(opened: Open) -> None:
    ran = opened({}, ATTIC).run(
        bash(
            "systemctl is-active press; sudo systemctl enable --now press\n"
            "systemctl is-active press; sudo service press stop; systemctl is-active press\n"
            "ssh attic sudo systemctl restart mill"
        )
    )
    assert ran.output == b"inactive\nactive\ninactive\n"
    assert sorted(at for at in outside(ran) if at.startswith("journal")) == [
        "journal:systemctl/1",
        "journal:systemctl/2",
        "journal:systemctl@attic/1",
    ]


def test_a_crontab_is_a_file_of_the_machine(opened: Open) -> None:
    ran = opened({}).run(
        bash("crontab -l; echo '5 4 * * * post' | crontab -; crontab -l; sudo -u cy crontab -r")
    )
    assert ran.output == b"no crontab for ops\n5 4 * * * post\nno crontab for cy\n"
    assert ran.state["/var/spool/cron/crontabs/ops"] == digest(b"5 4 * * * post\n")


def test_scripts_of_a_package_run_and_what_nobody_knows_is_said(opened: Open) -> None:
    package = (
        '{"name": "p", "version": "1.0.0", "scripts": {"prepost": "echo a", "post": "echo b"}}'
    )
    ground = opened({"package.json": package, "package-lock.json": "{}"})
    ran = good(ground.run(bash("npm ci >/dev/null && npm run post -- c")))
    assert b"\na\n" in ran.output
    assert b"\nb c\n" in ran.output
    assert ran.unknown == ()
    assert ground.run(bash("npm whirl || true")).unknown == ("npm whirl",)


# other clients of the same buckets

RCLONE = "[store]\ntype = s3\n\n[drive]\ntype = drive\n"


@pytest.mark.parametrize(
    "publish",
    [
        "gsutil -m rsync -r -d /srv/letters gs://paper-shelf/post",
        "gcloud storage rsync --recursive --delete-unmatched-destination-objects"
        " /srv/letters gs://paper-shelf/post",
        "rclone --config rclone.conf sync /srv/letters store:paper-shelf/post --transfers 4",
    ],
    ids=["gsutil", "gcloud", "rclone"],
)
def test_other_clients_make_a_place_equal_to_its_source(opened: Open, publish: str) -> None:
    ground = opened({"rclone.conf": RCLONE}, SHELF)
    ran = good(ground.advance(bash(publish)))
    assert set(outside(ran)) == {f"s3://paper-shelf/post/{n}" for n in ("ada", "bo", "cy/dee")}
    changed = good(ground.run(bash(f"rm /srv/letters/bo; echo x >> /srv/letters/ada; {publish}")))
    assert outside(changed) == {
        "s3://paper-shelf/post/ada": digest(b"ada" * 50 + b"x\n"),
        "s3://paper-shelf/post/cy/dee": digest(b"cy/dee" * 50),
    }
    lost = ground.run(bash(f"rm -r /srv/letters; {publish}"))
    assert lost.code == 1  # a source that is not there deletes nothing
    assert outside(lost) == outside(ran)


def test_other_clients_copy_list_and_remove(opened: Open) -> None:
    ran = good(
        opened({"rclone.conf": RCLONE}, SHELF).run(
            bash(
                "set -e\n"
                "gsutil -q cp /srv/letters/ada gs://paper-shelf/a/\n"
                "gsutil cp -r /srv/letters gs://paper-shelf/all\n"
                "gsutil ls gs://paper-shelf/all/\n"
                "gsutil cat gs://paper-shelf/all/bo | wc -c\n"
                "gsutil rm 'gs://paper-shelf/all/b*'\n"
                "gcloud storage rm --recursive gs://paper-shelf/all/cy\n"
                "rclone --config rclone.conf copyto store:paper-shelf/a/ada store:paper-shelf/b\n"
                "rclone --config rclone.conf lsf store:paper-shelf",
            )
        )
    )
    assert (
        b"gs://paper-shelf/all/ada\ngs://paper-shelf/all/bo\ngs://paper-shelf/all/cy/\n100\n"
        in (ran.output)
    )
    assert ran.output.endswith(b"a/\nall/\nb\n")
    assert set(outside(ran)) == {f"s3://paper-shelf/{name}" for name in ("a/ada", "all/ada", "b")}


def test_what_other_clients_are_asked_and_nobody_knows_is_said(opened: Open) -> None:
    ran = opened({"rclone.conf": RCLONE}, SHELF).run(
        bash(
            "rclone --config rclone.conf sync /srv/letters drive:x; gcloud run deploy; gsutil du gs://x"
        )
    )
    assert len(ran.unknown) == 3
