"""Changes as a script lists them: newest first, page by page, only those that may be seen.

One walk of an index for each stage and repository, so that a page costs the same however many
changes there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from sqlalchemy import select

from service.changes import Change, ChangeId, Stage
from service.store import Store
from service.store.rows import METADATA
from service.store.values import change_of

_CHANGE = METADATA.tables["change"]


def changes(
    store: Store,
    *,
    repositories: Iterable[str] | None = None,
    stages: Iterable[Stage] | None = None,
    after: ChangeId | None = None,
    limit: int = 50,
) -> tuple[Change, ...] | None:
    """At most `limit` changes behind `after`, newest first; None where there is no such `after`.

    `repositories` are the ids that may be seen (None: all), `stages` those that are asked for.
    """
    where = [None] if repositories is None else sorted(set(repositories))
    wanted = [None] if stages is None and where == [None] else sorted(set(stages or Stage))
    with store.reading() as view:
        below = None
        if after is not None:
            below = view.connection.execute(
                select(_CHANGE.c.number).where(_CHANGE.c.id == after)
            ).scalar()
            if below is None:
                return None
        numbers: list[int] = []
        for repository, stage in product(where, wanted):
            query = select(_CHANGE.c.number).order_by(_CHANGE.c.number.desc()).limit(limit)
            if repository is not None:
                query = query.where(_CHANGE.c.repository == repository)
            if stage is not None:
                query = query.where(_CHANGE.c.stage == stage.value)
            if below is not None:
                query = query.where(_CHANGE.c.number < below)
            numbers += view.connection.execute(query).scalars()
        page = sorted(numbers, reverse=True)[:limit]
        rows = view.connection.execute(
            select(_CHANGE).where(_CHANGE.c.number.in_(page)).order_by(_CHANGE.c.number.desc())
        ).mappings()
        return tuple(change_of(row) for row in rows)
