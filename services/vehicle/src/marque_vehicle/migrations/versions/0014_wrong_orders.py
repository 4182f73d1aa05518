"""Repair orders say where the wrong work was ordered."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Adds the column; an image that does not know it writes orders with its default."""
    op.execute("ALTER TABLE repair_orders ADD COLUMN IF NOT EXISTS wrong_order boolean NOT NULL DEFAULT false")
