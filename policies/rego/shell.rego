# METADATA
# title: Shell commands
package pawl.rules.shell

import data.pawl.lib
import rego.v1

code contains file if {
	some file in lib.kept
	not file.kind in {"docs", "rehearsal"}
}

destroys := {
	"rm": `^(sudo\s+)?rm\s`,
	"shred": `^(sudo\s+)?shred\s`,
	"mkfs": `^(sudo\s+)?mkfs\S*\s`,
	"wipefs": `^(sudo\s+)?wipefs\s`,
	"dropdb": `^(sudo\s+)?dropdb\s`,
	"-delete": `^(sudo\s+)?find\s.*\s-delete\b`,
	"of=": `^(sudo\s+)?dd\s.*\bof=`,
	"--delete": `^(sudo\s+)?(rsync|aws\s+s3\s+sync)\s.*\s--delete`,
	"aws": `^(sudo\s+)?aws\s.*\b(rm|rb|delete-\S+)\s`,
	"gsutil": `^(sudo\s+)?gsutil\b.*\s(rm|rsync\s.*-d)\b`,
	"terraform": `^(sudo\s+)?terraform\s.*\bdestroy\b`,
	"kubectl": `^(sudo\s+)?kubectl\s.*\bdelete\b`,
	"helm": `^(sudo\s+)?helm\s.*\b(uninstall|delete)\b`,
	"git": `^(sudo\s+)?git\s.*\b(clean\s+-\S*f|push\s.*--force\b)`,
	"drop": `(?i)\bdrop\s+(table|database|schema)\b`,
}

commands[file.path] := lower(concat("\n", file.commands_added)) if some file in code

# METADATA
# title: A new command that removes
# custom:
#   id: shell.destructive
#   level: note
#   remedy: Check what it can reach when its arguments are empty or wrong.
note contains {"rule": "shell.destructive", "place": file.path, "why": command} if {
	some file in code
	some word, pattern in destroys
	contains(commands[file.path], word)
	some command in file.commands_added
	regex.match(pattern, command)
}

# METADATA
# title: Runs what it downloads
# custom:
#   id: shell.pipe-to-shell
#   level: ask
#   role: approver
#   remedy: Download, check a digest, then run.
ask contains {"rule": "shell.pipe-to-shell", "place": lib.at(file, line), "why": why} if {
	some file in code
	some line in lib.fresh(file, {word: `\b(curl|wget)\b[^|]*\|\s*(sudo\s+)?(ba|z|k)?sh\b` | some word in ["curl", "wget"]})
	why := trim_space(line.text)
}

strict := `^set\s+(.*\s)?(-[a-z]*e[a-z]*|-o\s+(errexit|pipefail))\b`

# METADATA
# title: Goes on after an error
# custom:
#   id: shell.strictness-lost
#   level: ask
#   role: approver
#   remedy: Keep set -e and pipefail, or say what stops the script instead.
ask contains {"rule": "shell.strictness-lost", "place": file.path, "why": why} if {
	some file in code
	some command in file.commands_removed
	regex.match(strict, command)
	count([1 | some kept in file.commands_added; regex.match(strict, kept)]) == 0
	why := sprintf("the script had: %s", [command])
}

# METADATA
# title: An error that is passed over
# custom:
#   id: shell.error-swallowed
#   level: note
#   remedy: Check that going on does no harm.
note contains {"rule": "shell.error-swallowed", "place": lib.at(file, line), "why": why} if {
	some file in code
	file.kind == "shell"
	some line in lib.fresh(file, {"||": `\|\|\s*(true|:)\s*($|[;#&)])`})
	why := trim_space(line.text)
}
