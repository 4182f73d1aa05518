"""The roster of people who hold tokens, and what was handed over when they left."""

from alembic import op
from servicekit.db.staff_tables import create_staff

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the tables."""
    create_staff(op.execute)
