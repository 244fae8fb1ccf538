package pawl.tests.terraform

import rego.v1

import data.pawl.tests.ids
import data.pawl.tests.put
import data.pawl.tests.script

test_terraform_guard_removed_fires if "terraform.guard-removed" in ids(script({"kind": "terraform", "path": "net/main.tf", "removed": [{"n": 3, "text": "    prevent_destroy = true"}]}))

test_terraform_guard_removed_silent if not "terraform.guard-removed" in ids(script({"kind": "terraform", "path": "net/main.tf", "removed": [{"n": 3, "text": "    prevent_destroy = true"}], "added": [{"n": 5, "text": "  prevent_destroy = true"}]}))

test_terraform_open_to_all_fires if "terraform.open-to-all" in ids(script({"kind": "terraform", "path": "net/main.tf", "added": [{"n": 3, "text": "cidr_blocks = [\"0.0.0.0/0\"]"}]}))

test_terraform_open_to_all_silent if not "terraform.open-to-all" in ids(script({"kind": "terraform", "path": "net/main.tf", "added": [{"n": 3, "text": "cidr_blocks = [\"10.0.0.0/8\"]"}]}))

test_terraform_resource_removed_fires if "terraform.resource-removed" in ids([put("/terraform/removed", ["aws_db_instance.books"])])

test_terraform_resource_removed_silent if not "terraform.resource-removed" in ids([put("/terraform/added", ["aws_db_instance.books"])])
