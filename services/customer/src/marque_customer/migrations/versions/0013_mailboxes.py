"""How far each mailbox was read, and the cases that are opened for what came in."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Creates the table and adds the columns; of what came in before no case is opened."""
    op.execute(
        "CREATE TABLE IF NOT EXISTS mailboxes (address text PRIMARY KEY, uid_validity bigint NOT NULL, last_uid bigint NOT NULL,"
        " read_time timestamptz NOT NULL)"
    )
    op.execute(
        "ALTER TABLE lead_intakes ADD COLUMN IF NOT EXISTS case_time timestamptz, ADD COLUMN IF NOT EXISTS case_id uuid"
    )
    build_indexes({"ix_lead_intakes_case_time": "lead_intakes (case_time) WHERE case_time IS NOT NULL"})
