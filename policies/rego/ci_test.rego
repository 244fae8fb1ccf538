package pawl.tests.ci

import rego.v1

import data.pawl.tests.absent
import data.pawl.tests.ids
import data.pawl.tests.script
import data.pawl.tests.workflow

test_floor_ci_foreign_rights_fires if "floor.ci-foreign-rights" in ids(workflow({}, {"foreign": true}, {}))

test_floor_ci_foreign_rights_silent if not "floor.ci-foreign-rights" in ids(workflow({}, {"foreign": true, "checks_out": false}, {}))

test_ci_quiet_failure_fires if "ci.quiet-failure" in ids(workflow({}, {}, {"quiet": [{"n": 4, "text": "- run: x"}]}))

test_ci_quiet_failure_silent if not "ci.quiet-failure" in ids(workflow({}, {}, {}))

test_ci_injection_fires if "ci.injection" in ids(workflow({}, {}, {"injected": [{"n": 4, "text": "- run: x"}]}))

test_ci_injection_silent if not "ci.injection" in ids(workflow({}, {}, {}))

test_ci_unpinned_fires if "ci.unpinned" in ids(workflow({}, {}, {"unpinned": [{"n": 4, "text": "- run: x"}]}))

test_ci_unpinned_silent if not "ci.unpinned" in ids(workflow({}, {}, {}))

test_ci_unreadable_fires if "ci.unreadable" in ids(workflow({}, {"readable": false}, {}))

test_ci_unreadable_silent if not "ci.unreadable" in ids(workflow({}, {}, {}))

test_ci_other_system_fires if "ci.other-system" in ids(script({"kind": "ci"}))

test_ci_other_system_silent if not "ci.other-system" in ids(script({"kind": "ci", "words_only": true}))

test_ci_workflow_removed_fires if "ci.workflow-removed" in ids(workflow({}, absent, {}))

test_ci_workflow_removed_silent if not "ci.workflow-removed" in ids(workflow(absent, {}, {}))

test_ci_check_removed_fires if "ci.check-removed" in ids(script({"ci_runs": true, "commands_removed": ["pawl rehearse"]}))

test_ci_check_removed_silent if not "ci.check-removed" in ids(script({"ci_runs": true, "commands_removed": ["pawl rehearse"], "commands_added": ["exec pawl rehearse --json"]}))

test_ci_called_fires if "ci.called" in ids(script({"ci_runs": true}))

test_ci_called_silent if not "ci.called" in ids(script({"ci_runs": false}))

test_ci_triggers_fires if "ci.triggers" in ids(workflow({}, {"triggers": ["schedule"]}, {}))

test_ci_triggers_silent if not "ci.triggers" in ids(workflow({}, {"checks_out": false}, {}))

test_ci_default_rights_fires if "ci.default-rights" in ids(workflow(absent, {"permissions": []}, {}))

test_ci_default_rights_silent if not "ci.default-rights" in ids(workflow(absent, {}, {}))

test_a_token_that_writes_is_a_right_too if "floor.ci-foreign-rights" in ids(workflow(
	{"foreign": true, "checks_out": false},
	{"foreign": true, "checks_out": false, "writes": true},
	{},
))

test_a_secret_is_a_right_too if "floor.ci-foreign-rights" in ids(workflow(
	{"foreign": true, "checks_out": false},
	{"foreign": true, "checks_out": false, "secrets": true},
	{},
))

test_a_workflow_is_trusted_too if "ci.check-removed" in ids(script({"kind": "workflow", "commands_removed": ["pawl rehearse"]}))
