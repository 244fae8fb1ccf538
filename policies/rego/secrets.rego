# METADATA
# title: Secrets
package pawl.rules.secrets

import rego.v1

place(secret) := sprintf("%s:%d", [secret.path, secret.line])

# METADATA
# title: A secret in the change
# custom:
#   id: floor.secret-in-diff
#   level: deny
#   remedy: Take it out, keep it in a secret store, and replace it where it was valid.
deny contains {"rule": "floor.secret-in-diff", "place": place(secret), "why": why} if {
	some secret in input.secrets
	secret.level != "low"
	not secret.known
	why := sprintf("the line holds a secret (%s)", [secret.rule])
}

# METADATA
# title: A secret that base already has
# custom:
#   id: secrets.known
#   level: ask
#   role: approver
#   remedy: The change only moves it; ask for its removal as a change of its own.
ask contains {"rule": "secrets.known", "place": place(secret), "why": why} if {
	some secret in input.secrets
	secret.level != "low"
	secret.known
	why := sprintf("the line holds a secret that the file had before (%s)", [secret.rule])
}

# METADATA
# title: Perhaps a secret
# custom:
#   id: secrets.perhaps
#   level: ask
#   role: approver
#   remedy: Look whether it is one; if so, take it out.
ask contains {"rule": "secrets.perhaps", "place": place(secret), "why": why} if {
	some secret in input.secrets
	secret.level == "low"
	not secret.known
	why := sprintf("the line may hold a secret (%s)", [secret.rule])
}
