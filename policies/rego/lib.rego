# METADATA
# title: What several rules ask
# description: Questions about the facts, no findings.
package pawl.lib

import rego.v1

# Files that the draft has: a bad name that goes away is no finding.
kept contains file if {
	some file in input.files
	file.status != "removed"
}

# The place of a line, as people read it.
at(file, line) := sprintf("%s:%d", [file.path, line.n])

# What is added to a file as one text in small letters. Patterns cost much, a plain word costs
# nothing: so each pattern comes with a word without which it can't fit.
text[file.path] := lower(concat("\n", [line.text | some line in file.added])) if some file in kept

# Added lines of `file` that fit one of `patterns` (word -> pattern), not merely moved in the file.
fresh(file, patterns) := {line |
	some word, pattern in patterns
	contains(text[file.path], word)
	some line in file.added
	regex.match(pattern, line.text)
	not moved(file, line)
}

moved(file, line) if {
	some old in file.removed
	trim_space(old.text) == trim_space(line.text)
}

# Files that decide how changes are judged: policies, settings, owners, rehearsals that base has.
judging contains file.path if {
	some file in input.files
	file.judges != ""
}

judging contains file.path if {
	some file in input.files
	file.old_rehearsal
}

# Workflows whose token gets other rights than before. A new one counts if it may write.
regranted contains workflow.path if {
	some workflow in input.workflows
	workflow.before.present
	workflow.after.present
	workflow.before.permissions != workflow.after.permissions
}

regranted contains workflow.path if {
	some workflow in input.workflows
	not workflow.before.present
	some grant in workflow.after.permissions
	regex.match(`=write(-all)?$`, grant)
}

# Whoever wrote the change is a machine.
by_machine if input.actors.author.kind in {"agent", "bot"}

words(number, one, many) := sprintf("%d %s", [number, one]) if number == 1

words(number, one, many) := sprintf("%d %s", [number, many]) if number != 1
