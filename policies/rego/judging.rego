# METADATA
# title: What judges changes
package pawl.rules.judging

import data.pawl.lib
import rego.v1

# METADATA
# title: Changes what judges changes
# custom:
#   id: floor.policy-change
#   level: ask
#   role: policy-owner
#   remedy: A policy owner must approve it, besides the usual approval.
ask contains {"rule": "floor.policy-change", "place": file.path, "why": why} if {
	some file in input.files
	file.judges != ""
	why := sprintf("the file decides how changes are judged (%s, %s)", [file.judges, file.status])
}

# METADATA
# title: Changes what CI may do
# custom:
#   id: floor.ci-permissions
#   level: ask
#   role: policy-owner
#   remedy: A policy owner must approve it, besides the usual approval.
ask contains {"rule": "floor.ci-permissions", "place": path, "why": why} if {
	some path in lib.regranted
	some workflow in input.workflows
	workflow.path == path
	granted := concat(", ", workflow.after.permissions)
	why := sprintf("the workflow's token gets other rights: %s", [granted])
}

# METADATA
# title: A change of policy must stand alone
# custom:
#   id: floor.policy-rides-along
#   level: deny
#   remedy: "Split it: what judges changes in one change, everything else in another."
deny contains {"rule": "floor.policy-rides-along", "place": path, "why": why} if {
	some path in lib.judging | lib.regranted
	others := [file.path |
		some file in input.files
		not file.path in lib.judging
		not file.path in lib.regranted
	]
	count(others) > 0
	why := sprintf("it comes with %s", [others[0]])
}

# METADATA
# title: No machine changes what judges it
# custom:
#   id: floor.policy-by-machine
#   level: deny
#   remedy: Let a person propose it, as a change of its own.
deny contains {"rule": "floor.policy-by-machine", "place": path, "why": why} if {
	some path in lib.judging
	lib.by_machine
	why := sprintf("%s may not propose this", [input.actors.author.id])
}

# METADATA
# title: Changes an old rehearsal
# custom:
#   id: floor.rehearsal-change
#   level: ask
#   role: policy-owner
#   remedy: A policy owner must approve it, with a reason; until then base's rehearsal judges.
ask contains {"rule": "floor.rehearsal-change", "place": file.path, "why": why} if {
	some file in input.files
	file.old_rehearsal
	why := sprintf("rehearsal %s is part of the ratchet (%s)", [file.rehearsal, file.status])
}

# METADATA
# title: A rehearsal leaves whole or not at all
# custom:
#   id: floor.rehearsal-broken
#   level: deny
#   remedy: Keep the file, or retire the whole rehearsal in a change of its own.
deny contains {"rule": "floor.rehearsal-broken", "place": file.path, "why": why} if {
	some file in input.files
	file.old_rehearsal
	file.status == "removed"
	not file.rehearsal in input.ratchet.removed
	why := sprintf("rehearsal %s would stay without this file", [file.rehearsal])
}

# METADATA
# title: A policy that could not judge
# custom:
#   id: floor.policy-unusable
#   level: deny
#   remedy: Put the repository's own rules into package pawl.repo, or a package below it.
deny contains {"rule": "floor.policy-unusable", "place": lib.at(file, line), "why": why} if {
	some file in lib.kept
	file.judges == "policy"
	endswith(file.path, ".rego")
	some line in file.added
	regex.match(`^\s*package\s`, line.text)
	not regex.match(`^\s*package\s+pawl\.repo(\.|\s|$)`, line.text)
	why := sprintf("after it the gate would refuse every change: %s", [trim_space(line.text)])
}
