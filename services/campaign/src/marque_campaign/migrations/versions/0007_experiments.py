"""Variants, holdout and budget of campaigns, and by which rule responses are owed to them."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = [
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS variants jsonb NOT NULL DEFAULT '[]'",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS holdout_percent integer NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS currency text NOT NULL DEFAULT ''",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS budget_minor bigint NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS thousand_cost_minor bigint NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS response_value_minor bigint NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS goal integer NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS attribution integer NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS response_days integer NOT NULL DEFAULT 0",
    "ALTER TABLE campaign_sends ADD COLUMN IF NOT EXISTS variant text NOT NULL DEFAULT ''",
]


def upgrade() -> None:
    """Adds the columns; nothing is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
