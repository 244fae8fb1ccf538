"""What is known of tools: which start others, which read and write where, what is in a plain host.

Knowledge of tools in general, never of a repository. Functions take the texts of a command.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def named(text: str) -> frozenset[str]:
    """The set of the words of a text."""
    return frozenset(text.split())


# words that stand before the command that really runs: their options that take a value
PREFIXES: dict[str, frozenset[str]] = {
    "sudo": named(
        """
        -u -g -h -p -C -r -t -T -U -D -R
        """
    ),
    "doas": frozenset(("-u", "-C")),
    "env": frozenset(("-u", "-C", "-S")),
    "nice": frozenset(("-n",)),
    "ionice": frozenset(("-c", "-n", "-p")),
    "time": frozenset(("-f", "-o")),
    "timeout": frozenset(("-s", "-k", "--signal", "--kill-after")),
    "nohup": frozenset(),
    "command": frozenset(),
    "builtin": frozenset(),
    "exec": frozenset(("-a",)),
    "setsid": frozenset(),
    "stdbuf": frozenset(("-i", "-o", "-e")),
    "chronic": frozenset(),
    "caffeinate": frozenset(("-t", "-w")),
    "flock": frozenset(("-w", "--timeout", "-E")),
    "unbuffer": frozenset(),
}
TAKES_ONE = {"timeout": 1, "flock": 1}  # operands of the prefix itself

SHELLS = frozenset(("bash", "sh", "dash", "ksh", "zsh", "ash"))
INTERPRETERS = frozenset(
    ("python", "python3", "perl", "ruby", "node", "php", "awk", "deno", "bun", "Rscript")
)
PACKAGE_RUNNERS = frozenset(("npm", "yarn", "pnpm", "bun"))
MAKES = frozenset(("make", "gmake"))

BUILTINS = named(
    """
    : . [ [[ alias bg bind break builtin caller cd command compgen complete continue declare
    dirs disown echo enable eval exec exit export false fc fg getopts hash help history jobs
    kill let local logout mapfile popd printf pushd pwd read readarray readonly return set shift
    shopt source suspend test times trap true type typeset ulimit umask unalias unset wait
    """
)
PASSIVE = frozenset(("true", ":", "echo", "printf", "logger", "warn", "say", "log", "info"))

# what a plain Debian host with the usual packages has, and what the cells have real parts for
AT_HAND = named(
    """
    awk base64 basename bash bunzip2 bzip2 cat chgrp chmod chown cksum cmp comm cp csplit
    curl cut dash date dd df diff dir dirname du env expand expr factor file find flock fmt fold
    gawk git grep egrep fgrep groups gunzip gzip head hostid hostname iconv id install ionice
    join jq less ln locale logname ls make mawk md5sum mkdir mkfifo mknod mktemp more mv nice nl
    nohup nproc numfmt od openssl paste patch perl pgrep pidof pkill pr ps python3
    readlink realpath renice rm rmdir rsync scp script sed seq sftp sh sha1sum sha224sum
    sha256sum sha384sum sha512sum shred shuf sleep sort split ssh stat stdbuf stty sudo sync tac
    tail tar tee test timeout touch tr tree true tsort tty uname uncompress unexpand uniq unlink
    unxz unzip uptime uuidgen watch wc which whoami who xargs xz xzcat yes zcat zgrep zip
    aws ssh-keygen ssh-agent ssh-add ssh-keyscan fakeroot npm npx
    pnpm yarn crontab service systemctl sqlite3
    """
)

# how many words after the name tell one kind of call from another
VERBS = {
    **dict.fromkeys(named("az aws doctl gcloud gh ip npm pnpm service vault wrangler yarn"), 2),
    **dict.fromkeys(
        named(
            """
            ansible-galaxy apt apt-get borg cargo docker firebase flyctl git go gsutil helm kubectl
            make netlify oc pip pip3 podman rclone restic s3cmd systemctl terraform tofu vercel zfs
            """
        ),
        1,
    ),
}
_VALUED = named(
    """
    --profile --region --endpoint-url --output --config --project --account -C -c -f --context
    --namespace -n --kubeconfig --config-file
    """
)


def signature(texts: Sequence[str]) -> str:
    """The kind of a call: the command's name and its verbs ("aws s3 sync", "rsync")."""
    if not texts:
        return ""
    name = texts[0].rsplit("/", 1)[-1]
    wanted = VERBS.get(name, 0)
    verbs: list[str] = []
    skip = False
    for word in texts[1:]:
        if len(verbs) == wanted:
            break
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _VALUED
        else:
            verbs.append(word)
    return " ".join((name, *verbs))


# options that take a value as the next word, by tool; what follows is no operand
_TAKES: dict[str, frozenset[str]] = {
    "rsync": named(
        """
        -e --rsh -f --filter --exclude --include --exclude-from --include-from --files-from
        --max-delete --max-size --min-size --partial-dir --backup-dir --suffix --temp-dir -T
        --compare-dest --copy-dest --link-dest --timeout --contimeout --port --bwlimit
        --log-file --log-file-format --out-format --password-file --chmod --chown --rsync-path
        --info --debug -B --block-size -M --remote-option --usermap --groupmap --iconv --address
        --modify-window --skip-compress --compress-level --stop-after
        """
    ),
    "aws": named(
        """
        --exclude --include --acl --cache-control --profile --region --endpoint-url --output
        --content-type --storage-class --sse --metadata --metadata-directive --expires --grants
        --source-region --page-size --content-encoding --content-disposition --content-language
        --request-payer --query --color --cli-read-timeout --cli-connect-timeout
        """
    ),
    "cp": frozenset(("-S", "--suffix", "-t", "--target-directory")),
    "mv": frozenset(("-S", "--suffix", "-t", "--target-directory")),
    "install": named(
        """
        -m -o -g -t --mode --owner --group --target-directory -S
        """
    ),
    "ln": frozenset(("-t", "--target-directory", "-S")),
    "scp": named(
        """
        -P -i -o -c -F -l -J -S
        """
    ),
    "rclone": frozenset(
        ["--config", "--exclude", "--include", "--filter", "--transfers", "--backup-dir"]
    ),
    "gsutil": frozenset(("-x", "-h", "-o")),
    "curl": named(
        """
        -o --output -H -d --data -u -X -A -T -F -w --retry -m --max-time
        """
    ),
    "wget": frozenset(["-O", "-P", "-o", "-q"]),
    "git": frozenset(("-C", "-c", "--depth", "-b", "--branch")),
    "ssh": named(
        """
        -i -p -o -l -F -J -b -c -L -R -D -E -S -W
        """
    ),
}


def takes_value(name: str, option: str) -> bool:
    """Whether an option of a tool is followed by its value."""
    return option in _TAKES.get(name, frozenset())


def operand_indexes(texts: Sequence[str]) -> list[int]:
    """Where the operands of a command stand: no options, no values of options."""
    name = texts[0].rsplit("/", 1)[-1] if texts else ""
    found: list[int] = []
    skip = plain = False
    for i, word in enumerate(texts[1:], 1):
        if skip:
            skip = False
        elif plain or not word.startswith("-") or word == "-":
            found.append(i)
        elif word == "--":
            plain = True
        else:
            skip = takes_value(name, word)
    return found


_REMOTE = re.compile(
    r"^(?:[^/:\s@]+@)?([A-Za-z0-9$][A-Za-z0-9._${}-]*|\[[0-9a-fA-F:]+\]):(?!//)(.*)$"
)
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://(.*)$")


def host_of(operand: str) -> tuple[str, str] | None:
    """Host and path of a `user@host:path` operand."""
    if operand.startswith(("/", "./", "../")):
        return None
    found = _REMOTE.match(operand)
    return (found.group(1), found.group(2)) if found else None


def scheme_of(operand: str) -> tuple[str, str] | None:
    """Scheme and the rest of a URL-like operand."""
    found = _SCHEME.match(operand)
    return (found.group(1), found.group(2)) if found else None
