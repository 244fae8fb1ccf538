package pawl.tests.paths

import rego.v1

import data.pawl.tests.ids
import data.pawl.tests.script

test_floor_path_outside_fires if "floor.path-outside" in ids(script({"problems": ["parent"]}))

test_floor_path_outside_silent if not "floor.path-outside" in ids(script({"problems": ["parent"], "status": "removed"}))

test_floor_path_git_fires if "floor.path-git" in ids(script({"problems": ["git-folder"]}))

test_floor_path_git_silent if not "floor.path-git" in ids(script({"problems": ["absolute"]}))

test_floor_path_hidden_fires if "floor.path-hidden" in ids(script({"problems": ["invisible"]}))

test_floor_path_hidden_silent if not "floor.path-hidden" in ids(script({"problems": ["git-folder"]}))

test_floor_case_twin_fires if "floor.case-twin" in ids(script({"twin": "ops/Rotate-Ledger.sh"}))

test_floor_case_twin_silent if not "floor.case-twin" in ids(script({"twin": ""}))
