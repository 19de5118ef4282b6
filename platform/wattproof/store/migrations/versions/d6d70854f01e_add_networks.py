"""add networks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d6d70854f01e"
down_revision = "ecce75c085e1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "network_description",
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )


def downgrade() -> None:
    op.drop_table("network_description")
