"""Leads by their source, for plans of marketing."""

from alembic import op

revision = "0020"
down_revision = "0019"

STATEMENTS = [
    """
    CREATE TABLE known_leads (
        lead_id uuid NOT NULL, dealer_id uuid, source integer NOT NULL, create_time timestamptz NOT NULL, heard_version bigint NOT NULL,
        CONSTRAINT pk_known_leads PRIMARY KEY (lead_id))
    """,
    "CREATE INDEX ix_known_leads_create_time ON known_leads (create_time)",
]


def upgrade() -> None:
    """Adds a table."""
    for statement in STATEMENTS:
        op.execute(statement)
