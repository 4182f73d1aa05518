"""Who is there, how much they have to do, and who has which piece of work."""

from alembic import op
from servicekit.db.tables import statements

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE TABLE staff_presences (
    staff_id uuid PRIMARY KEY CONSTRAINT fk_staff_presences_staff_id REFERENCES staff, version bigint NOT NULL,
    dealer_id uuid, state integer NOT NULL, expire_time timestamptz NOT NULL, report_time timestamptz NOT NULL);
CREATE INDEX ix_staff_presences_dealer_id ON staff_presences (dealer_id, staff_id);
CREATE TABLE staff_loads (
    staff_id uuid NOT NULL, service text NOT NULL, open_items integer NOT NULL, count_time timestamptz NOT NULL,
    PRIMARY KEY (staff_id, service));
CREATE TABLE assignments (
    assignment_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL, item_type text NOT NULL, item_id text NOT NULL, dealer_id uuid, need jsonb NOT NULL,
    state integer NOT NULL, staff_id uuid, reasons jsonb NOT NULL DEFAULT '[]', escalation integer NOT NULL DEFAULT 0,
    assign_time timestamptz, end_time timestamptz);
CREATE UNIQUE INDEX uq_assignments_item ON assignments (item_type, item_id) WHERE state <> 3;
CREATE INDEX ix_assignments_dealer_id ON assignments (dealer_id, create_time, assignment_id);
CREATE INDEX ix_assignments_create_time ON assignments (create_time, assignment_id);
CREATE INDEX ix_assignments_state ON assignments (state, create_time, assignment_id) WHERE state <> 3;
CREATE INDEX ix_assignments_dealer_id_state ON assignments (dealer_id, state, create_time, assignment_id) WHERE state <> 3;
CREATE INDEX ix_assignments_staff_id ON assignments (staff_id, assign_time);
CREATE INDEX ix_assignments_staff_id_create ON assignments (staff_id, create_time, assignment_id)
"""


def upgrade() -> None:
    """Creates the tables."""
    for statement in statements(TABLES):
        op.execute(statement)
