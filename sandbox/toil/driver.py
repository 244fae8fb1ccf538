"""Runs inside a cell: does deeds in fresh clones, plays jobs of CI, tells what came of them.

Standard library only, for a Python 3.9 or later, and nothing of Pawl. It reads its order, removes
it, and never knows which side it serves; what a deed's processes leave running or lying about
outside its clone is gone before the next one starts.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import zlib
from typing import Any

Changes = dict[str, list[Any] | None]  # path -> [mode, content in base64], or None: removed

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_SAID = 4000  # characters of a command's output that are told
_PROBE = 64 * 1024
_LINK, _RUNS = 0o120000, 0o100755
_WORLD = ("/etc", "/home", "/opt", "/root", "/srv", "/usr/local", "/var", "/tmp", "/mnt")  # noqa: S108
_PERSON = "[user]\n\tname = Ops\n\temail = ops@example.org\n[init]\n\tdefaultBranch = main\n"
_LACKS = ("command not found", ": not found", "No module named", "Could not resolve")


class Driver:
    """One order, from its clones to what it tells."""

    def __init__(self, order: dict[str, Any], work: pathlib.Path) -> None:
        self.order = order
        self.work = work
        self.store = work / "store.git"
        self.root = pathlib.Path.cwd()
        self.number = 0
        self.home = pathlib.Path.home()
        self.plain = dict(os.environ)  # noqa: TID251 - the cell's, not the service's
        self.before: dict[str, tuple[int, int, int]] = {}

    def all(self) -> list[Any]:
        """Do every job of the order, each from the tree as it was given."""
        self.git(self.root, "init", "-q", "--bare", "-b", "main", str(self.store))
        place = ["--git-dir", str(self.store), "--work-tree", str(self.root)]
        self.git(self.root, *place, "add", "-A", "-f", ".")
        self.git(self.root, *place, "commit", "-q", "--allow-empty", "-m", "As it is")
        self.base = self.git(self.store, "rev-parse", "main").strip()
        self.before = listing(self.work)
        done: list[Any] = []
        for job in self.order["jobs"]:
            self.git(self.store, "update-ref", "refs/heads/main", self.base)
            if "deeds" in job:
                done.append([self.deed(deed) for deed in job["deeds"]])
            else:
                done.append(self.plays(job))
        return done

    # --- deeds ----------------------------------------------------------------------------------

    def deed(self, deed: dict[str, Any]) -> dict[str, Any]:
        """One deed in a fresh clone; what it leaves is committed, so that the next starts there."""
        place, home = self.fresh()
        tree = place / "checkout"
        self.clone(tree, "main", True)
        told: dict[str, Any] = {"code": None, "said": ""}
        if "write" in deed:
            write(tree, deed["write"])
            told["code"] = 0
        for argv in deed.get("run", ()):
            where, words = tree, list(argv)
            if deed.get("away") and "/" in words[0] and not words[0].startswith("/"):
                where, words[0] = home, str(tree / words[0])
            code, said = self.run(words, where, self.person(home), place)
            told["code"], told["said"] = code, told["said"] + said[-_SAID:]
            if code != 0:
                break
        before = self.git(self.store, "rev-parse", "main").strip()
        told["same"] = (
            not self.git(tree, "status", "--porcelain").strip()
            and self.git(tree, "rev-parse", "HEAD").strip() == before
        )
        env = self.person(home)
        self.git(tree, "add", "-A", env=env)
        self.git(tree, "commit", "-q", "-m", "By hand", env=env, fine=(0, 1))
        self.git(tree, "push", "-q", "-f", str(self.store), "HEAD:refs/heads/main", env=env)
        self.git(tree, "push", "-q", "--tags", str(self.store), env=env, fine=(0, 1))
        told["changed"] = self.changes(before, "main")
        told["probes"] = [self.probe(argv) for argv in deed.get("probes", ())]
        self.tidy(place)
        return told

    def probe(self, argv: list[str]) -> list[Any]:
        """What a command says in a clean clone with tags."""
        place, home = self.fresh()
        self.clone(place / "checkout", "main", True)
        code, said = self.run(argv, place / "checkout", self.person(home), place)
        self.tidy(place)
        return [code, said[:_PROBE]]

    def changes(self, before: str, after: str) -> Changes:
        """What a commit changes."""
        found: Changes = {}
        names = self.git(
            self.store, "diff", "--name-only", "--no-renames", "-z", before, after
        ).split("\0")
        for name in filter(None, names):
            entry = self.git(self.store, "ls-tree", "-z", after, "--", name)
            if not entry:
                found[name] = None
                continue
            mode = int(entry.split(" ", 1)[0], 8)
            content = self.git_bytes(self.store, "cat-file", "blob", f"{after}:{name}")
            found[name] = [mode, base64.b64encode(content).decode()]
        return found

    # --- CI -------------------------------------------------------------------------------------

    def plays(self, job: dict[str, Any]) -> dict[str, Any]:
        """Play what a commit starts; it stands on `before`, which main has."""
        place, home = self.fresh()
        tree = place / "checkout"
        self.clone(tree, "main", True)
        env = self.person(home)
        for part, branch in (("before", "main"), ("commit", "change")):
            write(tree, job[part])
            self.git(tree, "add", "-A", "-f", ".", env=env)
            self.git(tree, "commit", "-q", "--allow-empty", "-m", "By hand", env=env)
            self.git(tree, "push", "-q", "-f", str(self.store), f"HEAD:refs/heads/{branch}")
        self.under = self.git(self.store, "rev-parse", "main").strip()
        self.head = self.git(self.store, "rev-parse", "change").strip()
        self.tidy(place)
        results: list[dict[str, Any]] = []
        for event in job["events"]:
            done: dict[str, list[str]] = {}
            for one in event["jobs"]:
                needs = [state for name in one["needs"] for state in done.get(name, ["skipped"])]
                failed = any(state != "success" for state in needs)
                if not one["runs_after_failure" if failed else "runs"]:
                    done.setdefault(one["name"], []).append("skipped")
                    continue
                result = self.play(event, one)
                red = result["why"] and not one["soft"]
                done.setdefault(one["name"], []).append("failure" if red else "success")
                results.append({**result, "key": one["key"], "event": event["words"]})
                if red and job["until_red"]:
                    return {"results": results}
        return {"results": results}

    def play(self, event: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
        """One job on a machine of its own: why it is red, or nothing."""
        place, home = self.fresh()
        (home / ".gitconfig").unlink()
        tree = place / "checkout"
        tree.mkdir()
        pull = event["name"] == "pull_request"
        main = self.under if event["branch"] != "main" else self.head
        self.git(self.store, "update-ref", "refs/heads/main", main)
        files = {name: place / name for name in ("env", "path", "output", "summary")}
        env = {
            **self.plain,
            **event["env"],
            "HOME": str(home),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(tree),
            "GITHUB_SHA": self.head,
            "GITHUB_ENV": str(files["env"]),
            "GITHUB_PATH": str(files["path"]),
            "GITHUB_OUTPUT": str(files["output"]),
            "GITHUB_STEP_SUMMARY": str(files["summary"]),
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(place),
            **job["env"],
        }
        why, lacking, said, branch = "", False, "", event["branch"]
        for step in job["steps"]:
            if not step["runs_after_failure" if why else "runs"]:
                continue
            if not step["script"]:
                self.clone(tree, branch, step["whole_history"])
                if pull:
                    self.git(tree, "checkout", "-q", "--detach")
                continue
            for name in files:
                files[name].touch()
            code, text = self.script(step, tree, place, {**env, **step["env"]})
            env.update(pairs(files["env"].read_text(errors="replace")))
            for folder in files["path"].read_text(errors="replace").split():
                env["PATH"] = f"{folder}:{env['PATH']}"
            files["path"].unlink()
            said += f"$ {step['title']}\n{text[-_SAID:]}"
            if code != 0 and not step["soft"] and not why:
                why = f"`{step['title']}` ends with {code}"
                lacking = code == 127 or any(word in text for word in _LACKS)
        self.tidy(place)
        return {"why": why, "lacking": lacking, "said": said[-_SAID:]}

    def script(
        self, step: dict[str, Any], tree: pathlib.Path, place: pathlib.Path, env: dict[str, str]
    ) -> tuple[int | None, str]:
        """One `run:` step."""
        where = tree / step["folder"]
        if not where.is_dir():
            return 1, f"there is no folder {step['folder']}\n"
        file = place / "step.sh"
        file.write_text(step["script"] + "\n")
        words = [word.replace("{0}", str(file)) for word in step["shell"]]
        return self.run(words, where, env, place)

    # --- tools ----------------------------------------------------------------------------------

    def fresh(self) -> tuple[pathlib.Path, pathlib.Path]:
        """A place of its own with a home of its own."""
        self.number += 1
        place = self.work / str(self.number)
        place.mkdir()
        for left in list(self.home.iterdir()):
            with_care(str(left))
        (self.home / ".gitconfig").write_text(_PERSON)
        return place, self.home

    def clone(self, tree: pathlib.Path, branch: str, whole: bool) -> None:
        words = ["clone", "-q", "-b", branch, f"file://{self.store}", str(tree)]
        self.git(self.work, *words[:2], *([] if whole else ["--depth", "1"]), *words[2:])
        # nobody's own folder is the place that things are pushed to
        url = "https://git.example.org/owner/repository"
        self.git(tree, "remote", "set-url", "origin", url)

    def person(self, home: pathlib.Path) -> dict[str, str]:
        return {**self.plain, "HOME": str(home)}

    def run(
        self, words: list[str], where: pathlib.Path, env: dict[str, str], place: pathlib.Path
    ) -> tuple[int | None, str]:
        """Run one command to its end; its code (None: it took too long) and what it said."""
        file = place / "said"
        code: int | None
        try:
            with file.open("wb") as out:
                child = subprocess.Popen(
                    words,
                    cwd=where,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                code = child.wait(self.order["seconds"])
        except subprocess.TimeoutExpired:
            code = None
        except OSError as error:
            return 127, f"{words[0]}: {error.strerror}\n"
        finally:
            reap()
        with file.open("rb") as back:
            said = back.read(1 << 20).decode("utf-8", "replace")
        return code, said + ("it took too long\n" if code is None else "")

    def tidy(self, place: pathlib.Path) -> None:
        """Take away what a deed left outside the place where it was done."""
        shutil.rmtree(place, ignore_errors=True)
        for path in listing(self.work).keys() - self.before.keys():
            with_care(path)

    def git(
        self,
        where: pathlib.Path,
        *words: str,
        env: dict[str, str] | None = None,
        fine: tuple[int, ...] = (0,),
    ) -> str:
        return self.git_bytes(where, *words, env=env, fine=fine).decode("utf-8", "surrogateescape")

    def git_bytes(
        self,
        where: pathlib.Path,
        *words: str,
        env: dict[str, str] | None = None,
        fine: tuple[int, ...] = (0,),
    ) -> bytes:
        who = {
            "GIT_AUTHOR_NAME": "Ops",
            "GIT_AUTHOR_EMAIL": "ops@example.org",
            "GIT_COMMITTER_NAME": "Ops",
            "GIT_COMMITTER_EMAIL": "ops@example.org",
            # hooks and settings of a tree are no business of the one who looks at it
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.hooksPath",
            "GIT_CONFIG_VALUE_0": "/dev/null",
        }
        done = subprocess.run(
            ["git", *words],
            cwd=where,
            env={**(env or self.plain), **who},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode not in fine:
            said = done.stderr.decode("utf-8", "replace").strip()[-300:]
            raise RuntimeError(f"git {words[0]} ended with {done.returncode}: {said}")
        return done.stdout


def write(tree: pathlib.Path, changes: Changes) -> None:
    """Put files into a tree, or take them away; a link in the way of a folder is no folder."""
    for name, content in changes.items():
        path = tree / name
        for folder in reversed(path.relative_to(tree).parents):
            if (tree / folder).is_symlink():
                (tree / folder).unlink()
        if path.is_symlink() or path.is_file():
            path.unlink()
        if content is None:
            continue
        mode, data = content[0], base64.b64decode(content[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        if mode == _LINK:
            path.symlink_to(os.fsdecode(data))
            continue
        path.write_bytes(data)
        path.chmod(0o755 if mode == _RUNS else 0o644)


def listing(work: pathlib.Path) -> dict[str, tuple[int, int, int]]:
    """What lies about in the world, with what changes when it is written."""
    found: dict[str, tuple[int, int, int]] = {}
    todo = [top for top in _WORLD if os.path.isdir(top)]  # noqa: PTH112 - plain words are quicker
    while todo:
        folder = todo.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if entry.path == str(work):
                continue
            try:
                stat = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            found[entry.path] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if entry.is_dir(follow_symlinks=False):
                todo.append(entry.path)
    return found


def with_care(path: str) -> None:
    """Remove what is there, whatever it is."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
            shutil.rmtree(path, ignore_errors=True)
        else:
            pathlib.Path(path).unlink()
    except OSError:
        pass


