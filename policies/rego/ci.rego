# METADATA
# title: CI
package pawl.rules.ci

import data.pawl.lib
import rego.v1

exposed(side) if {
	side.foreign
	side.secrets
}

exposed(side) if {
	side.foreign
	side.checks_out
}

exposed(side) if {
	side.foreign
	side.writes
}

# METADATA
# title: Gives strangers this repository's rights
# custom:
#   id: floor.ci-foreign-rights
#   level: deny
#   remedy: Run it on pull_request, with read rights and without secrets.
deny contains {"rule": "floor.ci-foreign-rights", "place": workflow.path, "why": why} if {
	some workflow in input.workflows
	exposed(workflow.after)
	worse(workflow)
	why := "a stranger's pull request could use secrets, a checkout or a token that writes"
}

worse(workflow) if not exposed(workflow.before)

worse(workflow) if {
	some what in ["secrets", "checks_out", "writes"]
	workflow.after[what]
	not workflow.before[what]
}

# METADATA
# title: May fail without notice
# custom:
#   id: ci.quiet-failure
#   level: ask
#   role: policy-owner
#   remedy: Let the step fail loudly.
ask contains {"rule": "ci.quiet-failure", "place": sprintf("%s:%d", [workflow.path, line.n]), "why": why} if {
	some workflow in input.workflows
	some line in workflow.quiet
	why := sprintf("a step may fail and nobody is told: %s", [trim_space(line.text)])
}

# METADATA
# title: Runs a stranger's words
# custom:
#   id: ci.injection
#   level: ask
#   role: policy-owner
#   remedy: Hand the text over in an environment variable.
ask contains {"rule": "ci.injection", "place": sprintf("%s:%d", [workflow.path, line.n]), "why": why} if {
	some workflow in input.workflows
	some line in workflow.injected
	why := sprintf("text that anybody may write becomes part of a command: %s", [trim_space(line.text)])
}

# METADATA
# title: A workflow that can't be read
# custom:
#   id: ci.unreadable
#   level: ask
#   role: policy-owner
#   remedy: Write it so that it parses as a workflow.
ask contains {"rule": "ci.unreadable", "place": workflow.path, "why": why} if {
	some workflow in input.workflows
	workflow.after.present
	not workflow.after.readable
	why := "its triggers and rights are not known"
}

# METADATA
# title: CI that Pawl does not read
# custom:
#   id: ci.other-system
#   level: ask
#   role: policy-owner
#   remedy: Check its triggers, rights and secrets by reading.
ask contains {"rule": "ci.other-system", "place": file.path, "why": why} if {
	some file in input.files
	file.kind == "ci"
	not file.words_only
	why := "its triggers and rights are not known"
}

# METADATA
# title: A workflow goes away
# custom:
#   id: ci.workflow-removed
#   level: ask
#   role: policy-owner
#   remedy: Check which guard goes with it.
ask contains {"rule": "ci.workflow-removed", "place": workflow.path, "why": why} if {
	some workflow in input.workflows
	workflow.before.present
	not workflow.after.present
	why := "what it checked is checked no longer"
}

# METADATA
# title: The ratchet is run no longer
# custom:
#   id: ci.check-removed
#   level: ask
#   role: policy-owner
#   remedy: Keep the call, or say what guards instead.
ask contains {"rule": "ci.check-removed", "place": file.path, "why": why} if {
	some file in input.files
	trusted(file)
	some command in file.commands_removed
	regex.match(pawl, command)
	count([1 | some other in input.files; some kept in other.commands_added; regex.match(pawl, kept)]) == 0
	why := sprintf("CI trusts this file, and it no longer calls: %s", [command])
}

pawl := `(^|[\s/])pawl(\s|$)`

trusted(file) if file.ci_runs

trusted(file) if file.kind in {"workflow", "ci"}

# METADATA
# title: CI runs this file
# custom:
#   id: ci.called
#   level: note
#   remedy: Read it as a part of CI.
note contains {"rule": "ci.called", "place": file.path, "why": why} if {
	some file in input.files
	file.ci_runs
	why := "a workflow calls it"
}

# METADATA
# title: Other triggers
# custom:
#   id: ci.triggers
#   level: note
#   remedy: Check when it runs now.
note contains {"rule": "ci.triggers", "place": workflow.path, "why": why} if {
	some workflow in input.workflows
	workflow.after.present
	workflow.before.triggers != workflow.after.triggers
	why := sprintf("it runs on %s", [concat(", ", workflow.after.triggers)])
}

# METADATA
# title: Rights left to the forge's default
# custom:
#   id: ci.default-rights
#   level: note
#   remedy: "Say what the token may do, for example permissions: {contents: read}."
note contains {"rule": "ci.default-rights", "place": workflow.path, "why": why} if {
	some workflow in input.workflows
	workflow.after.present
	not workflow.before.present
	count(workflow.after.permissions) == 0
	why := "the new workflow does not say what its token may do"
}

# METADATA
# title: An action that can change under it
# custom:
#   id: ci.unpinned
#   level: note
#   remedy: Name the action by commit.
note contains {"rule": "ci.unpinned", "place": sprintf("%s:%d", [workflow.path, line.n]), "why": why} if {
	some workflow in input.workflows
	some line in workflow.unpinned
	why := trim_space(line.text)
}
