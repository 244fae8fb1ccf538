"""gsutil, gcloud storage and rclone: other clients of the same buckets, written from their manuals.

Runs inside cells, for those commands. Knows what publishes and backs up with them: making a place
equal to a source, copying, removing, listing. Anything else is said to be unknown.
"""

import fnmatch
import hashlib
import http.client
import os
import re
import sys
import urllib.parse
import xml.etree.ElementTree as xml

import client

PORT = 4566
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/s3/"
    "aws4_request, SignedHeaders=host, Signature=0"
}
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class Failed(Exception):
    """A call that fails as it would in life: the text for stderr, and the code."""

    def __init__(self, text, code=1):
        super().__init__(text)
        self.code = code


class Unknown(Exception):
    """Asked for something that this stand-in has no answer to."""


class Buckets:
    """The world's buckets over one connection."""

    def __init__(self):
        self._link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)

    def list(self, bucket, prefix=""):
        """key -> (size, md5) of all objects whose key begins with `prefix`."""
        found, token = {}, None
        while True:
            asked = {"list-type": "2", "prefix": prefix}
            if token:
                asked["continuation-token"] = token
            page = xml.fromstring(self._ask("GET", f"/{bucket}?{urllib.parse.urlencode(asked)}"))
            for one in page.iter(_NAMESPACE + "Contents"):
                found[one.findtext(_NAMESPACE + "Key")] = (
                    int(one.findtext(_NAMESPACE + "Size")),
                    (one.findtext(_NAMESPACE + "ETag") or "").strip('"'),
                )
            token = page.findtext(_NAMESPACE + "NextContinuationToken")
            if not token:
                return found

    def get(self, bucket, key):
        return self._ask("GET", self._path(bucket, key))

    def put(self, bucket, key, content):
        self._ask("PUT", self._path(bucket, key), content)

    def delete(self, bucket, key):
        self._ask("DELETE", self._path(bucket, key))

    def make(self, bucket):
        self._ask("PUT", f"/{bucket}")

    def _path(self, bucket, key):
        return f"/{bucket}/{urllib.parse.quote(key)}"

    def _ask(self, method, path, body=None):
        self._link.request(method, path, body=body, headers=SIGNED)
        answer = self._link.getresponse()
        content = answer.read()
        if answer.status == 404:
            raise Failed("404 The specified bucket or object does not exist.")
        if answer.status >= 400:
            raise Failed(f"{answer.status} {content[:300]!r}")
        return content


# places: a folder of the machine, or a prefix of a bucket, by one set of questions


class Folder:
    """A folder of the machine, or one file of it."""

    def __init__(self, path):
        self.path = path

    def one(self):
        return os.path.isfile(self.path)

    def there(self):
        return os.path.isdir(self.path)

    def files(self):
        found = {}
        for folder, _, names in os.walk(self.path):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    found[os.path.relpath(path, self.path)] = path
        return found

    def marks(self):
        return {name: _mark(path) for name, path in self.files().items()}

    def read(self, name):
        with open(os.path.join(self.path, name) if name else self.path, "rb") as file:
            return file.read()

    def write(self, name, content):
        path = os.path.join(self.path, name) if name else self.path
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path + ".partial", "wb") as file:
            file.write(content)
        os.replace(path + ".partial", path)

    def remove(self, name):
        os.unlink(os.path.join(self.path, name) if name else self.path)

    def below(self, name):
        return Folder(os.path.join(self.path, name))

    def base(self):
        return os.path.basename(self.path.rstrip("/"))

    def __str__(self):
        return self.path


class Prefix:
    """A prefix of a bucket, or one object."""

    def __init__(self, buckets, bucket, key, shown):
        self.buckets, self.bucket, self.key, self.shown = buckets, bucket, key, shown

    def one(self):
        return bool(self.key) and not self.key.endswith("/") and self.key in self.buckets.list(
            self.bucket, self.key
        )

    def there(self):
        top = self._top()
        return not top or bool(self.buckets.list(self.bucket, top))

    def marks(self):
        top = self._top()
        return {key[len(top) :]: mark for key, mark in self.buckets.list(self.bucket, top).items()
                if key != top}

    def read(self, name):
        return self.buckets.get(self.bucket, self._top() + name if name else self.key)

    def write(self, name, content):
        self.buckets.put(self.bucket, self._top() + name if name else self.key, content)

    def remove(self, name):
        self.buckets.delete(self.bucket, self._top() + name if name else self.key)

    def below(self, name):
        return Prefix(self.buckets, self.bucket, self._top() + name,
                      f"{self.shown.rstrip('/')}/{name}")

    def base(self):
        return self.key.rstrip("/").rpartition("/")[2]

    def _top(self):
        return self.key if not self.key or self.key.endswith("/") else self.key + "/"

    def __str__(self):
        return self.shown


