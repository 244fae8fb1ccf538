# METADATA
# title: What the gate could see
package pawl.rules.seen

import data.pawl.lib
import rego.v1

# METADATA
# title: More than the gate can read
# custom:
#   id: floor.not-all-seen
#   level: deny
#   remedy: Make the change smaller.
deny contains {"rule": "floor.not-all-seen", "place": "change", "why": why} if {
	some what in ["files", "added", "commands", "other"]
	input.truncated[what]
	why := sprintf("the change is too large to be judged whole (%s)", [what])
}

# METADATA
# title: Removes more than is shown
# custom:
#   id: seen.removed-cut
#   level: ask
#   role: approver
#   remedy: Read what goes away in the patch itself.
ask contains {"rule": "seen.removed-cut", "place": "change", "why": why} if {
	input.truncated.removed
	why := sprintf("%s are removed, more than rules can read", [lib.words(input.totals.removed, "line", "lines")])
}

# METADATA
# title: Changes nothing
# custom:
#   id: floor.changes-nothing
#   level: deny
#   remedy: Propose an edit.
deny contains {"rule": "floor.changes-nothing", "place": "change", "why": why} if {
	count(input.files) == 0
	why := "base and draft are the same tree"
}

# METADATA
# title: A large change
# custom:
#   id: size.large
#   level: note
#   remedy: Take the time that it needs, or ask for parts.
note contains {"rule": "size.large", "place": "change", "why": why} if {
	lines := sum([number |
		some file in input.files
		not file.kind in {"rehearsal", "docs"}
		number := file.added_lines + file.removed_lines
	])
	lines > 400
	why := sprintf("%s outside rehearsals and documents", [lib.words(lines, "line", "lines")])
}

# METADATA
# title: Was refused before
# custom:
#   id: precedent.rejected
#   level: note
#   remedy: Read why, and whether that still holds.
note contains {"rule": "precedent.rejected", "place": precedent.change, "why": why} if {
	some precedent in input.precedents
	precedent.outcome == "rejected"
	why := sprintf("a change of the same class was rejected: %s", [precedent.title])
}
