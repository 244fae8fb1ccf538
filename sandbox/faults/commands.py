"""Commands that a record passes by: they start other calls, or do nothing at all.

A table only. Every other command of the image is recorded; which of its calls a fault is worth
trying at, the proof decides by their effects.
"""

from __future__ import annotations

WRAPPERS = frozenset(
    [
        "bash",
        "chroot",
        "dash",
        "doas",
        "env",
        "fakeroot",
        "fakeroot-sysv",
        "fakeroot-tcp",
        "flock",
        "ionice",
        "make",
        "nice",
        "nohup",
        "nsenter",
        "parallel",
        "rbash",
        "run-parts",
        "runuser",
        "script",
        "setpriv",
        "setsid",
        "sh",
        "stdbuf",
        "su",
        "sudo",
        "taskset",
        "time",
        "timeout",
        "unshare",
        "watch",
        "xargs",
    ]
)
"""They start something else, which is a call of its own."""

WITHOUT_EFFECT = frozenset(
    [
        "[",
        "arch",
        "basename",
        "cal",
        "clear",
        "cmp",
        "date",
        "dir",
        "df",
        "dirname",
        "du",
        "expr",
        "false",
        "free",
        "getconf",
        "getent",
        "getopt",
        "groups",
        "hostid",
        "hostname",
        "id",
        "kill",
        "killall",
        "locale",
        "logger",
        "logname",
        "lsblk",
        "lscpu",
        "mesg",
        "nproc",
        "pathchk",
        "pgrep",
        "pidof",
        "pinky",
        "pkill",
        "printenv",
        "ps",
        "pwd",
        "readlink",
        "realpath",
        "sleep",
        "stat",
        "stty",
        "sync",
        "test",
        "top",
        "tput",
        "true",
        "tty",
        "uname",
        "uptime",
        "users",
        "vdir",
        "vmstat",
        "w",
        "wait",
        "whereis",
        "which",
        "who",
        "whoami",
    ]
)
"""They look, wait or send a signal. A command that makes content (sort, grep, sha256sum) is none of
them: what it prints may be redirected into a file."""

PASSED_BY = WRAPPERS | WITHOUT_EFFECT
