"""Campaigns that write to somebody when they do something."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0008"
down_revision = "0007"

STATEMENTS = [
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS trigger integer NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS trigger_delay_hours integer NOT NULL DEFAULT 0",
]


def upgrade() -> None:
    """Adds the columns, and what running campaigns are found by."""
    for statement in STATEMENTS:
        op.execute(statement)
    build_indexes({"ix_campaigns_trigger": "campaigns (trigger) WHERE trigger <> 0 AND state IN (5, 6)"})
