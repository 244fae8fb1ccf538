package pawl.tests.seen

import rego.v1

import data.pawl.tests.ids
import data.pawl.tests.put
import data.pawl.tests.script

test_floor_not_all_seen_fires if "floor.not-all-seen" in ids([put("/truncated/added", true)])

test_floor_not_all_seen_silent if not "floor.not-all-seen" in ids([put("/truncated/removed", true)])

test_seen_removed_cut_fires if "seen.removed-cut" in ids([put("/truncated/removed", true)])

test_seen_removed_cut_silent if not "seen.removed-cut" in ids([put("/truncated/added", true)])

test_floor_changes_nothing_fires if "floor.changes-nothing" in ids([put("/files", [])])

test_floor_changes_nothing_silent if not "floor.changes-nothing" in ids([put("/totals/files", 0)])

test_size_large_fires if "size.large" in ids(script({"added_lines": 401}))

test_size_large_silent if not "size.large" in ids(script({"added_lines": 399}))

test_precedent_rejected_fires if "precedent.rejected" in ids([put("/precedents/0", {"change": "c-7", "failure": "empty-replaces-full", "title": "a lock", "outcome": "rejected"})])

test_precedent_rejected_silent if not "precedent.rejected" in ids([put("/precedents/0", {"change": "c-7", "failure": "empty-replaces-full", "title": "a lock", "outcome": "merged"})])
