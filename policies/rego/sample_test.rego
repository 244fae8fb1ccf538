# METADATA
# title: What tests of rules share
# description: >-
#   `ids(changes)` are the rules that speak when `changes` (a JSON patch) are made to facts of a
#   change that nothing denies.
package pawl.tests

import rego.v1

import data.pawl.gate

ids(changes) := spoken(json.patch(data.sample.good, changes))

spoken(facts) := {finding.rule |
	found := gate.findings with input as facts
	some level in ["deny", "ask", "note"]
	some finding in found[level]
}

put(path, value) := {"op": "add", "path": path, "value": value}

script(changes) := [put(concat("/", ["/files/0", key]), value) | some key, value in changes]

added(text) := script({"added": [{"n": 7, "text": text}]})

workflow_side := {
	"present": true,
	"readable": true,
	"triggers": ["pull_request"],
	"permissions": ["workflow:contents=read"],
	"writes": false,
	"foreign": false,
	"secrets": false,
	"checks_out": true,
}

absent := {
	"present": false,
	"readable": true,
	"triggers": [],
	"permissions": [],
	"writes": false,
	"foreign": false,
	"secrets": false,
	"checks_out": false,
}

workflow(before, after, more) := [
	put("/files/0/path", ".github/workflows/books.yml"),
	put("/files/0/kind", "workflow"),
	put("/workflows/0", object.union(
		{
			"path": ".github/workflows/books.yml",
			"before": object.union(workflow_side, before),
			"after": object.union(workflow_side, after),
			"quiet": [],
			"injected": [],
			"unpinned": [],
		},
		more,
	)),
]

alone(changes) := array.concat([{"op": "remove", "path": "/files/1"}], script(changes))

by_person := [put("/actors/author", {"id": "p-ines", "kind": "person"})]

test_nothing_speaks_on_good_facts if count(ids([])) == 0