def _mark(path):
    made = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        made.update(file.read())
    return os.path.getsize(path), made.hexdigest()


def sync(source, target, *, delete, dry=False, leave=lambda name: False, say=print):
    """Make `target` hold what `source` holds; `delete` what it has not. `leave`: not looked at."""
    if not source.there():
        raise Failed(f"{source}: directory not found")
    have, wanted = target.marks(), source.marks()
    for name in sorted(wanted):
        if not leave(name) and have.get(name) != wanted[name]:
            say(f"Copying {source}/{name} to {target}/{name}")
            if not dry:
                target.write(name, source.read(name))
    for name in sorted(have) if delete else ():
        if name not in wanted and not leave(name):
            say(f"Removing {target}/{name}")
            if not dry:
                target.remove(name)


def _no_talk(_):
    """Say nothing."""


# gsutil and gcloud storage


GSUTIL_VALUED = {"rsync": "xyaJjz", "cp": "azjLJ", "mv": "azjL", "global": "ohui"}
SETTING = {"setmeta", "acl", "defacl", "iam", "web", "cors", "lifecycle", "versioning", "logging",
           "label", "retention", "rewrite", "notification", "ubla", "pap", "defstorageclass"}


def gsutil(words):
    """One call of gsutil; the exit code."""
    options, rest = _short(words, GSUTIL_VALUED["global"])
    if not rest or rest[0] in ("version", "help"):
        return 0
    verb, words = rest[0], rest[1:]
    if verb in SETTING:
        if words[:1] == ["get"]:
            raise Unknown
        client.journal("gsutil", ["gsutil", verb, *words])
        return 0
    options, rest = _short(words, GSUTIL_VALUED.get(verb, ""))
    return _google(verb, options, rest, {
        "recursive": bool({"r", "R"} & options.keys()),
        "delete": "d" in options,
        "dry": "n" in options and verb == "rsync",
        "keep": "n" in options and verb != "rsync",
        "force": "f" in options,
        "leave": options.get("x"),
    })


GCLOUD_VALUED = {"--exclude", "--cache-control", "--content-type", "--content-encoding", "--project",
                 "--account", "--canned-acl", "--predefined-acl", "--configuration", "--format",
                 "--storage-class", "--custom-metadata", "--location", "--verbosity", "-a", "-x",
                 "--gzip-in-flight", "--impersonate-service-account"}


def gcloud(words):
    """One call of gcloud; the exit code. Only `storage` has a stand-in."""
    options, plain = _long(words, GCLOUD_VALUED)
    if plain[:1] in (["version"], ["help"]) or "--version" in options:
        return 0
    if plain[:1] != ["storage"] or len(plain) < 2:
        raise Unknown
    verb, rest = plain[1], plain[2:]
    return _google(verb, options, rest, {
        "recursive": bool({"-r", "-R", "--recursive"} & options.keys()),
        "delete": "--delete-unmatched-destination-objects" in options,
        "dry": "--dry-run" in options,
        "keep": bool({"-n", "--no-clobber"} & options.keys()),
        "force": "--continue-on-error" in options,
        "leave": options.get("--exclude") or options.get("-x"),
    })


def _google(verb, options, places, how):
    buckets = Buckets()

    def place(text):
        match = re.match(r"(?:gs|s3)://([^/]*)/?(.*)", text, re.DOTALL)
        if match:
            if not match[1]:
                raise Failed(f"InvalidUrlError: Invalid bucket name in URL \"{text}\"")
            return Prefix(buckets, match[1], match[2], text.rstrip("/"))
        return Folder(text)

    if verb == "rsync" and len(places) == 2:
        pattern = re.compile(how["leave"]) if how["leave"] else None
        flat = not how["recursive"]

        def leave(name):
            return bool(flat and "/" in name) or bool(pattern and pattern.match(name))

        sync(place(places[0]), place(places[1]), delete=how["delete"], dry=how["dry"], leave=leave)
        return 0
    if verb in ("cp", "mv") and len(places) >= 2:
        return _copy([place(text) for text in places[:-1]], places[-1], place,
                     recursive=how["recursive"] or verb == "mv", move=verb == "mv", keep=how["keep"])
    if verb == "rm" and places:
        return _remove([place(text) for text in places], recursive=how["recursive"],
                       force=how["force"])
    if verb == "ls" and places and not options.keys() - {"r", "R", "-r", "--recursive"}:
        return _list([place(text) for text in places], how["recursive"])
    if verb == "cat" and places:
        for text in places:
            sys.stdout.buffer.write(place(text).read(""))
        return 0
    if verb == "mb" and len(places) == 1:
        buckets.make(place(places[0]).bucket)
        return 0
    raise Unknown


