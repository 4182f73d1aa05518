"""Recalls say why a car cannot be remedied, and have words in other languages; cars leave room on their pages for readings."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Adds the columns. A row of a car that finds room beside its old one needs no new entry in any index."""
    op.execute("ALTER TABLE recalls ADD COLUMN IF NOT EXISTS wordings jsonb NOT NULL DEFAULT '[]'")
    op.execute(
        "ALTER TABLE recall_vehicles ADD COLUMN IF NOT EXISTS unreachable_reason integer NOT NULL DEFAULT 0, "
        "ADD COLUMN IF NOT EXISTS unreachable_time timestamptz"
    )
    op.execute("ALTER TABLE vehicles SET (fillfactor = 85)")
