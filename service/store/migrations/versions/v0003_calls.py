"""Calls to models, a row a try.

Runs before the new code; the old code goes on with it, since it only adds.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.store.migrations import no_way_back
from service.store.rows import Utc

revision = "v0003"
down_revision = "v0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request", sa.String(), nullable=True),
        sa.Column("reply", sa.String(), nullable=True),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("charged", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.Integer(), nullable=False),
        sa.Column("completion", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("cost", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["change"], ["change.id"]),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("call_day", "call", ["day"], unique=False)
    op.create_index("call_digest", "call", ["change", "digest"], unique=False)


downgrade = no_way_back
