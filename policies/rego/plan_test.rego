package pawl.tests.plan

import rego.v1

import data.pawl.tests.by_person
import data.pawl.tests.ids
import data.pawl.tests.put
import data.pawl.tests.script

test_plan_no_kind_fires if "plan.no-kind" in ids([put("/claimed/kind", "improve")])

test_plan_no_kind_silent if not "plan.no-kind" in ids([put("/claimed/kind", "eliminate")])

test_plan_why_not_deeper_fires if "plan.why-not-deeper" in ids([put("/claimed/kind", "automate")])

test_plan_why_not_deeper_silent if not "plan.why-not-deeper" in ids([put("/claimed/kind", "automate"), put("/claimed/why_not_deeper", "the source is not ours")])

test_plan_only_words_fires if "plan.only-words" in ids(script({"words_only": true}))

test_plan_only_words_silent if not "plan.only-words" in ids(script({"words_only": false}))

test_plan_no_alternative_fires if "plan.no-alternative" in ids([put("/claimed/alternatives", [])])

test_plan_no_alternative_silent if not "plan.no-alternative" in ids(array.concat([put("/claimed/alternatives", [])], by_person))

test_plan_no_prediction_fires if "plan.no-prediction" in ids([put("/claimed/prediction/readout", "happiness")])

test_plan_no_prediction_silent if not "plan.no-prediction" in ids([put("/claimed/prediction/readout", "runbook steps")])

test_plan_no_improvement_fires if "plan.no-improvement" in ids([put("/claimed/prediction/after", 1)])

test_plan_no_improvement_silent if not "plan.no-improvement" in ids([put("/claimed/prediction/before", 2)])

test_plan_unsolved_fires if "plan.unsolved" in ids([put("/claimed/unsolved", ["two at once"])])

test_plan_unsolved_silent if not "plan.unsolved" in ids([put("/claimed/unsolved", [])])
