"""How a call is named, and which calls leave the machine.

One table of commands whose first words say what they do, shared by the record of a cell (the image
carries a copy of this file, so it imports the standard library only) and by the
choice of faults. Nothing here runs or judges a call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

VERBS: dict[str, int] = {
    "ansible-galaxy": 1,
    "apt": 1,
    "apt-get": 1,
    "aws": 2,
    "az": 2,
    "borg": 1,
    "cargo": 1,
    "docker": 1,
    "doctl": 2,
    "firebase": 1,
    "flyctl": 1,
    "gcloud": 2,
    "gh": 2,
    "git": 1,
    "go": 1,
    "gsutil": 1,
    "helm": 1,
    "ip": 2,
    "kubectl": 1,
    "make": 1,
    "netlify": 1,
    "npm": 2,
    "oc": 1,
    "pip": 1,
    "pip3": 1,
    "pnpm": 2,
    "podman": 1,
    "rclone": 1,
    "restic": 1,
    "s3cmd": 1,
    "service": 2,
    "systemctl": 1,
    "terraform": 1,
    "tofu": 1,
    "vault": 2,
    "vercel": 1,
    "wrangler": 2,
    "yarn": 2,
    "zfs": 1,
}
"""Command -> how many words after it belong to its signature. Commands not listed have none."""

VALUED: dict[str, tuple[str, ...]] = {
    "aws": (
        "--ca-bundle",
        "--cli-binary-format",
        "--cli-connect-timeout",
        "--cli-read-timeout",
        "--color",
        "--endpoint-url",
        "--output",
        "--profile",
        "--query",
        "--region",
    ),
    "docker": ("-H", "--host", "-c", "--context", "--config", "-l", "--log-level"),
    "gcloud": ("--account", "--configuration", "--project"),
    "git": ("-C", "-c", "--git-dir", "--work-tree", "--namespace"),
    "gsutil": ("-o", "-u", "-h"),
    "helm": ("-n", "--namespace", "--kube-context", "--kubeconfig"),
    "kubectl": (
        "-n",
        "--namespace",
        "-s",
        "--server",
        "--as",
        "--cluster",
        "--context",
        "--kubeconfig",
        "--request-timeout",
        "--token",
        "--user",
    ),
    "make": ("-C", "--directory", "-f", "--file", "-I", "-j", "-o", "-W"),
    "npm": ("--prefix", "-C", "-w", "--workspace"),
    "oc": ("-n", "--namespace", "--context", "--kubeconfig"),
    "pnpm": ("-C", "--dir", "--filter", "-F"),
    "rclone": ("--config", "--bwlimit", "--transfers", "--checkers", "--log-level"),
    "restic": ("-r", "--repo", "-p", "--password-file", "-o", "--cache-dir"),
    "s3cmd": ("-c", "--config"),
    "systemctl": ("-H", "--host", "-M", "--machine", "-t", "--type", "-p", "--property"),
    "terraform": (),
    "yarn": ("--cwd",),
}
"""Options that take the next word as their value and may stand before the verbs."""

_AWAY = frozenset(
    {
        "ansible",
        "ansible-playbook",
        "aws",
        "az",
        "curl",
        "doctl",
        "firebase",
        "flyctl",
        "ftp",
        "gcloud",
        "gh",
        "gsutil",
        "helm",
        "kubectl",
        "lftp",
        "mail",
        "mailx",
        "mariadb",
        "mariadb-dump",
        "mongo",
        "mongodump",
        "mongorestore",
        "mongosh",
        "msmtp",
        "mysql",
        "mysqldump",
        "nc",
        "netlify",
        "oc",
        "pg_basebackup",
        "pg_dump",
        "pg_dumpall",
        "pg_restore",
        "psql",
        "redis-cli",
        "s3cmd",
        "scp",
        "sendmail",
        "sftp",
        "sqlcmd",
        "ssh",
        "terraform",
        "tofu",
        "vault",
        "vercel",
        "wget",
        "wrangler",
    }
)
"""Commands whose work is elsewhere, whatever their arguments say."""

_AWAY_VERBS = frozenset(
    {
        *(f"git {verb}" for verb in ("push", "fetch", "pull", "clone", "ls-remote")),
        *(f"docker {verb}" for verb in ("push", "pull", "login")),
        *(f"podman {verb}" for verb in ("push", "pull", "login")),
        "cargo publish",
    }
)
_REMOTE = re.compile(
    r"^(?:[\w.+-]+@)?\[?[\w.:-]*\w\]?:(?!/{2})|^[a-z][a-z0-9+.-]*://", re.IGNORECASE
)
"""HOST:PATH, USER@HOST:PATH, [v6]:PATH or a URL, as rsync and scp read an operand."""

_LOCAL_URL = re.compile(r"^(?:file://|https?://(?:localhost|127\.|\[::1\]))", re.IGNORECASE)
_PUBLISHERS = frozenset({"npm publish", "yarn publish", "pnpm publish", "yarn npm"})


def signature(argv: Sequence[str]) -> str:
    """The name that faults and records use: the command and the verbs that the table gives it.

    Options before and between the verbs are left out, with the value of those known to take one.
    An empty `argv` has the signature "".
    """
    if not argv:
        return ""
    name = argv[0].rpartition("/")[2]
    words = [name]
    valued = VALUED.get(name, ())
    skip = False
    for word in argv[1:]:
        if len(words) > VERBS.get(name, 0):
            break
        if skip:
            skip = False
        elif word.startswith("-") and word != "-":
            skip = word in valued
        else:
            words.append(word)
    return " ".join(words)


def is_boundary(signature: str, argv: Sequence[str]) -> bool:
    """Whether a call leaves the machine, so that what it says about its success may be a lie.

    `argv` is the whole call, the command included.
    """
    command = signature.partition(" ")[0]
    operands = [word for word in argv[1:] if not word.startswith("-")]
    if command in {"curl", "wget"}:
        urls = [word for word in operands if "://" in word]
        return not urls or any(not _LOCAL_URL.match(url) for url in urls)
    if command in _AWAY or signature in _AWAY_VERBS or _publishes(signature):
        return True
    if command in {"rsync", "rclone", "restic", "borg", "duplicity", "unison"}:
        return any(_REMOTE.match(word) for word in operands)
    return False


def unknown_call(argv: Sequence[str]) -> str | None:
    """What a recorded call asks of no stand-in that Pawl has, in one sentence; else None.

    An rsync daemon can't be reached from a cell; a script may hide that failure, so a call to one
    makes a run unfit to be judged even when everything else went well.
    """
    if not argv or argv[0].rpartition("/")[2] != "rsync":
        return None
    for word in argv[1:]:
        daemon = word.startswith("rsync://") or re.match(r"^[\w.@\[\]-]+::", word)
        if not word.startswith("-") and daemon:
            return f"rsync was asked for the daemon {word}, which has no stand-in"
    return None


def _publishes(signature: str) -> bool:
    return any(signature == name or signature.startswith(name + " ") for name in _PUBLISHERS)
