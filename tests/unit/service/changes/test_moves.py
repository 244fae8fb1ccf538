from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from service.changes import (
    ENDED,
    MAX_ATTEMPTS,
    MOVES,
    NEEDS,
    OPEN,
    Agent,
    Approval,
    Bot,
    Change,
    ChangeId,
    Digest,
    Move,
    Person,
    Principal,
    Reason,
    Refused,
    Request,
    Source,
    Stage,
    System,
    apply,
    change_from,
    digest_of,
)

NOW = datetime(2031, 3, 1, 9, 0, tzinfo=UTC)
ADA, BEN, CYN, DOV = Person("ada"), Person("ben"), Person("cyn"), Person("dov")
D = {
    name: digest_of(name.encode()) for name in ("tree", "rehearsal", "plan", "proof", "verdict")
} | {"binding": digest_of(b"what is bound")}

ASKED = change_from(
    Request("The night oven bakes yesterday's dough.", ADA, Source.CHAT),
    ident=ChangeId("c1"),
    repository="bakery",
    base="b" * 40,
    branch="main",
    now=NOW,
)
WAITING = replace(ASKED, stage=Stage.WAITING, shapers=(CYN,), **cast("dict[str, Any]", D))
MERGING = replace(WAITING, stage=Stage.MERGING)
YES = Approval(D["binding"], BEN)


def at(stage: Stage) -> Change:
    """A change at `stage` with all that the stage stands on."""
    return replace(ASKED, stage=stage, **cast("dict[str, Any]", D))


def moved(change: Change, move: Move) -> Change:
    answer = apply(change, move, NOW + timedelta(minutes=1))
    assert isinstance(answer, Change), answer
    return answer


def refused(change: Change, move: Move) -> Refused:
    answer = apply(change, move, NOW + timedelta(minutes=1))
    assert isinstance(answer, Refused), answer
    return answer


# --- the table ------------------------------------------------------------------------------------


def test_the_table_names_every_stage() -> None:
    assert set(MOVES) == set(Stage)


def test_nothing_leads_on_from_an_end_and_something_does_from_every_open_stage() -> None:
    assert {stage for stage in Stage if not MOVES[stage]} == set(ENDED)
    assert set(Stage) == OPEN | ENDED


def test_every_stage_can_be_reached_from_asked() -> None:
    reached, fresh = {Stage.ASKED}, {Stage.ASKED}
    while fresh:
        fresh = {to for stage in fresh for to in MOVES[stage]} - reached
        reached |= fresh
    assert reached == set(Stage)


def test_only_merging_leads_to_merged_and_only_waiting_to_merging() -> None:
    assert [s for s in Stage if Stage.MERGED in MOVES[s]] == [Stage.MERGING]
    assert [s for s in Stage if Stage.MERGING in MOVES[s]] == [Stage.WAITING]


@pytest.mark.parametrize("stage", sorted(OPEN - {Stage.MERGING}))
@pytest.mark.parametrize("end", [Stage.WITHDRAWN, Stage.EXPIRED, Stage.FAILED])
def test_every_stage_before_the_merge_can_be_given_up(stage: Stage, end: Stage) -> None:
    assert moved(at(stage), Move(end, {"why": "the oven was sold"})).ended


@pytest.mark.parametrize("end", [Stage.WITHDRAWN, Stage.EXPIRED])
def test_a_change_that_merges_can_not_be_taken_back(end: Stage) -> None:
    assert refused(MERGING, Move(end)).reason is Reason.NOT_IN_TABLE


@pytest.mark.parametrize(
    ("stage", "to"),
    [(a, b) for a in Stage for b in Stage if b not in MOVES[a]],
)
def test_a_move_that_is_not_in_the_table_is_refused(stage: Stage, to: Stage) -> None:
    answer = refused(at(stage), Move(to, approvals=(YES,)))
    assert answer.reason is (Reason.ENDED if stage in ENDED else Reason.NOT_IN_TABLE)
    assert (answer.change, answer.at, answer.to) == (ASKED.id, stage, to)


@pytest.mark.parametrize("stage", sorted(OPEN))
def test_a_move_changes_stage_and_time_and_no_other_word(stage: Stage) -> None:
    before = at(stage)
    to = sorted(MOVES[stage] - {Stage.PLANNED, Stage.REHEARSED, Stage.MERGED, Stage.MERGING})[0]
    after = moved(before, Move(to))
    kept = replace(
        after,
        stage=before.stage,
        updated=before.updated,
        attempts=before.attempts,
        returned=before.returned,
    )
    assert kept == before
    assert after.updated == NOW + timedelta(minutes=1)


