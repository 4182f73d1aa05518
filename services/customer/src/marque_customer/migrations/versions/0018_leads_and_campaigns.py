"""What stays of leads that were removed, for those who count leads; and which campaigns are paused, so that nobody calls for them."""

from alembic import op

revision = "0018"
down_revision = "0017"

STATEMENTS = [
    """
    CREATE TABLE gone_leads (
        lead_id uuid NOT NULL, version bigint NOT NULL, dealer_id uuid, source smallint NOT NULL, create_time timestamptz NOT NULL,
        remove_time timestamptz NOT NULL, CONSTRAINT pk_gone_leads PRIMARY KEY (lead_id))
    """,
    """
    CREATE TABLE known_campaigns (
        campaign_id uuid NOT NULL, paused boolean NOT NULL, heard_version bigint NOT NULL,
        CONSTRAINT pk_known_campaigns PRIMARY KEY (campaign_id))
    """,
]


def upgrade() -> None:
    """Adds tables without persons."""
    for statement in STATEMENTS:
        op.execute(statement)
