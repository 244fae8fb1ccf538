package pawl.tests.proof

import rego.v1

import data.pawl.tests.alone
import data.pawl.tests.ids
import data.pawl.tests.put

test_floor_no_proof_fires if "floor.no-proof" in ids([put("/proof/present", false)])

test_floor_no_proof_silent if not "floor.no-proof" in ids(array.concat(alone({"path": ".pawl/policies/limits.rego", "kind": "policy", "judges": "policy"}), [put("/proof/present", false)]))

test_floor_proof_fails_fires if "floor.proof-fails" in ids([put("/proof/holds", false)])

test_floor_proof_fails_silent if not "floor.proof-fails" in ids([put("/proof/holds", true)])

test_floor_proof_of_another_tree_fires if "floor.proof-of-another-tree" in ids([put("/proof/base", "3333333333333333333333333333333333333333")])

test_floor_proof_of_another_tree_silent if not "floor.proof-of-another-tree" in ids([put("/proof/why", "as before")])

test_floor_base_never_hit_fires if "floor.base-never-hit" in ids([put("/proof/cells/1/outcome", "held")])

test_floor_base_never_hit_silent if not "floor.base-never-hit" in ids([put("/proof/cells/1/count", 1)])

test_floor_draft_not_tried_fires if "floor.draft-not-tried" in ids([put("/proof/cells/3/side", "base")])

test_floor_draft_not_tried_silent if not "floor.draft-not-tried" in ids([put("/proof/cells/3/count", 1)])

test_floor_cells_contradict_fires if "floor.cells-contradict" in ids([put("/proof/cells/4/outcome", "hit")])

test_floor_cells_contradict_silent if not "floor.cells-contradict" in ids([put("/proof/cells/0/outcome", "broken")])

test_floor_ratchet_left_out_fires if "floor.ratchet-left-out" in ids([put("/ratchet/names", ["lost-stamp", "torn-page"])])

test_floor_ratchet_left_out_silent if not "floor.ratchet-left-out" in ids([put("/ratchet/names", [])])

test_proof_degrades_fires if "proof.degrades" in ids([put("/proof/degrades", ["degrades: 2 objects"])])

test_proof_degrades_silent if not "proof.degrades" in ids([put("/proof/degrades", [])])

test_proof_residual_fires if "proof.residual" in ids([put("/proof/residuals", ["a full disk loses the index"])])

test_proof_residual_silent if not "proof.residual" in ids([put("/proof/residuals", [])])

test_proof_not_covered_fires if "proof.not-covered" in ids([put("/proof/not_covered", ["the reload"])])

test_proof_not_covered_silent if not "proof.not-covered" in ids([put("/proof/not_covered", [])])

test_scope_idle_fires if "scope.idle" in ids([put("/proof/idle/0", {"path": "ops/rotate-ledger.sh", "header": "@@ -9 +9 @@", "words_only": false})])

test_scope_idle_silent if not "scope.idle" in ids([put("/proof/idle/0", {"path": "ops/rotate-ledger.sh", "header": "@@ -9 +9 @@", "words_only": true})])

test_proof_nothing_carries_fires if "proof.nothing-carries" in ids([put("/proof/idle/0", {"path": "ops/rotate-ledger.sh", "header": "@@ -9 +9 @@", "words_only": true}), put("/proof/carries", 0)])

test_proof_nothing_carries_silent if not "proof.nothing-carries" in ids([put("/proof/idle/0", {"path": "ops/rotate-ledger.sh", "header": "@@ -9 +9 @@", "words_only": true})])

test_floor_ratchet_not_judged_fires if "floor.ratchet-not-judged" in ids([put("/ratchet/names", ["torn-page"]), put("/proof/not_covered", ["old rehearsal torn-page: base fails it"])])

test_floor_ratchet_not_judged_silent if not "floor.ratchet-not-judged" in ids([put("/ratchet/names", ["torn-page"])])

test_an_idle_hunk_of_a_test_is_no_finding if not "scope.idle" in ids([
	put("/files/0/kind", "test"),
	put("/proof/idle/0", {"path": "ops/rotate-ledger.sh", "header": "@@ -9 +9 @@", "words_only": false}),
])
