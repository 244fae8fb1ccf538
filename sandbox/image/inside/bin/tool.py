#!/usr/bin/python3 -IS
"""A program that the image does not have, by what is known of it: where its output goes.

Bound over the program's name; `tools.json` says which kind it is. A converter's output follows from
its input alone, a builder's from the seed and the name, so that two sides can be compared.
"""

import hashlib
import json
import os
import sys

CONFIG = "/usr/lib/pawl/tools.json"
HARMLESS = {"--version", "-version", "-V", "--help", "-help", "-h", "version", "help"}
NAMES = ("index.html", "assets/app.js", "assets/style.css", "about/index.html", "assets/logo.svg",
         "posts/first/index.html")


def main(name, words):
    with open(CONFIG, encoding="utf-8") as file:
        config = json.load(file)
    tool = config.get(name)
    if tool is None:
        print(f"{name}: command not found", file=sys.stderr)
        return 127
    if len(words) == 1 and words[0] in HARMLESS:
        print(f"{name} 1.0")
        return 0
    if tool["kind"] == "sink":
        sys.path.insert(0, "/usr/lib/pawl/world")
        import client

        client.journal(name, [name, *words])
        return 0
    try:
        if tool["kind"] == "builder":
            return build(name, words, tool, config.get("seed", 0))
        return convert(name, words, tool)
    except OSError as problem:
        print(f"{name}: {problem.filename}: {problem.strerror}", file=sys.stderr)
        return 1


def where(words, output):
    """The output that the words name by option, and the words without it."""
    rest, found = [], None
    skip = False
    for place, word in enumerate(words):
        if skip:
            skip = False
        elif word == output and place + 1 < len(words):
            found, skip = words[place + 1], True
        elif word.startswith(output + "="):
            found = word[len(output) + 1 :]
        elif len(output) == 2 and word.startswith(output) and len(word) > 2:
            found = word[2:]
        else:
            rest.append(word)
    return found, rest


def convert(name, words, tool):
    output, rest, target = tool.get("output", ""), list(words), None
    if output.startswith("-"):
        target, rest = where(words, output)
    elif output == "last":
        if len([word for word in rest if not word.startswith("-")]) < 2:
            print(f"{name}: an input and an output are needed", file=sys.stderr)
            return 1
        target = rest.pop()
    plain = [word for word in rest if not word.startswith("-") or word == "-"]
    inputs = [word for word in plain if os.path.isfile(word)]
    looks = [word for word in plain if word not in inputs and ("/" in word or "." in word)
             and not is_number(word)]
    if looks or (not inputs and [word for word in plain if word != "-"]):
        missing = (looks or plain)[0]
        print(f"{name}: cannot open input file '{missing}'", file=sys.stderr)
        return 1
    if inputs:
        parts = []
        for path in inputs:
            with open(path, "rb") as file:
                parts.append(file.read())
    else:
        parts = [sys.stdin.buffer.read()]
    if not all(parts):
        print(f"{name}: the input is empty", file=sys.stderr)
        return 1
    made = content(name, *(hashlib.sha256(part).hexdigest() for part in parts))
    if target in (None, "-"):
        sys.stdout.buffer.write(made)
        return 0
    if os.path.isdir(target):
        target = os.path.join(target, os.path.basename(inputs[0]) if inputs else "output")
    with open(target, "wb") as file:
        file.write(made)
    return 0


def is_number(word):
    try:
        float(word.rstrip("%kKmMgGx"))
    except ValueError:
        return False
    return True


def build(name, words, tool, seed):
    output = tool["output"]
    folder = output
    if output.startswith("-"):
        folder = where(words, output)[0]
        if folder is None:
            print(f"{name}: {output} is missing", file=sys.stderr)
            return 1
    elif output == "last":
        plain = [word for word in words if not word.startswith("-")]
        if not plain:
            print(f"{name}: no folder was named", file=sys.stderr)
            return 1
        folder = plain[-1]
    if not folder:
        print(f"{name}: the output folder has no name", file=sys.stderr)
        return 1
    for number in range(tool.get("count", 6)):
        path = os.path.join(folder, NAMES[number] if number < len(NAMES) else page(number))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content(name, str(seed), os.path.relpath(path, folder)))
    return 0


def page(number):
    return f"pages/{number % 5}/page-{number}.html"


def content(*what):
    """400 to 1200 bytes that only `what` decides."""
    first = hashlib.sha256("\0".join(what).encode("utf-8", "surrogateescape")).digest()
    size, made, number = 400 + first[0] * 3, b"", 0
    while len(made) < size:
        made += hashlib.sha256(first + bytes([number])).hexdigest().encode() + b"\n"
        number += 1
    return made[: size - 1] + b"\n"


sys.exit(main(os.path.basename(sys.argv[0]), sys.argv[1:]))
