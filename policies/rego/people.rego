# METADATA
# title: Who approves
package pawl.rules.people

import rego.v1

# METADATA
# title: Approved by who asked for it
# custom:
#   id: floor.own-approval
#   level: deny
#   remedy: Let a second person approve.
deny contains {"rule": "floor.own-approval", "place": approval.id, "why": why} if {
	some approval in input.actors.approvals
	approval.id == input.actors.requester.id
	why := "the requester approved the change"
}

# METADATA
# title: Approved by who shaped it
# custom:
#   id: floor.shaper-approval
#   level: deny
#   remedy: Let somebody approve who had no part in it.
deny contains {"rule": "floor.shaper-approval", "place": approval.id, "why": why} if {
	some approval in input.actors.approvals
	some shaper in input.actors.shapers
	approval.id == shaper.id
	why := "who approved it has shaped it"
}

deny contains {"rule": "floor.shaper-approval", "place": approval.id, "why": why} if {
	some approval in input.actors.approvals
	approval.id == input.actors.author.id
	why := "who approved it has written it"
}

# METADATA
# title: Approved by no person
# custom:
#   id: floor.machine-approval
#   level: deny
#   remedy: Only a person who is signed in decides.
deny contains {"rule": "floor.machine-approval", "place": approval.id, "why": why} if {
	some approval in input.actors.approvals
	approval.kind != "person"
	why := sprintf("%s is no person (%s)", [approval.id, approval.kind])
}

# METADATA
# title: Nobody has asked for it
# custom:
#   id: people.nobody-asked
#   level: note
#   remedy: A person must adopt the request before it can be merged; that person counts as requester.
note contains {"rule": "people.nobody-asked", "place": "change", "why": why} if {
	input.actors.requester.kind != "person"
	why := sprintf("the request comes from %s, no person who is signed in", [input.actors.requester.id])
}
