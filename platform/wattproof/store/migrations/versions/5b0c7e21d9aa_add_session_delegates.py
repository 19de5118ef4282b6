"""Add session delegates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wattproof.store.types import BigInt

revision = "5b0c7e21d9aa"
down_revision = "e5b1c07d9a42"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delegate_session",
        sa.Column("market", BigInt(), nullable=False),
        sa.Column("account", sa.String(length=42), nullable=False),
        sa.Column("from_round", BigInt(), nullable=False),
        sa.Column("session", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("delegate", sa.String(length=42), nullable=True),
        sa.PrimaryKeyConstraint("market", "account"),
    )
    with op.batch_alter_table("delegate_session", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_delegate_session_delegate"), ["delegate"], unique=False
        )
    op.create_table(
        "delegate_named",
        sa.Column("market", BigInt(), nullable=False),
        sa.Column("account", sa.String(length=42), nullable=False),
        sa.Column("delegate", sa.String(length=42), nullable=False),
        sa.PrimaryKeyConstraint("market", "account", "delegate"),
    )
    with op.batch_alter_table("delegate_named", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delegate_named_delegate"), ["delegate"], unique=False)
    with op.batch_alter_table("signed_order", schema=None) as batch_op:
        batch_op.add_column(sa.Column("delegate", sa.String(length=42), nullable=True))
        batch_op.create_index(batch_op.f("ix_signed_order_delegate"), ["delegate"], unique=False)
    with op.batch_alter_table("trader_facts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("session", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("trader_facts", schema=None) as batch_op:
        batch_op.drop_column("session")
    with op.batch_alter_table("signed_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signed_order_delegate"))
        batch_op.drop_column("delegate")
    with op.batch_alter_table("delegate_named", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_delegate_named_delegate"))
    op.drop_table("delegate_named")
    with op.batch_alter_table("delegate_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_delegate_session_delegate"))
    op.drop_table("delegate_session")
