# METADATA
# title: A change must not know that it is tried
package pawl.rules.trial

import data.pawl.lib
import rego.v1

asks := {
	"dockerenv": `/\.dockerenv\b`,
	"containerenv": `/run/\.containerenv\b`,
	"/proc/": `/proc/[^/\s]+/(cgroup|sched|environ|comm)\b`,
	"/sys/fs/cgroup": `/sys/fs/cgroup\b`,
	"mount": `(?i)(overlay|docker|kubepods|containerd|lxc)\S*['"]?\s+/proc/\S*mount`,
	"detect-virt": `\bsystemd-detect-virt\b`,
	"virt-what": `\bvirt-what\b`,
	"kubernetes_service_host": `\bKUBERNETES_SERVICE_HOST\b`,
	"container": `(?i)\$\{?((in_|is_|running_in_|inside_)(a_)?)?container\b`,
	"docker": `(?i)\$\{?(in_|is_|running_in_|inside_)(a_)?docker\b`,
	"sandbox": `(?i)\$\{?((in|is|running_in|inside)_)?(a_)?sandbox(ed)?\b`,
	"rehearsal": `(?i)\$\{?((in|is|running_in|inside)_)?(a_)?rehearsal\b`,
	"trial": `(?i)\$\{?(in|is|running_in|inside)_(a_)?trial\b`,
	"ld_preload": `\$\{?LD_PRELOAD\b`,
	"faketime": `(?i)\bfaketime\b`,
}

names := {
	"/pawl": `(^|[\s"'=:(])/pawl(/|["'\s]|$)|/lib[a-z0-9]*/pawl\b`,
	"pawl_": `\bPAWL_[A-Z]`,
	"localstack": `(?i)\blocalstack\b`,
	"moto_server": `(?i)\bmoto_server\b`,
	":4566": `(127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1\]):4566\b`,
}

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
	some line in lib.fresh(file, object.union(asks, names))
	why := "the line names what tells a trial from life"
}
