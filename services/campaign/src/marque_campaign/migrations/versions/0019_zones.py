"""The zone of people: by it their waits are judged."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Adds a column that is filled as people change, or all at once by a republication."""
    op.execute("ALTER TABLE audience_people ADD COLUMN IF NOT EXISTS time_zone text")
