"""A quicker start for the real aws client: what it works out anew at each start, worked out once.

Run as a file while the image is built, it writes down compiled patterns and the list of services;
`prepare` uses them, and leaves out the client's extensions for services that it is never started
for. What the client then does for S3 is its own code, unchanged. Without the file it is just slower.
"""

import marshal
import os
import sys
import types

LIBRARIES = "/usr/lib/pawl/lib"
STORE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quick.bin")
EXTENSIONS = "awscli.customizations."

# the extensions that s3, s3api, sts and what is common to all commands go through
NEEDED = frozenset(
    "addexamples argrename arguments assumerole binaryhoist cliinputjson commands configure "
    "exceptions flatten generatecliskeleton globalargs history overridesslcommonname paginate preview "
    "removals s3 s3endpoint s3errormsg s3events scalarparse streamingoutputarg toplevelbool utils "
    "waiters".split()
)


class _Left(types.ModuleType):
    """An extension that was left out: whatever is registered through it is nothing."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing


def _nothing(*_, **__):
    return None


class _Leaver:
    """Gives an empty module for every extension that is not needed."""

    def find_spec(self, name, path=None, target=None):
        if not name.startswith(EXTENSIONS):
            return None
        if name[len(EXTENSIONS) :].partition(".")[0] in NEEDED:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return _Left(spec.name)

    def exec_module(self, module):
        """Nothing to run."""


def prepare():
    """Before the client is imported: take what was worked out, leave out what is not needed."""
    sys.meta_path.insert(0, _Leaver())
    try:
        with open(STORE, "rb") as file:
            version, patterns, services = marshal.loads(file.read())
    except (OSError, ValueError, EOFError):
        return
    if version != sys.version:
        return
    _use_patterns(patterns)
    _use_services(services)


def _use_patterns(patterns):
    import _sre
    from re import _compiler

    work_out = _compiler.compile

    def compiled(pattern, flags=0):
        key = (pattern, int(flags)) if isinstance(pattern, (str, bytes)) else None
        known = patterns.get(key)
        return work_out(pattern, flags) if known is None else _sre.compile(*known)

    _compiler.compile = compiled


def _use_services(services):
    import awscli  # puts the client's own botocore in the place of any other
    from botocore.loaders import Loader

    del awscli
    look = Loader.list_available_services

    def listed(self, type_name):
        known = services.get(type_name)
        return look(self, type_name) if known is None else list(known)

    Loader.list_available_services = listed


def make():
    """Start the client as cells do and keep what it worked out. No service needs to answer."""
    sys.path.insert(0, LIBRARIES)
    os.environ.update(
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_CONFIG_FILE="/dev/null",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_MAX_ATTEMPTS="1",
    )
    patterns, services = _watch_patterns(), {}
    sys.meta_path.insert(0, _Leaver())
    import awscli
    from botocore.loaders import Loader

    del awscli
    look = Loader.list_available_services

    def kept(self, type_name):
        services[type_name] = list(look(self, type_name))
        return services[type_name]

    Loader.list_available_services = kept
    from awscli.clidriver import create_clidriver

    here = os.path.dirname(STORE)
    for words in (
        ["s3", "ls"],
        ["s3", "ls", "s3://bucket/"],
        ["s3", "sync", here, "s3://bucket/"],
        ["s3", "cp", STORE + ".none", "s3://bucket/a"],
        ["s3", "cp", "s3://bucket/a", "-"],
        ["s3", "rm", "s3://bucket/a"],
        ["s3api", "list-objects-v2", "--bucket", "bucket", "--query", "Contents[].Key"],
        ["sts", "get-caller-identity"],
    ):
        create_clidriver().main(words)
    with open(STORE, "wb") as file:
        file.write(marshal.dumps((sys.version, patterns, services)))


def _watch_patterns():
    import _sre
    from re import _compiler

    found, work_out = {}, _compiler.compile

    def watched(pattern, flags=0):
        made = []

        def keep(text, all_flags, code, groups, by_name, names):
            made.append((text, int(all_flags), [int(c) for c in code], int(groups),
                         {name: int(number) for name, number in by_name.items()}, tuple(names)))
            return _sre.compile(text, all_flags, code, groups, by_name, names)

        _compiler._sre = types.SimpleNamespace(**{**vars(_sre), "compile": keep})
        try:
            result = work_out(pattern, flags)
        finally:
            _compiler._sre = _sre
        if isinstance(pattern, (str, bytes)) and made:
            found[(pattern, int(flags))] = made[-1]
        return result

    _compiler.compile = watched
    return found


if __name__ == "__main__":
    make()
