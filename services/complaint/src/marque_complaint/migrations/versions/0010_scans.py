"""When a file was found to carry no malware."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Adds the column; nothing is rewritten. May be run again from its beginning."""
    op.execute("ALTER TABLE case_attachments ADD COLUMN IF NOT EXISTS scan_time timestamptz")
    build_indexes({"ix_case_attachments_unscanned": "case_attachments (attachment_id) WHERE scan_time IS NULL"})
