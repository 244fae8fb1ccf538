"""The signature of a call: the command and the verbs that say what it does.

Pure, and without an import of Pawl: the image carries a copy of this very file for the keeper.
Which faults are worth trying, and whether one did harm, is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

VERBS: Mapping[str, int] = {
    "ansible-galaxy": 2,
    "apt": 1,
    "apt-get": 1,
    "aws": 2,
    "az": 2,
    "borg": 1,
    "cargo": 1,
    "docker": 1,
    "docker-compose": 1,
    "flyctl": 1,
    "gcloud": 3,
    "gh": 2,
    "git": 1,
    "go": 1,
    "gsutil": 1,
    "helm": 1,
    "ip": 2,
    "kubectl": 1,
    "mc": 1,
    "npm": 2,
    "pip": 1,
    "pnpm": 2,
    "podman": 1,
    "pulumi": 1,
    "rclone": 1,
    "restic": 1,
    "service": 2,
    "systemctl": 1,
    "terraform": 1,
    "tofu": 1,
    "vault": 2,
    "yarn": 1,
    "zfs": 1,
}
"""How many words after the command say what it does, for tools that have verbs."""

VALUE_OPTIONS: Mapping[str, frozenset[str]] = {
    "aws": frozenset(
        [
            "--profile",
            "--region",
            "--endpoint-url",
            "--output",
            "--query",
            "--ca-bundle",
            "--color",
            "--cli-read-timeout",
            "--cli-connect-timeout",
        ]
    ),
    "az": frozenset(["--subscription", "--output", "-o", "--query"]),
    "borg": frozenset(["--remote-path", "--rsh", "--umask"]),
    "docker": frozenset(["-H", "--host", "-c", "--context", "--config", "-l", "--log-level"]),
    "docker-compose": frozenset(
        ["-f", "--file", "-p", "--project-name", "--env-file", "--profile"]
    ),
    "gcloud": frozenset(
        ["--project", "--account", "--configuration", "--format", "--zone", "--region"]
    ),
    "gh": frozenset(["-R", "--repo"]),
    "git": frozenset(["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path"]),
    "gsutil": frozenset(["-o", "-h", "-u"]),
    "helm": frozenset(["-n", "--namespace", "--kube-context", "--kubeconfig"]),
    "kubectl": frozenset(
        [
            "-n",
            "--namespace",
            "--context",
            "--cluster",
            "--kubeconfig",
            "--user",
            "-s",
            "--server",
            "--token",
            "--as",
            "--request-timeout",
        ]
    ),
    "npm": frozenset(["--prefix", "-C", "-w", "--workspace"]),
    "podman": frozenset(["--url", "--connection", "--identity", "--log-level", "--root"]),
    "rclone": frozenset(["--config", "--log-file", "--log-level", "--transfers", "--checkers"]),
    "restic": frozenset(["-r", "--repo", "-p", "--password-file", "--cache-dir", "-o", "--option"]),
    "systemctl": frozenset(["-H", "--host", "-M", "--machine", "-t", "--type", "-p", "--property"]),
    "vault": frozenset(["-address", "-namespace"]),
}
"""Options before the verbs that take the next word as their value."""


def signature(command: str, arguments: Sequence[str]) -> str:
    """Return the command and its verbs, such as "aws s3 sync" or "rsync".

    `arguments` are the words after the command. Options before and between the verbs are skipped,
    with their values where the tool is known; a word with a path or an address in it is no verb.
    """
    wanted = VERBS.get(command, 0)
    takes_value = VALUE_OPTIONS.get(command, frozenset())
    words = [command]
    skip = False
    for word in arguments:
        if len(words) > wanted:
            break
        if skip:
            skip = False
        elif word.startswith("-") and word != "-":
            skip = word in takes_value
        elif "/" in word or ":" in word:
            break
        else:
            words.append(word)
    return " ".join(words)


def means(command: str, called: str) -> bool:
    """Answer whether a fault at `command` means a call with the signature `called`."""
    return called == command or called.startswith(command + " ")
