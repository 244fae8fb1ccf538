"""What people would do: the procedure by hand, the declared operation, drift. All from a seed.

Pure: entities and trees in, deeds and changes out. Nothing is done and nothing judged here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox import Files
from sandbox.toil import analogy, values
from sandbox.toil.form import Action, Edit, Place, Toil, filled
from sandbox.toil.places import Entity, Measure, Unread, projected, shown
from sandbox.toil.play import Changes


@dataclass(frozen=True)
class Step:
    """One operation of a sequence, and what every place has to show after it."""

    verb: str  # add or remove
    entity: Entity
    want: Measure
    away: bool = False

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.verb} {self.entity[self.want.toil.key]}"


@dataclass(frozen=True)
class Drift:
    """One place edited by hand."""

    place: Place
    does: str  # add, remove, swap, or the field that is changed
    changes: Changes


def like(measure: Measure, tree: Files) -> list[Entity]:
    """Entities that every file shows in one piece, and that share nothing that tells them apart."""
    toil = measure.toil
    views = [(place, shown(place, tree, {})) for place in toil.files]
    found = []
    for entity in measure.entities:
        if any(isinstance(v, Unread) or projected(entity, p) not in v for p, v in views):
            continue
        if len(set(entity.values())) < len(entity) or _shared(entity, measure):
            continue
        found.append(entity)
    return found


def _shared(entity: Entity, measure: Measure) -> bool:
    """Whether some place shows two entities as one."""
    return any(
        projected(entity, place) == projected(other, place)
        for place in measure.toil.files
        for other in measure.entities
        if other is not entity and len(place.fields) < len(entity)
    )


def by_hand(measure: Measure, tree: Files, model: Entity, new: Entity, left_out: str) -> Changes:
    """The edits that people make for a new entity, without that of the place `left_out`."""
    changes: dict[str, tuple[int, bytes] | None] = {}
    for place in measure.toil.files:
        if place.name == left_out:
            continue
        mode, content = tree[place.file]
        made = analogy.added(content.decode("utf-8"), place, model, new)
        if made is not None and made.encode() != content:
            changes[place.file] = (mode, made.encode())
    return changes


def sequence(measure: Measure, seed: int) -> list[Step]:
    """Add, add again from elsewhere, add one that shares a field; then take three away again."""
    toil = measure.toil
    chance = random.Random(seed)  # noqa: S311 - it has to be the same on both sides
    known = list(measure.entities)
    news = [values.fresh(toil, known, chance)]
    news.append(values.fresh(toil, [*known, *news], chance))
    third = values.sharing(toil, news[0], [*known, *news], chance)
    steps = []
    now = measure
    for number, new in enumerate([*news, third]):
        now = now.with_(new)
        steps.append(Step("add", new, now, away=number % 2 == 1))
    if toil.operation is not None and toil.operation.remove:
        for gone in (third, chance.choice(known), news[0]):
            now = now.without(gone)
            steps.append(Step("remove", gone, now))
    return steps


def actions(toil: Toil, verb: str) -> tuple[Action, ...]:
    """What the operation does for a verb."""
    if toil.operation is None:
        return ()
    return toil.operation.add if verb == "add" else toil.operation.remove


def commands(toil: Toil, verb: str, entity: Entity) -> tuple[tuple[str, ...], ...]:
    """The commands of the operation for an entity."""
    return tuple(filled(a, entity) for a in actions(toil, verb) if not isinstance(a, Edit))


def edits(toil: Toil, step: Step, tree: Files, model: Entity) -> Changes | None:
    """The edits by hand that belong to the operation; None where one can't be made."""
    changes: dict[str, tuple[int, bytes] | None] = {}
    for action in actions(toil, step.verb):
        if not isinstance(action, Edit):
            continue
        place = next(p for p in toil.files if p.file == action.file)
        if place.file not in tree:
            return None
        mode, content = tree[place.file]
        text = content.decode("utf-8")
        made = (
            analogy.added(text, place, model, step.entity)
            if step.verb == "add"
            else analogy.removed(text, place, step.entity)
        )
        if made is None:
            return None
        changes[place.file] = (mode, made.encode())
    return changes


def drifts(measure: Measure, tree: Files, seed: int) -> Iterator[Drift | str]:
    """Every way in which one place can be edited out of step; a sentence where one can't be made.

    What an edit does has to be wrong: one that leaves the place right is none.
    """
    chance = random.Random(seed)  # noqa: S311 - it has to be the same on both sides
    models = like(measure, tree)
    for place in measure.toil.files:
        if place.file not in tree or not models:
            yield f"{place.name} could not be edited by hand"
            continue
        mode, content = tree[place.file]
        text = content.decode("utf-8", "replace")
        for does in ("add", "remove", *place.fields, "swap"):
            made = _drifted(measure, place, text, does, models, chance)
            if made == text:
                continue
            if made is None:
                yield f"{place.name} could not be edited by hand: {does}"
                continue
            yield Drift(place, does, {place.file: (mode, made.encode())})


def _drifted(
    measure: Measure,
    place: Place,
    text: str,
    does: str,
    models: Sequence[Entity],
    chance: random.Random,
) -> str | None:
    """The text edited out of step; as it was where that can't be, None where it fails."""
    toil, model = measure.toil, chance.choice(list(models))
    if does == "add":
        new = values.fresh(toil, measure.entities, chance)
        return analogy.added(text, place, model, new)
    if does == "remove":
        return analogy.removed(text, place, model)
    if does == "swap":
        return _swapped(place, text, models, chance)
    value = values.another(toil, does, measure.entities, chance)
    if value == model[does]:
        others = sorted({one[does] for one in measure.entities} - {value})
        if not others:
            return text
        value = chance.choice(others)
    return analogy.changed(text, place, model, does, value)


def _swapped(
    place: Place, text: str, models: Sequence[Entity], chance: random.Random
) -> str | None:
    """Two entities exchange their last field: all values are known, and both are wrong."""
    name = place.fields[-1]
    pairs = [(a, b) for a in models for b in models if a[name] != b[name]]
    if len(place.fields) < 2 or not pairs:
        return text
    one, two = chance.choice(pairs)
    made = analogy.changed(text, place, one, name, two[name])
    return made and analogy.changed(made, place, two, name, one[name])


def merged(changes: Sequence[Changes]) -> Changes:
    """Changes one after another as one."""
    found: dict[str, tuple[int, bytes] | None] = {}
    for one in changes:
        found.update(one)
    return found


def outputs(toil: Toil, said: Sequence[str]) -> Mapping[str, str]:
    """What the commands of places said, by the place's name."""
    return dict(zip([p.name for p in toil.places if p.run], said, strict=False))
