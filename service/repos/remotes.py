"""Says what the address of a repository may be, and over which protocol git may go there.

A closed list: absolute paths, ssh and https. Nothing here connects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from service.repos import Kind, RepositoryError, shown
from service.repos.git import Protocol
from service.repos.trees import place

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?|\[[0-9A-Fa-f:]{2,45}\])"
_USER = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"
_PATH = r"[A-Za-z0-9._~/+@%-]{1,1000}"
_SSH = re.compile(rf"ssh://(?:{_USER}@)?{_HOST}(?::[0-9]{{1,5}})?/{_PATH}")
_SCP = re.compile(rf"{_USER}@{_HOST}:(?!-){_PATH}")
_HTTPS = re.compile(rf"https://{_HOST}(?::[0-9]{{1,5}})?/{_PATH}")
_CREDENTIALS = re.compile(r"[a-z]+://[^/]*:[^/]*@|https?://[^/]*@")
_ONE_OF = "Give an absolute path, ssh://HOST/PATH, USER@HOST:PATH or https://HOST/PATH."


@dataclass(frozen=True)
class Remote:
    """Where a repository is."""

    url: str
    protocol: Protocol

    @property
    def path(self) -> Path | None:
        """The folder, where it is on this machine."""
        return Path(self.url) if self.protocol is Protocol.FILE else None


@dataclass(frozen=True)
class BadUrl:
    """An address that Pawl does not take: an ordinary "no"."""

    why: str  # one sentence
    remedy: str


def remote(url: str) -> Remote | BadUrl:
    """Classify `url`, or say in a sentence why it can't be used."""
    if _CREDENTIALS.match(url):
        return BadUrl(
            "the address holds a name or a password, which would be kept and shown",
            "Leave it out, and give it to git's credential helper on this machine.",
        )
    if _SSH.fullmatch(url) or _SCP.fullmatch(url):
        return Remote(url, Protocol.SSH)
    if _HTTPS.fullmatch(url):
        return Remote(url, Protocol.HTTPS)
    if url.startswith("/"):
        return _local(url)
    return BadUrl(f"{shown(url) or 'nothing'} is no address that Pawl takes", _ONE_OF)


def _local(url: str) -> Remote | BadUrl:
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in url):
        return BadUrl("the path holds a control character", _ONE_OF)
    folder = Path(url)
    try:
        kind = place(folder)[0] if folder.is_dir() else Kind.FOLDER
    except (OSError, RepositoryError):
        kind = Kind.FOLDER
    if kind is Kind.FOLDER:
        why = f"there is no git repository at {shown(url)}"
        return BadUrl(why, "Name the top folder of a repository, bare or not.")
    folder = folder.resolve()
    if folder.name == ".git" and place(folder.parent)[0] is not Kind.FOLDER:
        folder = folder.parent  # one repository has one address
    return Remote(str(folder), Protocol.FILE)
