"""Test drives at events: without a lead or a car of a fleet, once for each registration."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Lets the columns be empty, adds where a drive comes from, and while others write the indexes."""
    op.execute(
        "-- The image before writes all three, and shows one of an event, for as long as it still runs, without changing it.\n"
        "-- squawk-ignore ban-drop-not-null\n"
        "ALTER TABLE test_drives ALTER COLUMN lead_id DROP NOT NULL, ALTER COLUMN dealer_id DROP NOT NULL,"
        " ALTER COLUMN demo_car_id DROP NOT NULL, ADD COLUMN IF NOT EXISTS marketing_event_id uuid,"
        " ADD COLUMN IF NOT EXISTS event_registration_id uuid, ADD COLUMN IF NOT EXISTS told_version bigint NOT NULL DEFAULT 0"
    )
    build_indexes(
        {"uq_test_drives_registration": "test_drives (event_registration_id) WHERE event_registration_id IS NOT NULL"},
        unique=True,
    )
    build_indexes(
        {
            "ix_test_drives_event": "test_drives (marketing_event_id, start_time, test_drive_id)"
            " WHERE marketing_event_id IS NOT NULL",
        }
    )
    # Last, as what stands before the indexes may be run again.
    op.execute(
        "ALTER TABLE test_drives ADD CONSTRAINT ck_test_drives_origin CHECK (event_registration_id IS NOT NULL"
        " OR (lead_id IS NOT NULL AND dealer_id IS NOT NULL AND demo_car_id IS NOT NULL)) NOT VALID"
    )
