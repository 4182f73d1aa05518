"""Campaigns that pause by themselves when too much of what they send fails."""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = [
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS pause_above_percent integer NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS pause_reason text NOT NULL DEFAULT ''",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS watch_time timestamptz",
]


def upgrade() -> None:
    """Adds the columns; nothing is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
