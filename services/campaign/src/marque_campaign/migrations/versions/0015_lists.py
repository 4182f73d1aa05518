"""Lists of people: by which import and through whom somebody came there, and lists that were deleted."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0015"
down_revision = "0014"

STATEMENTS = [
    "ALTER TABLE audience_lists ADD COLUMN IF NOT EXISTS delete_time timestamptz",
    "ALTER TABLE audience_list_members ADD COLUMN IF NOT EXISTS import_id uuid",
    "ALTER TABLE audience_list_members ADD COLUMN IF NOT EXISTS added_by text NOT NULL DEFAULT ''",
]


def upgrade() -> None:
    """Adds the columns, and the way from an import to whom it put on a list."""
    for statement in STATEMENTS:
        op.execute(statement)
    build_indexes(
        {
            "ix_audience_list_members_import": (
                "audience_list_members (audience_list_id, import_id, customer_id) WHERE import_id IS NOT NULL"
            ),
        }
    )
