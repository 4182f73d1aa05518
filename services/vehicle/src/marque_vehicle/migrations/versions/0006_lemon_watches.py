"""The watch of the law of replacement and return: where cars stand, and of which thresholds was told."""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLES = [
    """
    CREATE TABLE lemon_watches (
        vin varchar(17) PRIMARY KEY REFERENCES vehicles, version bigint NOT NULL, update_time timestamptz NOT NULL, rule_pack text NOT NULL,
        start_date date NOT NULL, end_date date NOT NULL, state integer NOT NULL, repair_days integer NOT NULL)
    """,
    "CREATE INDEX ix_lemon_watches_state ON lemon_watches (state, vin)",
    # One row for each threshold that was told of; the key is what makes it once.
    """
    CREATE TABLE lemon_marks (
        vin varchar(17) NOT NULL REFERENCES vehicles, rule_pack text NOT NULL, trigger integer NOT NULL, subject text NOT NULL,
        state integer NOT NULL, mark_time timestamptz NOT NULL, PRIMARY KEY (vin, rule_pack, trigger, subject, state))
    """,
]


def upgrade() -> None:
    """Creates the tables."""
    for statement in TABLES:
        op.execute(statement)
