package pawl.tests.people

import rego.v1

import data.pawl.tests.ids
import data.pawl.tests.put

test_floor_own_approval_fires if "floor.own-approval" in ids([put("/actors/approvals/0", {"id": "p-ines", "kind": "person"})])

test_floor_own_approval_silent if not "floor.own-approval" in ids([put("/actors/approvals/0", {"id": "p-olaf", "kind": "person"})])

test_floor_shaper_approval_fires if "floor.shaper-approval" in ids(array.concat([put("/actors/approvals/0", {"id": "p-olaf", "kind": "person"})], [put("/actors/shapers/0", {"id": "p-olaf", "kind": "person"})]))

test_floor_shaper_approval_silent if not "floor.shaper-approval" in ids(array.concat([put("/actors/approvals/0", {"id": "p-ruth", "kind": "person"})], [put("/actors/shapers/0", {"id": "p-olaf", "kind": "person"})]))

test_floor_machine_approval_fires if "floor.machine-approval" in ids([put("/actors/approvals/0", {"id": "helper", "kind": "bot"})])

test_floor_machine_approval_silent if not "floor.machine-approval" in ids([put("/actors/approvals/0", {"id": "p-olaf", "kind": "person"})])

test_people_nobody_asked_fires if "people.nobody-asked" in ids([put("/actors/requester", {"id": "cli", "kind": "system"})])

test_people_nobody_asked_silent if not "people.nobody-asked" in ids([put("/actors/requester/id", "p-olaf")])

test_who_wrote_it_has_shaped_it if "floor.shaper-approval" in ids([
	put("/actors/author", {"id": "p-olaf", "kind": "person"}),
	put("/actors/approvals/0", {"id": "p-olaf", "kind": "person"}),
])
