package pawl.tests.shape

import rego.v1

import data.pawl.tests.ids
import data.pawl.tests.script

test_floor_gitlink_fires if "floor.gitlink" in ids(script({"new_mode": "160000"}))

test_floor_gitlink_silent if not "floor.gitlink" in ids(script({"new_mode": "100644"}))

test_floor_odd_mode_fires if "floor.odd-mode" in ids(script({"new_mode": "other"}))

test_floor_odd_mode_silent if not "floor.odd-mode" in ids(script({"new_mode": "100644"}))

test_floor_link_leaves_fires if "floor.link-leaves" in ids(script({"new_mode": "120000", "link": "/srv", "link_leaves": true}))

test_floor_link_leaves_silent if not "floor.link-leaves" in ids(script({"new_mode": "120000", "link": "a", "link_leaves": false}))

test_shape_link_fires if "shape.link" in ids(script({"new_mode": "120000", "link": "a"}))

test_shape_link_silent if not "shape.link" in ids(script({"new_mode": "100755"}))

test_shape_git_settings_fires if "shape.git-settings" in ids(script({"kind": "git"}))

test_shape_git_settings_silent if not "shape.git-settings" in ids(script({"kind": "config"}))

test_shape_binary_fires if "shape.binary" in ids(script({"binary": true}))

test_shape_binary_silent if not "shape.binary" in ids(script({"binary": true, "status": "mode"}))

test_shape_pointer_fires if "shape.pointer" in ids(script({"pointer": true}))

test_shape_pointer_silent if not "shape.pointer" in ids(script({"pointer": false}))

test_shape_executable_fires if "shape.executable" in ids(script({"old_mode": "100644"}))

test_shape_executable_silent if not "shape.executable" in ids(script({"old_mode": "100755"}))

test_shape_crlf_fires if "shape.crlf" in ids(script({"crlf": true}))

test_shape_crlf_silent if not "shape.crlf" in ids(script({"crlf": false}))
