# METADATA
# title: The gate
# description: >-
#   Gathers what all packages below pawl.rules say. The verdict itself is computed outside, in
#   Python: no rule of any module can turn a deny into a yes.
package pawl.gate

import rego.v1

findings := {"deny": deny, "ask": ask, "note": note}

deny contains finding if data.pawl.rules[_].deny[finding]

ask contains finding if data.pawl.rules[_].ask[finding]

note contains finding if data.pawl.rules[_].note[finding]
