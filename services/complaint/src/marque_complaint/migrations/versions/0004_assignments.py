"""Who was found for a case by the network service."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0004"
down_revision = "0003"

ENDED = "cases (close_time) WHERE assignment_id IS NOT NULL AND close_time IS NOT NULL"


def upgrade() -> None:
    """Adds the column; nothing is rewritten. May be run again from its beginning."""
    op.execute("ALTER TABLE cases ADD COLUMN IF NOT EXISTS assignment_id uuid")
    build_indexes({"ix_cases_assignment_ended": ENDED})
