package pawl.tests.judging

import rego.v1

import data.pawl.tests.absent
import data.pawl.tests.alone
import data.pawl.tests.by_person
import data.pawl.tests.ids
import data.pawl.tests.put
import data.pawl.tests.script
import data.pawl.tests.workflow

test_floor_policy_change_fires if "floor.policy-change" in ids(alone({"path": ".pawl/policies/limits.rego", "kind": "policy", "judges": "policy"}))

test_floor_policy_change_silent if not "floor.policy-change" in ids(script({"kind": "shell"}))

test_floor_policy_rides_along_fires if "floor.policy-rides-along" in ids(script({"judges": "policy"}))

test_floor_policy_rides_along_silent if not "floor.policy-rides-along" in ids(alone({"path": ".pawl/policies/limits.rego", "kind": "policy", "judges": "policy"}))

test_floor_policy_by_machine_fires if "floor.policy-by-machine" in ids(alone({"path": ".pawl/policies/limits.rego", "kind": "policy", "judges": "policy"}))

test_floor_policy_by_machine_silent if not "floor.policy-by-machine" in ids(array.concat(alone({"path": ".pawl/policies/limits.rego", "kind": "policy", "judges": "policy"}), by_person))

test_floor_ci_permissions_fires if "floor.ci-permissions" in ids(workflow({}, {"permissions": ["workflow:contents=write"]}, {}))

test_floor_ci_permissions_silent if not "floor.ci-permissions" in ids(workflow({}, {"triggers": ["push"]}, {}))

test_floor_rehearsal_change_fires if "floor.rehearsal-change" in ids(alone({"path": ".pawl/rehearsals/lost-stamp/harm.sh", "kind": "rehearsal", "rehearsal": "lost-stamp", "old_rehearsal": true}))

test_floor_rehearsal_change_silent if not "floor.rehearsal-change" in ids(script({"rehearsal": "empty-ledger"}))

test_floor_rehearsal_broken_fires if "floor.rehearsal-broken" in ids(array.concat(alone({"path": ".pawl/rehearsals/lost-stamp/harm.sh", "kind": "rehearsal", "rehearsal": "lost-stamp", "old_rehearsal": true}), [put("/files/0/status", "removed")]))

test_floor_rehearsal_broken_silent if not "floor.rehearsal-broken" in ids(array.concat(alone({"path": ".pawl/rehearsals/lost-stamp/harm.sh", "kind": "rehearsal", "rehearsal": "lost-stamp", "old_rehearsal": true}), [put("/files/0/status", "removed"), put("/ratchet/removed", ["lost-stamp"])]))

test_floor_policy_unusable_fires if "floor.policy-unusable" in ids(alone({"path": ".pawl/policies/own.rego", "kind": "policy", "judges": "policy", "added": [{"n": 1, "text": "package pawl.gate"}]}))

test_floor_policy_unusable_silent if not "floor.policy-unusable" in ids(alone({"path": ".pawl/policies/own.rego", "kind": "policy", "judges": "policy", "added": [{"n": 1, "text": "package pawl.repo.own"}]}))

test_a_new_workflow_that_may_write_gets_other_rights if "floor.ci-permissions" in ids(workflow(
	absent,
	{"permissions": ["workflow:contents=write"]},
	{},
))

test_a_new_workflow_that_reads_gets_no_new_rights if not "floor.ci-permissions" in ids(workflow(absent, {}, {}))
