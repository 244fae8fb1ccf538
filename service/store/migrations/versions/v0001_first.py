"""The first tables: changes, leases, and the log with its tree and checkpoints.

Runs before the new code; there is no older code to suit.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store.migrations import no_way_back
from service.store.rows import Utc

revision = "v0001"
down_revision = None
branch_labels = None
depends_on = None

_DIGESTS = (
    "tree",
    "survey",
    "rehearsal",
    "plan",
    "draft",
    "proof",
    "facts",
    "verdict",
    "patch",
    "binding",
    "ending",
)

# The database itself refuses to forget: an entry comes last or not at all, and stays as it is.
# Whoever may write the file can drop these; checkpoints kept elsewhere are for that.
_TRIGGERS = (
    """CREATE TRIGGER entry_follows BEFORE INSERT ON entry
       WHEN NEW.seq IS NOT (SELECT coalesce(max(seq) + 1, 0) FROM entry)
       BEGIN SELECT raise(ABORT, 'an entry of the log must follow the last one'); END""",
    """CREATE TRIGGER entry_stays BEFORE UPDATE ON entry
       BEGIN SELECT raise(ABORT, 'the log is append-only'); END""",
    """CREATE TRIGGER entry_remains BEFORE DELETE ON entry
       BEGIN SELECT raise(ABORT, 'the log is append-only'); END""",
    """CREATE TRIGGER node_stays BEFORE UPDATE ON node
       BEGIN SELECT raise(ABORT, 'the log is append-only'); END""",
    """CREATE TRIGGER node_remains BEFORE DELETE ON node
       BEGIN SELECT raise(ABORT, 'the log is append-only'); END""",
    """CREATE TRIGGER checkpoint_follows BEFORE INSERT ON checkpoint
       WHEN NEW.size <= (SELECT max(size) FROM checkpoint)
       BEGIN SELECT raise(ABORT, 'a checkpoint must follow the last one'); END""",
    """CREATE TRIGGER checkpoint_stays BEFORE UPDATE ON checkpoint
       BEGIN SELECT raise(ABORT, 'the log is append-only'); END""",
    """CREATE TRIGGER checkpoint_remains BEFORE DELETE ON checkpoint
       BEGIN SELECT raise(ABORT, 'the log is append-only'); END""",
)


def upgrade() -> None:
    op.create_table(
        "change",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in (
                "repository",
                "text",
                "by_kind",
                "by_id",
                "source",
                "base",
                "branch",
                "stage",
            )
        ),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("returned", sa.Integer, nullable=False),
        *(sa.Column(name, sa.String, nullable=True) for name in _DIGESTS),
        sa.Column("shapers", sa.String, nullable=False),
        sa.Column("reviewers", sa.String, nullable=False),
        sa.Column("adopter", sa.String, nullable=True),
        sa.Column("told", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("created", Utc, nullable=False),
        sa.Column("updated", Utc, nullable=False),
        sa.Column("prediction_due", Utc, nullable=True),
    )
    op.create_index("change_key", "change", ["key"], unique=True, sqlite_where=sa.text("open"))
    op.create_index("change_stage", "change", ["stage", "number"])
    op.create_table(
        "entry",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("change", sa.String, sa.ForeignKey("change.id"), nullable=True),
        sa.Column("body", sa.String, nullable=False),
    )
    op.create_index(
        "entry_change",
        "entry",
        ["change", "seq"],
        sqlite_where=sa.text("change IS NOT NULL"),
    )
    op.create_table(
        "node",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("note", sa.String, nullable=False),
    )
    op.create_table(
        "lease",
        sa.Column("change", sa.String, sa.ForeignKey("change.id"), primary_key=True),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("token", "holder", "node", "boot", "namespace")
        ),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started", sa.String, nullable=False),
        sa.Column("until", Utc, nullable=False),
    )
    for trigger in _TRIGGERS:
        op.execute(trigger)


downgrade = no_way_back