# --- what moves set -------------------------------------------------------------------------------


@pytest.mark.parametrize("to", sorted(NEEDS))
def test_a_stage_is_not_reached_without_what_it_stands_on(to: Stage) -> None:
    start = next(stage for stage in Stage if to in MOVES[stage])
    for name in NEEDS[to]:
        if name == "binding" and to is Stage.MERGED:
            continue  # nothing could approve it either
        bare = replace(at(start), **cast("dict[str, Any]", {name: None}))
        answer = refused(bare, Move(to, approvals=(Approval(D["binding"], BEN),)))
        assert answer.reason is Reason.SOMETHING_MISSING
        assert name in answer.why


@pytest.mark.parametrize(
    ("sets", "reason"),
    [
        ({"stage": Stage.MERGED}, Reason.NOT_SETTABLE),
        ({"id": "c2"}, Reason.NOT_SETTABLE),
        ({"request": ASKED.request}, Reason.NOT_SETTABLE),
        ({"created": NOW}, Reason.NOT_SETTABLE),
        ({"survey": "not a digest"}, Reason.NOT_SETTABLE),
        ({"shapers": ("ben",)}, Reason.NOT_SETTABLE),
        ({"told": "words"}, Reason.NOT_SETTABLE),
        ({"base": ""}, Reason.NOT_SETTABLE),
        ({"prediction_due": datetime(2031, 3, 2)}, Reason.NOT_SETTABLE),  # noqa: DTZ001
        ({"attempts": 7}, Reason.NOT_SETTABLE),
        ({"returned": True}, Reason.NOT_SETTABLE),
        ({"adopter": Bot("dough-bot")}, Reason.NOT_SETTABLE),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else None,
)
def test_a_move_can_not_set(sets: dict[str, object], reason: Reason) -> None:
    assert refused(ASKED, Move(Stage.SURVEYED, sets)).reason is reason


def test_a_time_without_a_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="zone"):
        apply(ASKED, Move(Stage.SURVEYED), datetime(2031, 3, 2))  # noqa: DTZ001


def test_shapers_are_added_and_never_forgotten() -> None:
    after = moved(at(Stage.WAITING), Move(Stage.WAITING, {"shapers": (BEN,)}))
    after = moved(after, Move(Stage.WAITING, {"shapers": (CYN, BEN)}))
    assert after.shapers == (BEN, CYN)


def test_a_move_that_stays_may_name_people_only() -> None:
    assert refused(WAITING, Move(Stage.WAITING)).reason is Reason.NOT_IN_TABLE
    assert refused(WAITING, Move(Stage.WAITING, {"plan": D["plan"]})).reason is Reason.NOT_IN_TABLE


@pytest.mark.parametrize(
    "name", ["plan", "draft", "proof", "verdict", "patch", "rehearsal", "base"]
)
def test_what_was_bound_is_bound_no_more_when_a_part_of_it_moves(name: str) -> None:
    value = "c" * 40 if name == "base" else digest_of(b"another")
    after = moved(at(Stage.PROVEN), Move(Stage.GATED, {name: value}))
    assert after.binding is None


@pytest.mark.parametrize("to", [Stage.PLANNED, Stage.REHEARSED])
def test_a_change_that_goes_back_has_no_proof_and_nothing_to_approve(to: Stage) -> None:
    after = moved(WAITING, Move(to))
    assert (after.proof, after.verdict, after.binding) == (None, None, None)
    assert after.plan == WAITING.plan


# --- how often ------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [Stage.PLANNED, Stage.REHEARSED])
def test_a_proof_that_does_not_hold_leads_back_three_times_only(back: Stage) -> None:
    change = at(Stage.PLANNED)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        change = moved(change, Move(back))
        assert change.attempts == attempt
        if back is Stage.REHEARSED:
            change = moved(change, Move(Stage.PLANNED))
    assert refused(change, Move(back)).reason is Reason.TOO_OFTEN
    assert moved(change, Move(Stage.NOT_PROVEN)).ended


@pytest.mark.parametrize("stage", [Stage.PROVEN, Stage.GATED])
def test_the_gate_sends_a_plan_back_once_and_then_refuses(stage: Stage) -> None:
    once = moved(at(stage), Move(Stage.REHEARSED))
    assert once.returned == 1
    again = replace(once, stage=stage)
    assert refused(again, Move(Stage.REHEARSED)).reason is Reason.TOO_OFTEN
    assert moved(again, Move(Stage.REFUSED)).ended


