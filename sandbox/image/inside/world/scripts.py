"""npm, yarn, pnpm and npx: run the scripts that package.json names.

Runs inside cells, for those commands. Installing leaves the marker that it leaves in life and brings
no program: those that a script calls are stand-ins of the world or not there.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys

import client

VALUED = {"--prefix", "-C", "--cwd", "--dir", "-w", "--workspace", "--registry", "--loglevel",
          "--cache", "--tag", "--access", "--otp", "--filter", "-F"}
FOLDER = {"--prefix", "-C", "--cwd", "--dir"}
INSTALL = {"install", "i", "ci", "clean-install", "add", "install-clean"}
SHORT = {"test", "start", "stop", "restart", "t"}
QUIET = {"cache", "config", "set", "audit", "fund", "prune", "dedupe", "rebuild", "corepack"}


def main(name, words):
    if name == "npx":
        return execute(words)
    options, plain, rest = split(words)
    for option in FOLDER & options.keys():
        try:
            os.chdir(options[option])
        except OSError as problem:
            print(f"{name} error {options[option]}: {problem.strerror}", file=sys.stderr)
            return 1
    if "--version" in options or "-v" in options:
        print({"npm": "10.8.2", "yarn": "1.22.22", "pnpm": "9.15.0"}[name])
        return 0
    verb, extra = (plain[0] if plain else "install" if name == "yarn" else "help"), plain[1:]
    if verb in ("run", "run-script", "rum"):
        if not extra:
            print("\n".join(scripts() or ()))
            return 0
        return run(name, extra[0], extra[1:] + rest, "--if-present" in options)
    if verb in INSTALL:
        return install(name, verb)
    if verb in SHORT:
        return run(name, {"t": "test"}.get(verb, verb), extra + rest, False)
    if verb in ("exec", "dlx", "x"):
        return execute([*extra, *rest])
    if verb in ("publish", "unpublish", "deprecate", "dist-tag"):
        client.journal(name, [name, *words])
        return 0
    if verb in QUIET or verb == "help":
        return 0
    if name in ("yarn", "pnpm") and verb in (scripts() or {}):
        return run(name, verb, extra + rest, False)
    client.unknown(" ".join([name, *words]))
    print(f"{name}: {verb}: nothing here knows what it does", file=sys.stderr)
    return 1


def split(words):
    options, plain, rest = {}, [], list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("-"):
            option, equals, value = word.partition("=")
            if not equals and option in VALUED and rest:
                value = rest.pop(0)
            options[option] = value
            continue
        plain.append(word)
        if len(plain) >= 2 and plain[0] in ("exec", "dlx", "x"):
            break
    return options, plain, rest


def package():
    try:
        with open("package.json", encoding="utf-8") as file:
            return json.load(file)
    except OSError:
        return None


def scripts():
    return (package() or {}).get("scripts", {})


def run(name, script, words, optional):
    about = package()
    if about is None:
        print(f"{name} error code ENOENT\n{name} error Could not read package.json", file=sys.stderr)
        return 254
    known = about.get("scripts", {})
    if script not in known:
        if optional:
            return 0
        print(f'{name} error Missing script: "{script}"', file=sys.stderr)
        return 1
    env = {
        **os.environ,
        "PATH": f"{os.getcwd()}/node_modules/.bin:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "npm_package_name": str(about.get("name", "")),
        "npm_package_version": str(about.get("version", "")),
    }
    for stage in ("pre" + script, script, "post" + script):
        if stage not in known:
            continue
        command = known[stage]
        if stage == script and words:
            command += " " + shlex.join(words)
        print(f"\n> {about.get('name', '')}@{about.get('version', '')} {stage}\n> {command}\n",
              flush=True)
        code = subprocess.call(["/bin/sh", "-c", command], env={**env, "npm_lifecycle_event": stage})
        if code:
            return code if code > 0 else 128 - code
    return 0


def install(name, verb):
    if package() is None:
        print(f"{name} error code ENOENT\n{name} error Could not read package.json", file=sys.stderr)
        return 254
    locks = [lock for lock in ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock",
                               "pnpm-lock.yaml") if os.path.exists(lock)]
    if verb == "ci" and name == "npm" and not locks:
        print("npm error code EUSAGE\nnpm error The `npm ci` command can only install with an "
              "existing package-lock.json", file=sys.stderr)
        return 1
    made = hashlib.sha256()
    for path in ["package.json", *locks]:
        with open(path, "rb") as file:
            made.update(file.read())
    os.makedirs("node_modules", exist_ok=True)
    with open("node_modules/.package-lock.json", "w", encoding="utf-8") as file:
        file.write(json.dumps({"lockfileVersion": 3, "from": made.hexdigest()}) + "\n")
    print("\nup to date")
    return 0


def execute(words):
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("-p", "--package") and words:
            words.pop(0)
        if option == "--":
            break
    if not words:
        return 1
    os.environ["PATH"] = f"{os.getcwd()}/node_modules/.bin:{os.environ.get('PATH', '/usr/bin:/bin')}"
    command = words[0].rpartition("@")[0] or words[0]
    try:
        os.execvp(command, [command, *words[1:]])
    except OSError:
        client.unknown(f"npx {words[0]}")
        print(f"sh: 1: {command}: not found", file=sys.stderr)
        return 127