def _copy(sources, last, place, *, recursive, move, keep):
    target = place(last)
    pairs = []
    for source in sources:
        for one, name in _meant(source, recursive):
            into = last.endswith("/") or len(sources) > 1 or (
                isinstance(target, Folder) and target.there()) or (
                isinstance(target, Prefix) and not target.key)
            if one.one() or name != source.base():
                pairs.append((one, "", target.below(name) if into or "*" in str(source) else target))
            else:
                folder = target.below(source.base()) if into or target.there() else target
                pairs += [(one, inside, folder) for inside in sorted(one.marks())]
    if not pairs:
        raise Failed(f"CommandException: No URLs matched: {', '.join(map(str, sources))}")
    for source, inside, into in pairs:
        if keep and (into.below(inside) if inside else into).one():
            continue
        print(f"Copying {source}{'/' + inside if inside else ''}...", file=sys.stderr)
        into.write(inside, source.read(inside))
        if move:
            source.remove(inside)
    return 0


def _meant(place, recursive):
    """What a source names: itself, the things that match its pattern, or a folder with all below."""
    text = place.key if isinstance(place, Prefix) else place.path
    if "*" in text and isinstance(place, Prefix):
        top = text[: text.index("*")].rpartition("/")[0]
        base = Prefix(place.buckets, place.bucket, top, f"gs://{place.bucket}/{top}")
        pattern = re.compile(
            re.escape(text[len(top) + 1 if top else 0 :])
            .replace(r"\*\*", ".*").replace(r"\*", ".*" if recursive else "[^/]*")
        )
        return [(base.below(name), name) for name in sorted(base.marks()) if pattern.fullmatch(name)]
    if place.one():
        return [(place, place.base())]
    if recursive and place.there():
        return [(place, place.base())]
    raise Failed(f"CommandException: No URLs matched: {place}")


def _remove(places, *, recursive, force):
    code = 0
    for place in places:
        if not isinstance(place, Prefix):
            raise Failed("CommandException: \"rm\" command does not support \"file://\" URLs.")
        try:
            for one, _ in _meant(place, recursive):
                names = [""] if one.one() else sorted(one.marks())
                for name in names:
                    print(f"Removing {one}{'/' + name if name else ''}...", file=sys.stderr)
                    one.remove(name)
        except Failed as problem:
            if not force:
                raise
            print(problem, file=sys.stderr)
            code = 1
    return code


def _list(places, recursive):
    for place in places:
        if not isinstance(place, Prefix):
            raise Unknown
        shown = f"gs://{place.bucket}/"
        if "*" in place.key or place.one():
            print("\n".join(str(one) for one, _ in _meant(place, recursive)))
            continue
        top = place._top()
        names = {
            (name if recursive or "/" not in name else name.partition("/")[0] + "/")
            for name in place.marks()
        }
        if not names and top:
            raise Failed("CommandException: One or more URLs matched no objects.")
        for name in sorted(names):
            print(shown + top + name)
    return 0


# rclone


OBJECTS = {"s3", "gcs", "google cloud storage", "b2", "azureblob", "swift", "oos", "qingstor"}
RCLONE_VALUED = {
    "--config", "--exclude", "--include", "--transfers", "--checkers", "--bwlimit", "--log-level",
    "--log-file", "--retries", "--low-level-retries", "--stats", "--timeout", "--contimeout",
    "--s3-acl", "--s3-storage-class", "--s3-chunk-size", "--s3-upload-concurrency", "--tpslimit",
    "--max-delete", "--fast-list-limit", "--header", "--header-upload", "--buffer-size",
    "--modify-window", "--s3-provider", "--s3-region", "--s3-endpoint", "--stats-log-level",
}
RCLONE_UNKNOWN = {"--filter", "--filter-from", "--files-from", "--include-from", "--exclude-from",
                  "--backup-dir", "--suffix", "--compare-dest", "--copy-dest", "--min-age",
                  "--max-age", "--max-size", "--min-size", "--max-transfer", "--track-renames"}


