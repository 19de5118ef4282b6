"""Add trusted profiles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from wattproof.store.types import BigInt

revision = "e5b1c07d9a42"
down_revision = "83e0e926cec2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profile_credential",
        sa.Column("owner", sa.String(length=42), nullable=False),
        sa.Column("credential_hash", sa.String(length=66), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("issuer", sa.String(length=200), nullable=False),
        sa.Column("secured", sa.Text(), nullable=False),
        sa.Column("added_at", BigInt(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "credential_hash"),
    )
    op.create_table(
        "profile_consent",
        sa.Column("id", sa.String(length=66), nullable=False),
        sa.Column("owner", sa.String(length=42), nullable=False),
        sa.Column("audience", sa.String(length=42), nullable=False),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("issued_at", BigInt(), nullable=False),
        sa.Column("ends_at", BigInt(), nullable=False),
        sa.Column("nonce", sa.String(length=66), nullable=False),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.Column("revoked_at", BigInt(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("profile_consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_profile_consent_owner"), ["owner"], unique=False)
        batch_op.create_index(batch_op.f("ix_profile_consent_audience"), ["audience"], unique=False)
    op.create_table(
        "profile_consent_taken",
        sa.Column("digest", sa.String(length=66), nullable=False),
        sa.Column("until", BigInt(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("profile_consent_taken", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_profile_consent_taken_until"), ["until"], unique=False)
    op.create_table(
        "profile_reading",
        sa.Column("id", BigInt(), nullable=False),
        sa.Column("owner", sa.String(length=42), nullable=False),
        sa.Column("reader", sa.String(length=42), nullable=False),
        sa.Column("consent", sa.String(length=66), nullable=True),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("read_at", BigInt(), nullable=False),
        sa.Column("block", BigInt(), nullable=False),
        sa.Column("sha256", sa.String(length=66), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("profile_reading", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_profile_reading_owner"), ["owner"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("profile_reading", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_profile_reading_owner"))
    op.drop_table("profile_reading")
    with op.batch_alter_table("profile_consent_taken", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_profile_consent_taken_until"))
    op.drop_table("profile_consent_taken")
    with op.batch_alter_table("profile_consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_profile_consent_audience"))
        batch_op.drop_index(batch_op.f("ix_profile_consent_owner"))
    op.drop_table("profile_consent")
    op.drop_table("profile_credential")
