"""Postal addresses at which nothing arrives."""

from alembic import op

revision = "0016"
down_revision = "0015"

STATEMENTS = [
    """
    CREATE TABLE unreachable_places (
        customer_id uuid NOT NULL, place_id uuid NOT NULL, unreachable_time timestamptz NOT NULL, unreachable_reason text NOT NULL,
        unreachable_source text NOT NULL,
        CONSTRAINT pk_unreachable_places PRIMARY KEY (customer_id, place_id))
    """,
    "CREATE INDEX ix_unreachable_places_source ON unreachable_places (unreachable_source)",
]


def upgrade() -> None:
    """Adds the table; nothing is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