def test_people_who_ask_for_changes_begin_a_new_round() -> None:
    tired = replace(WAITING, attempts=MAX_ATTEMPTS, returned=1)
    fresh = moved(tired, Move(Stage.REHEARSED, {"reviewers": (BEN,)}))
    assert (fresh.attempts, fresh.returned) == (0, 0)


def test_a_counter_may_be_named_when_it_is_the_one_that_follows() -> None:
    assert moved(at(Stage.PLANNED), Move(Stage.REHEARSED, {"attempts": 1})).attempts == 1


# --- approval -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "to"), [(WAITING, Stage.MERGING), (MERGING, Stage.MERGED)])
def test_a_second_person_who_saw_what_is_bound_lets_it_merge(change: Change, to: Stage) -> None:
    assert moved(change, Move(to, approvals=(YES,))).stage is to


BOT = Bot("ben")
REFUSED_APPROVALS = {
    "none at all": (MERGING, (), Reason.NO_APPROVAL),
    "of another binding": (
        MERGING,
        (Approval(digest_of(b"an older draft"), BEN),),
        Reason.OTHER_BINDING,
    ),
    "by the requester": (MERGING, (Approval(D["binding"], ADA),), Reason.OWN_REQUEST),
    "by a shaper": (MERGING, (Approval(D["binding"], CYN),), Reason.SHAPED_IT),
    "by a bot that calls itself a person's name": (
        MERGING,
        (Approval(D["binding"], BOT),),  # type: ignore[arg-type]
        Reason.NOT_A_PERSON,
    ),
    "by a reviewer alone": (
        replace(MERGING, reviewers=(BEN,)),
        (YES,),
        Reason.SHAPED_IT,
    ),
    "by a reviewer with somebody who did not ask": (
        replace(MERGING, reviewers=(BEN,)),
        (replace(YES, cosigner=DOV),),
        Reason.SHAPED_IT,
    ),
    "one good and one bad": (
        MERGING,
        (YES, Approval(D["binding"], CYN)),
        Reason.SHAPED_IT,
    ),
    "of a change that nothing is bound of": (
        replace(MERGING, binding=None),
        (Approval(D["binding"], BEN),),
        Reason.SOMETHING_MISSING,
    ),
    "of a request that a bot made": (
        replace(MERGING, request=replace(ASKED.request, by=Bot("issues"))),
        (YES,),
        Reason.REQUESTER_NOT_A_PERSON,
    ),
    "by whoever adopted it": (
        replace(MERGING, request=replace(ASKED.request, by=Bot("issues")), adopter=BEN),
        (YES,),
        Reason.OWN_REQUEST,
    ),
}


@pytest.mark.parametrize(
    ("change", "approvals", "reason"), REFUSED_APPROVALS.values(), ids=REFUSED_APPROVALS
)
def test_an_approval_does_not_count(
    change: Change, approvals: tuple[Approval, ...], reason: Reason
) -> None:
    assert refused(change, Move(Stage.MERGED, approvals=approvals)).reason is reason
    waiting = replace(change, stage=Stage.WAITING)
    assert refused(waiting, Move(Stage.MERGING, approvals=approvals)).reason is reason


def test_a_reviewer_and_the_requester_can_sign_together() -> None:
    change = replace(MERGING, reviewers=(BEN,))
    together = Approval(D["binding"], BEN, cosigner=ADA)
    assert moved(change, Move(Stage.MERGED, approvals=(together,))).stage is Stage.MERGED


@pytest.mark.parametrize("name", ["plan", "patch", "proof", "binding", "verdict", "base"])
def test_what_is_approved_can_not_be_set_while_merging(name: str) -> None:
    sets = {name: digest_of(b"something else")}
    answer = refused(MERGING, Move(Stage.MERGED, sets, approvals=(YES,)))
    assert answer.reason is Reason.BOUND


def test_a_person_adopts_a_request_of_a_machine_once() -> None:
    machine = replace(WAITING, request=replace(ASKED.request, by=System("scan")))
    adopted = moved(machine, Move(Stage.WAITING, {"adopter": DOV}))
    assert adopted.requester == DOV
    again = refused(adopted, Move(Stage.WAITING, {"adopter": BEN}))
    assert again.reason is Reason.ADOPTED_ALREADY
    person = refused(WAITING, Move(Stage.WAITING, {"adopter": BEN}))
    assert person.reason is Reason.ADOPTED_ALREADY


# --- no sequence of moves -------------------------------------------------------------------------

PEOPLE: list[Principal] = [ADA, BEN, CYN, DOV, Bot("ben"), Agent("ben"), System("ben")]
DIGESTS = [*D.values(), digest_of(b"other")]


