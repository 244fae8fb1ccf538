"""A little photo gallery that publishes itself: trees and a rehearsal for the prover's tests."""

from __future__ import annotations

from sandbox import Files, Setting, Surroundings

BUILD = """\
#!/bin/sh
# collect the scans and lay them out
rm -rf out
mkdir -p out
rsync -r --delete scanner:/scans/ in/
cp -R in/. out/scans/
cp pages/front.html out/front.html
"""
PUBLISH = """\
#!/bin/sh
# publish.sh: build, then mirror
./build.sh
aws s3 sync out s3://gallery --delete
aws cloudfront create-invalidation
"""
NIGHTLY = """\
#!/bin/sh
./build.sh
aws s3 sync out s3://gallery --delete
"""
README = "# Gallery\n\nRun ./publish.sh to publish.\n"
IGNORE = "out/\nin/\n"

REHEARSAL = """\
schema: rehearsal/v1
story: A fetch that stops half way must not take published scans away.
failure: destructive-publish
entry: [./publish.sh]
world:
  object-storage: {buckets: [gallery]}
  hosts: {scanner: {/scans: [a.tif, b.tif, c.tif, old/d.tif, old/e.tif]}}
prime: [entry]
workspace: cold
stimulus:
  change: ["scanner:/scans/a.tif"]
  add: ["scanner:/scans/new.tif"]
faults:
- {command: rsync, call: 1, does: cut, exit: 12}
invariants:
- old-or-new: [object-storage]
repeats: 2
"""

AROUND = Surroundings(
    entry_points=(("./publish.sh",), ("./nightly.sh",)),
    sources=("scanner:/scans",),
    settings=(Setting("TITLE", None, "Gallery"),),
)


def tree(**changed: str | None) -> dict[str, tuple[int, bytes]]:
    """The gallery's tree; `publish_sh=...` and the like replace a file, None leaves it out."""
    texts: dict[str, str | None] = {
        "build.sh": BUILD,
        "publish.sh": PUBLISH,
        "nightly.sh": NIGHTLY,
        "README.md": README,
        ".gitignore": IGNORE,
        "pages/front.html": "<h1>Gallery</h1>\n",
    }
    names = {path.replace(".", "_").replace("/", "__"): path for path in texts}
    texts |= {names[key]: text for key, text in changed.items()}
    return {
        path: (0o100755 if path.endswith(".sh") else 0o100644, text.encode())
        for path, text in texts.items()
        if text is not None
    }


def rehearsal(text: str = REHEARSAL, **scripts: str) -> Files:
    """The rehearsal's folder; `harm="..."` adds harm.sh."""
    files: dict[str, tuple[int, bytes]] = {"rehearsal.yaml": (0o100644, text.encode())}
    for name, script in scripts.items():
        files[f"{name}.sh"] = (0o100755, script.encode())
    return files


SAFE_BUILD = BUILD.replace("#!/bin/sh\n", "#!/bin/sh\nset -e\n")


def add_only() -> dict[str, tuple[int, bytes]]:
    """A good fix: the build stops at the first failure, and publishing never removes."""
    return tree(
        build_sh=SAFE_BUILD,
        publish_sh=PUBLISH.replace("#!/bin/sh\n", "#!/bin/sh\nset -e\n").replace(" --delete", ""),
        nightly_sh=NIGHTLY.replace("#!/bin/sh\n", "#!/bin/sh\nset -e\n").replace(" --delete", ""),
        README_md=README + "\nNothing is ever removed.\n",
    )


def strict_only() -> Files:
    """Not enough: it stops at failures, but a fetch that lies still empties the bucket."""
    return tree(
        build_sh=SAFE_BUILD,
        publish_sh=PUBLISH.replace("#!/bin/sh\n", "#!/bin/sh\nset -e\n"),
        nightly_sh=NIGHTLY.replace("#!/bin/sh\n", "#!/bin/sh\nset -e\n"),
    )


def one_door() -> Files:
    """Not enough: the other entry point still removes."""
    return add_only() | {"nightly.sh": (0o100755, NIGHTLY.encode())}


def retries() -> Files:
    """Not enough: three tries, then it goes on."""
    again = "rsync -r --delete scanner:/scans/ in/"
    return tree(build_sh=BUILD.replace(again, f"{again} || {again} || {again}"))


def does_nothing() -> Files:
    """Not enough: nothing is published any more, so nothing is lost."""
    return tree(publish_sh="#!/bin/sh\necho later\n", nightly_sh="#!/bin/sh\necho later\n")
