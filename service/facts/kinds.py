"""What a path is to the gate: script, workflow, document, part of the ratchet, part of the policy.

By place, suffix and first line only; what a file does is not known here.
"""

from __future__ import annotations

import re
from posixpath import basename, splitext

REHEARSALS = ".pawl/rehearsals/"

_OWNERS = {"CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"}
_GIT = {".gitattributes", ".gitmodules", ".mailmap", ".lfsconfig"}
_CI = re.compile(
    r"^(\.gitlab-ci\.ya?ml|\.gitlab/ci/.*|\.circleci/.*|\.github/actions/.*|Jenkinsfile|"
    r"azure-pipelines\.ya?ml|bitbucket-pipelines\.yml|\.drone\.ya?ml|\.woodpecker(/.*|\.ya?ml)|"
    r"\.buildkite/.*|\.travis\.yml|\.tekton/.*|\.forgejo/workflows/.*|\.gitea/workflows/.*)$"
)
_WORKFLOW = re.compile(r"^\.github/workflows/[^/]+\.ya?ml$")
_TEST = re.compile(r"(^|/)(tests?|specs?|__tests__)/|(^|/)test_[^/]+$|_test\.\w+$|\.bats$")
_DOCS = {".md", ".markdown", ".rst", ".adoc", ".txt"}
_SHELL = {".sh", ".bash", ".ksh", ".zsh", ".dash"}
_TERRAFORM = {".tf", ".tfvars", ".hcl"}
_PROGRAM = {
    ".py", ".pl", ".rb", ".js", ".mjs", ".ts", ".go", ".rs", ".c", ".h", ".cc", ".cpp", ".java",
    ".kt", ".php", ".lua", ".ps1", ".awk", ".sql",
}  # fmt: skip
_CONFIG = {".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".conf", ".env", ".properties"}
_SHELLS = re.compile(rb"^#![ \t]*(/\S*/)?(env[ \t]+(-\S+[ \t]+)*)?(ba|da|k|z|a)?sh\b")


def kind(path: str, head: bytes, mode: int) -> str:
    """A word of the schema. `head` is how the content begins, empty where it can't be read."""
    name, suffix = basename(path), splitext(path)[1].lower()
    if path.startswith(".pawl/"):
        if rehearsal(path):
            return "rehearsal"
        return "policy" if path.startswith(".pawl/policies/") else "settings"
    if path in _OWNERS:
        return "owners"
    if name in _GIT:
        return "git"
    if _WORKFLOW.match(path):
        return "workflow"
    if _CI.match(path):
        return "ci"
    script = head.startswith(b"#!")
    if suffix in _DOCS and not script and mode != 0o100755:
        return "docs"
    if _TEST.search(path):
        return "test"
    if suffix in _SHELL or _SHELLS.match(head):
        return "shell"
    if suffix in _TERRAFORM or path.endswith(".tf.json"):
        return "terraform"
    if suffix in _PROGRAM or script or name in ("Makefile", "Dockerfile"):
        return "program"
    return "config" if suffix in _CONFIG else "other"


def is_shell(path: bytes, content: bytes) -> bool:
    """Whether a content is a shell script, wherever it lies."""
    suffix = splitext(path.decode("utf-8", "surrogateescape"))[1].lower()
    return suffix in _SHELL or _SHELLS.match(content[:200]) is not None


def judges(kind_: str) -> str:
    """How a file of this kind decides what is judged; empty if it does not."""
    return kind_ if kind_ in ("policy", "settings", "owners") else ""


def rehearsal(path: str) -> str:
    """Name of the rehearsal that a path belongs to, or nothing."""
    if not path.startswith(REHEARSALS):
        return ""
    name, slash, rest = path[len(REHEARSALS) :].partition("/")
    return name if slash and rest else ""


_COMMENT = {
    "slash": re.compile(r"^\s*(//|/\*|\*)"),
    "hash": re.compile(r"^\s*#(?!!)"),
    "dash": re.compile(r"^\s*--"),
    "none": re.compile(r"(?!)"),
}
_SLASH = {".js", ".mjs", ".ts", ".go", ".rs", ".c", ".h", ".cc", ".cpp", ".java", ".kt", ".php"}


def is_words(path: str, kind_: str, line: str) -> bool:
    """Whether a line is blank or a comment. In doubt it is not."""
    if not line.strip():
        return True
    suffix = splitext(path)[1].lower()
    if suffix in _SLASH:
        style = "slash"
    elif suffix in (".sql", ".lua"):
        style = "dash"
    elif suffix == ".json":
        style = "none"
    elif kind_ in ("shell", "program", "workflow", "ci", "terraform", "config", "owners", "test"):
        style = "hash"
    else:
        style = "none"
    return _COMMENT[style].match(line) is not None
