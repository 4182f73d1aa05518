"""Addresses that can get nothing any more, and what people do with what they got."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = [
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS track_opens boolean NOT NULL DEFAULT false",
    "ALTER TABLE campaign_sends ADD COLUMN IF NOT EXISTS address_hash text NOT NULL DEFAULT ''",
    """
    CREATE TABLE bounced_addresses (
        address_hash text NOT NULL, channel integer NOT NULL, reason text NOT NULL, send_id uuid NOT NULL, create_time timestamptz NOT NULL,
        CONSTRAINT pk_bounced_addresses PRIMARY KEY (address_hash))
    """,
    """
    CREATE TABLE campaign_responses (
        campaign_id uuid NOT NULL REFERENCES campaigns, kind integer NOT NULL, send_id uuid NOT NULL REFERENCES campaign_sends,
        source_key text NOT NULL, occur_time timestamptz NOT NULL, credited boolean NOT NULL, in_trial boolean NOT NULL DEFAULT false,
        CONSTRAINT pk_campaign_responses PRIMARY KEY (campaign_id, kind, send_id, source_key))
    """,
    "CREATE INDEX ix_campaign_responses_source ON campaign_responses (source_key)",
]


def upgrade() -> None:
    """Adds the tables and the columns; nothing is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
