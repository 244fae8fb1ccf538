package pawl.tests.trial

import rego.v1

import data.pawl.tests.added
import data.pawl.tests.ids
import data.pawl.tests.put
import data.pawl.tests.script

test_floor_asks_for_trial_fires if "floor.asks-for-trial" in ids(added("if [ -f /.dockerenv ]; then exit 0; fi"))

test_floor_asks_for_trial_silent if not "floor.asks-for-trial" in ids(added("docker build -t ledger ."))

test_floor_names_stand_in_fires if "floor.names-stand-in" in ids(added("cp \"$ledger\" /usr/lib/pawl/state"))

test_floor_names_stand_in_silent if not "floor.names-stand-in" in ids(added("cp \"$ledger\" /srv/ledger"))

test_trial_in_docs_fires if "trial.in-docs" in ids(array.concat(added("never test for /.dockerenv"), [put("/files/0/kind", "docs")]))

test_trial_in_docs_silent if not "trial.in-docs" in ids(array.concat(added("read this"), [put("/files/0/kind", "docs")]))

test_a_line_that_only_moved_is_not_new if not "floor.asks-for-trial" in ids(script({
	"added": [{"n": 9, "text": "    [ -f /.dockerenv ] && tty=no"}],
	"removed": [{"n": 3, "text": "[ -f /.dockerenv ] && tty=no"}],
}))
