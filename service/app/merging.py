"""Merging: what moved under a change, the tree that it would make, and the one push that makes it.

Truth is in the store and in the repository; each deed looks at both first, so that a crash between
any two of them ends right, once.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from service.app import records
from service.app.futures import (
    Arrived,
    Clash,
    Closed,
    FutureTree,
    Ground,
    Overtaken,
    Stopped,
)
from service.app.repositories import Repositories
from service.changes import (
    Approval,
    Change,
    Digest,
    Move,
    Person,
    Stage,
    System,
)
from service.ledger import Judgment, Kind
from service.people import No
from service.repos import Draft, Files, Refused, RepositoryError, edits, merge, mirrors, patches
from service.repos.merge import Conflict, Future, Trailers
from service.repos.mirrors import CHECKPOINT, Mirror, NotPushed, Swap
from service.repos.trees import tree_id
from service.store import Store
from service.store.repositories import Published
from service.store.unit import View, Work

ME = System("pawl")
LOOK_EVERY = timedelta(seconds=5)
KEPT_TREES = 2
PREDICTION_DUE = timedelta(days=30)
"""When it is looked at whether the prediction of a merged change came true."""


class Deciding(Protocol):
    """What merging asks of the decisions that people took."""

    def sufficient(
        self, change: Change, *, within: View | None = None
    ) -> tuple[Approval, ...] | str:
        """The approvals that let `change` merge, or what is missing; `within` a transaction."""
        ...

    def redeem(
        self, work: Work, change: Change, ref: str, approvals: Sequence[Approval] = ()
    ) -> None:
        """Use `approvals` up, in the transaction that records the merge `ref`."""
        ...


@dataclass
class Merging:
    """The use case over one store, the mirrors of its repositories, and people's decisions."""

    store: Store
    repositories: Repositories
    deciding: Deciding
    clock: Callable[[], datetime]
    names: Callable[[], Mapping[str, str]] = field(default=lambda: {})
    """Account id -> name as shown, for the trailers."""
    _looked: dict[str, datetime] = field(default_factory=dict)
    _files: dict[tuple[str, str], Files] = field(default_factory=dict)
    """The trees that were read last, by repository and id: one merge looks at two, many times."""

    # --- what there is ----------------------------------------------------------------------
    def ground(self, change: Change) -> Ground | Closed:
        """Fetch; answer where the branch is, or why nothing can be merged into it now."""
        mirror = self.repositories.mirror_of(change)
        if mirror is None:
            return Closed("its repository is not one that Pawl looks after")
        fetched = self.repositories.fetch(change.repository)
        if isinstance(fetched, No):
            return Closed(f"the repository can't be read: {fetched.why}")
        self._looked[change.repository] = self.clock()
        if mirror.branch != change.branch:
            return Closed(f"it was made for {change.branch}, and {mirror.branch} is looked after")
        head = mirrors.head(mirror)
        if head is None or mirrors.head(mirror, change.base) is None:
            return Closed("it does not start from a commit of that repository")
        return Ground(head, mirror.branch)

    def closed(self, change: Change) -> str | None:
        """Why the branch can't be moved by anybody's merge: it is checked out."""
        return mirrors.checked_out(self._mirror(change))

    def frozen(self) -> str | None:
        """Why nothing merges at all at this moment."""
        with self.store.reading() as view:
            switch = next((s for s in view.decisions.switches() if s.name == "merges"), None)
        return None if switch is None else f"merges are frozen: {switch.why}"

    def sufficient(self, change: Change) -> tuple[Approval, ...] | str:
        """The approvals that let `change` merge now, or what stands against it."""
        return self.deciding.sufficient(change)

    def foreign(self, change: Change) -> str | None:
        """Which commit somebody else put on the branch of `change`, in a sentence."""
        with self.store.reading() as view:
            known = view.repositories.published(change.id)
        if known is None:
            return None
        mirror = self._mirror(change)
        there = mirrors.head(mirror, known.ref)
        if there is None or there in (known.commit, self._proposal(mirror, change)):
            return None
        who = merge.author(mirror, there)
        return f"{who} put commit {there[:12]} on {_short(known.ref)}, which Pawl did not make"

    def future(self, change: Change, head: str) -> FutureTree | Clash:
        """The tree that the branch, now at `head`, would have with the approved change."""
        mirror = self._mirror(change)
        draft = self._draft(change)
        found = self._future(mirror, change, head)
        if isinstance(found, Conflict):
            return Clash(head, found.paths)
        paths = tuple(row.path.decode("utf-8", "surrogateescape") for row in found.rows)
        return FutureTree(head, found.tree, found.rows == draft.touched, paths)

    def files(self, change: Change, treeish: str) -> Files:
        """The files of a commit or tree of the repository."""
        key = (change.repository, treeish)
        found = self._files.get(key)
        if found is None:
            found = merge.files(self._mirror(change), treeish)
            while len(self._files) >= KEPT_TREES:
                self._files.pop(next(iter(self._files)), None)
            self._files[key] = found
        return found

    def moved_paths(self, change: Change, old: str, new: str) -> tuple[str, ...]:
        """The paths that differ between two commits of the repository."""
        return merge.moved_paths(self._mirror(change), old, new)

    def moved(self, change: Change, *, fresh: bool = False) -> str | None:
        """What moved under a waiting change since it was bound; None where nothing did.

        Fetches at most every few seconds, unless it has to be `fresh`. A repository that can't be
        reached has not moved; merging looks again.
        """
        if change.stage is not Stage.WAITING or self.repositories.mirror_of(change) is None:
            return None
        last = self._looked.get(change.repository)
        try:
            # A clock that was set back makes it due as well.
            recent = last is not None and timedelta(0) <= self.clock() - last < LOOK_EVERY
            due = fresh or not recent
            if due and isinstance(self.ground(change), Closed):
                return None
            head = mirrors.head(self._mirror(change))
            return None if head is None else self._what_moved(change, head)
        except RepositoryError:
            return None

    def watch(self, change: Change) -> Change | None:
        """Take a waiting change back where something moved under it; None where nothing did."""
        what = self.moved(change)
        return None if what is None else self.void(change, what)

    # --- deeds ------------------------------------------------------------------------------
    def publish(self, change: Change) -> str:
        """Put the proposal on a branch below pawl/, and say in a sentence what became of it."""
        ground = self.ground(change)
        if isinstance(ground, Closed):
            return f"no branch was made for it: {ground.why}"
        try:
            return self._publish(change)
        except RepositoryError as error:
            return f"no branch was made for it: {error}"

    def void(self, change: Change, what: str) -> Change:
        """Take `change` back because of `what`, with every approval that stood on it.

        It goes back to `planned` on the branch as it is now, where git can bring it there;
        else to `rehearsed`, so that a new plan is made.
        """
        to, sets = self._rebased(change, what)
        with self.store.writing() as work:
            current = work.change(change.id)
            if not _same(current, change):  # somebody else took it on, or back
                return current
            ended = work.decisions.end_all(change.id, "voided", what, work.now)
            payload = {"what": what, "approvals": ended, "base": sets.get("base", change.base)}
            said = Judgment(Kind.VOID, ME, change.id, what, payload)
            return work.record(change.id, Move(to, {"why": what, **sets}), said)

    def intend(
        self, change: Change, future: FutureTree, *, how: str, evidence: tuple[Digest, ...] = ()
    ) -> Change | str:
        """Put on record which tree goes onto which commit, before anything moves.

        The decisions are read in the same transaction: nobody takes one back in between. Answers
        what stands against it where something does.
        """
        facts = {"tree": future.tree, "parent": future.head, "branch": change.branch}
        why = f"{change.branch} at {future.head[:12]} gets tree {future.tree[:12]}; {how}"
        judgment = Judgment(
            Kind.MERGE_INTENDED, ME, change.id, why, {**facts, "how": how}, evidence
        )
        again = self._intended(change)[-1:] == [facts]
        with self.store.writing() as work:
            current = work.change(change.id)
            if not _same(current, change):
                return f"{change.id} is {current.stage} by now"
            approvals = self.deciding.sufficient(current, within=work)
            if isinstance(approvals, str):
                return approvals
            if current.stage is Stage.WAITING:
                return work.record(change.id, Move(Stage.MERGING, {}, approvals), judgment)
            if not again:
                work.note(judgment)
            return current

    def push(self, change: Change, future: FutureTree) -> Arrived | Overtaken | Stopped:
        """Move the branch, if it still is where it was, together with the checkpoint of the log."""
        mirror = self._mirror(change)
        now = self.clock()
        signed = self.store.checkpoint()
        root = base64.b64encode(signed.root).decode()
        trailers = self._trailers(change, f"{signed.size} {root}")
        text = merge.message(change.title, self._reasons(change), trailers)
        made = merge.merge_commit(mirror, future.tree, future.head, text, now)
        kept = merge.checkpoint_commit(
            mirror, signed.note, str(self.store.public_key), signed.size, now
        )
        swaps = [
            Swap(mirror.ref, future.head, made),
            Swap(CHECKPOINT, mirrors.head(mirror, CHECKPOINT), kept),
            *self._branch_goes(change, mirror),
        ]
        against = self.frozen() or mirrors.checked_out(mirror)
        if against is not None:
            return Stopped(against)
        try:
            answer = mirrors.push(mirror, swaps)
        except RepositoryError as error:  # it may have arrived all the same
            answer = NotPushed(str(error), lost=False)
        if not isinstance(answer, NotPushed):
            return Arrived(made)
        if isinstance(self.ground(change), Closed):
            return Stopped(answer.why)
        there = self.landed(change)
        if there is not None:
            return Arrived(there)
        moved = any(mirrors.head(mirror, swap.ref) != swap.old for swap in swaps)
        return Overtaken(answer.why) if answer.lost or moved else Stopped(answer.why)

    def landed(self, change: Change) -> str | None:
        """The commit on the branch by which `change` was merged already."""
        if change.stage is not Stage.MERGING or change.binding is None:
            return None
        mirror = self._mirror(change)
        for facts in reversed(self._intended(change)):
            found = merge.landed(
                mirror,
                change=change.id,
                evidence=change.binding,
                tree=facts["tree"],
                parent=facts["parent"],
            )
            if found is not None:
                return found
        return None

    def finish(self, change: Change, commit: str) -> Change:
        """Put on record that `change` is merged, and use its approvals up."""
        mirror = self._mirror(change)
        approvals = self._approvals(change)
        checkpoint = merge.trailer(mirror, commit, "Pawl-Checkpoint")
        facts = {"commit": commit, "branch": change.branch, "checkpoint": checkpoint}
        said = Judgment(
            Kind.MERGED, ME, change.id, f"{change.branch} holds it as {commit[:12]}", facts
        )
        published = Judgment(
            Kind.CHECKPOINT_PUBLISHED,
            ME,
            change.id,
            f"{CHECKPOINT} of the repository holds the log at {checkpoint.split()[0]} entries",
            {"commit": commit, "ref": CHECKPOINT, "checkpoint": checkpoint},
        )
        with self.store.writing() as work:
            current = work.change(change.id)
            if current.stage is not Stage.MERGING:
                return current
            sets = {"why": f"merged as {commit}", "prediction_due": work.now + PREDICTION_DUE}
            merged = work.record(change.id, Move(Stage.MERGED, sets, approvals), said)
            self.deciding.redeem(work, merged, commit, approvals)
            work.note(published)
            work.repositories.unpublish(change.id)
            work.repositories.fetched(change.repository, head=commit, at=work.now)
        return merged

    # --- inside -----------------------------------------------------------------------------
    def _mirror(self, change: Change) -> Mirror:
        mirror = self.repositories.mirror_of(change)
        if mirror is None:
            raise RepositoryError(
                f"{change.repository} is not looked after any more", code="unknown-repository"
            )
        return mirror

    def _tree(self, digest: Digest | None) -> Files:
        if digest is None:
            raise LookupError("the change has no such tree yet")
        return records.unpack(self.store.artifacts.get(digest))

    def _draft(self, change: Change) -> Draft:
        files = self._tree(change.draft)
        changed = edits.between(self._tree(change.tree), files)
        return Draft(files, tree_id(files), edits.touched(changed))

    def _proposal(self, mirror: Mirror, change: Change) -> str:
        """The commit that holds the draft on its base; always the same one."""
        with self.store.reading() as view:
            known = view.repositories.published(change.id)
        # The same patch on another base has the same binding, and is another commit.
        same = known is not None and known.binding == change.binding
        if known is not None and same and mirrors.head(mirror, f"{known.commit}^") == change.base:
            return known.commit
        told = f"{merge.subject(change.title, change.id)}\n\nPawl-Change: {change.id}"
        made = merge.proposal(mirror, change.base, self._draft(change), told)
        if isinstance(made, Refused):
            raise RepositoryError(f"{change.id} does not fit its own base: {made}")
        return made

    def _future(self, mirror: Mirror, change: Change, head: str) -> Future | Conflict:
        return merge.future(mirror, head, change.base, self._proposal(mirror, change))

    def _what_moved(self, change: Change, head: str) -> str | None:
        foreign = self.foreign(change)
        if foreign is not None or head == change.base:
            return foreign
        found = self.future(change, head)
        if isinstance(found, FutureTree) and found.same:
            return None
        mine = {row.path.decode("utf-8", "surrogateescape") for row in self._draft(change).touched}
        both = sorted(mine.intersection(self.moved_paths(change, change.base, head)))
        where = ", ".join(both[:5]) or "a place that the change needs"
        return f"{change.branch} moved to {head[:12]}, in {where}"

    def _rebased(self, change: Change, what: str) -> tuple[Stage, dict[str, object]]:
        """Where a void leads to, and what the change is there."""
        mirror = self._mirror(change)
        head = mirrors.head(mirror)
        if head is None or head == change.base:
            return Stage.PLANNED, {}
        base = self.files(change, head)
        sets: dict[str, object] = {
            "base": head,
            "tree": self.store.artifacts.put(records.pack(base)),
        }
        found = self._future(mirror, change, head)
        if isinstance(found, Conflict) or not found.rows:
            return Stage.REHEARSED, {**sets, "told": (*change.told, what)}
        draft = self.files(change, found.tree)
        sets["draft"] = self.store.artifacts.put(records.pack(draft))
        sets["patch"] = self.store.artifacts.put(patches.write(base, draft))
        return Stage.PLANNED, sets

    def _publish(self, change: Change) -> str:
        mirror = self._mirror(change)
        with self.store.reading() as view:
            known = view.repositories.published(change.id)
        made = self._proposal(mirror, change)
        first = known.ref if known is not None else merge.proposal_ref(change.id)
        ref, old = first, mirrors.head(mirror, first)
        number = 2
        # A branch that somebody else worked on is theirs; the next proposal gets a new one.
        while old not in (None, made, known.commit if known is not None else made):
            ref = f"{merge.proposal_ref(change.id)}-{number}"
            old, number = mirrors.head(mirror, ref), number + 1
        if old != made:
            answer = mirrors.push(mirror, [Swap(ref, old, made)])
            if isinstance(answer, NotPushed):
                return f"no branch was made for it: {answer.why}"
        with self.store.writing() as work:
            work.repositories.publish(
                Published(
                    change=change.id,
                    ref=ref,
                    commit=made,
                    binding=change.binding or "",
                    at=work.now,
                )
            )
        return f"the proposal lies on the branch {_short(ref)}"

    def _branch_goes(self, change: Change, mirror: Mirror) -> list[Swap]:
        """The proposal's branch ends with the merge, unless somebody moved it meanwhile."""
        with self.store.reading() as view:
            known = view.repositories.published(change.id)
        if known is None or mirrors.head(mirror, known.ref) is None:
            return []
        return [Swap(known.ref, known.commit, None)]

    def _intended(self, change: Change) -> list[dict[str, str]]:
        """The trees and parents of this round's intents, oldest first."""
        found: list[dict[str, str]] = []
        for entry in self.store.events(change.id):
            judgment = entry.judgment
            if judgment.kind is Kind.VOID:
                found = []
            elif judgment.kind is Kind.MERGE_INTENDED:
                found.append({k: judgment.payload[k] for k in ("tree", "parent", "branch")})
        return found

    def _approvals(self, change: Change) -> tuple[Approval, ...]:
        """The approvals with which the merge was begun, as the log has them."""
        said: Sequence[Mapping[str, Any]] = ()
        for entry in self.store.events(change.id):
            if entry.judgment.kind is Kind.MERGE_INTENDED and entry.move is not None:
                said = entry.move.get("approvals", ())
        return tuple(
            Approval(
                Digest(one["binding"]),
                Person(one["by"]),
                None if one["cosigner"] is None else Person(one["cosigner"]),
            )
            for one in said
        )

    def _trailers(self, change: Change, checkpoint: str) -> Trailers:
        names = self.names()

        def named(ident: str) -> str:
            return f"{names[ident]} ({ident})" if ident in names else ident

        people = dict.fromkeys(
            who.id
            for approval in self._approvals(change)
            for who in (approval.by, approval.cosigner)
            if who is not None
        )
        return Trailers(
            change=change.id,
            requested_by=named(change.requester.id),
            approved_by=tuple(named(one) for one in people),
            evidence=change.binding or "",
            checkpoint=checkpoint,
        )

    def _reasons(self, change: Change) -> list[str]:
        if change.plan is None:
            return []
        plan = records.loads(self.store.artifacts.get(change.plan))
        return ["\n".join(str(reason) for reason in plan.get("reasons", ()))]


def _same(current: Change, change: Change) -> bool:
    """Whether `change` still is where it was when it was looked at, bound to the same."""
    return current.stage in (Stage.WAITING, Stage.MERGING) and (
        current.stage is change.stage and current.binding == change.binding
    )


def _short(ref: str) -> str:
    return ref.removeprefix(mirrors.BRANCHES)
