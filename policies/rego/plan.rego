# METADATA
# title: What a plan must say
# description: >-
#   These rules read the plan's own words, since they are about them. No other rule does, so that no
#   word of a plan lifts a deny that facts have earned. They hold for machines: a person who brings
#   a fix of their own need not fill in a form.
package pawl.rules.plan

import data.pawl.lib
import rego.v1

deep := {"eliminate", "guard"}

shallow := {"automate", "document"}

# METADATA
# title: No kind
# custom:
#   id: plan.no-kind
#   level: deny
#   remedy: "Say what the plan does to the failure: eliminate, guard, automate or document."
deny contains {"rule": "plan.no-kind", "place": "change", "why": why} if {
	lib.by_machine
	not input.claimed.kind in deep | shallow
	why := "the plan does not say what it does to the failure"
}

# METADATA
# title: Does not say why not deeper
# custom:
#   id: plan.why-not-deeper
#   level: deny
#   remedy: Say why the failure can't be made impossible or harmless.
deny contains {"rule": "plan.why-not-deeper", "place": "change", "why": why} if {
	lib.by_machine
	input.claimed.kind in shallow
	trim_space(input.claimed.why_not_deeper) == ""
	why := sprintf("the plan is to %s, and gives no reason to stop there", [input.claimed.kind])
}

# METADATA
# title: Only words
# custom:
#   id: plan.only-words
#   level: deny
#   remedy: Change what runs, or call it what it is.
deny contains {"rule": "plan.only-words", "place": "change", "why": why} if {
	lib.by_machine
	input.claimed.kind != "document"
	count(input.files) > 0
	every file in input.files {
		only_words(file)
	}
	why := "every file that differs is a document, a comment or a rehearsal"
}

only_words(file) if file.words_only

only_words(file) if file.kind in {"docs", "rehearsal"}

# METADATA
# title: No alternative weighed
# custom:
#   id: plan.no-alternative
#   level: deny
#   remedy: Name at least one other way and why it was not taken.
deny contains {"rule": "plan.no-alternative", "place": "change", "why": why} if {
	lib.by_machine
	count(input.claimed.alternatives) == 0
	why := "the plan weighs no other way"
}

# METADATA
# title: Predicts nothing that Pawl measures
# custom:
#   id: plan.no-prediction
#   level: deny
#   remedy: Predict a readout that Pawl computes itself.
deny contains {"rule": "plan.no-prediction", "place": "change", "why": why} if {
	lib.by_machine
	not input.claimed.prediction.readout in {"open failures", "runbook steps"}
	why := "nobody could see later whether it helped"
}

# METADATA
# title: Predicts no improvement
# custom:
#   id: plan.no-improvement
#   level: note
#   remedy: Ask what it is for.
note contains {"rule": "plan.no-improvement", "place": "change", "why": why} if {
	lib.by_machine
	input.claimed.prediction.after >= input.claimed.prediction.before
	why := sprintf("%s stay at %d", [input.claimed.prediction.readout, input.claimed.prediction.after])
}

# METADATA
# title: Leaves something open
# custom:
#   id: plan.unsolved
#   level: note
#   remedy: Decide whether it can stay open.
note contains {"rule": "plan.unsolved", "place": "change", "why": why} if some why in input.claimed.unsolved
