"""Classes of value, plans of marketing, and what was spent outside campaigns."""

from alembic import op

revision = "0013"
down_revision = "0012"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

STATEMENTS = [
    "ALTER TABLE audience_people ADD COLUMN IF NOT EXISTS first_activity_date date",
    "ALTER TABLE audience_people ADD COLUMN IF NOT EXISTS active_days integer NOT NULL DEFAULT 0",
    "ALTER TABLE audience_people ADD COLUMN IF NOT EXISTS rfm_recency integer",
    "ALTER TABLE audience_people ADD COLUMN IF NOT EXISTS rfm_frequency integer",
    "ALTER TABLE audience_people ADD COLUMN IF NOT EXISTS rfm_monetary integer",
    """
    CREATE TABLE value_classes (
        measure text NOT NULL, ends double precision[] NOT NULL, people bigint NOT NULL, day date NOT NULL,
        CONSTRAINT pk_value_classes PRIMARY KEY (measure))
    """,
    f"""
    CREATE TABLE marketing_plans (
        marketing_plan_id uuid NOT NULL, {AGGREGATE}, name text NOT NULL, dealer_id uuid, currency text NOT NULL,
        first_month text NOT NULL, last_month text NOT NULL, lines jsonb NOT NULL DEFAULT '[]',
        CONSTRAINT pk_marketing_plans PRIMARY KEY (marketing_plan_id))
    """,
    "CREATE INDEX ix_marketing_plans_create_time ON marketing_plans (create_time, marketing_plan_id)",
    "CREATE INDEX ix_marketing_plans_dealer ON marketing_plans (dealer_id, create_time, marketing_plan_id)",
    """
    CREATE TABLE outside_spends (
        owner uuid NOT NULL, source_key text NOT NULL, day date NOT NULL, channel integer NOT NULL, source text NOT NULL,
        currency text NOT NULL, minor bigint NOT NULL CHECK (minor >= 0), note text NOT NULL DEFAULT '', update_time timestamptz NOT NULL,
        CONSTRAINT pk_outside_spends PRIMARY KEY (owner, source_key))
    """,
    "CREATE INDEX ix_outside_spends_day ON outside_spends (owner, day)",
    "INSERT INTO due_work (kind, key, due_time) VALUES ('value-classes', '', now()) ON CONFLICT DO NOTHING",
]


def upgrade() -> None:
    """Adds tables and columns; nothing is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