def reap() -> None:
    """End every process that a command left running; they are all ours now."""
    me = os.getpid()
    for _ in range(50):
        children = pathlib.Path(f"/proc/{me}/task/{me}/children").read_text().split()
        if not children:
            return
        for child in children:
            try:
                os.kill(int(child), signal.SIGKILL)
                os.waitpid(int(child), 0)
            except OSError:
                continue


def pairs(text: str) -> dict[str, str]:
    """name=value and name<<END lines of GITHUB_ENV."""
    found: dict[str, str] = {}
    lines = text.split("\n")
    while lines:
        line = lines.pop(0)
        name, sign, value = line.partition("=")
        if "<<" in name:
            name, _, end = line.partition("<<")
            held = []
            while lines and lines[0] != end:
                held.append(lines.pop(0))
            del lines[:1]
            found[name] = "\n".join(held)
        elif sign:
            found[name] = value
    return found


def main() -> int:
    """Read the order beside this file, remove both, do it, tell."""
    here = pathlib.Path(__file__).parent
    order = json.loads((here / "order.json").read_text())
    for file in list(here.iterdir()):
        file.unlink()
    libc = ctypes.CDLL(None)
    # nobody with the same uid looks into this process or writes to what it says
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    try:
        told: dict[str, Any] = {"done": Driver(order, here).all()}
    except (RuntimeError, OSError, ValueError) as error:
        told = {"broken": f"{type(error).__name__}: {error}"}
    told["seconds"] = round(time.monotonic() - began, 2)
    packed = base64.b64encode(zlib.compress(json.dumps(told).encode())).decode()
    sys.stdout.write(f"\n{order['word']} {packed}\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
