"""The chain of the audit trail: order of writing, links, anchors; and what its records are found by."""

from alembic import op
from servicekit.db.migrate import build_indexes
from servicekit.db.tables import create_v2

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the tables and indexes; nothing waits for it."""
    create_v2(op.execute, build_indexes)