def rclone(words):
    """One call of rclone; the exit code."""
    options, plain = _long(words, RCLONE_VALUED)
    if not plain or plain[0] in ("version", "help") or "--version" in options:
        return 0
    if options.keys() & RCLONE_UNKNOWN:
        raise Unknown
    buckets, verb = Buckets(), plain[0]
    places = [_remote(buckets, text, options) for text in plain[1:]]
    dry = bool({"-n", "--dry-run"} & options.keys())
    talk = print if {"-v", "-vv", "-P", "--verbose", "--progress"} & options.keys() or dry \
        else _no_talk

    def leave(name):
        left, taken = options.get("--exclude"), options.get("--include")
        return bool(left and _globbed(name, left)) or bool(taken and not _globbed(name, taken))

    if verb in ("sync", "copy", "move") and len(places) == 2:
        source, target = places
        if source.one():
            target.write(source.base(), source.read(""))
            return 0
        if "--max-delete" in options and verb == "sync":
            gone = [n for n in target.marks() if n not in source.marks() and not leave(n)]
            if len(gone) > int(options["--max-delete"]):
                raise Failed("Fatal error: --max-delete threshold reached", 7)
        sync(source, target, delete=verb == "sync", dry=dry, leave=leave, say=talk)
        if verb == "move" and not dry:
            for name in sorted(source.marks()):
                if not leave(name):
                    source.remove(name)
        return 0
    if verb in ("copyto", "moveto") and len(places) == 2 and places[0].one():
        places[1].write("", places[0].read(""))
        if verb == "moveto":
            places[0].remove("")
        return 0
    if verb in ("delete", "purge") and len(places) == 1:
        names = [n for n in sorted(places[0].marks()) if verb == "purge" or not leave(n)]
        if verb == "purge" and not names:
            raise Failed(f"{places[0]}: directory not found", 3)
        for name in names if not dry else ():
            places[0].remove(name)
        return 0
    if verb == "deletefile" and len(places) == 1:
        if not places[0].one():
            raise Failed(f"{places[0]}: object not found", 4)
        places[0].remove("")
        return 0
    if verb in ("ls", "lsf") and len(places) == 1:
        if not places[0].there():
            raise Failed(f"{places[0]}: directory not found", 3)
        for name, (size, _) in sorted(places[0].marks().items()):
            if verb == "ls":
                print(f"{size:9} {name}")
        if verb == "lsf":
            names = {n if "-R" in options or "/" not in n else n.partition("/")[0] + "/"
                     for n in places[0].marks()}
            print("\n".join(sorted(names)))
        return 0
    if verb == "cat" and len(places) == 1 and places[0].one():
        sys.stdout.buffer.write(places[0].read(""))
        return 0
    if verb == "mkdir" and len(places) == 1 and isinstance(places[0], Prefix):
        return 0
    raise Unknown


def _remote(buckets, text, options):
    match = re.match(r"(:?[\w. +@-]+):(.*)", text, re.DOTALL)
    if not match or "/" in match[1]:
        return Folder(text)
    name, path = match[1], match[2].lstrip("/")
    kind = name[1:] if name.startswith(":") else _kind(name, options)
    if kind not in OBJECTS:
        raise Unknown
    bucket, _, key = path.partition("/")
    if not bucket:
        raise Unknown
    return Prefix(buckets, bucket, key, text.rstrip("/"))


def _kind(name, options):
    """What the configuration says that a remote is."""
    import configparser

    known = os.environ.get(f"RCLONE_CONFIG_{name.upper()}_TYPE")
    if known:
        return known
    path = options.get("--config") or os.environ.get("RCLONE_CONFIG") or os.path.expanduser(
        "~/.config/rclone/rclone.conf")
    config = configparser.ConfigParser(interpolation=None, strict=False)
    config.read(path)
    if not config.has_section(name):
        raise Failed(f"Failed to create file system for \"{name}:\": didn't find section in config "
                     "file")
    return config.get(name, "type", fallback="")


def _globbed(name, pattern):
    if pattern.startswith("/"):
        return fnmatch.fnmatchcase(name, pattern[1:])
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase("/" + name, "*/" + pattern)


# words


def _short(words, valued):
    """Options of one letter, as gsutil takes them: up to the first word that is none."""
    options, rest = {}, list(words)
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            options[word] = ""
            continue
        for place, letter in enumerate(word[1:], 1):
            if letter in valued:
                options[letter] = word[place + 1 :] or (rest.pop(0) if rest else "")
                break
            options[letter] = ""
    return options, rest


def _long(words, valued):
    options, plain, rest = {}, [], list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("-") and word != "-":
            name, equals, value = word.partition("=")
            if not equals and name in valued and rest:
                value = rest.pop(0)
            options[name] = value
        else:
            plain.append(word)
    return options, plain


def main(name, words):
    """Answer one call as the command `name`; the exit code."""
    try:
        return {"gsutil": gsutil, "gcloud": gcloud, "rclone": rclone}[name](words)
    except Unknown:
        client.unknown(" ".join([name, *words[:6]]))
        print(f"{name}: nothing here knows what this does", file=sys.stderr)
        return 1
    except Failed as problem:
        print(problem, file=sys.stderr)
        return problem.code
    except OSError as problem:
        print(f"{name}: {problem}", file=sys.stderr)
        return 1
