"""Campaigns in steps, by dates of people, cars and contracts, and such as come again."""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = [
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS steps jsonb NOT NULL DEFAULT '[]'",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS exit_rule text NOT NULL DEFAULT ''",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS subject_kind integer NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS due_date jsonb",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS recurrence jsonb",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS time_zone text NOT NULL DEFAULT ''",
    """
    CREATE TABLE campaign_runs (
        run_id uuid NOT NULL, campaign_id uuid NOT NULL REFERENCES campaigns, customer_id uuid NOT NULL, subject text NOT NULL,
        occurrence text NOT NULL DEFAULT '', line_key text NOT NULL DEFAULT '', vin text NOT NULL DEFAULT '', holding_id uuid,
        due_date date, step integer NOT NULL DEFAULT 0, state integer NOT NULL, reason text NOT NULL DEFAULT '', send_id uuid,
        step_time timestamptz NOT NULL, wake_time timestamptz, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
        CONSTRAINT pk_campaign_runs PRIMARY KEY (run_id),
        CONSTRAINT uq_campaign_runs_subject UNIQUE (campaign_id, subject, occurrence),
        CONSTRAINT ck_campaign_runs_over CHECK ((state = 4) = (wake_time IS NULL)))
    """,
    "CREATE INDEX ix_campaign_runs_wake ON campaign_runs (campaign_id, wake_time) WHERE state <> 4",
    "CREATE INDEX ix_campaign_runs_customer ON campaign_runs (customer_id, run_id)",
    "CREATE INDEX ix_campaign_runs_send ON campaign_runs (send_id) WHERE send_id IS NOT NULL",
    """
    CREATE TABLE campaign_occurrences (
        campaign_id uuid NOT NULL REFERENCES campaigns, number integer NOT NULL, occur_time timestamptz NOT NULL,
        audience_list_id uuid, plan_cursor uuid, plan_time timestamptz, skipped boolean NOT NULL DEFAULT false,
        create_time timestamptz NOT NULL,
        CONSTRAINT pk_campaign_occurrences PRIMARY KEY (campaign_id, number))
    """,
]


def upgrade() -> None:
    """Adds tables and columns; nothing is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
