"""The ledger of what is sent, and how far a campaign's audience is written into it."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = [
    """
    CREATE TABLE campaign_sends (
        send_id uuid NOT NULL, campaign_id uuid NOT NULL REFERENCES campaigns, customer_id uuid NOT NULL, step integer NOT NULL DEFAULT 0,
        occurrence text NOT NULL DEFAULT '', version bigint NOT NULL DEFAULT 1, channel integer NOT NULL, state integer NOT NULL,
        reason text NOT NULL DEFAULT '', language text NOT NULL DEFAULT '', attempts integer NOT NULL DEFAULT 0, lease uuid,
        lease_time timestamptz, retry_time timestamptz, claim_time timestamptz, hand_time timestamptz, create_time timestamptz NOT NULL,
        update_time timestamptz NOT NULL,
        CONSTRAINT pk_campaign_sends PRIMARY KEY (send_id),
        CONSTRAINT uq_campaign_sends_person UNIQUE (campaign_id, customer_id, step, occurrence),
        CONSTRAINT ck_campaign_sends_lease CHECK ((state IN (2, 3)) = (lease_time IS NOT NULL)),
        CONSTRAINT ck_campaign_sends_planned CHECK ((state = 1) = (retry_time IS NOT NULL)))
    """,
    "CREATE INDEX ix_campaign_sends_list ON campaign_sends (campaign_id, send_id)",
    "CREATE INDEX ix_campaign_sends_state ON campaign_sends (campaign_id, state, send_id)",
    "CREATE INDEX ix_campaign_sends_planned ON campaign_sends (campaign_id, retry_time) WHERE state = 1",
    "CREATE INDEX ix_campaign_sends_lease ON campaign_sends (lease_time) WHERE state IN (2, 3)",
    "CREATE INDEX ix_campaign_sends_claimed ON campaign_sends (campaign_id, claim_time) WHERE claim_time IS NOT NULL",
    "CREATE INDEX ix_campaign_sends_customer ON campaign_sends (customer_id, send_id)",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS plan_cursor uuid",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS plan_time timestamptz",
]


def upgrade() -> None:
    """Adds the table and the columns; nothing is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
