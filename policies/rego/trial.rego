# METADATA
# title: A change must not know that it is tried
package pawl.rules.trial

import data.pawl.lib
import rego.v1

asks := concat("|", [
	`/\.dockerenv\b`,
	`/run/\.containerenv\b`,
	`/proc/[^/\s]+/(cgroup|sched|environ|comm)\b`,
	`/sys/fs/cgroup\b`,
	`(?i)(overlay|docker|kubepods|containerd|lxc)\S*['"]?\s+/proc/\S*mount`,
	`\bsystemd-detect-virt\b`,
	`\bvirt-what\b`,
	`\bKUBERNETES_SERVICE_HOST\b`,
	`\$\{?container\b`,
	`(?i)\$\{?(in_|is_|running_in_|inside_)(a_)?(sandbox|rehearsal|trial|container|docker)\b`,
	`(?i)\$\{?(sandbox|rehearsal)(_\w+)?\b`,
	`\$\{?LD_PRELOAD\b`,
	`(?i)\bfaketime\b`,
])

names := concat("|", [
	`/lib[a-z0-9]*/pawl\b`,
	`(^|[\s"'=:(])/pawl(/|["'\s]|$)`,
	`\bPAWL_[A-Z]`,
	`(?i)\blocalstack\b`,
	`(?i)\bmoto_server\b`,
	`(127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1\]):4566\b`,
])

# METADATA
# title: Asks whether it is tried
# custom:
#   id: floor.asks-for-trial
#   level: deny
#   remedy: Let the line do the same in a trial and in life.
deny contains {"rule": "floor.asks-for-trial", "place": lib.at(file, line), "why": why} if {
	some file in lib.kept
	file.kind != "docs"
	some line in lib.fresh(file, asks)
	why := sprintf("the line asks whether it runs in a container or a trial: %s", [trim_space(line.text)])
}

# METADATA
# title: Names what a trial stands on
# custom:
#   id: floor.names-stand-in
#   level: deny
#   remedy: Take the name out; in life there is no such thing.
deny contains {"rule": "floor.names-stand-in", "place": lib.at(file, line), "why": why} if {
	some file in lib.kept
	not file.kind in {"docs", "rehearsal"}
	some line in lib.fresh(file, names)
	why := sprintf("the line names the state of a stand-in: %s", [trim_space(line.text)])
}

# METADATA
# title: A document that speaks of trials
# custom:
#   id: trial.in-docs
#   level: note
#   remedy: Check that no script takes its lines from this document.
note contains {"rule": "trial.in-docs", "place": lib.at(file, line), "why": why} if {
	some file in lib.kept
	file.kind == "docs"
	some line in lib.fresh(file, concat("|", [asks, names]))
	why := "the line names what tells a trial from life"
}
