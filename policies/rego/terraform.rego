# METADATA
# title: Terraform
package pawl.rules.terraform

import data.pawl.lib
import rego.v1

code contains file if {
	some file in input.files
	file.kind == "terraform"
}

# METADATA
# title: A guard against destruction goes away
# custom:
#   id: terraform.guard-removed
#   level: ask
#   role: approver
#   remedy: Keep prevent_destroy, or say what guards the resource instead.
ask contains {"rule": "terraform.guard-removed", "place": lib.at(file, line), "why": why} if {
	some file in code
	some line in file.removed
	regex.match(guard, line.text)
	count([1 | some kept in file.added; regex.match(guard, kept.text)]) == 0
	why := "prevent_destroy or deletion_protection was on"
}

guard := `\b(prevent_destroy|deletion_protection|termination_protection)\s*=\s*true\b`

# METADATA
# title: Open to everybody
# custom:
#   id: terraform.open-to-all
#   level: ask
#   role: approver
#   remedy: Name the networks that need it.
ask contains {"rule": "terraform.open-to-all", "place": lib.at(file, line), "why": why} if {
	some file in code
	file.status != "removed"
	some line in lib.fresh(file, {"/0": `"(0\.0\.0\.0/0|::/0)"`})
	why := trim_space(line.text)
}

# METADATA
# title: A resource goes away
# custom:
#   id: terraform.resource-removed
#   level: note
#   remedy: Check what applying it would destroy.
note contains {"rule": "terraform.resource-removed", "place": address, "why": why} if {
	some address in input.terraform.removed
	why := "the next apply would destroy it"
}
