"""How much of a budget was used when it was counted last, and what was begun since."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Adds a column that may be empty; a campaign without it is counted once."""
    op.execute("ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS budget_used bigint")
