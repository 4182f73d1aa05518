"""What stays of leads that were removed, for those who count leads."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Adds a table without persons."""
    op.execute("""
    CREATE TABLE gone_leads (
        lead_id uuid NOT NULL, version bigint NOT NULL, dealer_id uuid, source smallint NOT NULL, create_time timestamptz NOT NULL,
        remove_time timestamptz NOT NULL, CONSTRAINT pk_gone_leads PRIMARY KEY (lead_id))
    """)
