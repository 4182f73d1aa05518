"""Tasks that are calls of campaigns, and contact points at which nothing arrives, with the point that a permit was for."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Adds the columns, and while others write the index by which the line of a campaign makes one task."""
    op.execute(
        "ALTER TABLE tasks ADD COLUMN IF NOT EXISTS send_id uuid, ADD COLUMN IF NOT EXISTS campaign_id uuid,"
        " ADD COLUMN IF NOT EXISTS purpose smallint NOT NULL DEFAULT 0,"
        " ADD COLUMN IF NOT EXISTS script text NOT NULL DEFAULT '',"
        " ADD COLUMN IF NOT EXISTS call_outcome smallint NOT NULL DEFAULT 0"
    )
    op.execute(
        "ALTER TABLE contact_points ADD COLUMN IF NOT EXISTS unreachable_time timestamptz,"
        " ADD COLUMN IF NOT EXISTS unreachable_reason text NOT NULL DEFAULT '',"
        " ADD COLUMN IF NOT EXISTS unreachable_source text NOT NULL DEFAULT ''"
    )
    op.execute("ALTER TABLE contact_permits ADD COLUMN IF NOT EXISTS contact_point_id uuid")
    build_indexes({"uq_tasks_send_id": "tasks (send_id) WHERE send_id IS NOT NULL"}, unique=True)
    build_indexes(
        {
            "ix_tasks_campaign_id": "tasks (campaign_id) WHERE campaign_id IS NOT NULL AND state = 1",
            "ix_contact_points_unreachable": "contact_points (unreachable_source) WHERE unreachable_source <> ''",
        }
    )