def acceptable(change: Change, approval: Approval) -> bool:
    """The rule of four eyes, written a second time and another way."""
    involved = {change.request.by, change.adopter, *change.shapers}
    alone = type(approval.by) is Person and approval.by not in involved
    if approval.by in change.reviewers:
        alone = alone and approval.cosigner in {change.adopter or change.request.by}
    return alone and change.binding is not None and approval.binding == change.binding


STARTS = [ASKED, WAITING, MERGING, replace(WAITING, reviewers=(DOV,))]
BINDINGS = [D["binding"], D["binding"], D["binding"], digest_of(b"other")]
APPROVALS = st.lists(
    st.builds(
        Approval,
        st.sampled_from(BINDINGS),
        st.sampled_from(PEOPLE),
        st.sampled_from([None, ADA, BEN, DOV]),
    ),
    max_size=2,
)


class AnyMoves(RuleBasedStateMachine):
    """Tries any moves with any approvals; most are refused, some are not."""

    def __init__(self) -> None:
        super().__init__()
        self.change = ASKED
        self.before = ASKED
        self.last = Move(Stage.ASKED)

    @initialize(start=st.sampled_from(STARTS))
    def begin(self, start: Change) -> None:
        self.change = self.before = start
        self.last = Move(start.stage, approvals=(YES,) if start is MERGING else ())

    def attempt(self, move: Move) -> None:
        answer = apply(self.change, move, NOW)
        if isinstance(answer, Change):
            self.before, self.change, self.last = self.change, answer, move

    @rule(
        to=st.sampled_from(sorted(set(Stage) - {Stage.WITHDRAWN, Stage.EXPIRED, Stage.FAILED})),
        sets=st.dictionaries(
            st.sampled_from(
                ["rehearsal", "plan", "draft", "proof", "facts", "verdict", "patch", "binding"]
            ),
            st.sampled_from([*DIGESTS, None]),
        ),
        shapers=st.lists(st.sampled_from(PEOPLE), max_size=2),
        approvals=APPROVALS,
    )
    def anything(
        self,
        to: Stage,
        sets: dict[str, Digest | None],
        shapers: list[Principal],
        approvals: list[Approval],
    ) -> None:
        people = {"shapers": tuple(shapers)} if shapers else {}
        self.attempt(Move(to, {**sets, **people}, tuple(approvals)))

    @rule(
        approvals=APPROVALS,
        sets=st.sampled_from(
            [{}, {}, {}, {"patch": digest_of(b"other")}, {"binding": digest_of(b"other")}]
        ),
    )
    def merge(self, approvals: list[Approval], sets: dict[str, Digest]) -> None:
        to = Stage.MERGED if self.change.stage is Stage.MERGING else Stage.MERGING
        self.attempt(Move(to, sets, tuple(approvals)))

    @rule()
    def onward(self) -> None:
        """One honest step further, so that the far stages are reached at all."""
        match self.change.stage:
            case Stage.ASKED:
                self.attempt(Move(Stage.SURVEYED))
            case Stage.SURVEYED:
                self.attempt(Move(Stage.REHEARSED, {"rehearsal": D["rehearsal"]}))
            case Stage.REHEARSED:
                self.attempt(Move(Stage.PLANNED, {"plan": D["plan"]}))
            case Stage.PLANNED:
                self.attempt(Move(Stage.PROVEN, {"proof": D["proof"]}))
            case Stage.PROVEN:
                self.attempt(Move(Stage.GATED, {"verdict": D["verdict"], "binding": D["binding"]}))
            case Stage.GATED:
                self.attempt(Move(Stage.WAITING))
            case _:
                pass

    @rule(who=st.sampled_from(PEOPLE))
    def void(self, who: Principal) -> None:
        if Stage.PLANNED in MOVES[self.change.stage]:
            self.attempt(Move(Stage.PLANNED, {"shapers": (who,)}))

    @invariant()
    def merged_only_with_valid_approvals(self) -> None:
        if self.change.stage in (Stage.MERGING, Stage.MERGED):
            if self.change.stage is self.last.to is not self.before.stage:
                assert self.last.approvals
            assert all(acceptable(self.change, a) for a in self.last.approvals)

    @invariant()
    def what_is_merged_is_what_was_bound_while_people_waited(self) -> None:
        if self.change.stage is Stage.MERGED:
            assert replace(self.change, stage=Stage.MERGING) == self.before

    @invariant()
    def an_end_stays(self) -> None:
        if self.before.ended:
            assert self.change == self.before


TestAnyMoves = AnyMoves.TestCase
TestAnyMoves.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
