# METADATA
# title: The proof
package pawl.rules.proof

import data.pawl.lib
import rego.v1

# Nothing that an entry point can run is touched: a policy owner decides, not a rehearsal.
needs_proof if {
	some file in input.files
	not file.path in lib.judging
}

needs_proof if count(input.files) == 0

# METADATA
# title: No proof
# custom:
#   id: floor.no-proof
#   level: deny
#   remedy: Prove the change with a rehearsal that hits on base and holds on the draft.
deny contains {"rule": "floor.no-proof", "place": "change", "why": why} if {
	needs_proof
	not input.proof.present
	why := "nothing shows that the failure is gone"
}

# METADATA
# title: The proof does not hold
# custom:
#   id: floor.proof-fails
#   level: deny
#   remedy: Mend what the proof names and prove again.
deny contains {"rule": "floor.proof-fails", "place": "change", "why": why} if {
	input.proof.present
	not input.proof.holds
	why := input.proof.why
}

# METADATA
# title: A proof of something else
# custom:
#   id: floor.proof-of-another-tree
#   level: deny
#   remedy: Prove exactly this draft against exactly this base.
deny contains {"rule": "floor.proof-of-another-tree", "place": "change", "why": why} if {
	input.proof.present
	some side in ["base", "draft"]
	not same_tree(side)
	why := sprintf("the proof ran on another %s", [side])
}

same_tree(side) if {
	input.proof[side] == input.trees[side]
	input.trees[side] != ""
}

# METADATA
# title: Nothing was reproduced
# custom:
#   id: floor.base-never-hit
#   level: deny
#   remedy: Find a rehearsal whose declared fault hits on base.
deny contains {"rule": "floor.base-never-hit", "place": "change", "why": why} if {
	needs_proof
	input.proof.present
	input.proof.rehearsal != ""
	hits := [cell |
		some cell in input.proof.cells
		cell.side == "base"
		cell.kind == "declared"
		cell.outcome == "hit"
		cell.count > 0
	]
	count(hits) == 0
	why := "no declared fault hit on base"
}

# METADATA
# title: The draft was not tried
# custom:
#   id: floor.draft-not-tried
#   level: deny
#   remedy: Run the control and the declared faults on the draft.
deny contains {"rule": "floor.draft-not-tried", "place": "change", "why": why} if {
	needs_proof
	input.proof.present
	input.proof.rehearsal != ""
	some kind in ["control", "declared"]
	tried := [cell |
		some cell in input.proof.cells
		cell.side == "draft"
		cell.kind == kind
		cell.outcome == "held"
		cell.count > 0
	]
	count(tried) == 0
	why := sprintf("no %s cell held on the draft", [kind])
}

# METADATA
# title: The cells say otherwise
# custom:
#   id: floor.cells-contradict
#   level: deny
#   remedy: Mend what the cell names and prove again.
deny contains {"rule": "floor.cells-contradict", "place": "change", "why": why} if {
	some cell in input.proof.cells
	cell.side == "draft"
	cell.outcome != "held"
	cell.count > 0
	why := sprintf("on the draft a %s cell of %s is %s", [cell.kind, cell.rehearsal, cell.outcome])
}

# METADATA
# title: A rehearsal of the ratchet was left out
# custom:
#   id: floor.ratchet-left-out
#   level: deny
#   remedy: Run the whole ratchet of base.
deny contains {"rule": "floor.ratchet-left-out", "place": name, "why": why} if {
	needs_proof
	input.proof.present
	some name in input.ratchet.names
	not name in input.proof.rehearsals
	not said_why(name)
	why := sprintf("the proof did not run %s", [name])
}

# The proof itself says that it could not judge this rehearsal, for example since base fails it.
said_why(name) if {
	some text in input.proof.not_covered
	contains(text, name)
}

# METADATA
# title: A rehearsal of the ratchet could not be judged
# custom:
#   id: floor.ratchet-not-judged
#   level: ask
#   role: policy-owner
#   remedy: Mend the rehearsal or retire it, in a change of its own; until then judge by reading.
ask contains {"rule": "floor.ratchet-not-judged", "place": name, "why": why} if {
	needs_proof
	input.proof.present
	some name in input.ratchet.names
	not name in input.proof.rehearsals
	said_why(name)
	why := sprintf("the proof could not judge %s", [name])
}

# METADATA
# title: Does less harm, not none
# custom:
#   id: proof.degrades
#   level: note
#   remedy: Decide whether what is left of the failure is good enough.
note contains {"rule": "proof.degrades", "place": "change", "why": why} if some why in input.proof.degrades

# METADATA
# title: Base and draft both lose something else
# custom:
#   id: proof.residual
#   level: note
#   remedy: Ask for it as the next request.
note contains {"rule": "proof.residual", "place": "change", "why": why} if some why in input.proof.residuals

# METADATA
# title: Not covered by the proof
# custom:
#   id: proof.not-covered
#   level: note
#   remedy: Judge it by reading.
note contains {"rule": "proof.not-covered", "place": "change", "why": why} if some why in input.proof.not_covered

# METADATA
# title: Not needed with what is left
# custom:
#   id: scope.idle
#   level: note
#   remedy: Take it out, or say what else it is for.
note contains {"rule": "scope.idle", "place": sprintf("%s %s", [hunk.path, hunk.header]), "why": why} if {
	some hunk in input.proof.idle
	not hunk.words_only
	every file in input.files {
		not outside_scope(file, hunk)
	}
	why := "the proof holds without this hunk"
}

outside_scope(file, hunk) if {
	file.path == hunk.path
	file.kind in {"docs", "test", "rehearsal"}
}

# METADATA
# title: Nothing carries the proof
# custom:
#   id: proof.nothing-carries
#   level: ask
#   role: approver
#   remedy: Ask why the proof holds when no hunk is needed for it.
ask contains {"rule": "proof.nothing-carries", "place": "change", "why": why} if {
	input.proof.present
	count(input.proof.idle) > 0
	input.proof.carries == 0
	why := "every hunk can be left out by itself and the proof still holds"
}
