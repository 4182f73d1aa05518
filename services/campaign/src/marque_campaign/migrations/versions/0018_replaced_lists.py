"""Lists that a file makes anew: which import does, and whom it named."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Adds columns that may be empty, and while others write the index by which an import finds its lists."""
    op.execute("ALTER TABLE audience_list_members ADD COLUMN IF NOT EXISTS named_import_id uuid")
    op.execute("ALTER TABLE audience_lists ADD COLUMN IF NOT EXISTS replace_import_id uuid")
    build_indexes(
        {
            "ix_audience_lists_replace_import_id": "audience_lists (replace_import_id) WHERE replace_import_id IS NOT NULL"
        }
    )
