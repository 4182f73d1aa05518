"""The chain of the audit trail: order of writing, links, anchors; and what its records are found by."""

from alembic import op
from servicekit.db.audit_tables import create_audit_chain
from servicekit.db.migrate import build_indexes

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the tables and indexes; nothing waits for it."""
    create_audit_chain(op.execute, build_indexes)
