"""The hand-overs of people who have left: how far each service is, and what went to whom."""

from alembic import op
from servicekit.db.tables import statements

revision = "0007"
down_revision = "0006"

TABLES = """
CREATE TABLE hand_overs (
    hand_over_id uuid PRIMARY KEY, staff_id uuid NOT NULL CONSTRAINT fk_hand_overs_staff_id REFERENCES staff, dealer_id uuid,
    successors uuid[] NOT NULL, create_time timestamptz NOT NULL, end_time timestamptz);
CREATE INDEX ix_hand_overs_staff_id ON hand_overs (staff_id);
CREATE TABLE hand_over_steps (
    hand_over_id uuid NOT NULL CONSTRAINT fk_hand_over_steps_hand_over_id REFERENCES hand_overs, service text NOT NULL,
    position bigint NOT NULL DEFAULT 0, handed bigint NOT NULL DEFAULT 0, refused bigint NOT NULL DEFAULT 0,
    failure text NOT NULL DEFAULT '', try_time timestamptz NOT NULL, end_time timestamptz, PRIMARY KEY (hand_over_id, service));
CREATE INDEX ix_hand_over_steps_open ON hand_over_steps (try_time) WHERE end_time IS NULL;
CREATE TABLE hand_over_items (
    hand_over_id uuid NOT NULL CONSTRAINT fk_hand_over_items_hand_over_id REFERENCES hand_overs, service text NOT NULL,
    position bigint NOT NULL, kind text NOT NULL, key text NOT NULL, to_staff_id uuid, reason text NOT NULL,
    PRIMARY KEY (hand_over_id, service, position))
"""


def upgrade() -> None:
    """Creates the tables."""
    for statement in statements(TABLES):
        op.execute(statement)
