"""Notices of a recall: whose cars, as of when, how far they are planned, and what the owner of the recall was told of a line."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0014"
down_revision = "0013"

STATEMENTS = [
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS recall_id uuid",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS owners_time timestamptz",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS recall_cursor text NOT NULL DEFAULT ''",
    "ALTER TABLE campaign_sends ADD COLUMN IF NOT EXISTS told_state integer",
]


def upgrade() -> None:
    """Adds the columns, and what is left to plan and to tell."""
    for statement in STATEMENTS:
        op.execute(statement)
    build_indexes(
        {
            "ix_campaigns_recall": "campaigns (campaign_id) WHERE recall_id IS NOT NULL AND plan_time IS NULL AND state IN (5, 6)",
            "ix_campaign_sends_untold": "campaign_sends (send_id) WHERE told_state <> state AND state NOT IN (1, 2, 3)",
        }
    )
